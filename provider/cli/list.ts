import type { ProviderContext } from "../access/context";
import { iso, minute, minuteOf, second } from "../time";
import { counted, source, withoutEmptyColumns, type Finding, type Matrix, type Report } from "./report";
import {
  problemsOf,
  review,
  type FoundBy,
  type Review,
  type ReviewedPermission,
  type ReviewOptions,
  type Sources,
} from "./review";
import { CommandFailed } from "./failure";
import type { Screen } from "./screen";
import type { ReadStack } from "./stack-export";

/**
 * Lists who has access to checkpoints: by name, granted by whom, declared where. As evidence it says what was read, when, and
 * how complete it is.
 */
export async function list(context: ProviderContext, screen: Screen, options: ReviewOptions): Promise<Report> {
  const { reviews, sources, events } = await review(context, screen, options);
  const { projectIds, checkpoints } = options;
  const evidence = { api: context.config.baseUrl, organization: context.client.organization ?? null };
  const isSearch = checkpoints.length === 0;
  screen.end();
  const gaps = [...strangersIn(reviews, options), ...gapsOf(reviews, sources, isSearch)];
  if (reviews.length === 0) {
    for (const gap of gaps) screen.print(gap);
    throw new CommandFailed(
      "Found no checkpoint, which does not mean that none is shared. Name one, or give the stacks that declare access with --stack.",
    );
  }
  const scope = projectIds === undefined ? "all projects" : "the projects asked about";
  const complete = `Every permission of these checkpoints is listed, for ${scope}.`;
  return {
    title: "Who has access to fine-tuned checkpoints",
    findings: findingsOf(reviews),
    matrix: matrixOf(reviews),
    sections: reviews.map((one) => ({
      checkpoint: one.fineTunedModelCheckpoint,
      summary: summaryOf(one, isSearch),
      rows: (code, plain) => tableOf(one, code, plain),
      lines: [...one.permissions.map(entry), ...one.without.map((projectId) => `  ${projectId}\n    no permission`)],
    })),
    notes: (plain) => [
      [complete, source(evidence, plain), ...sourcesIn(sources, plain), `Made by ${options.madeBy}.`].join("\n"),
    ],
    gaps,
    json: {
      ...evidence,
      madeBy: options.madeBy,
      /** Of each checkpoint; which other checkpoints there may be, the gaps say. */
      complete: true,
      gaps,
      projects: projectIds ?? "all",
      sources,
      checkpoints: reviews.map(({ readAt, permissions, without, ...rest }) => ({
        ...rest,
        readAt: iso(readAt),
        permissions: permissions.map(({ createdAt, ...one }) => ({ ...one, grantedAt: iso(createdAt) })),
        ...(projectIds === undefined ? {} : { without }),
      })),
      events,
    },
    csv: { columns, rows: reviews.flatMap(csvRows) },
  };
}

/** What stands out, in the order in which it should be looked at. */
function findingsOf(reviews: readonly Review[]): Finding[] {
  const about = (what: string, isSo: (one: ReviewedPermission) => boolean): Finding => ({
    what,
    items: reviews.flatMap(({ fineTunedModelCheckpoint, permissions }) =>
      permissions.filter(isSo).map((one) => [`${projectOf(one)}, ${one.id}`, `for ${fineTunedModelCheckpoint}`]),
    ),
  });
  const deleted = reviews.filter(({ isDeleted }) => isDeleted);
  return [
    about("Permissions that nobody declares", ({ declaredBy }) => declaredBy?.length === 0),
    about("Permissions of archived projects", ({ projectStatus }) => projectStatus === "archived"),
    about("Permissions of projects that have several", ({ isDuplicate }) => isDuplicate),
    {
      what: "Checkpoints that OpenAI does not have",
      items: deleted.map((one) => [`${one.fineTunedModelCheckpoint},`, `known from ${knownFrom(one.foundBy)}`]),
    },
  ].filter(({ items }) => items.length > 0);
}

/** Projects that were asked about and that the organization does not have. */
function strangersIn(reviews: readonly Review[], { projectIds = [], organization }: ReviewOptions): string[] {
  const isComplete = organization !== undefined && organization.problemWithProjects === undefined;
  const having = new Set(reviews.flatMap(({ permissions }) => permissions.map(({ projectId }) => projectId)));
  return projectIds
    .filter((id) => isComplete && organization.project(id) === undefined && !having.has(id))
    .map((id) => `${id} is no project of this organization.`);
}

/** What the list cannot know, and why; each is said once. */
function gapsOf(reviews: readonly Review[], sources: Sources, isSearch: boolean): string[] {
  const { auditLog, stacks } = sources;
  const isEmpty = reviews.every(({ permissions }) => permissions.length === 0);
  const gaps = isEmpty && !isSearch ? [] : problemsOf(sources);
  if (!isSearch) return gaps;
  if (stacks === null) gaps.push("Who declares a permission is not known: no --stack was given.");
  const others =
    stacks === null ? "Others may be shared, too." : "Others may be shared, too, that no given stack names.";
  if (auditLog.status === "not asked") {
    gaps.push(
      `The audit log was not read (--no-audit-details), so only checkpoints of the given stacks are listed. ${others}`,
    );
  } else if (auditLog.since === null) {
    gaps.push(`The audit log shows no grant, so only checkpoints of the given stacks are listed. ${others}`);
  } else {
    gaps.push(
      `Audit events begin on ${auditLog.since.slice(0, 10)}. Checkpoints that were shared only before are not listed, unless a given stack names them.`,
    );
  }
  return gaps;
}

/** What was read beside the lists of permissions. */
function sourcesIn({ projects, auditLog, stacks }: Sources, plain: (text: string) => string): string[] {
  return [
    `Audit log: ${auditLog.status}, ${counted(auditLog.events, "event")} about permissions` +
      (auditLog.since === null ? "." : ` since ${auditLog.since}.`),
    `Projects: ${projects.status}.`,
    ...(stacks === null ? [] : [`Stacks: ${stacks.map((one) => readStack(one, plain)).join(", ")}.`]),
  ];
}

function readStack({ stack, writtenAt }: ReadStack, plain: (text: string) => string): string {
  return writtenAt === null ? plain(stack) : `${plain(stack)} (state of ${minuteOf(writtenAt)} UTC)`;
}

function summaryOf({ permissions, readAt, foundBy, isDeleted }: Review, isSearch: boolean): string {
  const known = isSearch ? `; known from ${knownFrom(foundBy)}` : "";
  if (isDeleted) return `OpenAI does not have this checkpoint (404), read ${second(readAt)}${known}`;
  return `${counted(permissions.length, "permission")}, read ${second(readAt)}${known}`;
}

/** Where a checkpoint was found. */
function knownFrom(foundBy: readonly FoundBy[]): string {
  const words: Record<FoundBy, string> = {
    argument: "the command's arguments",
    stack: "a stack's state",
    "audit log": "the audit log",
  };
  return foundBy.map((way) => words[way]).join(" and ");
}

/** No table if there are no rows. */
function tableOf(
  { permissions, without }: Review,
  code: (id: string) => string,
  plain: (text: string) => string,
): string[][] {
  const rows = [
    ...permissions.map((one) => [
      plain(one.projectName ?? ""),
      code(one.projectId),
      statusOf(one),
      code(one.id),
      minute(one.createdAt),
      plain(one.grantedBy ?? ""),
      plain(declarersIn(one)),
    ]),
    ...without.map((projectId) => ["", code(projectId), "", "none", "", "", ""]),
  ];
  const head = ["Name", "Project", "Status", "Permission", "Granted (UTC)", "Granted by", "Declared by"];
  return withoutEmptyColumns(head, rows);
}

/** A permission in a few lines, for a narrow terminal. */
function entry(one: ReviewedPermission): string {
  const status = statusOf(one);
  const details = [
    `${one.id}, granted ${minute(one.createdAt)}`,
    ...(one.grantedBy === null ? [] : [`by ${one.grantedBy}`]),
    ...(one.declaredBy === null ? [] : [`declared by ${declarersIn(one)}`]),
  ];
  return [`  ${projectOf(one)}${status === "" ? "" : ` (${status})`}`, ...details.map((line) => `    ${line}`)].join(
    "\n",
  );
}

function projectOf({ projectId, projectName }: ReviewedPermission): string {
  return projectName === null ? projectId : `${projectName} (${projectId})`;
}

function statusOf({ projectStatus, isDuplicate }: ReviewedPermission): string {
  return [projectStatus === "archived" ? "archived" : [], isDuplicate ? "duplicate" : []].flat().join(", ");
}

function declarersIn({ declaredBy }: ReviewedPermission): string {
  if (declaredBy === null) return "";
  return declaredBy.length === 0 ? "nobody" : declaredBy.map(({ name, stack }) => `${name} in ${stack}`).join(", ");
}

function matrixOf(reviews: readonly Review[]): Matrix {
  const rows = new Map<string, { id: string; remark: string }[][]>();
  for (const [column, { permissions }] of reviews.entries()) {
    for (const one of permissions) {
      const name = `${projectOf(one)}${one.projectStatus === "archived" ? ", archived" : ""}`;
      const cells = rows.get(name) ?? reviews.map(() => []);
      cells[column]!.push({ id: one.id, remark: one.declaredBy?.length === 0 ? "declared by nobody" : "" });
      rows.set(name, cells);
    }
  }
  return {
    checkpoints: reviews.map(({ fineTunedModelCheckpoint }) => fineTunedModelCheckpoint),
    rows: [...rows].map(([project, cells]) => ({ project, cells })).sort((a, b) => (a.project < b.project ? -1 : 1)),
  };
}

/** A row for each permission, in this order, so that two reviews can be compared line by line. */
export const columns = [
  "checkpoint",
  "project_id",
  "project_name",
  "project_status",
  "permission_id",
  "granted_at",
  "granted_by",
  "declared_by",
] as const;

function csvRows({ fineTunedModelCheckpoint, permissions }: Review): Record<(typeof columns)[number], string>[] {
  return permissions.map((one) => ({
    checkpoint: fineTunedModelCheckpoint,
    project_id: one.projectId,
    project_name: one.projectName ?? "",
    project_status: one.projectStatus ?? "",
    permission_id: one.id,
    granted_at: iso(one.createdAt),
    granted_by: one.grantedBy ?? "",
    declared_by: declarersIn(one),
  }));
}
