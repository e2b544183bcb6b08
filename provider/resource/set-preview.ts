import type { Checkpoint } from "../access/checkpoint";
import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/permission";
import { existing, sayTakenOver, sayWhatExists } from "./existing";
import { attempt } from "./failure";
import { isUnknown } from "./ids";
import * as lines from "./lines";
import { isKnown, knownOf, whoOf, type SetInputs, type SetOutputs } from "./set-inputs";

/** Says whose access a create will change. */
export async function sayWhatCreateDoes(deployment: Deployment, inputs: SetInputs): Promise<void> {
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  if (isUnknown(fineTunedModelCheckpoint) || !isKnown(inputs)) {
    if (exclusive && deployment.config.driftDetection) sayWhatIsUnknown(deployment, inputs);
    return;
  }
  if (exclusive && deployment.config.driftDetection && deployment.config.adminApiKey === undefined) {
    deployment.say(lines.withoutKey(fineTunedModelCheckpoint));
    return;
  }
  await attempt(
    () => deployment,
    "look up",
    fineTunedModelCheckpoint,
    whoOf(inputs),
    () => sayWhoIsLockedOut(deployment, inputs, []),
  );
  await sayWhatExists(deployment, deployment.checkpoint(fineTunedModelCheckpoint), projectIds);
}

/** Says what a preview does not know yet, and what follows. */
export function sayWhatIsUnknown(
  deployment: Deployment,
  { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs,
): void {
  const what = [
    isUnknown(fineTunedModelCheckpoint) ? "its checkpoint" : [],
    knownOf(projectIds).length === projectIds.length ? [] : "a project on it",
    isUnknown(exclusive) ? "whether it is exclusive" : [],
  ].flat();
  const checkpoint = isUnknown(fineTunedModelCheckpoint) ? undefined : fineTunedModelCheckpoint;
  const revokes = isUnknown(exclusive) ? "may revoke" : "revokes";
  const consequence = exclusive && deployment.config.driftDetection ? revokes : undefined;
  deployment.say(lines.unknown(what, checkpoint, consequence));
}

/** Says who loses access, leaving out projects that another resource of the program gives it. */
export function sayWhoLoses(deployment: Deployment, checkpoint: Checkpoint, permissions: readonly Permission[]): void {
  if (checkpoint.hasUnnamedWants) return;
  const losers = permissions.filter(({ projectId }) => !checkpoint.access(projectId).isDeclared);
  if (losers.length > 0) deployment.say(lines.loses(checkpoint.id, losers));
}

/** Says who gains access, and whose permission is taken over. */
export async function sayWhoJoins(
  deployment: Deployment,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
  vanished: readonly Permission[],
): Promise<void> {
  // The line about drift has these.
  const known = new Set(vanished.map(({ projectId }) => projectId));
  const joining = projectIds.filter((projectId) => !known.has(projectId));
  const found = deployment.config.driftDetection ? await existing(checkpoint, joining) : [];
  const isThere = new Set(found.map(({ permission }) => permission.projectId));
  const gaining = joining.filter((projectId) => !isThere.has(projectId));
  if (gaining.length > 0) deployment.say(lines.gains(checkpoint.id, gaining));
  sayTakenOver(deployment, checkpoint, found);
}

/** Looks up the permissions in state, and says which are gone. */
export async function lookForDrift(deployment: Deployment, state: SetOutputs) {
  const checkpoint = deployment.checkpoint(state.fineTunedModelCheckpoint);
  // An exclusive list needs all permissions in any case.
  if (state.exclusive) await checkpoint.all();
  const looks = await Promise.all(
    state.permissions.map(async (recorded) => ({
      recorded,
      ...(await checkpoint.access(recorded.projectId).look(recorded)),
    })),
  );
  const unlisted = looks.filter(({ isUnlisted }) => isUnlisted).map(({ recorded }) => recorded);
  if (unlisted.length > 0) deployment.say(lines.unlisted(checkpoint.id, unlisted));
  // The others move to another resource, which reports them.
  const listed = new Set(state.projectIds);
  const gone = looks.filter(({ isGone, recorded }) => isGone && listed.has(recorded.projectId));
  if (gone.length > 0 && !checkpoint.isGone) {
    const [lost, remade] = [false, true].map((isRemade) =>
      gone.filter(({ permission }) => (permission !== undefined) === isRemade).map(({ recorded }) => recorded),
    );
    deployment.say(lines.driftOfSet(checkpoint.id, lost!, remade!, deployment.clock.date()));
  }
  return looks;
}

/** Says which projects an exclusive list will lock out, and returns their permissions. */
export async function sayWhoIsLockedOut(
  deployment: Deployment,
  inputs: SetInputs,
  inState: readonly Permission[],
): Promise<Permission[]> {
  if (!isKnown(inputs)) return [];
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  const outsiders = await outsidersOf(deployment, inputs, inState);
  if (outsiders.length > 0) deployment.say(lines.outsiders(fineTunedModelCheckpoint, outsiders));
  if (exclusive && projectIds.length === 0) deployment.say(lines.nobody(fineTunedModelCheckpoint));
  return outsiders;
}

/** The permissions beside an exclusive list; none without lookups, since then no preview has shown them. */
export async function outsidersOf(
  deployment: Deployment,
  { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs,
  inState: readonly Permission[],
): Promise<Permission[]> {
  if (!exclusive || !deployment.config.driftDetection) return [];
  // Compared by ID, since a project may have a second permission, granted outside of Pulumi.
  const ours = new Set(inState.map(({ id }) => id));
  const outsiders = await deployment.checkpoint(fineTunedModelCheckpoint).outsiders(projectIds);
  return outsiders.filter(({ id }) => !ours.has(id));
}
