import type { dynamic } from "@pulumi/pulumi";
import type { Access } from "../access/checkpoint";
import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/permission";
import { sayWhatExists } from "./existing";
import { attempt, configFailure, nothingToImport, OperationFailed, stillWanted } from "./failure";
import { checkId, isUnknown } from "./ids";
import * as lines from "./lines";

export interface PermissionInputs {
  fineTunedModelCheckpoint: string;
  projectId: string;
}

export interface PermissionOutputs extends PermissionInputs {
  /** Unix seconds. */
  createdAt: number;
}

/** What a constructor knows about its program. It is in the input `__program`, which the check removes. */
export interface ProgramFacts {
  /** Whether a replacement deletes the resource first. */
  deleteBeforeReplace?: boolean;
  /** Of a set: the projects that other resources of the program give access to the same checkpoint. */
  others?: string[];
  /** Of a set: the length of its list, if some elements are outputs; the engine drops those that failed. */
  listLength?: number;
}

const inputNames = ["fineTunedModelCheckpoint", "projectId"] as const;

/**
 * What Pulumi's operations mean for one checkpoint permission.
 *
 * That a permission is gone is an answer, and only a complete list gives it. Every failure throws, and state stays as it
 * was.
 */
export class SingleResource implements dynamic.ResourceProvider<PermissionInputs, PermissionOutputs> {
  /** @param deployment returns what all resources share, or throws what is wrong with the config. */
  constructor(readonly deployment: () => Deployment) {}

  async check(
    olds: Partial<PermissionInputs>,
    { __program: program, ...news }: PermissionInputs & { __program?: ProgramFacts },
  ) {
    const failures = inputNames.flatMap((name) => checkId(name, news[name]) ?? []);
    try {
      const deployment = this.deployment();
      deployment.runsProgram = true;
      if (failures.length === 0 && inputNames.every((name) => !isUnknown(news[name]))) {
        const access = accessOf(deployment, news);
        access.want();
        const deleteBeforeReplace = program?.deleteBeforeReplace === true;
        if (hasBoth(olds)) accessOf(deployment, olds).addLive({ accesses: new Set([access]), deleteBeforeReplace });
        else await sayWhatExists(deployment, access.checkpoint, [news.projectId]);
      }
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs: news, failures };
  }

  async diff(id: string, olds: PermissionOutputs, news: PermissionInputs): Promise<dynamic.DiffResult> {
    const { fineTunedModelCheckpoint: checkpoint, projectId, createdAt } = olds;
    const replaces = inputNames.filter((name) => olds[name] !== news[name]);
    return attempt(this.deployment, "look up", checkpoint, projectId, async (deployment) => {
      const access = accessOf(deployment, olds);
      access.own(id);
      if (replaces.length > 0) return { changes: true, replaces };

      if (deployment.config.driftDetection) {
        const { permission, isGone, isUnlisted } = await access.look({ id, createdAt });
        if (isGone) {
          if (!access.checkpoint.isGone) deployment.say(lines.drift(access, id, permission, deployment.clock.date()));
          return { changes: true, replaces: ["projectId"] };
        }
        if (isUnlisted) deployment.say(lines.unlisted(checkpoint, [{ id, projectId, createdAt }]));
      }
      access.keep(id);
      return { changes: false };
    });
  }

  async create(inputs: PermissionInputs): Promise<dynamic.CreateResult<PermissionOutputs>> {
    const { fineTunedModelCheckpoint: checkpoint, projectId } = inputs;
    return attempt(this.deployment, "grant", checkpoint, projectId, async (deployment) => {
      const { permission, isTakenOver } = await accessOf(deployment, inputs).grant();
      if (isTakenOver) deployment.say(lines.takenOver(checkpoint, [permission]));
      return { id: permission.id, outs: outputs(checkpoint, permission) };
    });
  }

  async read(id: string, props?: Partial<PermissionOutputs>): Promise<dynamic.ReadResult<PermissionOutputs>> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint: checkpoint, projectId, createdAt } = state;
    return attempt(this.deployment, "look up", checkpoint, projectId, async (deployment) => {
      const access = accessOf(deployment, state);
      const { permission, isGone, isUnlisted } = await access.look({ id, createdAt });
      if (isGone && !access.checkpoint.isGone) deployment.say(lines.refreshed(access, id, permission));
      if (isUnlisted) deployment.say(lines.unlisted(checkpoint, [{ id, projectId, createdAt }]));
      if (permission === undefined) return {};
      return {
        id: permission.id,
        props: outputs(checkpoint, permission),
        inputs: { fineTunedModelCheckpoint: checkpoint, projectId } as PermissionOutputs,
      };
    });
  }

  /**
   * Finds the permission to import.
   *
   * @param id `CHECKPOINT/PROJECT`.
   * @throws {OperationFailed} when there is no such permission.
   */
  async import(id: string): Promise<dynamic.ReadResult<PermissionOutputs>> {
    const [checkpoint = "", projectId = "", ...rest] = id.split("/");
    const inputs = { fineTunedModelCheckpoint: checkpoint, projectId };
    const problems = inputNames.flatMap((name) => checkId(name, inputs[name]) ?? []);
    if (problems.length > 0) {
      const isPair = projectId !== "" && rest.length === 0;
      throw new OperationFailed(
        `Cannot import "${id}"${isPair ? `: ${problems.map(({ reason }) => reason).join(" ")}` : "."}`,
        "The ID to import is CHECKPOINT/PROJECT, such as ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd/proj_abc123.",
      );
    }
    return attempt(this.deployment, "look up", checkpoint, projectId, async (deployment) => {
      const { permission } = await accessOf(deployment, inputs).look();
      if (permission === undefined) throw nothingToImport(id, `${projectId} has no permission for ${checkpoint}`);
      return { id: permission.id, props: outputs(checkpoint, permission), inputs: inputs as PermissionOutputs };
    });
  }

  async delete(id: string, props: Partial<PermissionOutputs>): Promise<void> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint: checkpoint, projectId } = state;
    return attempt(this.deployment, "revoke", checkpoint, projectId, async (deployment) => {
      const outcome = await accessOf(deployment, state).release(id, "delete");
      if (outcome === "awaited") throw stillWanted(checkpoint, projectId, id);
      if (outcome === "kept") deployment.say(lines.kept(checkpoint, [{ id, projectId }]));
    });
  }
}

function accessOf(deployment: Deployment, { fineTunedModelCheckpoint, projectId }: PermissionInputs): Access {
  return deployment.checkpoint(fineTunedModelCheckpoint).access(projectId);
}

function hasBoth(inputs: Partial<PermissionInputs>): inputs is PermissionInputs {
  return inputNames.every((name) => typeof inputs[name] === "string");
}

function outputs(checkpoint: string, { projectId, createdAt }: Permission): PermissionOutputs {
  return { fineTunedModelCheckpoint: checkpoint, projectId, createdAt };
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
  throw new OperationFailed(
    `The state of ${id || "a permission"} lacks its ${missing.join(" and ")}, so nothing was done.`,
    "To bring an existing permission under Pulumi, declare it and run `pulumi up`, which takes it over; " +
      "`pulumi state delete` removes a record that cannot be repaired.",
  );
}
