import type { ProviderContext } from "../access/context";
import type { PermissionList } from "../access/lookups";
import type { Permission } from "../api/permission";
import { compareIds } from "../resource/ids";
import { fetchEach, fetchLists } from "./fetch-lists";
import { counted, iso, minute, second, source, type Evidence, type Report } from "./report";
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

/**
 * Lists who has access to checkpoints, and as evidence says which API was read, for which organization, and when.
 *
 * @param projectIds undefined: all projects.
 */
export async function list(
  context: ProviderContext,
  screen: Screen,
  checkpoints: readonly string[],
  projectIds: string[] | undefined,
): Promise<Report> {
  const reviews = await fetchEach(screen, checkpoints, async (fineTunedModelCheckpoint, onPage) => {
    const lists = await fetchLists(context, fineTunedModelCheckpoint, projectIds, onPage);
    return reviewOf(fineTunedModelCheckpoint, lists, projectIds);
  });
  const evidence = { api: context.config.baseUrl, organization: context.client.organization ?? null };
  return reportOf(reviews, evidence, projectIds);
}

function reviewOf(
  fineTunedModelCheckpoint: string,
  lists: readonly PermissionList[],
  projectIds: string[] = [],
): Review {
  const permissions = lists
    .flatMap((one) => one.permissions)
    .sort((a, b) => compareIds(a.projectId, b.projectId) || a.createdAt - b.createdAt);
  const having = new Set(permissions.map(({ projectId }) => projectId));
  const without = projectIds.filter((projectId) => !having.has(projectId)).sort();
  return { fineTunedModelCheckpoint, readAt: Math.min(...lists.map(({ date }) => date)), permissions, without };
}

function reportOf(reviews: readonly Review[], evidence: Evidence, projectIds: string[] | undefined): Report {
  const scope = projectIds === undefined ? "all projects" : "the projects asked about";
  return {
    title: "Who has access to fine-tuned checkpoints",
    sections: reviews.map((review) => ({
      checkpoint: review.fineTunedModelCheckpoint,
      summary: `${counted(review.permissions.length, "permission")}, read ${second(review.readAt)}`,
      rows: (code) => tableOf(review, code),
    })),
    notes: [`The lists are complete for ${scope}.\n${source(evidence)}`],
    json: {
      ...evidence,
      complete: true,
      projects: projectIds ?? "all",
      checkpoints: reviews.map(({ readAt, permissions, without, ...review }) => ({
        ...review,
        readAt: iso(readAt),
        permissions: permissions.map(({ id, projectId, createdAt }) => ({ id, projectId, grantedAt: iso(createdAt) })),
        ...(projectIds === undefined ? {} : { without }),
      })),
    },
    csv: { columns, rows: reviews.flatMap((review) => csvRows(review, { ...evidence, scope })) },
  };
}

/** No table if there are no rows. */
function tableOf({ permissions, without }: Review, code: (id: string) => string): string[][] {
  const rows = [
    ...permissions.map(({ id, projectId, createdAt }) => [code(projectId), code(id), minute(createdAt)]),
    ...without.map((projectId) => [code(projectId), "none", ""]),
  ];
  return rows.length === 0 ? [] : [["Project", "Permission", "Granted (UTC)"], ...rows];
}

const columns = [
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
