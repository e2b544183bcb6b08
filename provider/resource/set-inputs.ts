import type { dynamic } from "@pulumi/pulumi";
import type { Permission } from "../api/permission";
import { OperationFailed } from "./failure";
import { checkId, isUnknown } from "./ids";

export interface SetInputs {
  fineTunedModelCheckpoint: string;
  projectIds: string[];
  exclusive: boolean;
}

export interface SetOutputs extends SetInputs {
  /**
   * Sorted by project. The permission of a project that has left the list for another resource stays here until that
   * resource has taken it over, and the set is updated again.
   */
  permissions: Permission[];
}

/** What is wrong with the inputs, by property. */
export function problemsWith({ fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs): dynamic.CheckFailure[] {
  const failures = [checkId("fineTunedModelCheckpoint", fineTunedModelCheckpoint) ?? []].flat();
  if (!isUnknown(exclusive) && typeof exclusive !== "boolean") {
    failures.push({ property: "exclusive", reason: "exclusive must be true or false." });
  }
  if (isUnknown(projectIds)) return failures;
  if (!Array.isArray(projectIds)) {
    const reason = "projectIds must be a list of project IDs, such as proj_abc123.";
    return [...failures, { property: "projectIds", reason }];
  }
  for (const [index, projectId] of projectIds.entries()) {
    const failure = checkId("projectId", projectId);
    if (failure === undefined) continue;
    const reason = failure.reason.replace(/^projectId/, `projectIds[${index}]`);
    failures.push({ property: `projectIds[${index}]`, reason });
  }
  return failures;
}

export function completeState(id: string, state: Partial<SetOutputs> | undefined): SetOutputs {
  const { fineTunedModelCheckpoint, projectIds, permissions, exclusive = false } = state ?? {};
  if (fineTunedModelCheckpoint && projectIds && permissions) {
    return { fineTunedModelCheckpoint, projectIds, permissions, exclusive };
  }
  throw new OperationFailed(
    `The state of ${id} is incomplete, so nothing was done.`,
    "To bring existing permissions under Pulumi, declare them and run `pulumi up`, which takes them over.",
  );
}

/** Whether a preview knows the whole list already, and that it is exclusive or not. */
export function isKnown({ projectIds, exclusive }: SetInputs): boolean {
  return !isUnknown(exclusive) && knownOf(projectIds).length === projectIds.length;
}

/** The projects that a preview knows already. */
export function knownOf(projectIds: readonly string[]): string[] {
  return isUnknown(projectIds) ? [] : projectIds.filter((projectId) => !isUnknown(projectId));
}

/** A set's projects, for a message. */
export function whoOf({ projectIds }: SetInputs): string {
  return projectIds.length === 1 ? projectIds[0]! : `${projectIds.length} projects`;
}

export function sameProjects(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((projectId, index) => projectId === b[index]);
}

export function byProject(a: Permission, b: Permission): number {
  return a.projectId < b.projectId ? -1 : 1;
}
