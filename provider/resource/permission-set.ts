import type { dynamic } from "@pulumi/pulumi";
import type { ProviderContext } from "../access/context";
import { declareAgain, declareOnCheck } from "./declare";
import { isSecret, problemsWithEffects, withoutEffects, type Effects } from "./effects";
import { combined, configFailure, notRevoked, nothingToImport, PartialFailure, withFailure } from "./failure";
import type { Attempt } from "./remedies";
import type { ProgramHints } from "./hints";
import { checkId, isUnknown, knownId } from "./ids";
import * as messages from "../messages";
import {
  completeState,
  declarationOf,
  isKnown,
  knownOf,
  problemsWith,
  subjectOf,
  type SetInputs,
  type SetOutputs,
} from "./permission-set-inputs";
import { areChanged, planOf } from "./permission-set-plan";
import { announcedUnmanaged, isLeftOverFrom, reconcile, release } from "./permission-set-reconcile";
import { driftOfSet, imported, refreshed, refreshedAs } from "./permission-set-refresh";
import { effectsOfSet } from "./preview";
import {
  reportEnded,
  reportGainsOf,
  reportGivenUp,
  reportLosses,
  reportRemaining,
  reportUnknown,
} from "./access-reports";
import type { Operations, ReadResult } from "./operations";

/**
 * What Pulumi's operations mean for the set of all projects that have access to a checkpoint. In a program it is a
 * `CheckpointPermissionSet` (dynamic/permission-set.ts).
 */
export class PermissionSetResource implements Operations<SetInputs, SetOutputs> {
  /** @param context returns what all resources share, or throws what is wrong with the config. */
  constructor(readonly context: () => ProviderContext) {}

  /** Sorts the projects, so that order and repeats make no diff. */
  async check(
    urn: string,
    olds: Partial<SetInputs>,
    {
      __hints: hints = {},
      ...given
    }: Omit<SetInputs, "exclusive"> & { exclusive?: boolean; __hints?: Partial<ProgramHints> },
  ) {
    const news: SetInputs = { ...withoutEffects(given), exclusive: given.exclusive ?? false };
    const failures = [...problemsWith(news), ...problemsWithEffects(given, olds)];
    if (failures.length > 0) return { inputs: news, failures };
    const { projectIds } = news;
    let effects: Effects = {};
    const inputs = { ...news, projectIds: isUnknown(projectIds) ? projectIds : [...new Set(projectIds)].sort() };
    try {
      const context = this.context();
      context.noteCheck();
      const checkpoint = knownId(inputs.fineTunedModelCheckpoint);
      if (checkpoint === undefined || !isKnown(inputs)) context.declarations.setUnknown(checkpoint);
      if (checkpoint !== undefined) {
        // Of the list as it came: repeats must not make it look shorter than declared.
        const isShortened = projectIds.length < (hints.listLength ?? 0);
        if (isShortened) context.checkpoint(checkpoint).markUnknownProjects();
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

  /** Besides Pulumi's diff, it returns which projects an update gives access, and whose access it takes away. */
  async diff(
    urn: string | undefined,
    id: string,
    state: SetOutputs,
    news: SetInputs,
  ): Promise<dynamic.DiffResult & { gains?: string[]; loses?: string[] }> {
    const olds = completeState(id, state);
    return withFailure(this.context, attemptTo("look up", olds), async (checkpoint, context) => {
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
      const present = driftDetection
        ? (await driftOfSet(context, checkpoint, olds, news)).present.map(({ recorded }) => recorded)
        : olds.permissions;
      const isDeclaredElsewhere = (projectId: string) =>
        !context.runsProgram || checkpoint.access(projectId).isDeclared(urn);
      const { keep, grant, giveUp, handOver } = planOf(present, news, isDeclaredElsewhere);
      for (const { projectId, id } of keep) checkpoint.access(projectId).markInState(id);

      const isChanged = areChanged(olds, news) || giveUp.length > 0;
      const isLeftOver = isLeftOverFrom(olds);
      if (!isKnown(news)) reportUnknown(context, news);
      else if (isChanged) {
        const losing = giveUp.filter((one) => !isLeftOver(one));
        reportLosses(context, checkpoint, losing, { isExclusive: news.exclusive && driftDetection });
        await reportGainsOf(context, checkpoint, grant);
      }
      // What another resource has not adopted in time is given up by the next update. If this were no change, it would stay
      // in state for ever.
      const toAdopt = context.runsProgram ? handOver.filter(isLeftOver) : [];
      if (toAdopt.length > 0) context.say(messages.leftOver(checkpoint.id, toAdopt, { isDeclared: true }));
      const unwanted = giveUp.filter(isLeftOver);
      if (unwanted.length > 0) context.say(messages.leftOver(checkpoint.id, unwanted, { isDeclared: false }));
      const revoke = await announcedUnmanaged(context, checkpoint, news, olds.permissions);
      const isIncomplete = driftDetection && grant.some((projectId) => !isUnknown(projectId));
      const changes = isChanged || toAdopt.length > 0 || isIncomplete || revoke.length > 0;
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
    return withFailure(this.context, attemptTo("look up", state), (checkpoint, context) =>
      refreshed(context, checkpoint, id, state),
    );
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
    return withFailure(this.context, { operation: "list", checkpoint: id }, (checkpoint) => imported(checkpoint, only));
  }

  async update(
    urn: string | undefined,
    id: string,
    state: SetOutputs,
    news: SetInputs,
  ): Promise<dynamic.UpdateResult<SetOutputs>> {
    const olds = completeState(id, state);
    const { outs, failure } = await this.#reconcile(urn, news, olds);
    if (failure !== undefined) throw new PartialFailure(id, { ...withoutEffects(news), ...outs }, failure);
    return { outs };
  }

  /** Revokes the permissions in state, even of an exclusive set, because no preview has shown the others. */
  async delete(id: string, props: Partial<SetOutputs>): Promise<void> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, permissions } = state;
    return withFailure(this.context, attemptTo("revoke", state), async (checkpoint, context) => {
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

  #reconcile(urn: string | undefined, inputs: SetInputs, olds: Pick<SetOutputs, "projectIds" | "permissions">) {
    return withFailure(this.context, attemptTo("grant", inputs), (checkpoint, context) =>
      reconcile(context, checkpoint, urn, inputs, olds),
    );
  }
}

/** An operation on a set, as its failure names it. */
function attemptTo(operation: Attempt["operation"], inputs: SetInputs): Attempt {
  return { operation, checkpoint: inputs.fineTunedModelCheckpoint, subject: subjectOf(inputs) };
}

function hasBoth(inputs: Partial<SetInputs>): inputs is SetInputs {
  return inputs.fineTunedModelCheckpoint !== undefined && Array.isArray(inputs.projectIds);
}
