import { parse } from "csv-parse/sync";
import * as v from "valibot";
import { contractBreach, id, plain as name } from "../api/contract";
import { plainText } from "../api/plain-text";
import { compareIds } from "../resource/ids";
import { CommandFailed } from "./failure";
import type { columns } from "./columns";
import { textIn } from "./read-files";

/** A permission, as a file of `list` has it. */
export interface FiledPermission {
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
export interface ListFile {
  file: string;
  entries: FiledPermission[];
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

/** As `list` writes it. */
const moment = v.pipe(v.string(), v.isoTimestamp());

const event = v.object({
  what: v.picklist(["granted", "revoked"]),
  permissionId: v.nullable(id),
  fineTunedModelCheckpoint: v.nullable(id),
  projectId: v.nullable(id),
  at: moment,
  by: v.nullable(name),
});

const review = v.object({
  api: name,
  organization: v.nullable(name),
  sources: v.object({ stacks: v.nullable(v.array(v.object({ stack: name }))) }),
  projects: v.union([v.literal("all"), v.array(id)]),
  checkpoints: v.array(
    v.object({
      fineTunedModelCheckpoint: id,
      isDeleted: v.boolean(),
      readAt: moment,
      permissions: v.array(
        v.object({
          id,
          projectId: id,
          projectName: v.nullable(name),
          projectStatus: v.nullable(v.string()),
          grantedAt: moment,
          grantedBy: v.nullable(name),
          declaredBy: v.nullable(v.array(v.object({ urn: v.string() }))),
        }),
      ),
    }),
  ),
  events: v.array(event),
});

/** A quote protects spreadsheets from what looks like a formula. */
const cell = v.pipe(
  v.string(),
  v.transform((text) => plainText(text.replace(/^'(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/, ""))),
);

/** By the names of its columns: files of other versions may have more or fewer of those that say more about a permission. */
const csvRow = v.object({
  checkpoint: id,
  project_id: id,
  project_name: v.optional(cell, ""),
  project_status: v.optional(v.string(), ""),
  permission_id: id,
  granted_at: moment,
  granted_by: v.optional(cell, ""),
  declared_by: v.optional(v.string(), ""),
} satisfies Partial<Record<(typeof columns)[number]["csv"], unknown>>);

/** @throws {CommandFailed} when the file is none of `list`. */
export function listIn(file: string): ListFile {
  const content = textIn(file);
  return content.trimStart().startsWith("{") ? jsonList(file, content) : csvList(file, content);
}

function jsonList(file: string, content: string): ListFile {
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

function csvList(file: string, content: string): ListFile {
  if (content.trim() === "") throw notOfList(file, "it is empty");
  let rows: unknown;
  try {
    // A spreadsheet may begin a file with a mark.
    rows = parse(content, { columns: checkedColumns, bom: true });
  } catch (error) {
    if (error instanceof CommandFailed) throw notOfList(file, error.message);
    // It quotes the file.
    throw notOfList(file, plainText(error instanceof Error ? error.message : String(error)));
  }
  const parsed = v.safeParse(v.array(csvRow), rows);
  if (!parsed.success) throw notOfList(file, contractBreach(parsed.issues));
  return {
    file,
    projects: undefined,
    source: undefined,
    stacks: undefined,
    checkpoints: undefined,
    readAt: undefined,
    entries: parsed.output.map((row) => ({
      checkpoint: row.checkpoint,
      id: row.permission_id,
      projectId: row.project_id,
      projectName: row.project_name,
      isArchived: row.project_status === "" ? undefined : row.project_status === "archived",
      isDeclared: row.declared_by === "" ? undefined : row.declared_by !== "nobody",
      grantedAt: row.granted_at,
      grantedBy: row.granted_by,
    })),
    events: [],
  };
}

/** @throws {CommandFailed} naming what a list cannot do without. */
function checkedColumns(head: string[]): string[] {
  const needed: readonly (typeof columns)[number]["csv"][] = [
    "checkpoint",
    "project_id",
    "permission_id",
    "granted_at",
  ];
  const missing = needed.filter((name) => !head.includes(name));
  if (missing.length > 0) throw new CommandFailed(`it has no column ${missing.join(", ")}`);
  return head;
}

function notOfList(file: string, why: string): CommandFailed {
  return new CommandFailed(`${file} is not what \`checkpoint-permissions list --format json\` or csv writes: ${why}.`);
}
