import { permissionPath } from "../api/client";
import { projectOf } from "../messages";
import { iso, minute, second } from "../time";
import { counted, occurring, source, withoutEmptyColumns, type Evidence, type Report } from "./report";
import { shownPlaceOf } from "./stack-export";

export type Change = "deleted" | "missing" | "recreated" | "pending" | "unmanaged" | "duplicate" | "accepted";

/** Something that is not as in state. */
export interface Difference {
  change: Change;
  checkpoint: string;
  projectId: string;
  /** The permission that a stack has in state. */
  recordedId?: string;
  /** The permission that exists. */
  presentId?: string;
  /** When that was granted, in Unix seconds. */
  grantedAt?: number;
  projectName?: string;
  /** Who granted what exists, or revoked what is missing. */
  by?: string;
  /** When what is missing was revoked, in Unix seconds. */
  revokedAt?: number;
  /** The resource that declares it. */
  urn?: string;
  /** Why it is accepted. */
  reason?: string;
}

/** The comparison of one checkpoint. */
export interface Comparison {
  checkpoint: string;
  /** How many permissions stacks have in state. */
  recorded: number;
  differences: Difference[];
  /** What would differ, and was found to be fine. */
  accepted: Difference[];
  /** Whether the API says that the checkpoint does not exist. */
  isDeleted: boolean;
  /** Unix seconds. */
  readAt: number;
}

/** What was found, for each format. */
export function reportOf(
  compared: readonly Comparison[],
  evidence: Evidence,
  recordedOnly: boolean,
  remarks: readonly string[],
): Report {
  const differences = compared.flatMap((one) => one.differences);
  const accepted = compared.flatMap((one) => one.accepted);
  const recorded = compared.reduce((sum, one) => sum + one.recorded, 0);
  const extent = recordedOnly ? "permissions in state" : "all permissions";
  return {
    title: titleOf(compared.length, recorded, differences.length, accepted.length),
    sections: compared
      .filter((one) => rowsOf(one).length > 0)
      .map((one) => ({
        checkpoint: one.checkpoint,
        summary: summary(one),
        rows: (code, plain) => tableOf(one, code, plain),
        lines: rowsOf(one).map(entry),
      })),
    notes: (plain) => [
      ...explanationsOf([...differences, ...accepted]),
      ...remarks.map(plain),
      ...scopeOf(compared, source(evidence, plain), recordedOnly),
    ],
    ...commandsOf(differences, evidence),
    json: {
      ...evidence,
      compared: extent,
      checkpoints: compared.map(({ checkpoint, recorded: count, isDeleted, readAt }) => ({
        fineTunedModelCheckpoint: checkpoint,
        recorded: count,
        isDeleted,
        readAt: iso(readAt),
      })),
      differences: differences.map(jsonOf),
      ...(accepted.length === 0 ? {} : { accepted: accepted.map(jsonOf) }),
    },
    csv: { columns, rows: compared.flatMap((one) => csvRows(one, evidence, extent)) },
  };
}

/** What a checkpoint's part of a report lists. */
function rowsOf({ differences, accepted }: Comparison): Difference[] {
  return [...differences, ...accepted];
}

function jsonOf({ checkpoint, grantedAt, revokedAt, ...one }: Difference): object {
  return {
    fineTunedModelCheckpoint: checkpoint,
    ...one,
    ...(grantedAt === undefined ? {} : { grantedAt: iso(grantedAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: iso(revokedAt) }),
  };
}

function titleOf(checkpoints: number, recorded: number, differences: number, accepted: number): string {
  if (checkpoints === 0) return "Checkpoint permissions: none in state, so there is nothing to compare";
  const beside = accepted === 0 ? "" : `, and ${accepted} accepted`;
  return differences === 0
    ? `Checkpoint permissions: ${recorded} of ${counted(checkpoints, "checkpoint")}, all as in state${beside}`
    : `Checkpoint permissions: ${counted(differences, "difference")} between state and what exists${beside}`;
}

/** What was read, when, and where. */
function scopeOf(compared: readonly Comparison[], from: string, recordedOnly: boolean): string[] {
  if (compared.length === 0) return [];
  const isEveryDeleted = compared.every(({ isDeleted }) => isDeleted);
  const lists = isEveryDeleted ? "There was no list to read." : "The lists are complete.";
  const scope = recordedOnly ? "Only permissions in state were checked." : lists;
  const readAt = Math.min(...compared.map((one) => one.readAt));
  return [`Read ${second(readAt)}. ${scope}\n${from}`];
}

/** How to revoke what no stack has in state, for a shell that has the key. */
function commandsOf(differences: readonly Difference[], { api }: Evidence): Pick<Report, "commands"> {
  const lines = differences.flatMap(({ change, checkpoint, projectId, presentId }) => {
    if (presentId === undefined || (change !== "unmanaged" && change !== "duplicate")) return [];
    // The only character that ends the quotes and is not encoded.
    const url = `${api}${permissionPath(checkpoint, presentId)}`.replaceAll("'", "%27");
    return `curl -sS -X DELETE -H "Authorization: Bearer $OPENAI_ADMIN_KEY" '${url}' # ${projectId}`;
  });
  return lines.length === 0 ? {} : { commands: { title: "To revoke what no stack has in state:", lines } };
}

function tableOf(comparison: Comparison, code: (id: string) => string, plain: (text: string) => string): string[][] {
  const head = ["Change", "Name", "Project", "Permission", "By", "Declared by", "Reason"];
  const rows = rowsOf(comparison).map((one) => [
    one.change,
    plain(one.projectName ?? ""),
    code(one.projectId),
    permissionOf(one, code),
    plain(`${one.revokedAt === undefined ? "" : "revoked "}${actOf(one)}`),
    declaredBy(one, code),
    plain(one.reason ?? ""),
  ]);
  return withoutEmptyColumns(head, rows);
}

/** Who revoked what is missing, and when, or granted what exists. */
function actOf({ by, revokedAt }: Difference): string {
  return [revokedAt === undefined ? [] : minute(revokedAt), by ?? []].flat().join(", ");
}

const columns = [
  "change",
  "checkpoint",
  "project_id",
  "recorded_id",
  "present_id",
  "granted_at",
  "project_name",
  "by",
  "revoked_at",
  "urn",
  "reason",
  "compared",
  "read_at",
  "api",
  "organization",
];

/** A checkpoint without differences has a row, too, since that is evidence as well. */
function csvRows(comparison: Comparison, { api, organization }: Evidence, extent: string): Record<string, string>[] {
  const { checkpoint: one, readAt } = comparison;
  const found = rowsOf(comparison);
  const rows: (Omit<Difference, "change"> & { change: Change | "none" })[] =
    found.length === 0 ? [{ change: "none", checkpoint: one, projectId: "" }] : found;
  return rows.map(({ change, checkpoint, projectId, recordedId, presentId, grantedAt, urn, ...more }) => ({
    change,
    checkpoint,
    project_id: projectId,
    recorded_id: recordedId ?? "",
    present_id: presentId ?? "",
    granted_at: grantedAt === undefined ? "" : iso(grantedAt),
    project_name: more.projectName ?? "",
    by: more.by ?? "",
    revoked_at: more.revokedAt === undefined ? "" : iso(more.revokedAt),
    urn: urn ?? "",
    reason: more.reason ?? "",
    compared: extent,
    read_at: iso(readAt),
    api,
    organization: organization ?? "",
  }));
}

function summary(comparison: Comparison): string {
  const { recorded, isDeleted } = comparison;
  if (isDeleted)
    return `${recorded} in state. OpenAI does not have this checkpoint: it is retired, deleted, or mistyped`;
  const counts = occurring(changes, rowsOf(comparison)).map(([change, count]) => `${count} ${change}`);
  return `${recorded} in state; ${counts.join(", ")}`;
}

function permissionOf({ recordedId, presentId, grantedAt }: Difference, code: (id: string) => string): string {
  const before = recordedId === undefined ? "none" : code(recordedId);
  if (presentId === undefined) return before;
  const present = `${code(presentId)}, granted ${minute(grantedAt!)}`;
  return recordedId === undefined ? present : `${before} → ${present}`;
}

/** A few lines of a terminal. */
function entry(difference: Difference): string {
  const { change, recordedId = "none", presentId, grantedAt, urn, reason } = difference;
  const act = actOf(difference);
  const details = [
    ...(urn === undefined ? [] : [`in state: ${recordedId}`, `by:       ${declaredBy(difference, (id) => id)}`]),
    ...(presentId === undefined ? [] : [`granted:  ${presentId} ${minute(grantedAt!)}`]),
    ...(act === "" ? [] : [`${presentId === undefined ? "revoked: " : "by whom: "} ${act}`]),
    ...(reason === undefined ? [] : [`reason:   ${reason}`]),
  ];
  return [
    `  ${change.padEnd(10)}  ${projectOf(difference)}`,
    ...details.map((detail) => `              ${detail}`),
  ].join("\n");
}

/** Where a resource is declared. */
export function declaredBy({ urn }: Pick<Difference, "urn">, code: (id: string) => string): string {
  if (urn === undefined) return "nobody";
  const { stack, name } = shownPlaceOf(urn);
  return `${code(name)} in ${code(stack)}`;
}

/** What each change means, and what to do about it. */
const explanations: Record<Change, string> = {
  deleted: "Deleted: the checkpoint was deleted, and its permissions with it. Remove the resource from the program.",
  missing: "Missing: revoked outside of Pulumi. `pulumi up` grants it again; or remove it from the program.",
  recreated:
    "Recreated: revoked and granted again outside of Pulumi. `pulumi up` brings state up to date; access stays the same.",
  pending: "Pending: on a set's list, and not in state yet. `pulumi up` finishes it.",
  unmanaged: "Unmanaged: in no stack's state. Declare it, and `pulumi up` adopts it; or revoke it.",
  duplicate:
    "Duplicate: a second permission of a project that has one in state. `pulumi up` leaves it alone; revoke it by its ID.",
  accepted: "Accepted: in no stack's state, and on the list of accepted permissions. It counts as no difference.",
};
const changes = Object.keys(explanations) as Change[];

function explanationsOf(differences: readonly Difference[]): string[] {
  const lines = occurring(changes, differences).map(([change]) => `- ${explanations[change]}`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}
