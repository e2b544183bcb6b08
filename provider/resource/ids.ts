import type { dynamic } from "@pulumi/pulumi";

const longestId = 512;
const where = {
  fineTunedModelCheckpoint:
    'A checkpoint ID looks like "ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd"; the fine-tuning job shows it as ' +
    "fine_tuned_model, and for an earlier checkpoint as fine_tuned_model_checkpoint.",
  projectId: 'A project ID looks like "proj_abc123"; the project\'s settings show it as Project ID.',
};
const prefixes = { fineTunedModelCheckpoint: ["ft:", "ft-"], projectId: ["proj_"] };
/** Other IDs that users give by mistake. */
const mistaken: [prefix: string, what: string][] = [
  ["ftjob-", "a fine-tuning job's ID"],
  ["ftckpt_", "a checkpoint object's own ID"],
  ["org-", "an organization's ID"],
  ["cp_", "a permission's ID"],
  ["sk-", "an API key"],
];

/** Whether it has the form of a checkpoint's ID, rather than a project's. */
export function isCheckpointId(id: string): boolean {
  return prefixes.fineTunedModelCheckpoint.some((prefix) => id.startsWith(prefix));
}

/**
 * What is wrong with an ID, and how to correct it; undefined when nothing is.
 *
 * @param label what the user calls the place where it stands.
 */
export function checkId(
  property: keyof typeof where,
  value: unknown,
  label: string = property,
): dynamic.CheckFailure | undefined {
  const reason = problemWithId(property, value);
  return reason === undefined ? undefined : { property: label, reason: `${label} ${reason} ${where[property]}` };
}

function problemWithId(property: keyof typeof where, value: unknown): string | undefined {
  if (isUnknown(value)) return undefined;
  if (value === undefined || value === null || value === "") return "is missing.";
  if (typeof value !== "string") {
    return `must be a string, but is ${Array.isArray(value) ? "a list" : `of type ${typeof value}`}.`;
  }
  if (value.length > longestId) return `is ${value.length} characters long; IDs have no more than ${longestId}.`;
  const mistake = mistaken.find(([prefix]) => value.startsWith(prefix));
  if (mistake !== undefined) return `must not be ${mistake[1]} (${mistake[0]}…).`;
  if (!/^[\w.:-]+$/.test(value)) {
    const isName = property === "projectId" && value.trim().length > 0 && !value.includes("proj_");
    return `may hold letters, digits, and . : _ - only; it has other characters, or spaces.${isName ? " Is it the project's name?" : ""}`;
  }
  if (!prefixes[property].some((prefix) => value.startsWith(prefix) && value.length > prefix.length)) {
    return `"${value}" must begin with ${prefixes[property].map((prefix) => `"${prefix}"`).join(" or ")}.`;
  }
  return undefined;
}

/** What Pulumi sends in place of a value that a preview does not know yet: the SDK's `unknownValue`. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Whether a preview does not know the value yet. */
export function isUnknown(value: unknown): boolean {
  return value === unknownValue;
}

/** An ID, if a preview knows it already. */
export function knownId(id: string): string | undefined {
  return isUnknown(id) ? undefined : id;
}

/** The order of IDs: the same on every machine, in any locale. */
export function compareIds(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Items by a key, in the order in which they come. (`Map.groupBy` needs Node.js 21.) */
export function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
