import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import type { Permission } from "../api/permission";
import { withFailure, sentence } from "./failure";
import { isUnknown } from "./ids";
import * as messages from "./messages";
import { isKnown, subjectOf, type SetInputs } from "./permission-set-inputs";

/** What a preview tells of gains and losses of access. */

/** Reports which permissions a create for these projects will adopt, or why that is not known. */
export async function reportExisting(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<void> {
  if (!context.reportsExisting) return;
  try {
    await reportAdopted(context, checkpoint, projectIds);
  } catch (error) {
    context.reportsExisting = false;
    const reason = sentence(error instanceof Error ? error.message : String(error));
    context.say(messages.existingUnknown(context.config, reason));
  }
}

/**
 * Reports which permissions of these projects will be adopted, and which they have besides.
 *
 * @returns the projects that have one.
 */
async function reportAdopted(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<Set<string>> {
  const looks = await Promise.all(projectIds.map((projectId) => checkpoint.access(projectId).look()));
  const found = looks.flatMap(({ permission, others }) => (permission === undefined ? [] : { permission, others }));
  const notOurs = found.filter(({ permission: { id, projectId } }) => !checkpoint.access(projectId).isOurs(id));
  if (notOurs.length > 0) {
    const existing = notOurs.map(({ permission }) => permission);
    context.say(messages.exists(context.config, checkpoint.id, existing));
    const others = notOurs.flatMap((one) => one.others);
    if (others.length > 0) context.say(messages.others(checkpoint.id, others));
  }
  return new Set(found.map(({ permission }) => permission.projectId));
}

/** Reports whose access the create of a set will change. */
export async function reportCreate(context: ProviderContext, inputs: SetInputs): Promise<void> {
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  const { driftDetection, adminApiKey } = context.config;
  if (isUnknown(fineTunedModelCheckpoint) || !isKnown(inputs)) {
    if (exclusive && driftDetection) reportUnknown(context, inputs);
    return;
  }
  if (exclusive && driftDetection && adminApiKey === undefined) {
    context.say(messages.withoutKey(fineTunedModelCheckpoint));
    return;
  }
  const attempt = {
    operation: "look up",
    checkpoint: fineTunedModelCheckpoint,
    subject: subjectOf(inputs),
  } as const;
  await withFailure(
    () => context,
    attempt,
    () => reportUnmanaged(context, inputs, []),
  );
  await reportExisting(context, context.checkpoint(fineTunedModelCheckpoint), projectIds);
}

/** Reports that a preview does not know all inputs of a set yet, and what follows. */
export function reportUnknown(context: ProviderContext, inputs: SetInputs): void {
  const { fineTunedModelCheckpoint: checkpoint, exclusive } = inputs;
  // Without lookups nothing is revoked that is not in state.
  const isExclusive = context.config.driftDetection && (isUnknown(exclusive) ? undefined : exclusive);
  context.say(messages.unknown(isUnknown(checkpoint) ? undefined : checkpoint, isExclusive));
}

/** Reports who loses access, leaving out projects that another resource of the program gives it. */
export function reportLosses(
  context: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
  { isExclusive }: { isExclusive: boolean },
): void {
  if (checkpoint.hasUnknownProjects) return;
  const losers: Permission[] = [];
  const further: Permission[] = [];
  for (const permission of permissions) {
    const access = checkpoint.access(permission.projectId);
    if (access.isDeclared()) continue;
    // An exclusive set revokes the others, too.
    const others = isExclusive ? [] : access.othersKnown(permission.id);
    if (others.length === 0) losers.push(permission);
    else further.push(...others);
  }
  if (losers.length > 0) context.say(messages.loses(checkpoint.id, losers));
  if (further.length > 0) context.say(messages.remains(checkpoint.id, further));
}

/** Reports which of these projects still have access after their permissions were revoked. */
export async function reportRemaining(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<void> {
  if (checkpoint.isDeleted) return;
  try {
    const remaining = await Promise.all(projectIds.map((projectId) => checkpoint.access(projectId).remaining()));
    const further = remaining.flat();
    if (further.length > 0) context.say(messages.remains(checkpoint.id, further));
  } catch (error) {
    const reason = sentence(error instanceof Error ? error.message : String(error));
    context.say(messages.remainingUnknown(checkpoint.id, reason));
  }
}

/** Reports who gains access, and whose permission is adopted. */
export async function reportGains(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<void> {
  const { driftDetection } = context.config;
  const having = driftDetection ? await reportAdopted(context, checkpoint, projectIds) : new Set<string>();
  const gaining = projectIds.filter((projectId) => !having.has(projectId));
  if (gaining.length > 0) context.say(messages.gains(checkpoint.id, gaining));
}

/** Reports which unmanaged permissions an exclusive set will revoke, and returns them. */
export async function reportUnmanaged(
  context: ProviderContext,
  inputs: SetInputs,
  inState: readonly Permission[],
): Promise<Permission[]> {
  if (!isKnown(inputs)) return [];
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  const unmanaged = await unmanagedOf(context, inputs, inState);
  if (unmanaged.length > 0) context.say(messages.unmanaged(fineTunedModelCheckpoint, unmanaged));
  if (exclusive && projectIds.length === 0) context.say(messages.emptyList(fineTunedModelCheckpoint));
  return unmanaged;
}

/** The permissions that are not on an exclusive list; none without lookups, since then no preview has shown them. */
export async function unmanagedOf(
  context: ProviderContext,
  { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs,
  inState: readonly Permission[],
): Promise<Permission[]> {
  if (!exclusive || !context.config.driftDetection) return [];
  // Compared by ID, since a project may have a second permission, granted outside of Pulumi.
  const ours = new Set(inState.map(({ id }) => id));
  const unmanaged = await context.checkpoint(fineTunedModelCheckpoint).unmanaged(projectIds);
  return unmanaged.filter(({ id }) => !ours.has(id));
}
