import type { dynamic } from "@pulumi/pulumi";
import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import type { Declaration } from "../access/declarations";
import type { Permission } from "../api/permission";
import { confirmedDriftOf, driftOf, reportDrift } from "./drift";
import { isSecret, problemsWithEffects, withoutEffects, type Effects } from "./effects";
import {
  cannotUpdate,
  configFailure,
  incompleteState,
  maybeDeclared,
  notRevoked,
  nothingToImport,
  withFailure,
} from "./failure";
import type { Attempt } from "./remedies";
import { declareAgain, declareOnCheck } from "./declare";
import type { ProgramHints } from "./hints";
import { checkId, isUnknown, knownId } from "./ids";
import type { Operations, ReadResult } from "./operations";
import * as messages from "../messages";
import { effectsOfPermission } from "./preview";
import { reportEnded, reportGivenUp, reportGranted } from "./access-reports";

export interface PermissionInputs extends Effects {
  fineTunedModelCheckpoint: string;
  projectId: string;
}

export interface PermissionOutputs extends Omit<PermissionInputs, keyof Effects> {
  /** Unix seconds. */
  createdAt: number;
}

const inputNames = ["fineTunedModelCheckpoint", "projectId"] as const;

/**
 * What Pulumi's operations mean for one checkpoint permission. In a program it is a `CheckpointPermission`
 * (dynamic/permission.ts).
 *
 * A permission is missing only if a complete list lacks it, or if its checkpoint is deleted. Any other failure throws, but
 * for the lookups of a check, and state stays as it was.
 */
export class PermissionResource implements Operations<PermissionInputs, PermissionOutputs> {
  /** @param context returns what all resources share, or throws what is wrong with the config. */
  constructor(readonly context: () => ProviderContext) {}

  async check(
    urn: string,
    olds: Partial<PermissionInputs>,
    { __hints: hints = {}, ...given }: PermissionInputs & { __hints?: Partial<ProgramHints> },
  ) {
    const news = withoutEffects(given);
    const failures = [
      ...inputNames.flatMap((name) => checkId(name, news[name]) ?? []),
      ...problemsWithEffects(given, olds),
    ];
    let effects: Effects = {};
    try {
      const context = this.context();
      context.noteCheck();
      if (!isKnown(news)) context.declarations.setUnknown(knownId(news.fineTunedModelCheckpoint));
      else if (failures.length === 0) {
        if (isSecret(given)) context.secretProjects.add(news.projectId);
        const had = hasBoth(olds) ? declarationOf(urn, olds) : undefined;
        const conflicts = declareOnCheck(context, declarationOf(urn, news), had, hints, "projectId");
        failures.push(...conflicts);
        // Of a replacement, policies and plans see the first check, which has the old inputs.
        const isCreated = inputNames.some((name) => olds[name] !== news[name]);
        if (isCreated && conflicts.length === 0) {
          effects = await effectsOfPermission(
            context,
            context.checkpoint(news.fineTunedModelCheckpoint),
            news.projectId,
          );
        }
      }
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs: { ...news, ...effects }, failures };
  }

  async diff(
    urn: string | undefined,
    id: string,
    state: PermissionOutputs,
    news: PermissionInputs,
  ): Promise<dynamic.DiffResult> {
    const olds = completeState(id, state);
    const replaces = inputNames.filter((name) => olds[name] !== news[name]);
    return withFailure(this.context, attemptTo("look up", olds), async (checkpoint, context) => {
      const access = checkpoint.access(olds.projectId);
      const isChanged = context.wasChangedByRefresh(id);
      if (isChanged !== undefined) return { changes: isChanged };
      access.markOurs(id);
      declareAgain(context, urn, (known) => (isKnown(news) ? declarationOf(known, news) : undefined));
      if (replaces.length > 0) {
        if (isKnown(news)) await reportGivenUp(context, checkpoint, [permissionOf(id, olds)]);
        return { changes: true, replaces };
      }

      if (context.config.driftDetection) {
        const drift = await driftOf(context, checkpoint, [permissionOf(id, olds)]);
        const outcome = context.declarations.isProtected(urn) ? "blocked" : "grantedAgain";
        await reportDrift(context, checkpoint, drift, () => outcome);
        if (drift.present.length === 0) return { changes: true, replaces: ["projectId"] };
      }
      access.markInState(id);
      return { changes: false };
    });
  }

  async create(urn: string | undefined, inputs: PermissionInputs): Promise<dynamic.CreateResult<PermissionOutputs>> {
    return withFailure(this.context, attemptTo("grant", inputs), async (checkpoint, context) => {
      const access = checkpoint.access(inputs.projectId);
      declareAgain(context, urn, (known) => declarationOf(known, inputs));
      const { permission, isAdopted } = await access.grant();
      if (isAdopted) context.lines.add(messages.adopted, checkpoint.id, [permission]);
      else reportGranted(context, checkpoint, [permission]);
      return { id: permission.id, outs: outputsOf(checkpoint, permission) };
    });
  }

  /**
   * Pulumi replaces a permission whose inputs change. `pulumi do … patch --stateless` does not.
   *
   * @throws {OperationFailed}
   */
  async update(_urn: string | undefined, id: string): Promise<dynamic.UpdateResult<PermissionOutputs>> {
    throw cannotUpdate(id);
  }

  async read(id: string, props?: Partial<PermissionOutputs>): Promise<ReadResult<PermissionInputs, PermissionOutputs>> {
    const state = completeState(id, props);
    return withFailure(this.context, attemptTo("look up", state), async (checkpoint, context) => {
      const drift = await confirmedDriftOf(context, checkpoint, [permissionOf(id, state)]);
      await reportDrift(context, checkpoint, drift, () => "removedFromState");
      const permission = drift.present[0]?.recorded ?? drift.recreated[0]?.listed;
      if (permission === undefined) return {};
      context.noteRefresh(permission.id, permission.id !== id);
      return readResult(checkpoint, permission);
    });
  }

  /**
   * Finds the permission to import.
   *
   * @param id `CHECKPOINT/PROJECT`.
   * @throws {OperationFailed} when the project has no permission.
   */
  async import(id: string): Promise<ReadResult<PermissionInputs, PermissionOutputs>> {
    const [checkpoint = "", projectId = "", ...rest] = id.split("/");
    const inputs = { fineTunedModelCheckpoint: checkpoint, projectId };
    const problems = inputNames.flatMap((name) => checkId(name, inputs[name]) ?? []);
    if (problems.length > 0) {
      const isPair = projectId !== "" && rest.length === 0;
      throw nothingToImport(
        id,
        isPair ? problems.map(({ reason }) => reason).join(" ") : "it is not a checkpoint and a project",
        "The ID to import is CHECKPOINT/PROJECT, such as ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd/proj_abc123.",
      );
    }
    return withFailure(this.context, attemptTo("look up", inputs), async (checkpoint) => {
      const look = await checkpoint.access(projectId).look();
      if (look.is !== "listed") throw nothingToImport(id, `${projectId} has no permission for ${checkpoint.id}`);
      return readResult(checkpoint, look.permission);
    });
  }

  async delete(id: string, props: Partial<PermissionOutputs>): Promise<void> {
    const state = completeState(id, props);
    return withFailure(this.context, attemptTo("revoke", state), async (checkpoint, context) => {
      const outcome = await checkpoint.access(state.projectId).release(id, state.createdAt);
      if (outcome === "stillDeclared") throw notRevoked(checkpoint.id, state.projectId, id);
      if (outcome === "maybeDeclared") throw maybeDeclared(context, checkpoint.id, [permissionOf(id, state)]);
      if (outcome === "kept") context.lines.add(messages.kept, checkpoint.id, [permissionOf(id, state)]);
      else await reportEnded(context, checkpoint, [permissionOf(id, state)], { isRevoked: outcome === "revoked" });
    });
  }
}

/** An operation on one access, as its failure names it. */
function attemptTo(
  operation: Attempt["operation"],
  { fineTunedModelCheckpoint, projectId }: PermissionInputs,
): Attempt {
  return { operation, checkpoint: fineTunedModelCheckpoint, subject: projectId };
}

function declarationOf(urn: string, { fineTunedModelCheckpoint, projectId }: PermissionInputs): Declaration {
  return { urn, checkpoint: fineTunedModelCheckpoint, projectIds: new Set([projectId]), exclusive: false };
}

function isKnown(inputs: PermissionInputs): boolean {
  return inputNames.every((name) => !isUnknown(inputs[name]));
}

function hasBoth(inputs: Partial<PermissionInputs>): inputs is PermissionInputs {
  return inputNames.every((name) => typeof inputs[name] === "string");
}

function permissionOf(id: string, { projectId, createdAt }: PermissionOutputs): Permission {
  return { id, projectId, createdAt };
}

function outputsOf({ id }: Checkpoint, { projectId, createdAt }: Permission): PermissionOutputs {
  return { fineTunedModelCheckpoint: id, projectId, createdAt };
}

function readResult(checkpoint: Checkpoint, permission: Permission): ReadResult<PermissionInputs, PermissionOutputs> {
  const { fineTunedModelCheckpoint, projectId, ...outputs } = outputsOf(checkpoint, permission);
  const inputs = { fineTunedModelCheckpoint, projectId };
  return { id: permission.id, props: { ...inputs, ...outputs }, inputs };
}

/** What must be in a resource's state. A dynamic resource that was imported by its ID alone lacks it. */
function completeState(id: string, state: Partial<PermissionOutputs> | undefined): PermissionOutputs {
  const { fineTunedModelCheckpoint, projectId, createdAt = 0 } = state ?? {};
  if (id !== "" && fineTunedModelCheckpoint && projectId) return { fineTunedModelCheckpoint, projectId, createdAt };
  const missing = [
    id ? [] : "id",
    fineTunedModelCheckpoint ? [] : "fineTunedModelCheckpoint",
    projectId ? [] : "projectId",
  ].flat();
  throw incompleteState(id || "a permission", `it lacks its ${missing.join(" and ")}`);
}
