import { parse } from "csv-parse/sync";
import * as v from "valibot";
import { contractBreach } from "../api/contract";
import { compareIds, groupBy } from "../resource/ids";
import { CommandFailed } from "./failure";
import { columns as reviewColumns } from "./list";
import { counted, type Report } from "./report";
import { textIn } from "./settings";

const changes = ["gained", "found", "lost", "recreated", "archived"] as const;
/** `found` was granted before the older list, which did not read its checkpoint. */
type Change = (typeof changes)[number];

/** A permission, as a file of `list` has it. */
interface Entry {
  checkpoint: string;
  id: string;
  projectId: string;
  projectName: string;
  isArchived: boolean;
  /** ISO 8601. */
  grantedAt: string;
  grantedBy: string;
}

/** A file of `list`. */
interface Evidence {
  file: string;
  entries: Entry[];
  /** The checkpoints that were read, and whether each is deleted; undefined if the file does not say. */
  checkpoints: Map<string, { isDeleted: boolean }> | undefined;
  /** When the last checkpoint was read, in ISO 8601; undefined if the file does not say. */
  readAt: string | undefined;
  /** Which projects it is about: all, or these; undefined if the file does not say. */
  projects: string | undefined;
  /** By permission. */
  revocations: Map<string, { at: string; by: string | null }>;
}

interface Difference {
  change: Change;
  checkpoint: string;
  projectId: string;
  projectName: string;
  /** The permission before, and the one since. */
  oldId?: string;
  newId?: string;
  /** ISO 8601. */
  at?: string;
  by?: string;
}

const review = v.object({
  projects: v.union([v.literal("all"), v.array(v.string())]),
  checkpoints: v.array(
    v.object({
      fineTunedModelCheckpoint: v.string(),
      isDeleted: v.boolean(),
      readAt: v.string(),
      permissions: v.array(
        v.object({
          id: v.string(),
          projectId: v.string(),
          projectName: v.nullable(v.string()),
          projectStatus: v.nullable(v.string()),
          grantedAt: v.string(),
          grantedBy: v.nullable(v.string()),
        }),
      ),
    }),
  ),
  revocations: v.array(v.object({ permissionId: v.string(), at: v.string(), by: v.nullable(v.string()) })),
});

/**
 * Compares two files of `list`, as JSON or CSV. It reads nothing else.
 *
 * @throws {CommandFailed} when a file is something else, or the two are about different projects.
 */
export function compareReviews(oldFile: string, newFile: string): { report: Report; isDifferent: boolean } {
  const [before, after] = [evidenceIn(oldFile), evidenceIn(newFile)];
  if (before.projects !== undefined && after.projects !== undefined && before.projects !== after.projects) {
    throw new CommandFailed(
      `${oldFile} is about ${before.projects}, and ${newFile} about ${after.projects}. Compare lists of the same projects.`,
    );
  }
  const checkpoints = [
    ...new Set([...before.entries, ...after.entries].map(({ checkpoint }) => checkpoint)),
    ...[before, after].flatMap((one) => [...(one.checkpoints?.keys() ?? [])]),
  ];
  const all = [...new Set(checkpoints)].sort(compareIds);
  // What was not read may still be there.
  const unread = all.filter((one) => after.checkpoints?.has(one) === false);
  const differences = all.filter((one) => !unread.includes(one)).flatMap((one) => differencesOf(one, before, after));
  return {
    report: reportOf(differences, unread, all.length, before, after),
    isDifferent: differences.length + unread.length > 0,
  };
}

function differencesOf(checkpoint: string, before: Evidence, after: Evidence): Difference[] {
  const entriesOf = ({ entries }: Evidence) =>
    groupBy(
      entries.filter((one) => one.checkpoint === checkpoint),
      ({ projectId }) => projectId,
    );
  const [old, now] = [entriesOf(before), entriesOf(after)];
  const projectIds = [...new Set([...old.keys(), ...now.keys()])].sort(compareIds);
  return projectIds.flatMap((projectId): Difference[] => {
    const [had, has] = [old.get(projectId) ?? [], now.get(projectId) ?? []];
    const projectName = [...has, ...had].find((one) => one.projectName !== "")?.projectName ?? "";
    const about = { checkpoint, projectId, projectName };
    const ids = new Set([...had, ...has].map(({ id }) => id));
    const added = has.filter(({ id }) => !had.some((one) => one.id === id));
    const removed = had.filter(({ id }) => !has.some((one) => one.id === id));
    const archived =
      has.some((one) => one.isArchived) && had.length > 0 && !had.some((one) => one.isArchived)
        ? [{ ...about, change: "archived" as const }]
        : [];
    if (ids.size === had.length && ids.size === has.length) return archived;
    if (had.length === 0) {
      const isFound = ({ grantedAt }: Entry) =>
        before.checkpoints?.has(checkpoint) === false && before.readAt !== undefined && grantedAt <= before.readAt;
      return added.map((one) => ({ ...about, change: isFound(one) ? "found" : "gained", ...grantOf(one) }));
    }
    if (has.length === 0) {
      return removed.map((one) => ({ ...about, change: "lost", oldId: one.id, ...revocationOf(one, after) }));
    }
    // The project has access before and after.
    return [
      ...Array.from({ length: Math.max(added.length, removed.length) }, (_, index): Difference => {
        const [one, other] = [removed[index], added[index]];
        return {
          ...about,
          change: "recreated",
          ...(one === undefined ? {} : { oldId: one.id, ...revocationOf(one, after) }),
          ...(other === undefined ? {} : grantOf(other)),
        };
      }),
      ...archived,
    ];
  });
}

function grantOf({ id, grantedAt, grantedBy }: Entry): Partial<Difference> {
  return { newId: id, at: grantedAt, ...(grantedBy === "" ? {} : { by: grantedBy }) };
}

function revocationOf({ id }: Entry, { revocations }: Evidence): Partial<Difference> {
  const revocation = revocations.get(id);
  if (revocation === undefined) return {};
  return { at: revocation.at, ...(revocation.by === null ? {} : { by: revocation.by }) };
}

function reportOf(
  differences: readonly Difference[],
  unread: readonly string[],
  checkpoints: number,
  before: Evidence,
  after: Evidence,
): Report {
  const byCheckpoint = groupBy(differences, ({ checkpoint }) => checkpoint);
  const files = `Compared ${before.file} with ${after.file}.`;
  const sayNothing = [before, after].filter((one) => one.checkpoints === undefined).map(({ file }) => file);
  const ofCsv =
    sayNothing.length === 0
      ? []
      : [
          `${sayNothing.join(" and ")}: CSV does not say which checkpoints were read; one without a row counts as empty.`,
        ];
  return {
    title:
      differences.length + unread.length === 0
        ? `Access to ${counted(checkpoints, "checkpoint")}: the same in both`
        : `Access to checkpoints: ${counted(differences.length, "difference")}`,
    sections: [...byCheckpoint].map(([checkpoint, ofCheckpoint]) => ({
      checkpoint,
      summary: summaryOf(checkpoint, ofCheckpoint, after),
      rows: (code, plain) => [
        ["Change", "Name", "Project", "Permission", "When (UTC)", "By"],
        ...ofCheckpoint.map((one) => [
          one.change,
          plain(one.projectName),
          code(one.projectId),
          [one.oldId, one.newId].flatMap((id) => (id === undefined ? [] : code(id))).join(" → "),
          minuteOf(one),
          plain(one.by ?? ""),
        ]),
      ],
      lines: ofCheckpoint.map(entry),
    })),
    notes: [
      ...unread.map((checkpoint) => `${checkpoint} was not read for ${after.file}: name it there, or give its stack.`),
      ...(differences.some(({ change }) => change === "found")
        ? [`Found: granted before ${before.file} was made, which did not read the checkpoint.`]
        : []),
      files,
      ...ofCsv,
    ],
    json: {
      old: before.file,
      new: after.file,
      notRead: unread,
      differences: differences.map(({ checkpoint, ...one }) => ({ fineTunedModelCheckpoint: checkpoint, ...one })),
    },
    csv: {
      columns: ["change", "checkpoint", "project_id", "project_name", "old_id", "new_id", "at", "by"],
      rows: differences.map((one) => ({
        change: one.change,
        checkpoint: one.checkpoint,
        project_id: one.projectId,
        project_name: one.projectName,
        old_id: one.oldId ?? "",
        new_id: one.newId ?? "",
        at: one.at ?? "",
        by: one.by ?? "",
      })),
    },
  };
}

function summaryOf(checkpoint: string, differences: readonly Difference[], { checkpoints }: Evidence): string {
  const counts = changes.flatMap((change) => {
    const count = differences.filter((one) => one.change === change).length;
    return count === 0 ? [] : `${count} ${change}`;
  });
  return `${counts.join(", ")}${checkpoints?.get(checkpoint)?.isDeleted === true ? "; the checkpoint is deleted" : ""}`;
}

function entry({ change, projectId, projectName, oldId, newId, at, by }: Difference): string {
  const name = projectName === "" ? projectId : `${projectName} (${projectId})`;
  const ids = [oldId, newId].filter((id) => id !== undefined).join(" → ");
  const when = [at === undefined ? [] : `${minuteOf({ at })} UTC`, by === undefined ? [] : `by ${by}`].flat().join(" ");
  return [
    `  ${change.padEnd(9)}  ${name}`,
    ...[ids, when].filter((line) => line !== "").map((line) => `             ${line}`),
  ].join("\n");
}

/** As 2026-11-26 21:09. */
function minuteOf({ at }: Pick<Difference, "at">): string {
  return at?.slice(0, 16).replace("T", " ") ?? "";
}

/** @throws {CommandFailed} when the file is none of `list`. */
function evidenceIn(file: string): Evidence {
  const content = textIn(file);
  return content.trimStart().startsWith("{") ? jsonEvidence(file, content) : csvEvidence(file, content);
}

function jsonEvidence(file: string, content: string): Evidence {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), review), content);
  if (!parsed.success) throw notOfList(file, contractBreach(parsed.issues));
  const { projects, checkpoints, revocations } = parsed.output;
  return {
    file,
    projects: projects === "all" ? "all projects" : [...projects].sort(compareIds).join(", "),
    checkpoints: new Map(
      checkpoints.map(({ fineTunedModelCheckpoint, isDeleted }) => [fineTunedModelCheckpoint, { isDeleted }]),
    ),
    entries: checkpoints.flatMap(({ fineTunedModelCheckpoint: checkpoint, permissions }) =>
      permissions.map(({ projectName, projectStatus, grantedBy, ...one }) => ({
        ...one,
        checkpoint,
        projectName: projectName ?? "",
        isArchived: projectStatus === "archived",
        grantedBy: grantedBy ?? "",
      })),
    ),
    readAt: checkpoints
      .map(({ readAt }) => readAt)
      .sort(compareIds)
      .at(-1),
    revocations: new Map(revocations.map(({ permissionId, ...one }) => [permissionId, one])),
  };
}

function csvEvidence(file: string, content: string): Evidence {
  let rows: Record<string, string>[];
  try {
    rows = parse(content, { columns: true, bom: true });
  } catch (error) {
    throw notOfList(file, error instanceof Error ? error.message : String(error));
  }
  const [head = ""] = content.replace(/^\uFEFF/, "").split(/\r?\n/, 1);
  if (head !== reviewColumns.join(",")) throw notOfList(file, `its first line is not ${reviewColumns.join(",")}`);
  return {
    file,
    projects: undefined,
    checkpoints: undefined,
    readAt: undefined,
    entries: rows.map((row) => ({
      checkpoint: row["checkpoint"]!,
      id: row["permission_id"]!,
      projectId: row["project_id"]!,
      // A quote protects spreadsheets from what looks like a formula.
      projectName: row["project_name"]!.replace(/^'(?=[=+\-@])/, ""),
      isArchived: row["project_status"] === "archived",
      grantedAt: row["granted_at"]!,
      grantedBy: row["granted_by"]!.replace(/^'(?=[=+\-@])/, ""),
    })),
    revocations: new Map(),
  };
}

function notOfList(file: string, why: string): CommandFailed {
  return new CommandFailed(`${file} is not what \`checkpoint-permissions list --format json\` or csv writes: ${why}.`);
}
