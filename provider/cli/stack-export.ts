import * as v from "valibot";
import { contractBreach, id, time } from "../api/contract";
import type { Permission } from "../api/permission";
import { plainText } from "../api/plain-text";
import { typesOf, type Kind } from "../resource/reference";
import { iso } from "../time";
import { CommandFailed } from "./failure";
import { contentIn, stdinContent } from "./read-files";
import { counted } from "./report";

/** A permission in the state of a stack. */
export interface RecordedPermission extends Permission {
  checkpoint: string;
  /** The resource that has it. */
  urn: string;
  /** Whether the record is about to be removed, so that a missing permission does not count as drift. */
  isLeaving: boolean;
}

/** What stacks have in state. */
export interface StackRecords {
  recorded: RecordedPermission[];
  /** Projects on a set's list that have no permission in state yet: the next `pulumi up` grants or adopts one. */
  pending: {
    checkpoint: string;
    projectId: string;
    /** The set's. */
    urn: string;
  }[];
  /** The stacks whose exports were read. */
  stacks: {
    /** As `project/stack`, or its file where nothing in that names it. */
    stack: string;
    /** When Pulumi last wrote its state; null if the export does not say. What changed since is not in it. */
    writtenAt: string | null;
    /** Of the export, as `sha256sum` prints it. */
    sha256: string;
  }[];
  /** The files that have neither permissions nor pending projects. */
  empty?: string[];
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

const stackExport = v.object({
  version: v.number(),
  deployment: v.object({
    manifest: v.fallback(v.object({ time: v.string() }), { time: "" }),
    resources: v.nullish(v.array(resource)),
  }),
});

const createdAt = v.optional(time, 0);
// An ID that the API cannot have given would be compared with nothing, and shown as if it could be there.
const permission = v.object({ id: v.optional(id), fineTunedModelCheckpoint: id, projectId: id, createdAt });
const set = v.object({
  fineTunedModelCheckpoint: id,
  projectIds: v.array(id),
  permissions: v.array(v.object({ id, projectId: id, createdAt: time })),
});

/**
 * Reads the permissions that stacks have in state, of dynamic and of native resources.
 *
 * @param files outputs of `pulumi stack export`; `-` is standard input.
 * @throws {CommandFailed} when a file is something else, or hides an ID as a secret.
 */
export async function readStacks(files: readonly string[]): Promise<Required<StackRecords>> {
  const records: Required<StackRecords> = { recorded: [], pending: [], stacks: [], empty: [] };
  for (const file of files) {
    const name = file === "-" ? "Standard input" : file;
    const { text, sha256 } = file === "-" ? await stdinContent() : contentIn(file);
    const { manifest, resources } = deploymentIn(text, name);
    const { recorded, pending } = recordsIn(resources ?? [], name);
    records.recorded = records.recorded.concat(recorded);
    records.pending = records.pending.concat(pending);
    if (recorded.length + pending.length === 0) records.empty.push(name);
    const first = resources?.[0];
    const writtenAt = Date.parse(manifest.time);
    records.stacks.push({
      stack: plainText(first === undefined ? name : placeOf(first.urn).stack),
      // Of a stack that was never deployed, it is in the year 1.
      writtenAt: writtenAt > 0 ? iso(writtenAt / 1000) : null,
      sha256,
    });
  }
  return records;
}

/**
 * A job that looks at a wrong stack must not stay green.
 *
 * @param isNamed whether a checkpoint is named, so that there is something to compare although no stack has anything.
 * @throws {CommandFailed} naming the files that have no permission in state.
 */
export function assertNoneEmpty({ empty, stacks }: Required<StackRecords>, isNamed: boolean): void {
  const areAll = empty.length === stacks.length;
  if (empty.length === 0 || (isNamed && areAll)) return;
  const orCheckpoint = areAll ? ", or a checkpoint with --checkpoint" : "";
  throw new CommandFailed(
    `No checkpoint permission is in the state of ${counted(empty.length, "stack")}: ${empty.join(", ")}. Name the right ` +
      `stack${orCheckpoint}; if that is as it should be, pass --allow-empty.`,
  );
}

/** A resource, and the stack that it is in, as a report shows them. */
export function shownPlaceOf(urn: string): { stack: string; name: string } {
  const { stack, name } = placeOf(urn);
  return { stack: plainText(stack), name: plainText(name) };
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

function recordsIn(
  resources: readonly v.InferOutput<typeof resource>[],
  file: string,
): Pick<StackRecords, "recorded" | "pending"> {
  const recorded: RecordedPermission[] = [];
  const pending: StackRecords["pending"] = [];
  for (const { urn, type, id: ownId, outputs, delete: isLeaving, external, pendingReplacement } of resources) {
    // A resource that the program only reads is not the stack's.
    if (external || pendingReplacement) continue;
    const isOf = (kind: Kind) => Object.values<string>(typesOf[kind]).includes(type);
    if (isOf("permission")) {
      const { fineTunedModelCheckpoint: checkpoint, ...one } = outputsOf(
        permission,
        { ...outputs, id: ownId },
        urn,
        file,
      );
      if (one.id === undefined) pending.push({ checkpoint, projectId: one.projectId, urn });
      else recorded.push({ ...one, id: one.id, checkpoint, urn, isLeaving });
    }
    if (!isOf("permissionSet")) continue;
    const { fineTunedModelCheckpoint: checkpoint, projectIds, permissions } = outputsOf(set, outputs, urn, file);
    const listed = new Set(projectIds);
    const granted = new Set(permissions.map(({ projectId }) => projectId));
    for (const row of permissions) {
      recorded.push({ ...row, checkpoint, urn, isLeaving: isLeaving || !listed.has(row.projectId) });
    }
    if (isLeaving) continue;
    for (const projectId of listed) if (!granted.has(projectId)) pending.push({ checkpoint, projectId, urn });
  }
  return { recorded, pending };
}

/** @throws {CommandFailed} when they are not what the provider puts into state. */
function outputsOf<Entries extends v.ObjectEntries>(
  contract: v.ObjectSchema<Entries, undefined>,
  outputs: Record<string, unknown>,
  urn: string,
  file: string,
): v.InferOutput<v.ObjectSchema<Entries, undefined>> {
  const { stack, name } = shownPlaceOf(urn);
  const given = Object.keys(contract.entries).flatMap((key) => (outputs[key] == null ? [] : [[key, outputs[key]]]));
  const hasHiddenTime = unwrapped(outputs["createdAt"]) === undefined;
  const plain = unwrapped({ ...Object.fromEntries(given), ...(hasHiddenTime ? { createdAt: 0 } : {}) });
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

/** The outputs, their lists, the lists' rows, and what these hold, each of which may be a secret of its own. */
const deepest = 5;

/** A value of state without the marks of secrets; undefined if one is encrypted. */
function unwrapped(value: unknown, depth = 0): unknown {
  if (depth === deepest) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => unwrapped(item, depth + 1));
    return items.includes(undefined) ? undefined : items;
  }
  if (typeof value !== "object" || value === null) return value;
  if (secretMark in value) {
    const { plaintext } = value as { plaintext?: unknown };
    return typeof plaintext === "string" ? parsed(plaintext) : undefined;
  }
  const entries = Object.entries(value).map(([key, one]) => [key, unwrapped(one, depth + 1)] as const);
  return entries.some(([, one]) => one === undefined) ? undefined : Object.fromEntries(entries);
}

/** Undefined if it is not JSON, or nested more deeply than can be read. */
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
