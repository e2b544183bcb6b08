import { randomBytes } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { announcedKey, type Key } from "../access/ledger";
import type { ProgramHints } from "../resource/hints";
import { typesOf, type Kind } from "../resource/reference";
import { knownValueOf } from "./inputs";

/** What a constructor was called with. */
export interface ConstructorCall {
  kind: Kind;
  name: string;
  opts: pulumi.CustomResourceOptions | undefined;
  fineTunedModelCheckpoint: pulumi.Input<string>;
  projectIds: pulumi.Input<pulumi.Input<string>[]>;
}

interface Owner {
  key: string;
  /** What it gives access to, as far as is known. */
  accesses: Set<Key>;
  /** Whether the engine has to wait for another resource before it can create this one. */
  isDependent: boolean;
}

interface Program {
  /** One deployment can run several, such as a component's in another language. */
  id: string;
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
 *
 * It is a promise, and no output: an output that comes from a resource would make this one depend on it. It waits for
 * nothing but what the SDK itself waits for before it registers the resource, and never rejects.
 */
export function hintsFor(call: ConstructorCall): Promise<ProgramHints> | undefined {
  const monitor: object | undefined = pulumi.runtime.getMonitor();
  if (monitor === undefined) return undefined;
  const program =
    programs.get(monitor) ?? watched({ id: randomBytes(6).toString("hex"), count: 0, byCheckpoint: new Map() });
  programs.set(monitor, program);

  const { opts, fineTunedModelCheckpoint, projectIds } = call;
  const plain = listOf(projectIds).filter((projectId) => typeof projectId === "string");
  const isPlain =
    typeof fineTunedModelCheckpoint === "string" &&
    Array.isArray(projectIds) &&
    plain.length === listOf(projectIds).length;
  const owner: Owner = {
    key: `${program.id}:${program.count++}`,
    accesses: new Set(),
    isDependent: !isPlain || opts?.dependsOn !== undefined,
  };
  if (typeof fineTunedModelCheckpoint === "string") enter(program, owner, fineTunedModelCheckpoint, plain);
  if (!isPlain) void enterOnceKnown(program, owner, call);
  return hintsOf(program, owner, call);
}

async function hintsOf(program: Program, owner: Owner, call: ConstructorCall): Promise<ProgramHints> {
  const { kind, name, opts, fineTunedModelCheckpoint, projectIds } = call;
  const constructorsHaveRun = new Promise<void>((resolve) => setImmediate(resolve));
  const type = typesOf[kind].dynamic;
  const parentUrn = await knownValueOf<string>(opts?.parent?.urn);
  const urn = await knownValueOf<string>(pulumi.createUrn(name, type, parentUrn));
  const checkpoint = await knownValueOf<string>(fineTunedModelCheckpoint);
  await constructorsHaveRun;
  const owners = program.byCheckpoint.get(checkpoint ?? "") ?? [];
  const isParentKnown = opts?.parent === undefined || parentUrn !== undefined;
  return {
    key: owner.key,
    urn: isParentKnown && urn !== undefined ? urn : `${owner.key}::${type}::${name}`,
    // Each tells it, since any may be checked first.
    ...forecastOf(owners),
    ...(kind === "permissionSet" ? { others: othersOf(owners, owner) } : {}),
    ...(mayBeShortened(call) ? { listLength: listOf(projectIds).length } : {}),
    ...(opts?.deleteBeforeReplace === true ? { deleteBeforeReplace: true } : {}),
  };
}

async function enterOnceKnown(
  program: Program,
  owner: Owner,
  { fineTunedModelCheckpoint, projectIds }: ConstructorCall,
): Promise<void> {
  const [checkpoint, projects] = await Promise.all([
    knownValueOf<unknown>(fineTunedModelCheckpoint),
    knownValueOf<unknown[]>(projectIds),
  ]);
  // The check reports what is no list of strings.
  if (typeof checkpoint !== "string" || !Array.isArray(projects)) return;
  enter(
    program,
    owner,
    checkpoint,
    projects.filter((projectId) => typeof projectId === "string"),
  );
}

/** Notes that a resource gives these projects access to a checkpoint. */
function enter(program: Program, owner: Owner, checkpoint: string, projectIds: readonly string[]): void {
  const owners = program.byCheckpoint.get(checkpoint) ?? [];
  for (const projectId of projectIds) owner.accesses.add(announcedKey(checkpoint, projectId));
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
    const key = `${program.id}:${program.count++}::${type}::${name}`;
    enter(program, { key, accesses: new Set(), isDependent: true }, checkpoint, plain);
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
    declaredCount: new Set(independent.flatMap(({ accesses }) => [...accesses])).size,
    ...(parallel > 0 ? { parallel } : {}),
  };
  forecasts.set(owners, forecast);
  return forecast;
}

function othersOf(owners: readonly Owner[], owner: Owner): Record<string, Key[]> {
  const others = owners.filter((one) => one !== owner && one.accesses.size > 0);
  return Object.fromEntries(others.map(({ key, accesses }) => [key, [...accesses]]));
}

/** Whether the engine may drop elements of the list. (With `ignoreChanges` an older list arrives, of another length.) */
function mayBeShortened({ kind, projectIds, opts }: ConstructorCall): boolean {
  if (kind === "permission" || opts?.ignoreChanges !== undefined) return false;
  return listOf(projectIds).some((projectId) => typeof projectId !== "string");
}

/** The elements of the list; none if the whole list is an output. */
function listOf(projectIds: ConstructorCall["projectIds"]): pulumi.Input<string>[] {
  return Array.isArray(projectIds) ? projectIds : [];
}
