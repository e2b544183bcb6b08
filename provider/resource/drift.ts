import type { Look, Recorded } from "../access/checkpoint";
import type { Deployment } from "../access/deployment";
import type { Progress, Question } from "../access/lookups";
import type { Permission } from "../api/permission";
import { attempt } from "./failure";
import * as lines from "./lines";

/** A project that a stack's state gives access to a checkpoint. */
export interface Declared {
  projectId: string;
  /** The permission that state has for it; undefined where it was not granted yet. */
  recorded: Recorded | undefined;
  /** Whether the record is about to be removed, so that a missing permission is no drift. */
  isLeaving: boolean;
}

/** How a checkpoint's permissions differ from those that stacks have recorded. */
export interface Drift<Of extends Declared> {
  /** Recorded, but the project has no access. */
  missing: Of[];
  /** On a set's list but not recorded yet: the next `pulumi up` grants it, or takes over what exists. */
  pending: { declared: Of; permission: Permission | undefined }[];
  /** Recorded, but the project has access by another permission. */
  remade: { declared: Of; permission: Permission }[];
  /** Permissions of projects that no stack declares. Empty unless `withUndeclared`. */
  undeclared: Permission[];
  /** Further permissions of projects that a stack declares. Empty unless `withUndeclared`. */
  duplicates: Permission[];
  /** Whether the API says that the checkpoint does not exist. */
  isGone: boolean;
  /** When the API answered, by its own clock, in Unix seconds; undefined if no list was read. */
  date: number | undefined;
  /** The organization of the key, as the answer names it. */
  organization: string | undefined;
}

/**
 * Compares what stacks have recorded for a checkpoint with the API's list.
 *
 * @param withUndeclared whether to read the whole list, for permissions that no stack has recorded.
 * @throws {OperationFailed}
 */
export async function findDrift<Of extends Declared>(
  deployment: () => Deployment,
  checkpointId: string,
  declared: readonly Of[],
  withUndeclared: boolean,
  onPage: (progress: Progress) => void,
): Promise<Drift<Of>> {
  return attempt(deployment, "list", checkpointId, "", async (ready) => {
    const checkpoint = ready.checkpoint(checkpointId);
    const kept = declared.filter(({ isLeaving }) => !isLeaving);
    const all = withUndeclared ? await checkpoint.all({ onPage }) : undefined;
    const looks = await Promise.all(
      kept.map(async (one): Promise<[Of, Look]> => {
        return [one, await checkpoint.access(one.projectId).look(one.recorded)];
      }),
    );
    // Answered from memory.
    const [first] = kept;
    const listed =
      all ?? (first && (await checkpoint.unlessGone(() => checkpoint.lookups.find(first.projectId, idsOf(first)))));

    const recorded = looks.filter(([one]) => one.recorded !== undefined);
    const missing = recorded.flatMap(([one, { permission }]) => (permission === undefined ? one : []));
    const remade = recorded.flatMap(([one, { permission }]) =>
      permission === undefined || permission.id === one.recorded?.id ? [] : [{ declared: one, permission }],
    );
    const pending = looks.flatMap(([one, { permission }]) =>
      one.recorded === undefined ? [{ declared: one, permission }] : [],
    );
    const unlisted = looks.flatMap(([, { isUnlisted, permission }]) => (isUnlisted ? permission! : []));
    if (unlisted.length > 0) ready.say(lines.unlisted(checkpointId, unlisted));
    const known = new Set([
      ...declared.flatMap((one) => one.recorded?.id ?? []),
      ...looks.flatMap(([, { permission }]) => permission?.id ?? []),
    ]);
    const others = all?.permissions.filter(({ id }) => !known.has(id)) ?? [];
    const projects = new Set(kept.map(({ projectId }) => projectId));
    return {
      missing,
      remade,
      pending,
      undeclared: others.filter(({ projectId }) => !projects.has(projectId)),
      duplicates: others.filter(({ projectId }) => projects.has(projectId)),
      isGone: checkpoint.isGone,
      date: checkpoint.isGone ? undefined : listed?.date,
      organization: listed?.organization,
    };
  });
}

/** The question by which a recorded permission was looked up. */
function idsOf({ recorded }: Declared): Question {
  return recorded === undefined ? {} : { ids: new Set([recorded.id]) };
}
