import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import type { Permission } from "../api/permission";
import { driftOf, reportDrift } from "./drift";
import type { Effects } from "./effects";
import { reasonOf } from "./failure";
import { isUnknown } from "./ids";
import * as messages from "../messages";
import type { SetInputs } from "./permission-set-inputs";

/**
 * What grants for some projects will find.
 *
 * @returns the projects that have access, those of their permissions that are not known to be ours, and further permissions
 * of the same projects.
 */
export async function existingOf(checkpoint: Checkpoint, projectIds: readonly string[]) {
  const looks = await Promise.all(projectIds.map((projectId) => checkpoint.access(projectId).look()));
  const found = looks.flatMap((look) => (look.is === "listed" ? look : []));
  const notOurs = found.filter(({ permission: { id, projectId } }) => !checkpoint.access(projectId).isOurs(id));
  return {
    having: new Set(found.map(({ permission }) => permission.projectId)),
    toAdopt: notOurs.map(({ permission }) => permission),
    others: notOurs.flatMap((one) => one.others),
  };
}

/** Reports that a preview does not know all inputs of a set yet, and what follows. */
export function reportUnknown(context: ProviderContext, inputs: SetInputs): void {
  const { fineTunedModelCheckpoint: checkpoint, exclusive } = inputs;
  // Without lookups nothing is revoked that is not in state.
  const isExclusive = context.config.driftDetection && (isUnknown(exclusive) ? undefined : exclusive);
  context.say(messages.unknown(isUnknown(checkpoint) ? undefined : checkpoint, isExclusive));
}

/** Reports who loses access, once all resources are checked: any of them may give it. An `up` tells what it has done. */
export function reportLosses(
  context: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
  { isExclusive = false }: { isExclusive?: boolean } = {},
): void {
  const isGivenUp = ({ projectId }: Permission) =>
    context.isPreview !== false && !checkpoint.access(projectId).isDeclared() && !checkpoint.hasUnknownProjects;
  // An exclusive set revokes the others, too.
  const othersOf = ({ projectId, id }: Permission) => (isExclusive ? [] : checkpoint.access(projectId).othersKnown(id));
  const others = permissions.flatMap(othersOf);
  const losing = permissions.filter((permission) => othersOf(permission).length === 0);
  context.lines.addAtEnd(checkpoint.id, others, (one) => (isGivenUp(one) ? messages.remains : undefined));
  context.lines.addAtEnd(checkpoint.id, losing, (one) => {
    if (!isGivenUp(one)) return undefined;
    return checkpoint.areDeclarationsKnown ? messages.loses : messages.mayLose;
  });
}

/** The same for what a replacement gives up: what was revoked outside of Pulumi already is lost by nothing that it does. */
export async function reportGivenUp(
  context: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
): Promise<void> {
  if (context.isPreview === false || !context.config.driftDetection) {
    reportLosses(context, checkpoint, permissions);
    return;
  }
  try {
    const drift = await driftOf(context, checkpoint, permissions);
    await reportDrift(context, checkpoint, drift, () => "undeclared");
    const present = [...drift.present, ...drift.recreated].map(({ recorded }) => recorded);
    if (!checkpoint.existence.isDeleted) reportLosses(context, checkpoint, present);
  } catch (error) {
    // The replacement needs no lookup of what it gives up.
    context.say(messages.givenUpUnknown(checkpoint.id, permissions, reasonOf(error)));
  }
}

/** Reports whose access a release has ended, and who still has it by another permission. */
export async function reportEnded(
  context: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
  { isRevoked }: { isRevoked: boolean },
): Promise<void> {
  const projectIds = permissions.map(({ projectId }) => projectId);
  const remaining = await reportRemaining(context, checkpoint, projectIds);
  if (!isRevoked || remaining === undefined) return;
  const ended = permissions.filter(({ projectId }) => !remaining.has(projectId));
  context.lines.add(messages.revokedNow, checkpoint.id, ended);
}

/**
 * Reports which of these projects still have access after their permissions were revoked.
 *
 * @returns them; undefined if that is not known.
 */
export async function reportRemaining(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  if (checkpoint.existence.isDeleted) return undefined;
  try {
    const remaining = await Promise.all(projectIds.map((projectId) => checkpoint.access(projectId).remaining()));
    const further = remaining.flat();
    if (further.length > 0) context.say(messages.remains(checkpoint.id, further));
    return new Set(further.map(({ projectId }) => projectId));
  } catch (error) {
    context.say(messages.remainingUnknown(checkpoint.id, reasonOf(error)));
    return undefined;
  }
}

/** Reports that projects gain access, unless that is told as drift. An `up` tells what it has done. */
export function reportGains(context: ProviderContext, checkpoint: Checkpoint, projectIds: readonly string[]): void {
  const gaining = projectIds.map((projectId) => ({ projectId, id: "", createdAt: 0 }));
  context.lines.addAtEnd(checkpoint.id, gaining, ({ projectId }) => {
    const isTold =
      context.isPreview === false || checkpoint.existence.isDeleted || checkpoint.access(projectId).isToldAsDrift;
    if (isTold) return undefined;
    return context.secretProjects.has(projectId) ? messages.secretGains : messages.gains;
  });
}

/** The same for those of these projects that do not have access. */
export async function reportGainsOf(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<void> {
  if (context.isPreview === false) return;
  const { having } = context.config.driftDetection
    ? await existingOf(checkpoint, projectIds)
    : { having: new Set<string>() };
  reportGains(
    context,
    checkpoint,
    projectIds.filter((projectId) => !having.has(projectId)),
  );
}

/** Reports what an `up` has granted. */
export function reportGranted(
  { lines, secretProjects }: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
): void {
  const open = permissions.filter(({ projectId }) => !secretProjects.has(projectId));
  lines.add(messages.granted, checkpoint.id, open);
}

/** Reports which projects an exclusive set locks out. */
export async function reportUnmanaged(
  context: ProviderContext,
  checkpoint: string,
  permissions: readonly Permission[],
): Promise<void> {
  if (permissions.length === 0) return;
  const described = (await context.organization?.describe(permissions, { areMissing: false })) ?? permissions;
  context.say(messages.unmanaged(checkpoint, described));
}

/** The permissions that are not on an exclusive list; none without lookups, since then no preview has shown them. */
export async function unmanagedOf(
  context: ProviderContext,
  { fineTunedModelCheckpoint, projectIds, exclusive }: Omit<SetInputs, keyof Effects>,
  inState: readonly Permission[],
  maxAge?: number,
): Promise<Permission[]> {
  if (!exclusive || !context.config.driftDetection) return [];
  // Compared by ID, since a project may have a second permission, granted outside of Pulumi.
  const ours = new Set(inState.map(({ id }) => id));
  const unmanaged = await context.checkpoint(fineTunedModelCheckpoint).unmanaged(projectIds, maxAge);
  return unmanaged.filter(({ id }) => !ours.has(id));
}
