import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/permission";
import { findDrift, type Drift } from "../resource/drift";
import {
  compareIds,
  counted,
  csv,
  inCode,
  iso,
  json,
  markdownTable,
  minute,
  second,
  source,
  type Evidence,
  type Format,
} from "./format";
import { groupBy } from "./group";
import { readEach } from "./reading";
import type { Screen } from "./screen";
import { placeOf, type StackRecord } from "./stack";

type Change = "gone" | "missing" | "re-made" | "pending" | "undeclared" | "duplicate";

/** Something that is not as recorded. */
interface Difference {
  change: Change;
  checkpoint: string;
  projectId: string;
  /** The permission that a stack has recorded. */
  recordedId?: string | undefined;
  /** The permission that exists. */
  presentId?: string;
  /** When that was granted, in Unix seconds. */
  grantedAt?: number;
  /** The resource that declares it. */
  urn?: string;
}

/** The comparison of one checkpoint. */
interface Compared {
  checkpoint: string;
  /** How many permissions stacks have recorded. */
  recorded: number;
  differences: Difference[];
  isGone: boolean;
  /** Unix seconds. */
  readAt: number;
}

export interface DriftReport {
  text: string;
  hasDrift: boolean;
}

export interface DriftOptions {
  /** Whether to ignore permissions that no stack has recorded. */
  recordedOnly: boolean;
  format: Format;
  /** Checkpoints to compare even if no stack has recorded a permission for them. */
  checkpoints?: readonly string[];
}

/** Compares what stacks have recorded with what is granted. */
export async function drift(
  deployment: Deployment,
  screen: Screen,
  recorded: readonly StackRecord[],
  { recordedOnly, format, checkpoints: more = [] }: DriftOptions,
): Promise<DriftReport> {
  const byCheckpoint = groupBy(recorded, ({ checkpoint }) => checkpoint);
  const declaredFor = (checkpoint: string) => byCheckpoint.get(checkpoint) ?? [];
  const checkpoints = [...new Set([...more, ...byCheckpoint.keys()])].sort();
  const expected = new Map(checkpoints.map((checkpoint) => [checkpoint, declaredFor(checkpoint).length]));
  let organization: string | null = null;
  const compared = await readEach(deployment, screen, expected, async (checkpoint, onPage): Promise<Compared> => {
    const declared = declaredFor(checkpoint);
    sayShared(screen, declared);
    const found = await findDrift(() => deployment, checkpoint, declared, !recordedOnly, onPage);
    organization ??= found.organization ?? null;
    return {
      checkpoint,
      recorded: new Set(declared.flatMap(({ recorded: one }) => one?.id ?? [])).size,
      differences: differencesOf(checkpoint, found),
      isGone: found.isGone,
      readAt: found.date ?? deployment.clock.date() / 1000,
    };
  });
  const evidence = { api: deployment.config.baseUrl, organization };
  return {
    text: render(compared, evidence, recordedOnly, format),
    hasDrift: compared.some(({ differences }) => differences.length > 0),
  };
}

/** Warns of permissions that several resources have recorded. */
function sayShared(screen: Screen, recorded: readonly StackRecord[]): void {
  const kept = recorded.filter((one) => one.recorded !== undefined && !one.isLeaving);
  for (const [id, records] of groupBy(kept, (one) => one.recorded!.id)) {
    const urns = new Set(records.map(({ urn }) => urn));
    if (urns.size === 1) continue;
    const places = [...urns].map((urn) => recorderOf({ urn }, (name) => name));
    screen.say(
      `${records[0]!.projectId} (${id}) is recorded twice, by ${places.join(" and by ")}: whichever is removed first revokes it.`,
    );
  }
}

function differencesOf(checkpoint: string, found: Drift<StackRecord>): Difference[] {
  const lost = found.missing.map(({ projectId, recorded, urn }): Difference => {
    return { change: found.isGone ? "gone" : "missing", checkpoint, projectId, recordedId: recorded?.id, urn };
  });
  const remade = found.remade.map(({ declared: { projectId, recorded, urn }, permission }): Difference => {
    const { id: presentId, createdAt: grantedAt } = permission;
    return { change: "re-made", checkpoint, projectId, recordedId: recorded?.id, presentId, grantedAt, urn };
  });
  const pending = found.pending.map(({ declared: { projectId, urn }, permission }): Difference => {
    const present = permission && { presentId: permission.id, grantedAt: permission.createdAt };
    return { change: found.isGone ? "gone" : "pending", checkpoint, projectId, urn, ...present };
  });
  const unrecorded = (change: Change, permissions: readonly Permission[]) =>
    permissions.map(({ projectId, id: presentId, createdAt: grantedAt }): Difference => {
      return { change, checkpoint, projectId, presentId, grantedAt };
    });
  const kinds = [
    lost,
    remade,
    pending,
    unrecorded("undeclared", found.undeclared),
    unrecorded("duplicate", found.duplicates),
  ];
  return kinds.flatMap((kind) => kind.sort((one, other) => compareIds(one.projectId, other.projectId)));
}

function render(compared: readonly Compared[], evidence: Evidence, recordedOnly: boolean, format: Format): string {
  const differences = compared.flatMap((one) => one.differences);
  const recorded = compared.reduce((sum, one) => sum + one.recorded, 0);
  const headline =
    differences.length === 0
      ? `${counted(recorded, "permission")} of ${counted(compared.length, "checkpoint")}: as recorded`
      : `${counted(differences.length, "difference")} between what is recorded and what is granted`;
  const extent = recordedOnly ? "recorded permissions" : "all permissions";
  const isEveryGone = compared.every(({ isGone }) => isGone);
  const extentOfLists = isEveryGone ? "There was no list to read." : "The lists are complete.";
  const scope = recordedOnly ? "Who else has access was not looked at." : extentOfLists;
  const isText = format === "table" || format === "markdown";
  if (isText && compared.length === 0) return "No checkpoint permissions are recorded, so there is nothing to compare.";
  switch (format) {
    case "json":
      return json({
        ...evidence,
        compared: extent,
        checkpoints: compared.map(({ checkpoint, recorded: count, isGone, readAt }) => ({
          fineTunedModelCheckpoint: checkpoint,
          recorded: count,
          isGone,
          readAt: iso(readAt),
        })),
        differences: differences.map(({ checkpoint, grantedAt, ...one }) => ({
          fineTunedModelCheckpoint: checkpoint,
          ...one,
          ...(grantedAt === undefined ? {} : { grantedAt: iso(grantedAt) }),
        })),
      });
    case "csv":
      return csv(
        compared.flatMap((one) => csvRows(one, evidence, extent)),
        csvColumns,
      );
    case "markdown":
      return [
        `### Checkpoint permissions: ${headline}`,
        ...compared
          .filter((one) => one.differences.length > 0)
          .flatMap((one) => [
            `**${inCode(one.checkpoint)}**: ${summary(one)}`,
            markdownTable([
              ["Change", "Project", "Permission", "Recorded by"],
              ...one.differences.map((difference) => [
                difference.change,
                inCode(difference.projectId),
                permissionOf(difference, inCode),
                recorderOf(difference, inCode),
              ]),
            ]),
          ]),
        ...remediesFor(differences),
        `${readWhen(compared)} from ${source(evidence)}. ${scope}`,
      ].join("\n\n");
    case "table":
      return [
        `${headline}.`,
        ...compared
          .filter((one) => one.differences.length > 0)
          .map((one) => [`${one.checkpoint}\n${summary(one)}\n`, ...one.differences.map(entry)].join("\n")),
        ...remediesFor(differences),
        `${readWhen(compared)}. ${scope}\nSource: ${source(evidence)}`,
      ].join("\n\n");
  }
}

const csvColumns = [
  "change",
  "checkpoint",
  "project_id",
  "recorded_id",
  "present_id",
  "granted_at",
  "urn",
  "compared",
  "read_at",
  "api",
  "organization",
];

type Row = Omit<Difference, "change"> & { change: Change | "none" };

/** A checkpoint without differences has a row, too, since that is evidence as well. */
function csvRows(
  { checkpoint: one, differences, readAt }: Compared,
  { api, organization }: Evidence,
  extent: string,
): Record<string, string>[] {
  const rows: Row[] = differences.length === 0 ? [{ change: "none", checkpoint: one, projectId: "" }] : differences;
  return rows.map(({ change, checkpoint, projectId, recordedId, presentId, grantedAt, urn }: Row) => ({
    change,
    checkpoint,
    project_id: projectId,
    recorded_id: recordedId ?? "",
    present_id: presentId ?? "",
    granted_at: grantedAt === undefined ? "" : iso(grantedAt),
    urn: urn ?? "",
    compared: extent,
    read_at: iso(readAt),
    api,
    organization: organization ?? "",
  }));
}

function summary({ recorded, differences, isGone }: Compared): string {
  if (isGone) return `${recorded} recorded. OpenAI does not have this checkpoint: it is retired, deleted, or mistyped.`;
  const counts = changes.flatMap((change) => {
    const count = differences.filter((one) => one.change === change).length;
    return count === 0 ? [] : `${count} ${change}`;
  });
  return `${recorded} recorded; ${counts.join(", ")}`;
}

function permissionOf({ recordedId, presentId, grantedAt }: Difference, code: (id: string) => string): string {
  const before = recordedId === undefined ? "none" : code(recordedId);
  if (presentId === undefined) return before;
  const present = `${code(presentId)}, granted ${minute(grantedAt!)}`;
  return recordedId === undefined ? present : `${before} → ${present}`;
}

/** A few lines of a terminal. */
function entry(difference: Difference): string {
  const { change, projectId, recordedId = "none", presentId, grantedAt, urn } = difference;
  const details = [
    ...(urn === undefined ? [] : [`recorded: ${recordedId}`, `by:       ${recorderOf(difference, (id) => id)}`]),
    ...(presentId === undefined ? [] : [`granted:  ${presentId} ${minute(grantedAt!)}`]),
  ];
  return [`  ${change.padEnd(10)}  ${projectId}`, ...details.map((detail) => `              ${detail}`)].join("\n");
}

function recorderOf({ urn }: Pick<Difference, "urn">, code: (id: string) => string): string {
  if (urn === undefined) return "nobody";
  const { stack, name } = placeOf(urn);
  return `${code(name)} in ${code(stack)}`;
}

/** What each change means, and what to do about it. */
const remedies: Record<Change, string> = {
  gone: "Gone: the permission went with its checkpoint. Remove the resource from the program.",
  missing: "Missing: somebody revoked it. `pulumi up` grants it again; or remove it from the program.",
  "re-made": "Re-made: revoked and granted again. `pulumi up` puts it on record, with no change of access.",
  pending: "Pending: on a set's list, and not on record yet. `pulumi up` finishes it.",
  undeclared:
    "Undeclared: none of the stacks has recorded it. Declare it, and `pulumi up` takes it over; or revoke it.",
  duplicate:
    "Duplicate: a second permission of a recorded project, which `pulumi up` leaves alone. Revoke it by its ID.",
};
const changes = Object.keys(remedies) as Change[];

function remediesFor(differences: readonly Difference[]): string[] {
  const present = new Set(differences.map(({ change }) => change));
  const lines = changes.filter((change) => present.has(change)).map((change) => `- ${remedies[change]}`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function readWhen(compared: readonly Compared[]): string {
  const first = Math.min(...compared.map(({ readAt }) => readAt));
  return `Read ${second(first)}`;
}
