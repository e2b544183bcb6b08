import type { Deployment } from "../access/deployment";
import type { Listed } from "../access/lookups";
import type { Permission } from "../api/permission";
import {
  aligned,
  compareIds,
  counted,
  csv,
  inCode,
  iso,
  json,
  markdownTable,
  minute,
  second,
  source,
  type Evidence,
  type Format,
} from "./format";
import { listsOf, readEach } from "./reading";
import type { Screen } from "./screen";

/** Who has access to one checkpoint. */
interface Review {
  fineTunedModelCheckpoint: string;
  /** When the API answered, in Unix seconds. */
  readAt: number;
  /** By project, then oldest first. */
  permissions: Permission[];
  /** The projects that were asked about and have no permission. */
  without: string[];
}

/** Lists who has access to checkpoints, and as evidence says which API was read, for which organization, and when. */
export async function list(
  deployment: Deployment,
  screen: Screen,
  checkpoints: readonly string[],
  { project: projectIds, format }: { project: string[] | undefined; format: Format },
): Promise<string> {
  const expected = new Map(checkpoints.map((checkpoint) => [checkpoint, 0]));
  let organization: string | null = null;
  const reviews = await readEach(deployment, screen, expected, async (fineTunedModelCheckpoint, onPage) => {
    const lists = await listsOf(deployment, fineTunedModelCheckpoint, projectIds, onPage);
    organization ??= lists[0]?.organization ?? null;
    return reviewOf(fineTunedModelCheckpoint, lists, projectIds);
  });
  return render(reviews, { api: deployment.config.baseUrl, organization }, projectIds, format);
}

function reviewOf(fineTunedModelCheckpoint: string, lists: readonly Listed[], projectIds: string[] = []): Review {
  const permissions = lists
    .flatMap((listed) => listed.permissions)
    .sort((a, b) => compareIds(a.projectId, b.projectId) || a.createdAt - b.createdAt);
  const having = new Set(permissions.map(({ projectId }) => projectId));
  const without = projectIds.filter((projectId) => !having.has(projectId)).sort();
  return { fineTunedModelCheckpoint, readAt: Math.min(...lists.map(({ date }) => date)), permissions, without };
}

function render(
  reviews: readonly Review[],
  evidence: Evidence,
  projectIds: readonly string[] | undefined,
  format: Format,
): string {
  const scope = projectIds === undefined ? "all projects" : "the projects asked about";
  switch (format) {
    case "json":
      return json({
        ...evidence,
        complete: true,
        projects: projectIds ?? "all",
        checkpoints: reviews.map(({ readAt, permissions, without, ...review }) => ({
          ...review,
          readAt: iso(readAt),
          permissions: permissions.map(({ id, projectId, createdAt }) => ({
            id,
            projectId,
            grantedAt: iso(createdAt),
          })),
          ...(projectIds === undefined ? {} : { without }),
        })),
      });
    case "csv":
      return csv(
        reviews.flatMap((review) => csvRows(review, { ...evidence, scope })),
        csvColumns,
      );
    case "markdown":
      return [
        "# Who has access to fine-tuned checkpoints",
        ...reviews.flatMap((review) => [
          `## ${inCode(review.fineTunedModelCheckpoint)}`,
          `${summary(review)}.`,
          ...tableOf(review, markdownTable, inCode),
        ]),
        `The lists are complete for ${scope}. Source: ${source(evidence)}.`,
      ].join("\n\n");
    case "table":
      return [
        ...reviews.flatMap((review) => [
          `${review.fineTunedModelCheckpoint}\n${summary(review)}`,
          ...tableOf(review, aligned, (id) => id),
        ]),
        `Complete for ${scope}.\nSource: ${source(evidence)}`,
      ].join("\n\n");
  }
}

function summary({ permissions, readAt }: Review): string {
  return `${counted(permissions.length, "permission")}, read ${second(readAt)}`;
}

/** No table if there are no rows. */
function tableOf(
  { permissions, without }: Review,
  draw: (rows: string[][]) => string,
  code: (id: string) => string,
): string[] {
  const rows = [
    ...permissions.map(({ id, projectId, createdAt }) => [code(projectId), code(id), minute(createdAt)]),
    ...without.map((projectId) => [code(projectId), "none", ""]),
  ];
  return rows.length === 0 ? [] : [draw([["Project", "Permission", "Granted (UTC)"], ...rows])];
}

const csvColumns = [
  "checkpoint",
  "project_id",
  "permission_id",
  "granted_at",
  "permissions_listed",
  "complete_for",
  "read_at",
  "api",
  "organization",
];

/** A checkpoint or a project without permissions has a row, too, since that is evidence as well. */
function csvRows(review: Review, { api, organization, scope }: Evidence & { scope: string }): Record<string, string>[] {
  const { fineTunedModelCheckpoint, readAt, permissions, without } = review;
  const row = (projectId: string, id = "", grantedAt = "") => ({
    checkpoint: fineTunedModelCheckpoint,
    project_id: projectId,
    permission_id: id,
    granted_at: grantedAt,
    permissions_listed: String(permissions.length),
    complete_for: scope,
    read_at: iso(readAt),
    api,
    organization: organization ?? "",
  });
  const rows = [
    ...permissions.map(({ projectId, id, createdAt }) => row(projectId, id, iso(createdAt))),
    ...without.map((projectId) => row(projectId)),
  ];
  return rows.length === 0 ? [row("")] : rows;
}
