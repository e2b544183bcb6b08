import type { dynamic } from "@pulumi/pulumi";
import { isUnknown } from "./ids";

/** Which projects a resource gives access to a checkpoint. */
export interface Claim {
  /** The resource's name. */
  name: string;
  projectIds: ReadonlySet<string>;
  /** Whether it is the whole list of who may use the checkpoint. */
  exclusive: boolean;
}

/**
 * Why two resources cannot both have what they claim of a checkpoint: destroying one would revoke what the other
 * promises, or the one would revoke what the other grants, for ever. Undefined when they can.
 */
export function conflictOf(checkpoint: string, first: Claim, second: Claim): string | undefined {
  const shared = [...first.projectIds].find((projectId) => second.projectIds.has(projectId));
  if (shared !== undefined) {
    return (
      `"${first.name}" and "${second.name}" both declare that project ${shared} may use checkpoint ${checkpoint}. ` +
      `Keep one of the two: a permission belongs to one resource.`
    );
  }
  if (!first.exclusive && !second.exclusive) return undefined;
  const [list, other] = first.exclusive ? [first, second] : [second, first];
  return (
    `"${list.name}" is the exclusive list of who may use checkpoint ${checkpoint}, and "${other.name}" lets ` +
    `${[...other.projectIds].join(", ") || "nobody"} use it beside that list: the one would revoke what the other ` +
    `grants. Move the projects into the list, or make it not exclusive.`
  );
}

/** What the resources of one deployment claim, as their checks tell it one after another. */
export class Claims {
  readonly #byCheckpoint = new Map<string, Map<string, Claim>>();
  readonly #checkpoints = new Map<string, string>();

  /**
   * Enters what a resource claims now, in place of what it claimed before.
   *
   * @param inputs that a check has passed.
   * @returns a failure that names both, where another resource claims the same.
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
