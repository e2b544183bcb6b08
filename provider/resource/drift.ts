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
  /** Whether the record is about to go, so that nobody misses the permission. */
  isLeaving: boolean;
}

/** How a checkpoint's permissions differ from what stacks have recorded. */
export interface Drift<Of extends Declared> {
  /** Recorded, but without access. */
  missing: Of[];
  /** On a set's list and not on record, so that the next `pulumi up` grants it, or takes over what there is. */
  pending: { declared: Of; permission: Permission | undefined }[];
  /** Recorded, and with access by another permission than the recorded one. */
  remade: { declared: Of; permission: Permission }[];
  /** Permissions of projects that no stack declares. Empty when they were not asked for. */
  undeclared: Permission[];
  /** Further permissions of projects that a stack declares. Empty when they were not asked for. */
  duplicates: Permission[];
  /** Whether the API says that the checkpoint does not exist. */
  isGone: boolean;
  /** When the API answered, by its own clock, in Unix seconds; undefined where it had nothing to answer. */
  date: number | undefined;
  /** The organization of the key, as the answer names it. */
  organization: string | undefined;
}

/**
 * Compares what stacks have recorded for a checkpoint with what there is.
 *
 * @param withUndeclared whether to read the whole list, for what no stack has recorded.
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
    // By now memory answers.
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

/** The question that the look at a record has asked. */
function idsOf({ recorded }: Declared): Question {
  return recorded === undefined ? {} : { ids: new Set([recorded.id]) };
}
