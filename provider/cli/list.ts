import type { ProviderContext } from "../access/context";
import { iso, minute, minuteOf, second } from "../time";
import { columns, csvRow, decisionColumns, declarersIn, heads, statusOf, tableRow } from "./columns";
import { counted, source, withoutEmptyColumns, type Finding, type Report } from "./report";
import { problemsOf, review, type Review, type ReviewedPermission, type ReviewOptions, type Sources } from "./review";
import { CommandFailed } from "./failure";
import type { Screen } from "./screen";
import type { StackRecords } from "./stack-export";

/**
 * Lists who has access to checkpoints: by name, granted by whom, declared where. As evidence it says what was read, when, and
 * how complete it is.
 */
export async function list(context: ProviderContext, screen: Screen, options: ReviewOptions): Promise<Report> {
  const requestIds: string[] = [];
  for (const client of [context.client, options.organization?.client]) client?.keepRequestIds(requestIds);
  const { reviews, sources, events } = await review(context, screen, options);
  const { projectIds, checkpoints, madeBy, withDecisions = false } = options;
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
  const findings = findingsOf(reviews);
  const complete = `Every permission of these checkpoints is listed, for ${scope}.`;
  return {
    title: "Who has access to fine-tuned checkpoints",
    findings,
    figures: figuresOf(reviews, findings),
    isToBeSigned: true,
    command: madeBy.command,
    matrix: matrixOf(reviews),
    sections: reviews.map((one) => ({
      checkpoint: one.fineTunedModelCheckpoint,
      summary: summaryOf(one, isSearch),
      rows: (code, plain) => tableOf(one, code, plain),
      lines: [...one.permissions.map(entry), ...one.without.map((projectId) => `  ${projectId}\n    no permission`)],
    })),
    notes: (plain) => [
      [complete, source(evidence, plain), ...sourcesIn(sources, plain), `Made by ${madeBy.tool}.`].join("\n"),
    ],
    gaps,
    json: {
      ...evidence,
      madeBy,
      requestIds,
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
    csv: {
      columns: [...columns.map(({ csv }) => csv), ...(withDecisions ? decisionColumns : [])],
      rows: reviews.flatMap(({ fineTunedModelCheckpoint, permissions }) =>
        permissions.map((one) => csvRow(one, fineTunedModelCheckpoint)),
      ),
    },
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

/** What there is, and what stands out. */
function figuresOf(reviews: readonly Review[], findings: readonly Finding[]): NonNullable<Report["figures"]> {
  const permissions = reviews.flatMap((one) => one.permissions);
  const projects = new Set(permissions.map(({ projectId }) => projectId)).size;
  const standingOut = new Set(findings.flatMap(({ items }) => items.map((item) => item.join(" ")))).size;
  return [
    { count: reviews.length, what: reviews.length === 1 ? "checkpoint" : "checkpoints" },
    {
      count: permissions.length,
      what: `${permissions.length === 1 ? "permission" : "permissions"} of ${counted(projects, "project")}`,
    },
    { count: standingOut, what: standingOut === 1 ? "stands out" : "stand out" },
  ];
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

function readStack({ stack, writtenAt }: StackRecords["stacks"][number], plain: (text: string) => string): string {
  return writtenAt === null ? plain(stack) : `${plain(stack)} (state of ${minuteOf(writtenAt)} UTC)`;
}

function summaryOf({ permissions, readAt, foundBy, isDeleted }: Review, isSearch: boolean): string {
  const known = isSearch ? `; known from ${knownFrom(foundBy)}` : "";
  if (isDeleted) return `OpenAI does not have this checkpoint (404), read ${second(readAt)}${known}`;
  return `${counted(permissions.length, "permission")}, read ${second(readAt)}${known}`;
}

/** Where a checkpoint was found. */
function knownFrom(foundBy: Review["foundBy"]): string {
  const words = {
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
  const head = heads();
  const rows = [
    ...permissions.map((one) => tableRow(one, code, plain)),
    ...without.map((projectId): Record<string, string> => ({ Project: code(projectId), Permission: "none" })),
  ].map((row) => head.map((column) => row[column] ?? ""));
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

function matrixOf(reviews: readonly Review[]): NonNullable<Report["matrix"]> {
  const rows = new Map<string, { id: string; remark: string }[][]>();
  for (const [column, { permissions }] of reviews.entries()) {
    for (const one of permissions) {
      const name = projectOf(one);
      const cells = rows.get(name) ?? reviews.map(() => []);
      const remarks = [statusOf(one), one.declaredBy?.length === 0 ? "declared by nobody" : ""];
      cells[column]!.push({ id: one.id, remark: remarks.filter((remark) => remark !== "").join(", ") });
      rows.set(name, cells);
    }
  }
  return {
    checkpoints: reviews.map(({ fineTunedModelCheckpoint }) => fineTunedModelCheckpoint),
    rows: [...rows].map(([project, cells]) => ({ project, cells })).sort((a, b) => (a.project < b.project ? -1 : 1)),
  };
}
