import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import type { LookupOptions } from "../access/lookups";
import type { Organization } from "../access/organization";
import type { Permission } from "../api/permission";
import { driftOf } from "../resource/drift";
import { withFailure } from "../resource/failure";
import { compareIds, groupBy } from "../resource/ids";
import { day } from "../time";
import { accept, type Acceptance } from "./accepted";
import { declaredBy, reportOf, type Change, type Comparison, type Difference } from "./drift-report";
import { fetchEach } from "./fetch-lists";
import type { Report } from "./report";
import { problemsOf, sourcesOf } from "./review";
import type { Screen } from "./screen";
import type { RecordedPermission, StackRecords } from "./stack-export";

/** Compares the state of stacks with the permissions that exist. */
export async function drift(
  context: ProviderContext,
  screen: Screen,
  { recorded, pending }: StackRecords,
  {
    recordedOnly,
    checkpoints: more = [],
    organization,
    accepted = [],
  }: {
    /** Whether to ignore permissions that no stack has in state. */
    recordedOnly: boolean;
    /** Checkpoints to compare even if no stack has a permission for them in state. */
    checkpoints?: readonly string[];
    /** What names projects, and who granted and revoked; undefined if nothing is to. */
    organization?: Organization | undefined;
    /** Permissions in no stack's state that are fine. Default: none. */
    accepted?: readonly Acceptance[];
  },
): Promise<{ report: Report; hasDrift: boolean }> {
  const recordedFor = groupBy(recorded, ({ checkpoint }) => checkpoint);
  const pendingFor = groupBy(pending, ({ checkpoint }) => checkpoint);
  const checkpoints = [...new Set([...more, ...recordedFor.keys(), ...pendingFor.keys()])].sort();
  const found = await fetchEach(screen, checkpoints, (checkpoint, onPage) => {
    const ofCheckpoint = { recorded: recordedFor.get(checkpoint) ?? [], pending: pendingFor.get(checkpoint) ?? [] };
    warnOfShared(screen, ofCheckpoint.recorded);
    return compare(context, checkpoint, ofCheckpoint, recordedOnly, onPage);
  });
  const today = day(context.clock.date() / 1000);
  // Of those whose lists were read.
  const relevant = accepted.filter((one) => checkpoints.includes(one.fineTunedModelCheckpoint));
  const all = found.flatMap(({ differences }) => differences);
  const judged = accept(all, recordedOnly ? [] : relevant, today);
  const compared = found.map((one): Comparison => {
    const isOfIt = ({ checkpoint }: Difference) => checkpoint === one.checkpoint;
    return { ...one, differences: judged.differences.filter(isOfIt), accepted: judged.accepted.filter(isOfIt) };
  });
  if (organization !== undefined && compared.some(({ differences }) => differences.length > 0)) {
    const wanted = compared.flatMap(({ differences }) => differences.flatMap((one) => eventOf(one) ?? []));
    await organization.readEvents(wanted);
    await organization.readProjects();
    for (const { differences } of compared) for (const one of differences) describe(one, organization);
    screen.end();
    for (const problem of problemsOf(sourcesOf(organization, undefined))) screen.print(problem);
  }
  const evidence = { api: context.config.baseUrl, organization: context.client.organization ?? null };
  return {
    report: reportOf(compared, evidence, recordedOnly, judged.remarks),
    hasDrift: compared.some(({ differences }) => differences.length > 0),
  };
}

/** Adds what the organization says of a difference. */
function describe(one: Difference, organization: Organization): void {
  const name = organization.project(one.projectId)?.name;
  if (name !== undefined) one.projectName = name;
  const wanted = eventOf(one);
  const event = wanted && organization.event(wanted.what, wanted.permissionId);
  if (event?.actor !== undefined) one.by = event.actor;
  if (event?.what === "revoked") one.revokedAt = event.at;
}

/** The event that explains a difference: the revocation of what is missing, or the grant of what exists. */
function eventOf({ recordedId, presentId }: Difference) {
  if (presentId !== undefined) return { what: "granted", permissionId: presentId } as const;
  return recordedId === undefined ? undefined : ({ what: "revoked", permissionId: recordedId } as const);
}

/** Warns of permissions that several resources have in state. */
function warnOfShared(screen: Screen, recorded: readonly RecordedPermission[]): void {
  const kept = recorded.filter(({ isLeaving }) => !isLeaving);
  for (const [id, records] of groupBy(kept, (one) => one.id)) {
    const urns = new Set(records.map(({ urn }) => urn));
    if (urns.size === 1) continue;
    const places = [...urns].map((urn) => declaredBy({ urn }, (name) => name));
    screen.print(
      `${records[0]!.projectId} (${id}) is in state twice, of ${places.join(" and of ")}: deleting either revokes it.`,
    );
  }
}

/** @throws {OperationFailed} */
function compare(
  context: ProviderContext,
  id: string,
  { recorded, pending }: Pick<StackRecords, "recorded" | "pending">,
  recordedOnly: boolean,
  onPage: NonNullable<LookupOptions["onPage"]>,
): Promise<Comparison> {
  return withFailure(
    () => context,
    { operation: "list", checkpoint: id },
    async (checkpoint) => {
      const all = recordedOnly ? undefined : await checkpoint.all({ onPage });
      const declared = [
        ...(await driftInState(context, checkpoint, recorded)),
        ...(await pendingIn(checkpoint, pending)),
      ];
      const known = new Set([...recorded.map((one) => one.id), ...declared.map(({ presentId }) => presentId)]);
      const others = all?.permissions.filter((permission) => !known.has(permission.id)) ?? [];
      return {
        checkpoint: id,
        recorded: new Set(recorded.map((one) => one.id)).size,
        differences: [...declared, ...unmanagedIn(id, others, { recorded, pending })],
        accepted: [],
        isDeleted: checkpoint.existence.isDeleted,
        readAt: !checkpoint.existence.isDeleted && all !== undefined ? all.date : context.clock.date() / 1000,
      };
    },
  );
}

async function driftInState(
  context: ProviderContext,
  checkpoint: Checkpoint,
  recorded: readonly RecordedPermission[],
): Promise<Difference[]> {
  // What is about to leave state cannot be missing.
  const kept = recorded.filter(({ isLeaving }) => !isLeaving);
  const { missing, recreated } = await driftOf(context, checkpoint, kept);
  const difference = (change: Change, { id: recordedId, projectId, urn }: RecordedPermission): Difference => {
    return { change, checkpoint: checkpoint.id, projectId, recordedId, urn };
  };
  return [
    ...missing
      .map(({ recorded: one }) => difference(checkpoint.existence.isDeleted ? "deleted" : "missing", one))
      .sort(byProject),
    ...recreated
      .map(({ recorded: one, listed }) => ({ ...difference("recreated", one), ...presentOf(listed) }))
      .sort(byProject),
  ];
}

async function pendingIn(checkpoint: Checkpoint, pending: StackRecords["pending"]): Promise<Difference[]> {
  const looks = await Promise.all(pending.map(({ projectId }) => checkpoint.access(projectId).look()));
  return pending
    .map(({ projectId, urn }, index): Difference => {
      const look = looks[index]!;
      const change = checkpoint.existence.isDeleted ? "deleted" : "pending";
      return {
        change,
        checkpoint: checkpoint.id,
        projectId,
        urn,
        ...(look.is === "listed" ? presentOf(look.permission) : {}),
      };
    })
    .sort(byProject);
}

/** Permissions that no stack has in state: of projects that none declares, and further ones of those that one does. */
function unmanagedIn(
  checkpoint: string,
  others: readonly Permission[],
  { recorded, pending }: Pick<StackRecords, "recorded" | "pending">,
): Difference[] {
  const declared = [...recorded.filter(({ isLeaving }) => !isLeaving), ...pending];
  const projects = new Set(declared.map(({ projectId }) => projectId));
  const differences = (change: Change, isDuplicate: boolean) =>
    others
      .filter(({ projectId }) => projects.has(projectId) === isDuplicate)
      .map((one): Difference => ({ change, checkpoint, projectId: one.projectId, ...presentOf(one) }))
      .sort(byProject);
  return [...differences("unmanaged", false), ...differences("duplicate", true)];
}

function presentOf({ id, createdAt }: Permission): Pick<Difference, "presentId" | "grantedAt"> {
  return { presentId: id, grantedAt: createdAt };
}

function byProject(one: Difference, other: Difference): number {
  return compareIds(one.projectId, other.projectId);
}
