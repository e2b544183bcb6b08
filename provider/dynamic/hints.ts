import { randomBytes } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { announcedKey } from "../access/ledger";
import type { Key } from "../access/entries";
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
  /** Undefined while it is not known. */
  checkpoint: string | undefined;
  /** What it gives access to, as far as is known. */
  accesses: Set<Key>;
  /** How many accesses more it gives, of which not all is known yet. */
  lateCount: number;
}

interface Program {
  /** One deployment can run several, such as a component's in another language. */
  id: string;
  /** How many resources have been declared. */
  count: number;
  /** What the constructors declare for each checkpoint. */
  byCheckpoint: Map<
    string,
    {
      owners: Set<Owner>;
      /** What dynamic resources give access to; another process grants the rest. */
      accesses: Set<Key>;
    }
  >;
  /** Those of which not all is known yet. */
  late: Set<Owner>;
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
export function hintsFor(call: ConstructorCall): Promise<ProgramHints | undefined> | undefined {
  const monitor: object | undefined = pulumi.runtime.getMonitor();
  if (monitor === undefined) return undefined;
  const program =
    programs.get(monitor) ??
    watched({ id: randomBytes(6).toString("hex"), count: 0, byCheckpoint: new Map(), late: new Set() });
  programs.set(monitor, program);

  const { fineTunedModelCheckpoint: checkpoint, projectIds } = call;
  const key = `${program.id}:${program.count++}`;
  const list: pulumi.Input<string>[] = listOf(projectIds);
  const plain = list.filter((projectId) => typeof projectId === "string");
  const isPlain = typeof checkpoint === "string" && Array.isArray(projectIds) && plain.length === list.length;
  const isKnown = typeof checkpoint === "string";
  const lateCount = Array.isArray(projectIds) ? list.length - (isKnown ? plain.length : 0) : 1;
  const owner: Owner = { key, checkpoint: isKnown ? checkpoint : undefined, accesses: new Set(), lateCount };
  if (isKnown) enter(program, owner, checkpoint, plain);
  if (!isPlain) {
    program.late.add(owner);
    void enterOnceKnown(program, owner, call);
  }
  return hintsOf(program, owner, call).catch(() => undefined);
}

async function hintsOf(program: Program, owner: Owner, call: ConstructorCall): Promise<ProgramHints> {
  const { kind, name, opts, fineTunedModelCheckpoint, projectIds } = call;
  const constructorsHaveRun = new Promise<void>((resolve) => setImmediate(resolve));
  const type = typesOf[kind].dynamic;
  const parentUrn = await knownValueOf<string>(opts?.parent?.urn);
  const urn = await knownValueOf<string>(pulumi.createUrn(name, type, parentUrn));
  const checkpoint = await knownValueOf<string>(fineTunedModelCheckpoint);
  await constructorsHaveRun;
  const isParentKnown = opts?.parent === undefined || parentUrn !== undefined;
  return {
    key: owner.key,
    urn: isParentKnown && urn !== undefined ? urn : `${owner.key}::${type}::${name}`,
    // Each tells it, since any may be checked first.
    ...(checkpoint === undefined ? {} : outlookOf(program, checkpoint)),
    ...(checkpoint === undefined || kind === "permission" ? {} : othersOf(program, checkpoint, owner)),
    ...(mayBeShortened(call) ? { listLength: listOf(projectIds).length } : {}),
    ...(opts?.deleteBeforeReplace === true ? { deleteBeforeReplace: true } : {}),
    ...(isProtected(opts) ? { protect: true } : {}),
    isPreview: pulumi.runtime.isDryRun(),
  };
}

/** A child is protected with its parent. */
function isProtected(opts: pulumi.CustomResourceOptions | undefined): boolean {
  const parent = opts?.parent as { __protect?: boolean } | undefined;
  return opts?.protect ?? parent?.__protect === true;
}

async function enterOnceKnown(program: Program, owner: Owner, call: ConstructorCall): Promise<void> {
  const [checkpoint, projectIds] = await Promise.all([
    knownValueOf<unknown>(call.fineTunedModelCheckpoint),
    knownValueOf<unknown>(call.projectIds),
  ]);
  // A preview may not know all of it, and the check reports what is no list of strings.
  if (typeof checkpoint !== "string" || !Array.isArray(projectIds)) return;
  if (!projectIds.every((projectId) => typeof projectId === "string")) return;
  program.late.delete(owner);
  enter(program, owner, checkpoint, projectIds);
}

/** Notes that a resource gives these projects access to a checkpoint. */
function enter(
  program: Program,
  owner: Owner,
  checkpoint: string,
  projectIds: readonly string[],
  { isNative = false } = {},
): void {
  const declared = program.byCheckpoint.get(checkpoint) ?? { owners: new Set(), accesses: new Set() };
  program.byCheckpoint.set(checkpoint, declared);
  declared.owners.add(owner);
  for (const projectId of projectIds) {
    const access = announcedKey(checkpoint, projectId);
    owner.accesses.add(access);
    if (!isNative) declared.accesses.add(access);
  }
}

/**
 * Also notes the native resources that the program declares from now on. Their generated classes run none of our code, and
 * another process checks them, perhaps after a set has given up what they are to adopt.
 */
function watched(program: Program): Program {
  const natives = Object.values(typesOf).map(({ native }): string => native);
  const note = ({ type, name, props }: pulumi.ResourceTransformationArgs): undefined => {
    if (!natives.includes(type)) return;
    const { fineTunedModelCheckpoint: checkpoint, projectId, projectIds } = props as Record<string, unknown>;
    if (typeof checkpoint !== "string") return;
    const plain = [projectId ?? projectIds].flat().filter((one) => typeof one === "string");
    const key = `${program.id}:${program.count++}::${type}::${name}`;
    enter(program, { key, checkpoint, accesses: new Set(), lateCount: 0 }, checkpoint, plain, { isNative: true });
  };
  try {
    pulumi.runtime.registerStackTransformation(note);
  } catch {
    // There is no stack, as under mocks.
  }
  return program;
}

function outlookOf(program: Program, checkpoint: string): Pick<ProgramHints, "declaredCount" | "parallel"> {
  const known = program.byCheckpoint.get(checkpoint)?.accesses.size ?? 0;
  // The SDK keeps it in a variable that it hands to its own processes.
  const parallel = Number(process.env["PULUMI_NODEJS_PARALLEL"]);
  return {
    declaredCount: lateFor(program, checkpoint).reduce((sum, { lateCount }) => sum + lateCount, known),
    ...(parallel > 0 ? { parallel } : {}),
  };
}

function othersOf(program: Program, checkpoint: string, owner: Owner): Pick<ProgramHints, "others" | "late"> {
  const declared = [...(program.byCheckpoint.get(checkpoint)?.owners ?? [])].filter((one) => one !== owner);
  const late = lateFor(program, checkpoint).filter((one) => one !== owner);
  return {
    others: Object.fromEntries(declared.map(({ key, accesses }) => [key, [...accesses]])),
    ...(late.length > 0 ? { late: late.map(({ key }) => key) } : {}),
  };
}

/** The owners that may turn out to give further access to a checkpoint. */
function lateFor(program: Program, checkpoint: string): Owner[] {
  return [...program.late].filter((owner) => (owner.checkpoint ?? checkpoint) === checkpoint);
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
