import * as pulumi from "@pulumi/pulumi";
import type { ProgramHints } from "../resource/hints";
import { typesOf, type Kind } from "../resource/reference";

/** The access that a resource of the program declares. */
export interface Declaration {
  kind: Kind;
  name: string;
  opts: pulumi.CustomResourceOptions | undefined;
  fineTunedModelCheckpoint: pulumi.Input<string>;
  projectIds: pulumi.Input<pulumi.Input<string>[]>;
}

interface Owner {
  number: number;
  projectIds: Set<string>;
  /** Of a native resource, which has no hints: its type and name. */
  native: string | undefined;
  /** Whether the engine has to wait for another resource before it can create this one. */
  isDependent: boolean;
}

interface Program {
  /** How many resources have been declared. */
  count: number;
  byCheckpoint: Map<string, Owner[]>;
}

/**
 * One process can run several programs (Automation API); each has a monitor of its own. And one program can load several
 * copies of this package, of other versions, too: its own, and those of component packages. They all share this map, so
 * its form must stay.
 */
const programs: WeakMap<object, Program> = ((globalThis as Record<symbol, unknown>)[
  Symbol.for("pulumi-openai-checkpoint-permissions.programs")
] ??= new WeakMap<object, Program>()) as WeakMap<object, Program>;

/**
 * What a resource's check has to know about the rest of the program. The engine checks one resource after another, and a
 * set that gives up a project must know whether a resource that is checked later adopts it.
 *
 * What is declared after an `await`, or with IDs that are outputs, may come too late. Undefined outside a program.
 */
export function hintsFor(declaration: Declaration): pulumi.Output<ProgramHints> | undefined {
  const monitor: object | undefined = pulumi.runtime.getMonitor();
  if (monitor === undefined) return undefined;
  const program = programs.get(monitor) ?? watched({ count: 0, byCheckpoint: new Map<string, Owner[]>() });
  programs.set(monitor, program);

  const { kind, name, opts, fineTunedModelCheckpoint, projectIds } = declaration;
  const listed = listOf(projectIds);
  const plain = listed.filter((projectId) => typeof projectId === "string");
  const isPlain =
    typeof fineTunedModelCheckpoint === "string" && Array.isArray(projectIds) && plain.length === listed.length;
  const number = program.count++;
  const owner: Owner = {
    number,
    projectIds: new Set(),
    native: undefined,
    isDependent: !isPlain || opts?.dependsOn !== undefined,
  };
  if (typeof fineTunedModelCheckpoint === "string") enter(program, owner, fineTunedModelCheckpoint, plain);
  if (!isPlain) {
    void pulumi.all([fineTunedModelCheckpoint, projectIds]).apply(([checkpoint, projects]) => {
      // The check reports what is not a list.
      if (Array.isArray(projects)) enter(program, owner, checkpoint, projects);
    });
  }

  const urn = pulumi.createUrn(name, typesOf[kind].dynamic, opts?.parent);
  const constructorsHaveRun = new Promise<void>((resolve) => setImmediate(resolve));
  return pulumi.all([urn, fineTunedModelCheckpoint, constructorsHaveRun]).apply(([ownUrn, checkpoint]) => {
    const owners = program.byCheckpoint.get(checkpoint) ?? [];
    return {
      urn: ownUrn,
      number,
      // Each tells it, since any may be checked first.
      ...forecastOf(owners),
      ...(kind === "permissionSet" ? { others: othersOf(owners, owner) } : {}),
      ...(mayBeShortened(declaration) ? { listLength: listed.length } : {}),
      ...(opts?.deleteBeforeReplace === true ? { deleteBeforeReplace: true } : {}),
    };
  });
}

/** Notes that a resource gives these projects access to a checkpoint. */
function enter(program: Program, owner: Owner, checkpoint: string, projectIds: readonly string[]): void {
  const owners = program.byCheckpoint.get(checkpoint) ?? [];
  for (const projectId of projectIds) owner.projectIds.add(projectId);
  if (!owners.includes(owner)) program.byCheckpoint.set(checkpoint, [...owners, owner]);
}

/**
 * Also notes the native resources that the program declares from now on. Their generated classes run none of our code, and
 * another process checks them, perhaps after a set has given up what they are to adopt.
 */
function watched(program: Program): Program {
  const natives = Object.values(typesOf).map(({ native }): string => native);
  const note = ({ type, name, props }: pulumi.ResourceTransformationArgs): undefined => {
    const { fineTunedModelCheckpoint: checkpoint, projectId, projectIds } = props as Record<string, unknown>;
    if (!natives.includes(type) || typeof checkpoint !== "string") return;
    const plain = [projectId ?? projectIds].flat().filter((one) => typeof one === "string");
    const number = program.count++;
    const owner: Owner = { number, projectIds: new Set(), native: `${type}::${name}`, isDependent: true };
    enter(program, owner, checkpoint, plain);
  };
  try {
    pulumi.runtime.registerStackTransformation(note);
  } catch {
    // There is no stack, as under mocks.
  }
  return program;
}

type Forecast = Pick<ProgramHints, "declaredCount" | "parallel">;

/** By the owners of a checkpoint's accesses. */
const forecasts = new WeakMap<readonly Owner[], Forecast>();

function forecastOf(owners: readonly Owner[]): Forecast {
  const known = forecasts.get(owners);
  if (known !== undefined) return known;
  const independent = owners.filter(({ isDependent }) => !isDependent);
  // The SDK keeps it in a variable that it hands to its own processes.
  const parallel = Number(process.env["PULUMI_NODEJS_PARALLEL"]);
  const forecast = {
    declaredCount: new Set(independent.flatMap(({ projectIds }) => [...projectIds])).size,
    ...(parallel > 0 ? { parallel } : {}),
  };
  forecasts.set(owners, forecast);
  return forecast;
}

function othersOf(owners: readonly Owner[], owner: Owner): Record<string, string[]> {
  const others = owners.filter((one) => one !== owner && one.projectIds.size > 0);
  return Object.fromEntries(
    others.map(({ number, native, projectIds }) => [
      native === undefined ? number : `${number}::${native}`,
      [...projectIds],
    ]),
  );
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
