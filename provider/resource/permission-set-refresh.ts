import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import type { Permission } from "../api/permission";
import { confirmedDriftOf, driftOf, reportDrift, type Drift } from "./drift";
import { nothingToImport } from "./failure";
import * as messages from "../messages";
import { byProject, isKnown, knownOf, type SetInputs, type SetOutputs } from "./permission-set-inputs";
import { reportUnmanaged, unmanagedOf } from "./access-reports";
import type { ReadResult } from "./operations";

/** What a refresh finds of a set. */
export async function refreshed(
  context: ProviderContext,
  checkpoint: Checkpoint,
  id: string,
  state: SetOutputs,
): Promise<ReadResult<SetInputs, SetOutputs>> {
  const { fineTunedModelCheckpoint, exclusive } = state;
  const { present, recreated } = await driftOfSet(context, checkpoint, state);
  // An exclusive set owns the whole list, so that a refresh shows what is not in the program.
  const unmanaged = await unmanagedOf(context, state, state.permissions);
  await reportUnmanaged(context, checkpoint.id, unmanaged);
  // One for each project, as in a set's state: an update of the set revokes the others by name.
  const recorded = newestOfEach(unmanaged);
  const inState = present.map((one) => one.recorded);
  const permissions = [...inState, ...recreated.map(({ listed }) => listed), ...recorded];
  if (context.config.adoptExisting) permissions.push(...(await adoptable(context, checkpoint, state)));
  permissions.sort(byProject);
  const listed = new Set([...state.projectIds, ...unmanaged.map(({ projectId }) => projectId)]);
  const having = new Set(permissions.map(({ projectId }) => projectId));
  const projectIds = [...having].filter((projectId) => listed.has(projectId));
  const inputs = { fineTunedModelCheckpoint, exclusive, projectIds };
  const props = { ...inputs, permissions };
  context.noteRefresh(refreshedAs(props, state.projectIds), idsOf(props) !== idsOf(state));
  return { id, props, inputs };
}

/** What an import finds: the permissions of these projects, or of all. */
export async function imported(
  checkpoint: Checkpoint,
  only?: ReadonlySet<string>,
): Promise<ReadResult<SetInputs, SetOutputs>> {
  const { id } = checkpoint;
  const all = (await checkpoint.all()).permissions;
  const permissions = newestOfEach(all.filter(({ projectId }) => only?.has(projectId) !== false)).sort(byProject);
  if (permissions.length === 0) throw nothingToImport(id, `no project has a permission for ${id}`);
  const projectIds = permissions.map(({ projectId }) => projectId);
  const inputs = { fineTunedModelCheckpoint: id, projectIds, exclusive: false };
  return { id, props: { ...inputs, permissions }, inputs };
}

/**
 * Compares the permissions in state with the API's list, and reports what differs.
 *
 * @param news undefined for a refresh.
 */
export async function driftOfSet(
  context: ProviderContext,
  checkpoint: Checkpoint,
  state: SetOutputs,
  news?: SetInputs,
): Promise<Drift<Permission>> {
  // An exclusive set needs all permissions in any case, so that one request answers both.
  if (state.exclusive) await checkpoint.all();
  const compare = news === undefined ? confirmedDriftOf : driftOf;
  const drift = await compare(context, checkpoint, state.permissions);
  // What has left the list moves to another resource, which reports it.
  const listed = new Set(state.projectIds);
  const isListed = ({ recorded }: { recorded: Permission }) => listed.has(recorded.projectId);
  const [missing, recreated] = [drift.missing.filter(isListed), drift.recreated.filter(isListed)];
  await reportDrift(context, checkpoint, { missing, recreated }, ({ projectId }) => {
    if (news === undefined) return "removedFromState";
    return knownOf(news.projectIds).includes(projectId) || !isKnown(news) ? "grantedAgain" : "undeclared";
  });
  return drift;
}

/** Permissions of projects that are on the list and have none in state; a refresh adopts them. */
async function adoptable(context: ProviderContext, checkpoint: Checkpoint, state: SetOutputs): Promise<Permission[]> {
  const recorded = new Set(state.permissions.map(({ projectId }) => projectId));
  const without = state.projectIds.filter((projectId) => !recorded.has(projectId));
  const looks = await Promise.all(without.map((projectId) => checkpoint.access(projectId).look()));
  const found = looks.flatMap((look) => (look.is === "listed" ? look.permission : []));
  if (found.length > 0) context.say(messages.adopted(checkpoint.id, found));
  return found;
}

/** The permission that counts for each project, of a list that has the newest first. */
function newestOfEach(permissions: readonly Permission[]): Permission[] {
  return [...new Map(permissions.toReversed().map((permission) => [permission.projectId, permission])).values()];
}

function idsOf({ permissions }: Pick<SetOutputs, "permissions">): string {
  return permissions.map(({ id }) => id).join(" ");
}

/** What tells a set from all others of a refresh: the diff is told what it has read, and the list of before. */
export function refreshedAs(read: SetOutputs, projectIdsBefore: readonly string[]): string {
  return JSON.stringify([read.fineTunedModelCheckpoint, idsOf(read), projectIdsBefore]);
}
