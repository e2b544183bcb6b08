import { createRequire } from "node:module";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";

const packageName = "pulumi-openai-checkpoint-permissions";

/**
 * The `__provider` of a resource: where Pulumi's host finds its handler.
 *
 * Pulumi's own `dynamic.Resource` would serialise the handler's code into every resource's state instead: four times
 * the state, twice the time, a diff with every upgrade, and whatever the code captured, keys included.
 */
export function providerOf(handler: "permission" | "permissions"): string {
  return `exports.handler=require("${packageName}/dynamic").${handler}`;
}

const foldersWithPackage = new Set<string>();

/** Checks that the host, which runs in the program's folder, will find this package by name. */
export function assertHostFindsPackage(folder = process.cwd()): void {
  if (foldersWithPackage.has(folder)) return;
  try {
    // Resolved from here, the package would always find itself.
    createRequire(join(folder, "index.js")).resolve(`${packageName}/dynamic`);
    foldersWithPackage.add(folder);
  } catch {
    throw programError(
      `${packageName} is not installed where Pulumi looks for it. In ${folder} run: npm install ${packageName}`,
    );
  }
}

/** What a resource of the program declares. */
export interface Declaration {
  /** The resource's type, of which there can be one of a name. */
  kind: "permission" | "permissions";
  name: string;
  opts: pulumi.CustomResourceOptions | undefined;
  fineTunedModelCheckpoint: pulumi.Input<string>;
  projectIds: pulumi.Input<pulumi.Input<string>[]>;
  /** Whether it is the whole list of who may use the checkpoint. */
  exclusive: pulumi.Input<boolean>;
}

interface Owner {
  name: string;
  identity: string;
  exclusive: boolean;
  projectIds: Set<string>;
}

// One process can run several programs (Automation API); each has a monitor of its own.
const programs = new WeakMap<object, Map<string, Owner[]>>();

/**
 * Notes which projects a resource lets use a checkpoint.
 *
 * @throws {pulumi.RunError} naming both, when another resource of this program declares the same access, since
 * destroying one would revoke what the other promises, or when either is the checkpoint's exclusive list, since the one
 * would revoke what the other grants, for ever. Where an ID is an output, the deployment fails with the same error.
 */
export function claim({ kind, name, opts, fineTunedModelCheckpoint, projectIds, exclusive }: Declaration): void {
  const program = pulumi.runtime.getMonitor();
  if (program === undefined) return;
  const owners = programs.get(program) ?? new Map<string, Owner[]>();
  programs.set(program, owners);

  const parent = opts?.parent as { __pulumiType?: string } | undefined;
  const identity = `${parent?.__pulumiType ?? ""}$${kind} ${name}`;
  const enter = (checkpoint: string, projects: readonly string[], isExclusive: boolean) => {
    const mine: Owner = { name, identity, exclusive: isExclusive, projectIds: new Set(projects) };
    const all = owners.get(checkpoint) ?? [];
    // The same name twice is Pulumi's own error, and it says it well.
    for (const other of all.filter((owner) => owner.identity !== identity)) assertApart(checkpoint, other, mine);
    owners.set(checkpoint, [...all, mine]);
  };
  if (
    typeof fineTunedModelCheckpoint === "string" &&
    Array.isArray(projectIds) &&
    projectIds.every((projectId) => typeof projectId === "string") &&
    typeof exclusive === "boolean"
  ) {
    enter(fineTunedModelCheckpoint, projectIds, exclusive);
  } else {
    void pulumi.all([fineTunedModelCheckpoint, projectIds, exclusive]).apply(([checkpoint, projects, isExclusive]) => {
      // What is not a list is reported by the check, as an input.
      if (Array.isArray(projects)) enter(checkpoint, projects, isExclusive);
    });
  }
}

function assertApart(checkpoint: string, first: Owner, second: Owner): void {
  const shared = [...first.projectIds].find((projectId) => second.projectIds.has(projectId));
  if (shared !== undefined) {
    throw programError(
      `"${first.name}" and "${second.name}" both declare that project ${shared} may use checkpoint ${checkpoint}. ` +
        `Keep one of the two: a permission belongs to one resource.`,
    );
  }
  if (first.exclusive || second.exclusive) {
    const [list, other] = first.exclusive ? [first, second] : [second, first];
    throw programError(
      `"${list.name}" is the exclusive list of who may use checkpoint ${checkpoint}, and "${other.name}" lets ` +
        `${[...other.projectIds].join(", ") || "nobody"} use it beside that list: the one would revoke what the other ` +
        `grants. Move the projects into the list, or make it not exclusive.`,
    );
  }
}

/** An error of the program, which Pulumi shows without a stack trace. */
function programError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // Of one that has a stack, thrown where an output resolves, the SDK prints all it refers to: half a minute's work.
  error.stack = "";
  return error;
}
