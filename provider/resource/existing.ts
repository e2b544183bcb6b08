import type { Checkpoint } from "../access/checkpoint";
import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/permission";
import * as lines from "./lines";

/** A project's permission, and what it has besides. */
export interface Existing {
  permission: Permission;
  others: Permission[];
}

/** The permissions that these projects have. */
export async function existing(checkpoint: Checkpoint, projectIds: readonly string[]): Promise<Existing[]> {
  const looks = await Promise.all(projectIds.map((projectId) => checkpoint.access(projectId).look()));
  return looks.flatMap(({ permission, others }) => (permission === undefined ? [] : { permission, others }));
}

/** Says which permissions will be taken over, and what is left beside them. */
export function sayTakenOver(deployment: Deployment, checkpoint: Checkpoint, found: readonly Existing[]): void {
  const foreign = found.filter(({ permission: { id, projectId } }) => !checkpoint.access(projectId).isOurs(id));
  if (foreign.length === 0) return;
  const taken = foreign.map(({ permission }) => permission);
  deployment.say(lines.exists(deployment.config, checkpoint.id, taken));
  const others = foreign.flatMap((one) => one.others);
  if (others.length > 0) deployment.say(lines.others(checkpoint.id, others));
}

/** Says what a create for these projects will take over, or why that is not known. */
export async function sayWhatExists(
  deployment: Deployment,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
): Promise<void> {
  if (!deployment.saysWhatExists) return;
  try {
    sayTakenOver(deployment, checkpoint, await existing(checkpoint, projectIds));
  } catch (error) {
    deployment.saysWhatExists = false;
    deployment.say(lines.existingUnknown(deployment.config, error));
  }
}
