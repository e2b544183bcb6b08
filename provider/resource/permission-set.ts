import type { dynamic } from "@pulumi/pulumi";
import type { Access, Release } from "../access/access";
import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { maxAgeOfWrite } from "../access/grants";
import type { Declaration } from "../access/declaration";
import type { Permission } from "../api/permission";
import { confirmedDriftOf, driftOf, reportDrift, type Drift } from "./drift";
import { isSecret, problemsWithEffects, withoutEffects, type Effects } from "./effects";
import {
  combined,
  configFailure,
  failureOf,
  failuresOf,
  notRevoked,
  nothingToImport,
  PartialFailure,
  withFailure,
  type Operation,
} from "./failure";
import { claim } from "./claims";
import { takeHints, type ProgramHints } from "./hints";
import { checkId, isUnknown } from "./ids";
import * as messages from "./messages";
import {
  byProject,
  completeState,
  isKnown,
  knownOf,
  planOf,
  problemsWith,
  subjectOf,
  type SetInputs,
  type SetOutputs,
} from "./permission-set-inputs";
import {
  effectsOfSet,
  projectsHaving,
  reportGains,
  reportLosses,
  reportRemaining,
  reportUnknown,
  reportUnmanaged,
  unmanagedOf,
} from "./preview";

/** How long, in milliseconds, an update waits for other resources to adopt what it gives up. */
const adoptionPause = 2_000;

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
  async check(urn: string, olds: Partial<SetInputs>, { __hints: hints, ...given }: Unchecked) {
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
      const isShortened = hints?.listLength !== undefined && projectIds.length < hints.listLength;
      if (isShortened && !isUnknown(inputs.fineTunedModelCheckpoint)) {
        context.checkpoint(inputs.fineTunedModelCheckpoint).markUnknownProjects();
      }
      failures.push(...recordDeclarations(context, urn, olds, inputs, hints));
      if (isSecret(given)) for (const projectId of knownOf(inputs.projectIds)) context.organization?.hide(projectId);
      if (failures.length === 0) effects = await effectsOfSet(context, inputs, olds, isSecret(given));
      const { fineTunedModelCheckpoint: id } = inputs;
      if (!isUnknown(id) && context.checkpoint(id).isChecked) context.gathered.flush(id);
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs: { ...inputs, ...effects }, failures };
  }

  async diff(urn: string, id: string, state: SetOutputs, news: SetInputs): Promise<SetDiff> {
    const olds = completeState(id, state);
    return this.#withFailure("look up", olds, async (checkpoint, context) => {
      const isChangedByRefresh = context.wasChangedByRefresh(idsOf(olds));
      if (isChangedByRefresh !== undefined) return { changes: isChangedByRefresh };
      declare(context, urn, news);
      if (news.fineTunedModelCheckpoint !== checkpoint.id) {
        for (const { projectId, id } of olds.permissions) checkpoint.access(projectId).markOurs(id);
        reportLosses(context, checkpoint, olds.permissions, { isExclusive: false });
        if (isUnknown(news.fineTunedModelCheckpoint)) reportUnknown(context, news);
        return { changes: true, replaces: ["fineTunedModelCheckpoint"] };
      }

      const { driftDetection } = context.config;
      const drift = driftDetection
        ? await this.#drift(context, checkpoint, olds, { isRefresh: false })
        : { present: olds.permissions, drifted: new Set<string>() };
      const isDeclaredElsewhere = (projectId: string) =>
        !context.runsProgram || checkpoint.access(projectId).isDeclared(urn);
      const { staying, leaving, waiting, joining, isChanged } = planOf(olds, news, drift.present, isDeclaredElsewhere);
      for (const { projectId, id } of staying) checkpoint.access(projectId).markInState(id);

      if (!isKnown(news)) reportUnknown(context, news);
      else if (isChanged) {
        const losing = leaving.filter(({ projectId }) => olds.projectIds.includes(projectId));
        reportLosses(context, checkpoint, losing, { isExclusive: news.exclusive && driftDetection });
        const gaining = joining.filter((projectId) => !drift.drifted.has(projectId));
        reportGains(context, checkpoint, gaining, await projectsHaving(context, checkpoint, gaining));
      }
      // What another resource has not adopted in time is given up by the next update. If this were no change, it would stay
      // in state for ever.
      const leftOver = (permissions: readonly Permission[]) =>
        context.runsProgram ? permissions.filter(({ projectId }) => !olds.projectIds.includes(projectId)) : [];
      const isLeftOver = leftOver(waiting).length > 0;
      if (isLeftOver) context.say(messages.leftOver(checkpoint.id, leftOver(waiting), { isDeclared: true }));
      const undeclared = leftOver(leaving);
      if (undeclared.length > 0) context.say(messages.leftOver(checkpoint.id, undeclared, { isDeclared: false }));
      const revoked = await this.#unmanaged(context, checkpoint, news, olds.permissions);
      const isIncomplete = driftDetection && joining.some((projectId) => !isUnknown(projectId));
      const changes = isChanged || isLeftOver || isIncomplete || drift.drifted.size > 0 || revoked.length > 0;
      if (!changes || !isKnown(news)) return { changes };
      return { changes, gains: joining, loses: leaving.map(({ projectId }) => projectId) };
    });
  }

  async create(urn: string, inputs: SetInputs): Promise<dynamic.CreateResult<SetOutputs>> {
    const id = inputs.fineTunedModelCheckpoint;
    const { outs, failure } = await this.#reconcile(urn, inputs, { projectIds: [], permissions: [] });
    if (failure === undefined) return { id, outs };
    // Permissions that were granted must be in state, even if others were not.
    if (outs.permissions.length > 0) throw new PartialFailure(id, { ...withoutEffects(inputs), ...outs }, failure);
    throw failure;
  }

  async read(id: string, props?: Partial<SetOutputs>): Promise<dynamic.ReadResult<SetOutputs>> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, exclusive } = state;
    return this.#withFailure("look up", state, async (checkpoint, context) => {
      const { present, recreated } = await this.#drift(context, checkpoint, state, { isRefresh: true });
      // An exclusive set owns the whole list, so that a refresh shows what is not in the program.
      const unmanaged = await unmanagedOf(context, state, state.permissions);
      await reportUnmanaged(context, checkpoint.id, unmanaged);
      // One for each project, as in a set's state: an update of the set revokes the others by name.
      const recorded = newestOfEach(unmanaged);
      const permissions = [...present, ...recreated.map(({ permission }) => permission), ...recorded];
      if (context.config.adoptExisting) permissions.push(...(await this.#adoptable(context, checkpoint, state)));
      permissions.sort(byProject);
      const listed = new Set([...state.projectIds, ...unmanaged.map(({ projectId }) => projectId)]);
      const having = new Set(permissions.map(({ projectId }) => projectId));
      const projectIds = [...having].filter((projectId) => listed.has(projectId));
      const inputs = { fineTunedModelCheckpoint, exclusive, projectIds };
      const props = { ...inputs, permissions };
      context.noteRefresh(idsOf(props), idsOf(props) !== idsOf(state));
      return { id, props, inputs: inputs as SetOutputs };
    });
  }

  /**
   * Finds the permissions to import.
   *
   * @param id the checkpoint.
   * @param only the projects to import. Default: all that have access.
   * @throws {OperationFailed} when none has access.
   */
  async import(id: string, only?: ReadonlySet<string>): Promise<dynamic.ReadResult<SetOutputs>> {
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
      return { id, props: { ...inputs, permissions }, inputs: inputs as SetOutputs };
    });
  }

  async update(urn: string, id: string, state: SetOutputs, news: SetInputs): Promise<dynamic.UpdateResult> {
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
      const { failures, by } = await release(context, checkpoint, permissions);
      if (by("kept").length > 0) context.say(messages.kept(fineTunedModelCheckpoint, by("kept")));
      await reportRemaining(
        context,
        checkpoint,
        [...by("revoked"), ...by("missing")].map(({ projectId }) => projectId),
      );
      const stillDeclared = by("stillDeclared");
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

  /** Compares the permissions in state with the API's list, and reports what differs. */
  async #drift(
    context: ProviderContext,
    checkpoint: Checkpoint,
    state: SetOutputs,
    how: { isRefresh: boolean },
  ): Promise<Drift<Permission> & { drifted: ReadonlySet<string> }> {
    // An exclusive set needs all permissions in any case.
    if (state.exclusive) await checkpoint.all();
    const compare = how.isRefresh ? confirmedDriftOf : driftOf;
    const drift = await compare(context, checkpoint, state.permissions);
    // What has left the list moves to another resource, which reports it.
    const listed = new Set(state.projectIds);
    const missing = drift.missing.filter(({ projectId }) => listed.has(projectId));
    const recreated = drift.recreated.filter(({ permission }) => listed.has(permission.projectId));
    await reportDrift(context, checkpoint, { missing, recreated }, how);
    const drifted = new Set([...missing, ...recreated.map(({ recorded }) => recorded)].map((one) => one.projectId));
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
    const named = new Set(inputs.revokes);
    const isNamed = (permission: Permission) => named.has(messages.nameOf(permission));
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
    const found = looks.flatMap(({ permission }) => permission ?? []);
    if (found.length > 0) context.say(messages.adopted(checkpoint.id, found));
    return found;
  }

  /** Grants and revokes until access is as declared, as far as possible, and returns what must be in state then. */
  #reconcile(urn: string, inputs: SetInputs, olds: Pick<SetOutputs, "projectIds" | "permissions">) {
    return this.#withFailure("grant", inputs, async (checkpoint, context) => {
      declare(context, urn, inputs);
      const inState = olds.permissions;
      const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
      const { granted, failures } = await grantAll(context, checkpoint, projectIds, inState);
      const listed = new Set(projectIds);
      const grantedTo = new Set(granted.map(({ projectId }) => projectId));
      const staying = inState.filter(({ projectId }) => listed.has(projectId) && !grantedTo.has(projectId));
      const leaving = inState.filter(({ projectId }) => !listed.has(projectId));
      await adopters(context, urn, checkpoint, leaving, new Set(olds.projectIds));
      const unmanaged = await this.#unmanaged(context, checkpoint, inputs, inState, maxAgeOfWrite).catch(
        (error: unknown) => {
          const attempt = { operation: "look up", checkpoint: checkpoint.id, subject: subjectOf(inputs) } as const;
          failures.push(failureOf(error, attempt, () => context.config));
          return [];
        },
      );
      const released = await release(context, checkpoint, [...leaving, ...unmanaged]);
      failures.push(...released.failures);
      const left = new Set(leaving);
      const notGivenUp = [...released.by("stillDeclared"), ...released.untouched];
      staying.push(...notGivenUp.filter((permission) => left.has(permission)));
      const revoked = released.by("revoked").filter((permission) => !left.has(permission));
      if (revoked.length > 0) context.say(messages.unmanagedRevoked(revoked));
      const givenUp = [...released.by("revoked"), ...released.by("missing")].filter((permission) =>
        left.has(permission),
      );
      await reportRemaining(
        context,
        checkpoint,
        givenUp.map(({ projectId }) => projectId),
      );

      const permissions = [...granted, ...staying].sort(byProject);
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

/**
 * Notes what the program declares, as far as a check knows.
 *
 * @returns a failure that names both resources, if this one and another cannot both stand.
 */
function recordDeclarations(
  context: ProviderContext,
  urn: string,
  olds: Partial<SetInputs>,
  news: SetInputs,
  hints: Partial<ProgramHints> = {},
): dynamic.CheckFailure[] {
  if (isUnknown(news.fineTunedModelCheckpoint)) return [];
  const checkpoint = context.checkpoint(news.fineTunedModelCheckpoint);
  takeHints(context, checkpoint, hints);
  const failures = claim(context, declarationOf(urn, news), "projectIds");
  if (olds.fineTunedModelCheckpoint === undefined || !Array.isArray(olds.projectIds)) return failures;
  const old = context.checkpoint(olds.fineTunedModelCheckpoint);
  const resource = { urn, declaredFor: checkpoint, deleteBeforeReplace: hints.deleteBeforeReplace === true };
  for (const projectId of olds.projectIds) old.access(projectId).addResource(resource);
  return failures;
}

function declarationOf(urn: string, { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs): Declaration {
  return {
    urn,
    checkpoint: fineTunedModelCheckpoint,
    projectIds: new Set(knownOf(projectIds)),
    exclusive: !isUnknown(exclusive) && exclusive,
  };
}

/** Notes what a resource declares by now: a policy may have rewritten its inputs since the check. */
function declare(context: ProviderContext, urn: string, inputs: SetInputs): void {
  if (context.runsProgram && !isUnknown(inputs.fineTunedModelCheckpoint)) {
    context.declarations.set(declarationOf(urn, inputs));
  }
}

/**
 * Waits a moment for the resources that are to adopt what a set gives up, so that its state need not keep it any longer.
 * Access does not depend on that: what they have not adopted stays in state.
 */
async function adopters(
  context: ProviderContext,
  urn: string,
  checkpoint: Checkpoint,
  leaving: readonly Permission[],
  listedBefore: ReadonlySet<string>,
): Promise<void> {
  const accesses = leaving.map(({ projectId }) => checkpoint.access(projectId));
  // What an earlier update has not given up belongs to another resource, which may be checked later than this one.
  const isToMove = (access: Access) => access.isDeclared(urn) || !listedBefore.has(access.projectId);
  const moving = accesses.filter((access) => isToMove(access) && !access.isInState);
  if (moving.length === 0) return;
  await Promise.race([Promise.all(moving.map((access) => access.whenInState())), context.clock.sleep(adoptionPause)]);
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

/** Releases permissions. `by` returns those with one outcome. */
async function release(context: ProviderContext, checkpoint: Checkpoint, permissions: readonly Permission[]) {
  const outcomes = await checkpoint.releaseAll(permissions);
  const untouched = permissions.filter(({ id }) => typeof outcomes.get(id) !== "string");
  const failed = untouched.flatMap(({ id, projectId }): [string, unknown][] => {
    const outcome = outcomes.get(id);
    return outcome === undefined ? [] : [[projectId, outcome]];
  });
  const failures = failuresOf(failed, { operation: "revoke", checkpoint: checkpoint.id }, context.config);
  const untried = untouched.length - failed.length;
  if (untried > 0) {
    const done = permissions.length - untouched.length;
    failures.push(new Error(`${done} of ${permissions.length} are done; the rest was not tried.`));
  }
  const by = (outcome: Release) => permissions.filter(({ id }) => outcomes.get(id) === outcome);
  return { failures, untouched, by };
}
