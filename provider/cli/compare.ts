import { parse } from "csv-parse/sync";
import * as v from "valibot";
import { contractBreach } from "../api/contract";
import { compareIds, groupBy } from "../resource/ids";
import { CommandFailed } from "./failure";
import { columns as reviewColumns } from "./list";
import { counted, minuteOf, occurring, withoutEmptyColumns, type Report } from "./report";
import { textIn } from "./read-files";

/** What each change means, in the order of a summary. */
const meanings = {
  gained: "it has access since",
  found: "granted before the older list was made, which did not read the checkpoint",
  lost: "it has no access any more",
  recreated: "it has access in both, by another permission",
  added: "one more permission of a project that had access",
  removed: "one permission less of a project that has access still",
  between: "granted and revoked in between",
  archived: "its project is archived since",
  restored: "its project was archived before",
  declared: "a resource declares it since",
  undeclared: "no resource declares it any more",
} as const;
type Change = keyof typeof meanings;
const changes = Object.keys(meanings) as Change[];

/** A permission, as a file of `list` has it. */
interface Entry {
  checkpoint: string;
  id: string;
  projectId: string;
  projectName: string;
  /** Undefined if the file does not say. */
  isArchived: boolean | undefined;
  /** ISO 8601. */
  grantedAt: string;
  grantedBy: string;
  /** Undefined if no stack was given. */
  isDeclared: boolean | undefined;
}

/** A file of `list`. */
interface Evidence {
  file: string;
  entries: Entry[];
  /** The checkpoints that were read, and whether each is deleted; undefined if the file does not say. */
  checkpoints: Map<string, { isDeleted: boolean; readAt: string }> | undefined;
  /** When the last checkpoint was read, in ISO 8601; undefined if the file does not say. */
  readAt: string | undefined;
  /** Which projects it is about: all, or these, sorted; undefined if the file does not say. */
  projects: "all" | readonly string[] | undefined;
  /** Which API was read, for which organization; undefined if the file does not say. */
  source: string | undefined;
  /** The stacks that were given, in one text; undefined if the file does not say. */
  stacks: string | undefined;
  events: readonly v.InferOutput<typeof event>[];
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
  grantedAt?: string;
  grantedBy?: string;
  revokedAt?: string;
  revokedBy?: string;
}

const event = v.object({
  what: v.picklist(["granted", "revoked"]),
  permissionId: v.nullable(v.string()),
  fineTunedModelCheckpoint: v.nullable(v.string()),
  projectId: v.nullable(v.string()),
  at: v.string(),
  by: v.nullable(v.string()),
});

const review = v.object({
  api: v.string(),
  organization: v.nullable(v.string()),
  sources: v.object({ stacks: v.nullable(v.array(v.object({ stack: v.string() }))) }),
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
          declaredBy: v.nullable(v.array(v.string())),
        }),
      ),
    }),
  ),
  events: v.array(event),
});

/**
 * Compares two files of `list`, as JSON or CSV. It reads nothing else.
 *
 * @throws {CommandFailed} when a file is something else, or the two are about different things, or in the wrong order.
 */
export function compareReviews(oldFile: string, newFile: string): { report: Report; isDifferent: boolean } {
  const [before, after] = [evidenceIn(oldFile), evidenceIn(newFile)];
  if (before.source !== undefined && after.source !== undefined && before.source !== after.source) {
    throw new CommandFailed(`${oldFile} is of ${before.source}, and ${newFile} of ${after.source}.`);
  }
  if (before.readAt !== undefined && after.readAt !== undefined && before.readAt > after.readAt) {
    throw new CommandFailed(`${oldFile} was read after ${newFile}. Name the older one first.`);
  }
  if (before.projects !== undefined && after.projects !== undefined) {
    const [old, now] = [scopeOf(before.projects), scopeOf(after.projects)];
    if (old !== now) {
      throw new CommandFailed(
        `${oldFile} is about ${old}, and ${newFile} about ${now}. Compare lists of the same projects.`,
      );
    }
  }
  const checkpoints = [before, after].flatMap((one) => [
    ...one.entries.map(({ checkpoint }) => checkpoint),
    ...(one.checkpoints?.keys() ?? []),
  ]);
  const all = [...new Set(checkpoints)].sort(compareIds);
  // What was not read may still be there.
  const unread = all.filter((one) => after.checkpoints?.has(one) === false);
  const differences = all
    .filter((one) => !unread.includes(one))
    .flatMap((one) => [...differencesOf(one, before, after), ...betweenOf(one, before, after)]);
  return {
    report: reportOf(differences, unread, all.length, before, after),
    isDifferent: differences.length + unread.length > 0,
  };
}

function scopeOf(projects: "all" | readonly string[]): string {
  return projects === "all" ? "all projects" : projects.join(", ");
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
    const added = has.filter(({ id }) => !had.some((one) => one.id === id));
    const removed = had.filter(({ id }) => !has.some((one) => one.id === id));
    if (had.length === 0) {
      const isFound = ({ grantedAt }: Entry) =>
        before.checkpoints?.has(checkpoint) === false && before.readAt !== undefined && grantedAt <= before.readAt;
      return added.map((one) => ({ ...about, change: isFound(one) ? "found" : "gained", ...grantOf(one) }));
    }
    if (has.length === 0) {
      return removed.map((one) => ({ ...about, change: "lost", ...lossOf(one, after) }));
    }
    // The project has access before and after.
    const pairs = Math.min(added.length, removed.length);
    return [
      ...added.slice(0, pairs).map((one, index) => ({
        ...{ ...about, change: "recreated" as const },
        ...{ ...grantOf(one), ...lossOf(removed[index]!, after) },
      })),
      ...added.slice(pairs).map((one) => ({ ...about, change: "added" as const, ...grantOf(one) })),
      ...removed.slice(pairs).map((one) => ({ ...about, change: "removed" as const, ...lossOf(one, after) })),
      ...becoming(had, has, "isArchived", ["archived", "restored"]).map((change) => ({ ...about, change })),
      // By other stacks others declare.
      ...(before.stacks !== after.stacks ? [] : becoming(had, has, "isDeclared", ["declared", "undeclared"])).map(
        (change) => ({ ...about, change }),
      ),
    ];
  });
}

/** The change of something that all permissions of a project have; none if one of the files does not say. */
function becoming(
  had: readonly Entry[],
  has: readonly Entry[],
  what: "isArchived" | "isDeclared",
  [begins, ends]: [Change, Change],
): Change[] {
  const [before, after] = [had, has].map((entries) => entries.map((one) => one[what]));
  if ([...before!, ...after!].includes(undefined)) return [];
  const [was, is] = [before!.every(Boolean), after!.every(Boolean)];
  return was === is ? [] : [is ? begins : ends];
}

/** What was granted after the older list, and is on neither, because it was revoked before the newer one. */
function betweenOf(
  checkpoint: string,
  before: Evidence,
  { entries, events, checkpoints, projects }: Evidence,
): Difference[] {
  const known = new Set([...before.entries, ...entries].map(({ id }) => id));
  const [from, to] = [before.readAt, checkpoints?.get(checkpoint)?.readAt];
  if (from === undefined || to === undefined) return [];
  const isAsked = (projectId: string) => projects === "all" || projects?.includes(projectId) === true;
  return events.flatMap(({ what, permissionId, fineTunedModelCheckpoint, projectId, at, by }): Difference[] => {
    if (what !== "granted" || fineTunedModelCheckpoint !== checkpoint || at <= from) return [];
    if (permissionId === null || known.has(permissionId) || projectId === null || !isAsked(projectId)) return [];
    const revocation = revocationOf(permissionId, events);
    if (revocation.revokedAt === undefined || revocation.revokedAt > to) return [];
    const about = { checkpoint, projectId, projectName: "", newId: permissionId };
    return [{ ...about, change: "between", grantedAt: at, ...(by === null ? {} : { grantedBy: by }), ...revocation }];
  });
}

function grantOf({ id, grantedAt, grantedBy }: Entry): Partial<Difference> {
  return { newId: id, grantedAt, ...(grantedBy === "" ? {} : { grantedBy }) };
}

function lossOf({ id }: Entry, { events }: Evidence): Partial<Difference> {
  return { oldId: id, ...revocationOf(id, events) };
}

function revocationOf(id: string, events: Evidence["events"]): Partial<Difference> {
  const revocation = events.find((one) => one.what === "revoked" && one.permissionId === id);
  if (revocation === undefined) return {};
  return { revokedAt: revocation.at, ...(revocation.by === null ? {} : { revokedBy: revocation.by }) };
}

function reportOf(
  differences: readonly Difference[],
  unread: readonly string[],
  checkpoints: number,
  before: Evidence,
  after: Evidence,
): Report {
  const byCheckpoint = groupBy(differences, ({ checkpoint }) => checkpoint);
  const dated = ({ file, readAt }: Evidence) => (readAt === undefined ? file : `${file}, read ${readAt}`);
  const files = `Compared ${dated(before)} with ${dated(after)}.`;
  const sayNothing = [before, after].filter((one) => one.checkpoints === undefined).map(({ file }) => file);
  const ofCsv =
    sayNothing.length === 0
      ? []
      : [`${sayNothing.join(" and ")}: CSV does not say what was read; what has no row counts as without access.`];
  return {
    title:
      differences.length + unread.length === 0
        ? `Access to ${counted(checkpoints, "checkpoint")}: the same in both`
        : `Access to checkpoints: ${counted(differences.length, "difference")}`,
    sections: [...byCheckpoint].map(([checkpoint, ofCheckpoint]) => ({
      checkpoint,
      summary: summaryOf(checkpoint, ofCheckpoint, after),
      rows: (code, plain) =>
        withoutEmptyColumns(
          ["Change", "Name", "Project", "Permission", "Granted (UTC)", "Revoked (UTC)"],
          ofCheckpoint.map((one) => [
            one.change,
            plain(one.projectName),
            code(one.projectId),
            [one.oldId, one.newId].flatMap((id) => (id === undefined ? [] : code(id))).join(" → "),
            plain(actOf(one.grantedAt, one.grantedBy)),
            plain(actOf(one.revokedAt, one.revokedBy)),
          ]),
        ),
      lines: ofCheckpoint.map(entry),
    })),
    notes: [
      ...unread.map((checkpoint) => `${checkpoint} was not read for ${after.file}: name it there, or give its stack.`),
      ...meaningsOf(differences),
      [files, ...ofCsv].join("\n"),
    ],
    json: {
      old: before.file,
      new: after.file,
      notRead: unread,
      differences: differences.map(({ checkpoint, ...one }) => ({ fineTunedModelCheckpoint: checkpoint, ...one })),
    },
    csv: {
      columns: [
        ...["change", "checkpoint", "project_id", "project_name", "old_id", "new_id"],
        ...["granted_at", "granted_by", "revoked_at", "revoked_by"],
      ],
      rows: differences.map((one) => ({
        change: one.change,
        checkpoint: one.checkpoint,
        project_id: one.projectId,
        project_name: one.projectName,
        old_id: one.oldId ?? "",
        new_id: one.newId ?? "",
        granted_at: one.grantedAt ?? "",
        granted_by: one.grantedBy ?? "",
        revoked_at: one.revokedAt ?? "",
        revoked_by: one.revokedBy ?? "",
      })),
    },
  };
}

function summaryOf(checkpoint: string, differences: readonly Difference[], { checkpoints }: Evidence): string {
  const counts = occurring(changes, differences).map(([change, count]) => `${count} ${change}`);
  return `${counts.join(", ")}${checkpoints?.get(checkpoint)?.isDeleted === true ? "; the checkpoint is deleted" : ""}`;
}

function entry(one: Difference): string {
  const { change, projectId, projectName, oldId, newId } = one;
  const name = projectName === "" ? projectId : `${projectName} (${projectId})`;
  const [granted, revoked] = [actOf(one.grantedAt, one.grantedBy), actOf(one.revokedAt, one.revokedBy)];
  const details = [
    [oldId, newId].filter((id) => id !== undefined).join(" → "),
    granted === "" ? "" : `granted ${granted}`,
    revoked === "" ? "" : `revoked ${revoked}`,
  ];
  return [
    `  ${change.padEnd(10)}  ${name}`,
    ...details.filter((line) => line !== "").map((line) => `              ${line}`),
  ].join("\n");
}

/** As `2026-11-26 21:09 by alice@example.com`. */
function actOf(at: string | undefined, by: string | undefined): string {
  if (at === undefined) return "";
  return `${minuteOf(at)}${by === undefined ? "" : ` by ${by}`}`;
}

function meaningsOf(differences: readonly Difference[]): string[] {
  const lines = occurring(changes, differences).map(([change]) => `- ${change}: ${meanings[change]}`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}

/** @throws {CommandFailed} when the file is none of `list`. */
function evidenceIn(file: string): Evidence {
  const content = textIn(file);
  return content.trimStart().startsWith("{") ? jsonEvidence(file, content) : csvEvidence(file, content);
}

function jsonEvidence(file: string, content: string): Evidence {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), review), content);
  if (!parsed.success) throw notOfList(file, contractBreach(parsed.issues));
  const { api, organization, projects, sources, checkpoints, events } = parsed.output;
  return {
    file,
    stacks: JSON.stringify(sources.stacks?.map(({ stack }) => stack) ?? null),
    source: `${api}, organization ${organization ?? "not named"}`,
    projects: projects === "all" ? projects : [...projects].sort(compareIds),
    checkpoints: new Map(
      checkpoints.map(({ fineTunedModelCheckpoint: id, isDeleted, readAt }) => [id, { isDeleted, readAt }]),
    ),
    entries: checkpoints.flatMap(({ fineTunedModelCheckpoint: checkpoint, permissions }) =>
      permissions.map(({ projectName, projectStatus, grantedBy, declaredBy, ...one }) => ({
        ...one,
        checkpoint,
        projectName: projectName ?? "",
        isArchived: projectStatus === null ? undefined : projectStatus === "archived",
        grantedBy: grantedBy ?? "",
        isDeclared: declaredBy === null ? undefined : declaredBy.length > 0,
      })),
    ),
    readAt: checkpoints
      .map(({ readAt }) => readAt)
      .sort(compareIds)
      .at(-1),
    events,
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
    source: undefined,
    stacks: undefined,
    checkpoints: undefined,
    readAt: undefined,
    entries: rows.map((row) => ({
      checkpoint: row["checkpoint"]!,
      id: row["permission_id"]!,
      projectId: row["project_id"]!,
      // A quote protects spreadsheets from what looks like a formula.
      projectName: row["project_name"]!.replace(/^'(?=[=+\-@])/, ""),
      isArchived: row["project_status"] === "" ? undefined : row["project_status"] === "archived",
      isDeclared: row["declared_by"] === "" ? undefined : row["declared_by"] !== "nobody",
      grantedAt: row["granted_at"]!,
      grantedBy: row["granted_by"]!.replace(/^'(?=[=+\-@])/, ""),
    })),
    events: [],
  };
}

function notOfList(file: string, why: string): CommandFailed {
  return new CommandFailed(`${file} is not what \`checkpoint-permissions list --format json\` or csv writes: ${why}.`);
}
