import type { dynamic } from "@pulumi/pulumi";
import * as v from "valibot";
import type { Declaration } from "../access/declarations";
import type { Permission } from "../api/permission";
import type { Effects } from "./effects";
import { incompleteState } from "./failure";
import { checkId, isUnknown } from "./ids";

export interface SetInputs extends Effects {
  fineTunedModelCheckpoint: string;
  projectIds: string[];
  exclusive: boolean;
}

export interface SetOutputs extends Omit<SetInputs, keyof Effects> {
  /**
   * Sorted by project. The permission of a project that has left the list for another resource stays here until that
   * resource has adopted it, and the set is updated again.
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
  const problems = projectIds.flatMap(
    (projectId, index) => checkId("projectId", projectId, `projectIds[${index}]`) ?? [],
  );
  return [...failures, ...problems];
}

const setState = v.object({
  fineTunedModelCheckpoint: v.pipe(v.string(), v.nonEmpty()),
  projectIds: v.array(v.string()),
  exclusive: v.optional(v.boolean(), false),
  permissions: v.array(
    v.object({ id: v.pipe(v.string(), v.nonEmpty()), projectId: v.string(), createdAt: v.optional(v.number(), 0) }),
  ),
});

/** What must be in a set's state, which may have been edited by hand. */
export function completeState(id: string, state: object | undefined): SetOutputs {
  const parsed = v.safeParse(setState, state ?? {});
  if (parsed.success) return parsed.output;
  const paths = parsed.issues.map((issue) => v.getDotPath(issue));
  throw incompleteState(id, `it has no valid ${[...new Set(paths)].join(", ")}`);
}

/** Whether a preview knows the whole list already, and that it is exclusive or not. */
export function isKnown({ projectIds, exclusive }: Pick<SetInputs, "projectIds" | "exclusive">): boolean {
  return !isUnknown(exclusive) && knownOf(projectIds).length === projectIds.length;
}

/** The projects that a preview knows already. */
export function knownOf(projectIds: readonly string[]): string[] {
  return isUnknown(projectIds) ? [] : projectIds.filter((projectId) => !isUnknown(projectId));
}

/** A set's projects, for a message. */
export function subjectOf({ projectIds }: Pick<SetInputs, "projectIds">): string {
  return projectIds.length === 1 ? projectIds[0]! : `${projectIds.length} projects`;
}

export function byProject(one: Permission, other: Permission): number {
  return one.projectId < other.projectId ? -1 : 1;
}

export function declarationOf(
  urn: string,
  { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs,
): Declaration {
  return {
    urn,
    checkpoint: fineTunedModelCheckpoint,
    projectIds: new Set(knownOf(projectIds)),
    exclusive: !isUnknown(exclusive) && exclusive,
  };
}
