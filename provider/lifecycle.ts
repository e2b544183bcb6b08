import type { dynamic } from "@pulumi/pulumi";
import { grantedAt, grantOrAdopt } from "./adopt";
import type { Permission } from "./contract";
import type { Deployment } from "./deployment";
import { attempt, completeState, configFailure } from "./failure";
import { checkId, isUnknown } from "./input";
import { revoke } from "./revoke";

export interface PermissionInputs {
  fineTunedModelCheckpoint: string;
  projectId: string;
}

export interface PermissionOutputs extends PermissionInputs {
  /** Unix seconds. */
  createdAt: number;
}

const inputNames = ["fineTunedModelCheckpoint", "projectId"] as const;

/**
 * What Pulumi's operations mean for one checkpoint permission.
 *
 * Missing is an answer, and only a complete list gives it; every failure throws, and leaves state as it was.
 */
export class PermissionLifecycle implements dynamic.ResourceProvider<PermissionInputs, PermissionOutputs> {
  /** @param deployment gives what the process shares, or throws what is wrong with the config. */
  constructor(readonly deployment: () => Deployment) {}

  async check(_olds: Partial<PermissionInputs>, news: PermissionInputs) {
    const failures = inputNames.flatMap((name) => checkId(name, news[name]) ?? []);
    try {
      const deployment = this.deployment();
      const { fineTunedModelCheckpoint, projectId } = news;
      if (failures.length === 0 && !isUnknown(fineTunedModelCheckpoint) && !isUnknown(projectId)) {
        deployment.want(fineTunedModelCheckpoint, projectId);
      }
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs: news, failures };
  }

  async diff(id: string, olds: PermissionOutputs, news: PermissionInputs): Promise<dynamic.DiffResult> {
    const replaces = inputNames.filter((name) => olds[name] !== news[name]);
    const deployment = await attempt("look up", olds, async () => this.deployment());
    deployment.own(id);
    if (replaces.length > 0) return { changes: true, replaces };
    deployment.hold(olds.fineTunedModelCheckpoint, olds.projectId, id);

    return deployment.planning(() =>
      attempt("look up", olds, async () => {
        const { lookups, config, say, clock } = deployment;
        if (!config.driftDetection) return { changes: false };
        const { fineTunedModelCheckpoint, projectId } = olds;
        const rows = await lookups.find(fineTunedModelCheckpoint, projectId, id);
        if (rows.some((row) => row.id === id)) return { changes: false };

        deployment.lose(id);
        const [remade] = rows;
        const seen = `(seen ${new Date(clock.now()).toISOString()})`;
        if (remade === undefined) {
          say(
            `Drift: ${id}, which lets ${projectId} use ${fineTunedModelCheckpoint}, was revoked outside of Pulumi ${seen}; ` +
              `it is to be granted again.`,
          );
        } else {
          deployment.own(remade.id);
          say(
            `Drift: ${id}, which lets ${projectId} use ${fineTunedModelCheckpoint}, was revoked outside of Pulumi and ` +
              `granted again as ${remade.id} ${seen}; the new permission is to take its place, with no change of access.`,
          );
        }
        return { changes: true, replaces: ["projectId"] };
      }),
    );
  }

  async create(inputs: PermissionInputs): Promise<dynamic.CreateResult<PermissionOutputs>> {
    return attempt("grant", inputs, async () => {
      const deployment = this.deployment();
      const { fineTunedModelCheckpoint, projectId } = inputs;
      const { permission, adopted } = await grantOrAdopt(deployment, inputs);
      const { id } = permission;
      if (adopted) {
        deployment.say(
          `Adopted ${id}: ${projectId} may already use ${fineTunedModelCheckpoint} (granted ${grantedAt(permission)}); ` +
            `from now on it belongs to this stack, and is revoked with it.`,
        );
      }
      return { id, outs: outputs(fineTunedModelCheckpoint, permission) };
    });
  }

  async read(id: string, props?: Partial<PermissionOutputs>): Promise<dynamic.ReadResult<PermissionOutputs>> {
    const state = completeState(id, props);
    return attempt("look up", state, async () => {
      const deployment = this.deployment();
      const { fineTunedModelCheckpoint, projectId } = state;
      const rows = await deployment.lookups.find(fineTunedModelCheckpoint, projectId, id);
      const permission = rows.find((row) => row.id === id) ?? rows[0];
      if (permission === undefined) {
        deployment.say(
          `Drift: ${id}, which let ${projectId} use ${fineTunedModelCheckpoint}, was revoked outside of Pulumi.`,
        );
        return {};
      }
      if (permission.id !== id) {
        deployment.say(
          `${id}, which let ${projectId} use ${fineTunedModelCheckpoint}, was revoked outside of Pulumi and granted ` +
            `again as ${permission.id}, which is recorded from now on.`,
        );
      }
      deployment.own(permission.id);
      return {
        id: permission.id,
        props: outputs(fineTunedModelCheckpoint, permission),
        inputs: { fineTunedModelCheckpoint, projectId } as PermissionOutputs,
      };
    });
  }

  async delete(id: string, props: Partial<PermissionOutputs>): Promise<void> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, projectId } = state;
    return attempt("revoke", state, () =>
      this.deployment().whileRevoking(fineTunedModelCheckpoint, projectId, () => revoke(this.deployment(), id, state)),
    );
  }
}

function outputs(fineTunedModelCheckpoint: string, { projectId, createdAt }: Permission): PermissionOutputs {
  return { fineTunedModelCheckpoint, projectId, createdAt };
}
