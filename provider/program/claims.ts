import * as pulumi from "@pulumi/pulumi";
import { conflictOf, type Claim } from "../resource/claims";
import type { ProgramFacts } from "../resource/single";
import { programError } from "./error";

/** The access that a resource of the program declares. */
export interface Declaration {
  /** The resource's type. Two resources of one type cannot have the same name. */
  kind: "permission" | "permissions";
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
}

// One process can run several programs (Automation API); each has a monitor of its own.
const programs = new WeakMap<object, Map<string, Owner[]>>();

/**
 * Notes the access that a resource declares.
 *
 * @throws {pulumi.RunError} naming both resources, when another one of this program declares the same access, or when
 * either is an exclusive list of the checkpoint. If an ID is an output, the deployment fails later with the same error.
 */
export function claim(declaration: Declaration): void {
  const { name, fineTunedModelCheckpoint, projectIds, exclusive } = declaration;
  const owners = ownersInProgram();
  if (owners === undefined) return;

  const mine: Owner = { name, identity: identityOf(declaration), exclusive: exclusive === true, projectIds: new Set() };
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
  const listed = listOf(projectIds);
  const plain = listed.filter((projectId) => typeof projectId === "string");
  if (typeof fineTunedModelCheckpoint === "string") enter(fineTunedModelCheckpoint, plain);
  const isPlain = Array.isArray(projectIds) && plain.length === listed.length && typeof exclusive === "boolean";
  if (typeof fineTunedModelCheckpoint === "string" && isPlain) return;
  void pulumi.all([fineTunedModelCheckpoint, projectIds, exclusive]).apply(([checkpoint, projects, isExclusive]) => {
    mine.exclusive = isExclusive;
    // The check reports what is not a list.
    if (Array.isArray(projects)) enter(checkpoint, projects);
  });
}

/**
 * What the check of a set has to know about the rest of the program. The engine checks one resource after another, and a
 * set that gives up a project must know whether a resource that is checked later takes it over.
 *
 * If the program awaits nothing, all constructors have run when this resolves. Resources that are declared later, or with
 * IDs that are outputs, are missing.
 */
export function programFacts(declaration: Declaration): pulumi.Output<ProgramFacts> | undefined {
  const owners = ownersInProgram();
  if (owners === undefined) return undefined;
  const { fineTunedModelCheckpoint, projectIds } = declaration;
  const identity = identityOf(declaration);
  const constructorsHaveRun = new Promise<void>((resolve) => setImmediate(resolve));
  return pulumi.all([fineTunedModelCheckpoint, constructorsHaveRun]).apply(([checkpoint]) => {
    const others = (owners.get(checkpoint) ?? []).filter((owner) => owner.identity !== identity);
    return {
      others: [...new Set(others.flatMap((owner) => [...owner.projectIds]))],
      ...(mayBeShortened(declaration) ? { listLength: listOf(projectIds).length } : {}),
      ...(declaration.opts?.deleteBeforeReplace === true ? { deleteBeforeReplace: true } : {}),
    };
  });
}

/** Whether the engine may drop elements of the list. (With `ignoreChanges` an older list arrives, of another length.) */
function mayBeShortened({ projectIds, opts }: Declaration): boolean {
  return opts?.ignoreChanges === undefined && listOf(projectIds).some((projectId) => typeof projectId !== "string");
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
