import type { dynamic } from "@pulumi/pulumi";
import { isUnknown } from "./ids";

/** The projects that a resource gives access to a checkpoint. */
export interface Claim {
  /** The resource's name. */
  name: string;
  projectIds: ReadonlySet<string>;
  /** Whether no other project may have access. */
  exclusive: boolean;
}

/**
 * Why two resources cannot have both of their claims to a checkpoint: destroying one would revoke what the other
 * declares, or each `up` of one would revoke what the other grants. Undefined when they can.
 */
export function conflictOf(checkpoint: string, first: Claim, second: Claim): string | undefined {
  const shared = [...first.projectIds].find((projectId) => second.projectIds.has(projectId));
  if (shared !== undefined) {
    return (
      `"${first.name}" and "${second.name}" both give project ${shared} access to checkpoint ${checkpoint}. ` +
      `Keep one of the two: a permission belongs to one resource.`
    );
  }
  if (!first.exclusive && !second.exclusive) return undefined;
  const [set, other] = first.exclusive ? [first, second] : [second, first];
  return (
    `"${set.name}" is the exclusive set of checkpoint ${checkpoint}, and "${other.name}" gives ` +
    `${[...other.projectIds].join(", ") || "no project"} access separately: each would undo the other. Add the projects ` +
    `to the set, or drop \`exclusive\`.`
  );
}

/** The claims of all resources of one run, entered by their checks one after another. */
export class Claims {
  readonly #byCheckpoint = new Map<string, Map<string, Claim>>();
  readonly #checkpoints = new Map<string, string>();

  /**
   * Enters a resource's claim, in place of the one that it had before.
   *
   * @param inputs valid ones.
   * @returns a failure that names both resources, if the claim is in conflict with another.
   */
  enter(urn: string, inputs: Record<string, unknown>): dynamic.CheckFailure[] {
    const { fineTunedModelCheckpoint: checkpoint, projectId, projectIds, exclusive } = inputs;
    this.#byCheckpoint.get(this.#checkpoints.get(urn) ?? "")?.delete(urn);
    if (typeof checkpoint !== "string" || isUnknown(checkpoint)) return [];
    const claims = this.#byCheckpoint.get(checkpoint) ?? new Map<string, Claim>();
    const property = projectId === undefined ? "projectIds" : "projectId";
    const projects = [projectId ?? projectIds].flat().filter((project) => typeof project === "string");
    const mine: Claim = {
      name: urn.slice(urn.lastIndexOf("::") + 2),
      projectIds: new Set(projects.filter((project) => !isUnknown(project))),
      exclusive: exclusive === true,
    };
    const conflicts = [...claims.values()].flatMap((other) => conflictOf(checkpoint, other, mine) ?? []);
    claims.set(urn, mine);
    this.#byCheckpoint.set(checkpoint, claims);
    this.#checkpoints.set(urn, checkpoint);
    return conflicts.slice(0, 1).map((reason) => ({ property, reason }));
  }
}
