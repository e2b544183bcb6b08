import * as pulumi from "@pulumi/pulumi";
import { conflictOf, type Claim } from "../resource/claims";
import type { ProgramHints } from "../resource/hints";
import type { Kind } from "../resource/reference";
import { programError } from "./declaration";

/** The access that a resource of the program declares. */
export interface Declaration {
  /** Two resources of one kind cannot have the same name. */
  kind: Kind;
  name: string;
  opts: pulumi.CustomResourceOptions | undefined;
  fineTunedModelCheckpoint: pulumi.Input<string>;
  projectIds: pulumi.Input<pulumi.Input<string>[]>;
  /** Whether no other project may have access. */
  exclusive: pulumi.Input<boolean>;
}

interface Owner extends Claim {
  identity: string;
  exclusive: boolean;
  projectIds: Set<string>;
  /** Whether the engine has to wait for another resource before it can create this one. */
  isDependent: boolean;
}

// One process can run several programs (Automation API); each has a monitor of its own.
const programs = new WeakMap<object, Map<string, Owner[]>>();

/**
 * Notes the access that a resource declares.
 *
 * @returns what its check has to know about the rest of the program; undefined if that is nothing, or outside a program.
 * @throws {pulumi.RunError} naming both resources, when another one of this program declares the same access, or when
 * either is an exclusive set of the checkpoint. If an ID is an output, the run fails later with the same error.
 */
export function claim(declaration: Declaration): pulumi.Output<ProgramHints> | undefined {
  const { name, fineTunedModelCheckpoint, projectIds, exclusive, kind, opts } = declaration;
  const owners = ownersInProgram();
  if (owners === undefined) return undefined;

  const listed = listOf(projectIds);
  const plain = listed.filter((projectId) => typeof projectId === "string");
  const isPlain =
    typeof fineTunedModelCheckpoint === "string" && Array.isArray(projectIds) && plain.length === listed.length;
  const mine: Owner = {
    name,
    identity: identityOf(declaration),
    exclusive: exclusive === true,
    projectIds: new Set(),
    isDependent: !isPlain || opts?.dependsOn !== undefined,
  };
  const enter = (checkpoint: string, projects: readonly string[]) => {
    const all = owners.get(checkpoint) ?? [];
    for (const projectId of projects) mine.projectIds.add(projectId);
    // For the same name twice Pulumi has an error of its own.
    for (const other of all.filter(({ identity }) => identity !== mine.identity)) {
      const conflict = conflictOf(checkpoint, other, mine);
      if (conflict !== undefined) throw programError(conflict);
    }
    if (!all.includes(mine)) owners.set(checkpoint, [...all, mine]);
  };
  const isFirst = typeof fineTunedModelCheckpoint === "string" && !owners.has(fineTunedModelCheckpoint);
  if (typeof fineTunedModelCheckpoint === "string") enter(fineTunedModelCheckpoint, plain);
  if (!isPlain || typeof exclusive !== "boolean") {
    void pulumi.all([fineTunedModelCheckpoint, projectIds, exclusive]).apply(([checkpoint, projects, isExclusive]) => {
      mine.exclusive = isExclusive;
      // The check reports what is not a list.
      if (Array.isArray(projects)) enter(checkpoint, projects);
    });
  }
  // One resource tells for all of its checkpoint; only a set has to know who the others are.
  const isTold = isFirst || kind === "permissionSet";
  if (isTold) return hintsFor(declaration, mine.identity, owners);
  return opts?.deleteBeforeReplace === true ? pulumi.output({ deleteBeforeReplace: true }) : undefined;
}

/**
 * What is known once all constructors have run. The engine checks one resource after another, and a set that gives up a
 * project must know whether a resource that is checked later adopts it.
 *
 * Resources that are declared after an `await`, or with IDs that are outputs, are missing.
 */
function hintsFor(
  declaration: Declaration,
  identity: string,
  owners: ReadonlyMap<string, readonly Owner[]>,
): pulumi.Output<ProgramHints> {
  const { kind, opts, fineTunedModelCheckpoint, projectIds } = declaration;
  const constructorsHaveRun = new Promise<void>((resolve) => setImmediate(resolve));
  return pulumi.all([fineTunedModelCheckpoint, constructorsHaveRun]).apply(([checkpoint]): ProgramHints => {
    const all = owners.get(checkpoint) ?? [];
    const projectsOf = (some: readonly Owner[]) => [...new Set(some.flatMap((owner) => [...owner.projectIds]))];
    // The SDK keeps it in a variable that it hands to its own processes.
    const parallel = Number(process.env["PULUMI_NODEJS_PARALLEL"]);
    return {
      declaredCount: projectsOf(all.filter(({ isDependent }) => !isDependent)).length,
      ...(parallel > 0 ? { parallel } : {}),
      ...(kind === "permissionSet" ? { others: projectsOf(all.filter((owner) => owner.identity !== identity)) } : {}),
      ...(mayBeShortened(declaration) ? { listLength: listOf(projectIds).length } : {}),
      ...(opts?.deleteBeforeReplace === true ? { deleteBeforeReplace: true } : {}),
    };
  });
}

/** Whether the engine may drop elements of the list. (With `ignoreChanges` an older list arrives, of another length.) */
function mayBeShortened({ kind, projectIds, opts }: Declaration): boolean {
  if (kind === "permission" || opts?.ignoreChanges !== undefined) return false;
  return listOf(projectIds).some((projectId) => typeof projectId !== "string");
}

/** The elements of the list; none if the whole list is an output. */
function listOf(projectIds: Declaration["projectIds"]): pulumi.Input<string>[] {
  return Array.isArray(projectIds) ? projectIds : [];
}

/** By checkpoint; undefined outside a Pulumi program. */
function ownersInProgram(): Map<string, Owner[]> | undefined {
  const program = pulumi.runtime.getMonitor();
  if (program === undefined) return undefined;
  const owners = programs.get(program) ?? new Map<string, Owner[]>();
  programs.set(program, owners);
  return owners;
}

function identityOf({ kind, name, opts }: Declaration): string {
  const parent = opts?.parent as { __pulumiType?: string } | undefined;
  return `${parent?.__pulumiType ?? ""}$${kind} ${name}`;
}
