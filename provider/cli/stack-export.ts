import { text } from "node:stream/consumers";
import * as v from "valibot";
import { contractBreach } from "../api/contract";
import type { Permission } from "../api/permission";
import { typesOf, type Kind } from "../resource/reference";
import { CommandFailed } from "./failure";
import { iso } from "./report";
import { textIn } from "./settings";

/** A permission in the state of a stack. */
export interface RecordedPermission extends Permission {
  checkpoint: string;
  /** The resource that has it. */
  urn: string;
  /** Whether the record is about to be removed, so that a missing permission does not count as drift. */
  isLeaving: boolean;
}

/** A project on a set's list that has no permission in state yet: the next `pulumi up` grants or adopts one. */
export interface PendingGrant {
  checkpoint: string;
  projectId: string;
  /** The set. */
  urn: string;
}

/** What stacks have in state. */
export interface StackRecords {
  recorded: RecordedPermission[];
  pending: PendingGrant[];
  stacks: ReadStack[];
}

/** A stack whose export was read. */
export interface ReadStack {
  /** As `project/stack`, or its file where nothing in that names it. */
  stack: string;
  /** When Pulumi last wrote its state; null if the export does not say. What changed since is not in it. */
  writtenAt: string | null;
}

/** The key by which Pulumi marks a secret in state. */
const secretMark = "4dabf18193072939515e22adb298388d";

const resource = v.object({
  urn: v.string(),
  type: v.string(),
  id: v.optional(v.string()),
  outputs: v.optional(v.record(v.string(), v.unknown()), {}),
  delete: v.optional(v.boolean(), false),
  external: v.optional(v.boolean(), false),
  // Deleted already, to be created again.
  pendingReplacement: v.optional(v.boolean(), false),
});
type Resource = v.InferOutput<typeof resource>;

const stackExport = v.object({
  version: v.number(),
  deployment: v.object({
    manifest: v.fallback(v.object({ time: v.string() }), { time: "" }),
    resources: v.nullish(v.array(resource)),
  }),
});

const permission = v.object({
  fineTunedModelCheckpoint: v.string(),
  projectId: v.string(),
  createdAt: v.optional(v.number(), 0),
});

const set = v.object({
  fineTunedModelCheckpoint: v.string(),
  projectIds: v.array(v.string()),
  permissions: v.array(v.object({ id: v.string(), projectId: v.string(), createdAt: v.number() })),
});

/**
 * Reads the permissions that stacks have in state, of dynamic and of native resources.
 *
 * @param files outputs of `pulumi stack export`; `-` is standard input.
 * @throws {CommandFailed} when a file is something else, or hides an ID as a secret.
 */
export async function readStacks(files: readonly string[]): Promise<StackRecords> {
  const records: StackRecords = { recorded: [], pending: [], stacks: [] };
  for (const file of files) {
    const isStdin = file === "-";
    const name = isStdin ? "Standard input" : file;
    const content = isStdin ? await text(process.stdin) : textIn(file);
    const { manifest, resources } = deploymentIn(content, name);
    for (const one of resources ?? []) addRecords(records, one, name);
    const first = resources?.[0];
    const time = Date.parse(manifest.time);
    records.stacks.push({
      stack: first === undefined ? name : placeOf(first.urn).stack,
      // Of a stack that was never deployed, it is in the year 1.
      writtenAt: time > 0 ? iso(time / 1000) : null,
    });
  }
  return records;
}

/** The parts of a URN: `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`. */
export function placeOf(urn: string): { stack: string; type: string; name: string } {
  const [stack = "", project = "", types = "", ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  return { stack: `${project}/${stack}`, type: types.split("$").at(-1)!, name: name.join("::") };
}

function deploymentIn(content: string, file: string): v.InferOutput<typeof stackExport>["deployment"] {
  const value = parsed(content);
  if (value === undefined) throw notAnExport(file, content.trim() === "" ? "it is empty" : "it is not JSON");
  const checked = v.safeParse(stackExport, value);
  if (!checked.success) throw notAnExport(file, contractBreach(checked.issues));
  return checked.output.deployment;
}

function addRecords({ recorded, pending }: StackRecords, one: Resource, file: string): void {
  const { urn, type, id, outputs, delete: isLeaving, external, pendingReplacement } = one;
  // A resource that the program only reads is not the stack's.
  if (external || pendingReplacement) return;
  const isOf = (kind: Kind) => Object.values<string>(typesOf[kind]).includes(type);
  if (isOf("permission")) {
    const { fineTunedModelCheckpoint: checkpoint, projectId, createdAt } = outputsOf(permission, outputs, urn, file);
    if (id === undefined) pending.push({ checkpoint, projectId, urn });
    else recorded.push({ id, projectId, createdAt, checkpoint, urn, isLeaving });
  }
  if (!isOf("permissionSet")) return;
  const { fineTunedModelCheckpoint: checkpoint, projectIds, permissions } = outputsOf(set, outputs, urn, file);
  const listed = new Set(projectIds);
  const granted = new Set(permissions.map(({ projectId }) => projectId));
  const isLeavingSet = (projectId: string) => isLeaving || !listed.has(projectId);
  recorded.push(...permissions.map((row) => ({ ...row, checkpoint, urn, isLeaving: isLeavingSet(row.projectId) })));
  if (isLeaving) return;
  const missing = [...listed].filter((projectId) => !granted.has(projectId));
  pending.push(...missing.map((projectId) => ({ checkpoint, projectId, urn })));
}

function outputsOf<Contract extends v.GenericSchema>(
  contract: Contract,
  outputs: Record<string, unknown>,
  urn: string,
  file: string,
): v.InferOutput<Contract> {
  const { stack, name } = placeOf(urn);
  const plain = unwrapped({ ...outputs, createdAt: unwrapped(outputs["createdAt"]) ?? 0 });
  if (plain === undefined) {
    throw new CommandFailed(
      `${file}: ${name} in ${stack} has secret inputs, which the export hides, so it cannot be compared. Export the ` +
        "stack with `pulumi stack export --show-secrets`, and keep that file as you would a key.",
    );
  }
  const checked = v.safeParse(contract, plain);
  if (checked.success) return checked.output;
  throw new CommandFailed(
    `${file}: the state of ${name} in ${stack} cannot be read: ${contractBreach(checked.issues)}.`,
  );
}

/** A value of state without the marks of secrets; undefined if one is encrypted. */
function unwrapped(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(unwrapped);
    return items.includes(undefined) ? undefined : items;
  }
  if (typeof value !== "object" || value === null) return value;
  if (secretMark in value) {
    const { plaintext } = value as { plaintext?: unknown };
    return typeof plaintext === "string" ? parsed(plaintext) : undefined;
  }
  const entries = Object.entries(value).map(([key, one]) => [key, unwrapped(one)] as const);
  return entries.some(([, one]) => one === undefined) ? undefined : Object.fromEntries(entries);
}

/** Undefined if it is not JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

function notAnExport(file: string, why: string): CommandFailed {
  return new CommandFailed(
    `${file} is not what \`pulumi stack export\` gives: ${why}. Make it with \`pulumi stack export --file stack.json\`.`,
  );
}
