import type { dynamic } from "@pulumi/pulumi";
import type { Release } from "../access/access";
import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { maxAgeOfWrite } from "../access/grants";
import type { Declaration } from "../access/declarations";
import type { Permission } from "../api/permission";
import { confirmedDriftOf, driftOf, reportDrift, type Drift } from "./drift";
import { isRevokedBy, isSecret, problemsWithEffects, withoutEffects, type Effects } from "./effects";
import {
  combined,
  configFailure,
  failureOf,
  failuresOf,
  maybeDeclared,
  notRevoked,
  nothingToImport,
  PartialFailure,
  withFailure,
  type Operation,
} from "./failure";
import { declareAgain, declareOnCheck } from "./declare";
import type { ProgramHints } from "./hints";
import { checkId, isUnknown, knownId } from "./ids";
import type { ReadResult } from "./read-result";
import * as messages from "./messages";
import {
  byProject,
  completeState,
  isKnown,
  knownOf,
  problemsWith,
  subjectOf,
  type SetInputs,
  type SetOutputs,
} from "./permission-set-inputs";
import { areChanged, planOf } from "./permission-set-plan";
import {
  effectsOfSet,
  reportEnded,
  reportGainsOf,
  reportGivenUp,
  reportLosses,
  reportRemaining,
  reportUnknown,
  reportUnmanaged,
  unmanagedOf,
} from "./preview";

/**
 * How long, in milliseconds, an update waits for other resources: for their IDs to be known, and for them to adopt what it
 * gives up. They may need what the engine creates only after this update, so then it keeps what may be theirs until the
 * next run.
 */
const patience = 5_000;

/** Inputs as the program has them. */
type Unchecked = Omit<SetInputs, "exclusive"> & { exclusive?: boolean; __hints?: Partial<ProgramHints> };

export interface SetDiff extends dynamic.DiffResult {
  /** The projects that an update gives access. */
  gains?: string[];
  /** The projects whose access an update takes away. */
  loses?: string[];
}

/**
 * What Pulumi's operations mean for the set of all projects that have access to a checkpoint. In a program it is a
 * `CheckpointPermissionSet` (dynamic/permission-set.ts).
 */
export class PermissionSetResource {
  /** @param context returns what all resources share, or throws what is wrong with the config. */
  constructor(readonly context: () => ProviderContext) {}

  /** Sorts the projects, so that order and repeats make no diff. */
  async check(urn: string, olds: Partial<SetInputs>, { __hints: hints = {}, ...given }: Unchecked) {
    const news: SetInputs = { ...withoutEffects(given), exclusive: given.exclusive ?? false };
    const failures = [...problemsWith(news), ...problemsWithEffects(given, olds)];
    if (failures.length > 0) return { inputs: news, failures };
    const { projectIds } = news;
    let effects: Effects = {};
    const inputs = { ...news, projectIds: isUnknown(projectIds) ? projectIds : [...new Set(projectIds)].sort() };
    try {
      const context = this.context();
      context.runsProgram = true;
      // Of the list as it came: repeats must not make it look shorter than declared.
      const isShortened = hints.listLength !== undefined && projectIds.length < hints.listLength;
      if (isShortened && !isUnknown(inputs.fineTunedModelCheckpoint)) {
        context.checkpoint(inputs.fineTunedModelCheckpoint).markUnknownProjects();
      }
      const checkpoint = knownId(inputs.fineTunedModelCheckpoint);
      if (checkpoint === undefined || !isKnown(inputs)) context.declarations.setUnknown(checkpoint);
      if (checkpoint !== undefined) {
        const had = hasBoth(olds) ? declarationOf(urn, olds) : undefined;
        failures.push(...declareOnCheck(context, declarationOf(urn, inputs), had, hints, "projectIds"));
      }
      if (isSecret(given)) for (const projectId of knownOf(inputs.projectIds)) context.secretProjects.add(projectId);
      if (failures.length === 0) effects = await effectsOfSet(context, inputs, olds);
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs: { ...inputs, ...effects }, failures };
  }

  async diff(urn: string | undefined, id: string, state: SetOutputs, news: SetInputs): Promise<SetDiff> {
    const olds = completeState(id, state);
    return this.#withFailure("look up", olds, async (checkpoint, context) => {
      const isChangedByRefresh = context.wasChangedByRefresh(refreshedAs(olds, news.projectIds));
      if (isChangedByRefresh !== undefined) return { changes: isChangedByRefresh };
      declareAgain(context, urn, (known) =>
        isUnknown(news.fineTunedModelCheckpoint) ? undefined : declarationOf(known, news),
      );
      if (news.fineTunedModelCheckpoint !== checkpoint.id) {
        for (const { projectId, id } of olds.permissions) checkpoint.access(projectId).markOurs(id);
        await reportGivenUp(context, checkpoint, olds.permissions);
        if (isUnknown(news.fineTunedModelCheckpoint)) reportUnknown(context, news);
        return { changes: true, replaces: ["fineTunedModelCheckpoint"] };
      }

      const { driftDetection } = context.config;
      const drift = driftDetection
        ? await this.#drift(context, checkpoint, olds, news)
        : { present: olds.permissions.map((recorded) => ({ recorded })), drifted: new Set<string>() };
      const isDeclaredElsewhere = (projectId: string) =>
        !context.runsProgram || checkpoint.access(projectId).isDeclared(urn);
      const inState = drift.present.map(({ recorded }) => recorded);
      const { keep, grant, giveUp, handOver } = planOf(inState, news, isDeclaredElsewhere);
      for (const { projectId, id } of keep) checkpoint.access(projectId).markInState(id);

      const isChanged = areChanged(olds, news) || giveUp.length > 0;
      const isLeftOver = isLeftOverFrom(olds);
      if (!isKnown(news)) reportUnknown(context, news);
      else if (isChanged) {
        const losing = giveUp.filter((one) => !isLeftOver(one));
        reportLosses(context, checkpoint, losing, { isExclusive: news.exclusive && driftDetection });
        const gaining = grant.filter((projectId) => !drift.drifted.has(projectId));
        await reportGainsOf(context, checkpoint, gaining);
      }
      // What another resource has not adopted in time is given up by the next update. If this were no change, it would stay
      // in state for ever.
      const toAdopt = context.runsProgram ? handOver.filter(isLeftOver) : [];
      if (toAdopt.length > 0) context.say(messages.leftOver(checkpoint.id, toAdopt, { isDeclared: true }));
      const unwanted = giveUp.filter(isLeftOver);
      if (unwanted.length > 0) context.say(messages.leftOver(checkpoint.id, unwanted, { isDeclared: false }));
      const revoke = await this.#unmanaged(context, checkpoint, news, olds.permissions);
      const isIncomplete = driftDetection && grant.some((projectId) => !isUnknown(projectId));
      const changes = isChanged || toAdopt.length > 0 || isIncomplete || drift.drifted.size > 0 || revoke.length > 0;
      if (!changes || !isKnown(news)) return { changes };
      return { changes, gains: grant, loses: giveUp.map(({ projectId }) => projectId) };
    });
  }

  async create(urn: string | undefined, inputs: SetInputs): Promise<dynamic.CreateResult<SetOutputs>> {
    const id = inputs.fineTunedModelCheckpoint;
    const { outs, failure } = await this.#reconcile(urn, inputs, { projectIds: [], permissions: [] });
    if (failure === undefined) return { id, outs };
    // Permissions that were granted must be in state, even if others were not.
    if (outs.permissions.length > 0) throw new PartialFailure(id, { ...withoutEffects(inputs), ...outs }, failure);
    throw failure;
  }

  async read(id: string, props?: Partial<SetOutputs>): Promise<ReadResult<SetInputs, SetOutputs>> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, exclusive } = state;
    return this.#withFailure("look up", state, async (checkpoint, context) => {
      const { present, recreated } = await this.#drift(context, checkpoint, state);
      // An exclusive set owns the whole list, so that a refresh shows what is not in the program.
      const unmanaged = await unmanagedOf(context, state, state.permissions);
      await reportUnmanaged(context, checkpoint.id, unmanaged);
      // One for each project, as in a set's state: an update of the set revokes the others by name.
      const recorded = newestOfEach(unmanaged);
      const inState = present.map((one) => one.recorded);
      const permissions = [...inState, ...recreated.map(({ listed }) => listed), ...recorded];
      if (context.config.adoptExisting) permissions.push(...(await this.#adoptable(context, checkpoint, state)));
      permissions.sort(byProject);
      const listed = new Set([...state.projectIds, ...unmanaged.map(({ projectId }) => projectId)]);
      const having = new Set(permissions.map(({ projectId }) => projectId));
      const projectIds = [...having].filter((projectId) => listed.has(projectId));
      const inputs = { fineTunedModelCheckpoint, exclusive, projectIds };
      const props = { ...inputs, permissions };
      context.noteRefresh(refreshedAs(props, state.projectIds), idsOf(props) !== idsOf(state));
      return { id, props, inputs };
    });
  }

  /**
   * Finds the permissions to import.
   *
   * @param id the checkpoint.
   * @param only the projects to import. Default: all that have access.
   * @throws {OperationFailed} when none has access.
   */
  async import(id: string, only?: ReadonlySet<string>): Promise<ReadResult<SetInputs, SetOutputs>> {
    const problem = checkId("fineTunedModelCheckpoint", id, "it");
    if (problem !== undefined) {
      const remedy = "The ID to import is the checkpoint, such as ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd.";
      throw nothingToImport(id, problem.reason, remedy);
    }
    return withFailure(this.context, { operation: "list", checkpoint: id }, async (context) => {
      const all = (await context.checkpoint(id).all()).permissions;
      const permissions = newestOfEach(all.filter(({ projectId }) => only?.has(projectId) !== false)).sort(byProject);
      if (permissions.length === 0) throw nothingToImport(id, `no project has a permission for ${id}`);
      const projectIds = permissions.map(({ projectId }) => projectId);
      const inputs = { fineTunedModelCheckpoint: id, projectIds, exclusive: false };
      return { id, props: { ...inputs, permissions }, inputs };
    });
  }

  async update(urn: string | undefined, id: string, state: SetOutputs, news: SetInputs): Promise<dynamic.UpdateResult> {
    const olds = completeState(id, state);
    const { outs, failure } = await this.#reconcile(urn, news, olds);
    if (failure !== undefined) throw new PartialFailure(id, { ...withoutEffects(news), ...outs }, failure);
    return { outs };
  }

  /** Revokes the permissions in state, even of an exclusive set, because no preview has shown the others. */
  async delete(id: string, props: Partial<SetOutputs>): Promise<void> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, permissions } = state;
    return this.#withFailure("revoke", state, async (checkpoint, context) => {
      const { failures, isAny } = await release(context, checkpoint, permissions);
      const kept = permissions.filter(isAny("kept"));
      if (kept.length > 0) context.say(messages.kept(fineTunedModelCheckpoint, kept));
      await reportEnded(context, checkpoint, permissions.filter(isAny("missing")), { isRevoked: false });
      await reportEnded(context, checkpoint, permissions.filter(isAny("revoked")), { isRevoked: true });
      // A run that was killed may have granted what state does not have.
      const recorded = new Set(permissions.map(({ projectId }) => projectId));
      const unrecorded = state.projectIds.filter((projectId) => !recorded.has(projectId));
      await reportRemaining(context, checkpoint, unrecorded);
      const stillDeclared = permissions.filter(isAny("stillDeclared"));
      if (stillDeclared.length > 0) {
        const isOne = stillDeclared.length === 1;
        const subject = isOne ? stillDeclared[0]!.projectId : `${stillDeclared.length} projects`;
        const ids = isOne ? stillDeclared[0]!.id : messages.few(stillDeclared.map((permission) => permission.id));
        failures.push(notRevoked(fineTunedModelCheckpoint, subject, ids));
      }
      if (failures.length > 0) {
        throw combined(
          `Cannot revoke all permissions for ${fineTunedModelCheckpoint}`,
          failures,
          "Run the same command again; what is revoked already needs no further request.",
        );
      }
    });
  }

  /**
   * Compares the permissions in state with the API's list, and reports what differs.
   *
   * @param news undefined for a refresh.
   */
  async #drift(
    context: ProviderContext,
    checkpoint: Checkpoint,
    state: SetOutputs,
    news?: SetInputs,
  ): Promise<Drift<Permission> & { drifted: ReadonlySet<string> }> {
    // An exclusive set needs all permissions in any case.
    if (state.exclusive) await checkpoint.all();
    const compare = news === undefined ? confirmedDriftOf : driftOf;
    const drift = await compare(context, checkpoint, state.permissions);
    // What has left the list moves to another resource, which reports it.
    const listed = new Set(state.projectIds);
    const isListed = ({ recorded }: { recorded: Permission }) => listed.has(recorded.projectId);
    const [missing, recreated] = [drift.missing.filter(isListed), drift.recreated.filter(isListed)];
    const wanted = new Set(news === undefined ? [] : knownOf(news.projectIds));
    await reportDrift(context, checkpoint, { missing, recreated }, ({ projectId }) => {
      if (news === undefined) return "removedFromState";
      return wanted.has(projectId) || !isKnown(news) ? "grantedAgain" : "undeclared";
    });
    const drifted = new Set([...missing, ...recreated].map(({ recorded }) => recorded.projectId));
    return { ...drift, drifted };
  }

  /** The permissions that are not on an exclusive list and that its check has named; others are reported. */
  async #unmanaged(
    context: ProviderContext,
    checkpoint: Checkpoint,
    inputs: SetInputs,
    inState: readonly Permission[],
    maxAge?: number,
  ): Promise<Permission[]> {
    if (!isKnown(inputs)) return [];
    const isNamed = isRevokedBy(inputs);
    const unmanaged = await unmanagedOf(context, inputs, inState, maxAge);
    const unannounced = unmanaged.filter((permission) => !isNamed(permission));
    if (unannounced.length > 0) context.say(messages.unannounced(checkpoint.id, unannounced));
    return unmanaged.filter(isNamed);
  }

  /** Permissions of projects that are on the list and have none in state; a refresh adopts them. */
  async #adoptable(context: ProviderContext, checkpoint: Checkpoint, state: SetOutputs): Promise<Permission[]> {
    const recorded = new Set(state.permissions.map(({ projectId }) => projectId));
    const without = state.projectIds.filter((projectId) => !recorded.has(projectId));
    const looks = await Promise.all(without.map((projectId) => checkpoint.access(projectId).look()));
    const found = looks.flatMap((look) => (look.is === "listed" ? look.permission : []));
    if (found.length > 0) context.say(messages.adopted(checkpoint.id, found));
    return found;
  }

  /** Grants and revokes until access is as declared, as far as possible, and returns what must be in state then. */
  #reconcile(urn: string | undefined, inputs: SetInputs, olds: Pick<SetOutputs, "projectIds" | "permissions">) {
    return this.#withFailure("grant", inputs, async (checkpoint, context) => {
      declareAgain(context, urn, (known) => declarationOf(known, inputs));
      const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
      const { granted, failures } = await grantAll(context, checkpoint, projectIds, olds.permissions);
      const isDeclaredElsewhere = (projectId: string) => checkpoint.access(projectId).isDeclared(urn);
      const { giveUp: mayBeTheirs } = planOf(olds.permissions, inputs, isDeclaredElsewhere);
      if (mayBeTheirs.length > 0) await untilNoneIsLate(context, checkpoint);
      const areSomeLate = context.declarations.areSomeLate(checkpoint.id);
      // Only now, since more resources may have been checked meanwhile.
      const { keep, giveUp, handOver } = planOf(olds.permissions, inputs, isDeclaredElsewhere);
      // What an earlier update has not given up belongs to another resource, which may be checked later than this one.
      await adopted(context, checkpoint, [...handOver, ...giveUp.filter(isLeftOverFrom(olds))]);
      const revoke = await this.#unmanaged(context, checkpoint, inputs, olds.permissions, maxAgeOfWrite).catch(
        (error: unknown) => {
          const attempt = { operation: "look up", checkpoint: checkpoint.id, subject: subjectOf(inputs) } as const;
          failures.push(failureOf(error, attempt, () => context.config));
          return [];
        },
      );
      if (areSomeLate && giveUp.length > 0) context.say(messages.late(checkpoint.id, giveUp));
      const leaving = areSomeLate ? handOver : [...giveUp, ...handOver];
      const released = await release(context, checkpoint, [...leaving, ...revoke]);
      failures.push(...released.failures);
      const revoked = revoke.filter(released.isAny("revoked"));
      if (revoked.length > 0) context.say(messages.unmanagedRevoked(revoked));
      await reportEnded(context, checkpoint, leaving.filter(released.isAny("missing")), { isRevoked: false });
      await reportEnded(context, checkpoint, leaving.filter(released.isAny("revoked")), { isRevoked: true });

      // What failed stays in state.
      const grantedTo = new Set(granted.map(({ projectId }) => projectId));
      const failed = [
        ...keep.filter(({ projectId }) => !grantedTo.has(projectId)),
        ...[...giveUp, ...handOver].filter((one) => !released.isAny("revoked", "missing", "kept")(one)),
      ];
      const permissions = [...granted, ...failed].sort(byProject);
      const outs: SetOutputs = { fineTunedModelCheckpoint, projectIds, exclusive, permissions };
      if (failures.length === 0) return { outs, failure: undefined };
      const failure = combined(
        `Access to ${checkpoint.id} is not as declared yet`,
        failures,
        "What was done is in state; run `pulumi up` again to continue.",
      );
      return { outs, failure };
    });
  }

  /** Runs an operation on a checkpoint; its failure says on which, and for whom. */
  #withFailure<Result>(
    operation: Operation,
    inputs: SetInputs,
    run: (checkpoint: Checkpoint, context: ProviderContext) => Promise<Result>,
  ): Promise<Result> {
    const { fineTunedModelCheckpoint: checkpoint } = inputs;
    const attempt = { operation, checkpoint, subject: subjectOf(inputs) };
    return withFailure(this.context, attempt, (context) => run(context.checkpoint(checkpoint), context));
  }
}

function declarationOf(urn: string, { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs): Declaration {
  return {
    urn,
    checkpoint: fineTunedModelCheckpoint,
    projectIds: new Set(knownOf(projectIds)),
    exclusive: !isUnknown(exclusive) && exclusive,
  };
}

function hasBoth(inputs: Partial<SetInputs>): inputs is SetInputs {
  return inputs.fineTunedModelCheckpoint !== undefined && Array.isArray(inputs.projectIds);
}

/** Waits a while for resources whose IDs come from others: what a set gives up may be theirs. */
async function untilNoneIsLate({ ledger, declarations, clock }: ProviderContext, { id }: Checkpoint): Promise<void> {
  await ledger.until(() => !declarations.areSomeLate(id), clock.sleep(patience));
}

/**
 * Waits a moment until other resources have adopted what a set gives up, so that its state need not keep it any longer.
 * Access does not depend on that: what they have not adopted stays in state.
 */
async function adopted(
  context: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
): Promise<void> {
  const accesses = permissions.map(({ projectId }) => checkpoint.access(projectId));
  await context.ledger.until(() => accesses.every((access) => access.isInState), context.clock.sleep(patience));
}

/** What an earlier update of a set has left in state: its project was not on the list then either. */
function isLeftOverFrom(olds: Pick<SetOutputs, "projectIds">): (permission: Permission) => boolean {
  const listed = new Set(olds.projectIds);
  return ({ projectId }) => !listed.has(projectId);
}

async function grantAll(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
  inState: readonly Permission[],
) {
  const recorded = new Map(inState.map((permission) => [permission.projectId, permission]));
  const grants = await Promise.allSettled(
    projectIds.map((projectId) => checkpoint.access(projectId).grant(recorded.get(projectId))),
  );
  const granted = grants.flatMap((grant) => (grant.status === "fulfilled" ? grant.value : []));
  const adopted = granted.filter(({ isAdopted }) => isAdopted).map(({ permission }) => permission);
  if (adopted.length > 0) context.say(messages.adopted(checkpoint.id, adopted));
  const failed = grants.flatMap((grant, index): [string, unknown][] =>
    grant.status === "rejected" ? [[projectIds[index]!, grant.reason]] : [],
  );
  return {
    granted: granted.map(({ permission }) => permission),
    failures: failuresOf(failed, { operation: "grant", checkpoint: checkpoint.id }, context.config),
  };
}

/** The permission that counts for each project, of a list that has the newest first. */
function newestOfEach(permissions: readonly Permission[]): Permission[] {
  return [...new Map(permissions.toReversed().map((permission) => [permission.projectId, permission])).values()];
}

function idsOf({ permissions }: Pick<SetOutputs, "permissions">): string {
  return permissions.map(({ id }) => id).join(" ");
}

/** What tells a set from all others of a refresh: the diff is told what it has read, and the list of before. */
function refreshedAs(read: SetOutputs, projectIdsBefore: readonly string[]): string {
  return JSON.stringify([read.fineTunedModelCheckpoint, idsOf(read), projectIdsBefore]);
}

/** Releases permissions. `isAny` tells of one whether its release has one of some outcomes. */
async function release(context: ProviderContext, checkpoint: Checkpoint, permissions: readonly Permission[]) {
  const outcomes = await checkpoint.releaseAll(permissions);
  const failed = permissions.flatMap(({ id, projectId }): [string, unknown][] => {
    const outcome = outcomes.get(id);
    return outcome instanceof Error ? [[projectId, outcome]] : [];
  });
  const failures = failuresOf(failed, { operation: "revoke", checkpoint: checkpoint.id }, context.config);
  const isAny =
    (...some: Release[]) =>
    ({ id }: Permission) =>
      some.some((outcome) => outcome === outcomes.get(id));
  const unknown = permissions.filter(isAny("maybeDeclared"));
  if (unknown.length > 0) failures.push(maybeDeclared(context, checkpoint.id, unknown));
  const untried = permissions.filter(({ id }) => !outcomes.has(id)).length;
  if (untried > 0) {
    const done = permissions.length - failed.length - untried;
    failures.push(new Error(`${done} of ${permissions.length} are done; the rest was not tried.`));
  }
  return { failures, isAny };
}
