import type { ProviderContext } from "../access/context";
import type { Organization } from "../access/organization";
import type { PermissionList } from "../access/snapshot";
import type { Permission } from "../api/permission";
import { ApiError } from "../api/error";
import { failureOf, reasonOf, withFailure } from "../resource/failure";
import { compareIds, groupBy } from "../resource/ids";
import { iso } from "../time";
import { fetchEach, fetchLists } from "./fetch-lists";

import type { Screen } from "./screen";
import { shownPlaceOf, type StackRecords } from "./stack-export";

/** A permission, as a review shows it. */
export interface ReviewedPermission {
  id: string;
  projectId: string;
  projectName: string | null;
  projectStatus: "active" | "archived" | null;
  /** In Unix seconds. */
  createdAt: number;
  grantedBy: string | null;
  /** The resources that declare it, with stacks as `shop/prod`; null if no stack was given. */
  declaredBy: { stack: string; urn: string; name: string }[] | null;
  /** Whether the project has another permission for the checkpoint. */
  isDuplicate: boolean;
}

/** Who has access to one checkpoint. */
export interface Review {
  fineTunedModelCheckpoint: string;
  /** How it came to be in the review. */
  foundBy: ("argument" | "stack" | "audit log")[];
  isDeleted: boolean;
  /** When the API answered, in Unix seconds. */
  readAt: number;
  /** By the project's name, or its ID where it has none; then oldest first. */
  permissions: ReviewedPermission[];
  /** The projects that were asked about and have no permission. */
  without: string[];
}

/** What else was read, and why it may not be complete. */
export interface Sources {
  projects: { status: "read" | "not read" | "not asked"; problem: string | null };
  auditLog: {
    status: "read" | "not read" | "not asked";
    events: number;
    /** When the oldest event happened; null if there is none. */
    since: string | null;
    problem: string | null;
  };
  /** The stacks whose exports were given; null if none was. */
  stacks: StackRecords["stacks"] | null;
}

export interface ReviewOptions {
  /** The checkpoints that were named; if there are none, they are found. */
  checkpoints: readonly string[];
  /** Undefined: all projects. */
  projectIds: string[] | undefined;
  /** The stacks' exports; undefined if none was given. */
  stacks: StackRecords | undefined;
  /** What is read beside permissions; undefined if nothing is to be. */
  organization: Organization | undefined;
  /** For the evidence. */
  madeBy: {
    /** With its version. */
    tool: string;
    /** The command that was run, without keys. */
    command: string;
    /** Who ran it, as the operating system knows them: the API does not tell whose a key is. */
    user: string | null;
  };
  /** Whether CSV has columns for the reviewer's decision and remark. */
  withDecisions?: boolean;
}

/** Reads who has access to checkpoints, and what else is known of it. */
export async function review(
  context: ProviderContext,
  screen: Screen,
  { checkpoints: named, projectIds, stacks, organization }: ReviewOptions,
) {
  if (named.length === 0 && organization !== undefined) {
    await organization.readAllEvents();
    const { problemWithEvents: problem } = organization;
    // A key may be good for permissions and not for the log; what else fails would fail for both.
    const isOfTheLog = problem instanceof ApiError && (problem.status === 403 || problem.status === 404);
    if (problem !== undefined && !isOfTheLog) throw failureOf(problem, { operation: "find" }, () => context.config);
  }
  const found = checkpointsOf(named, stacks, organization);
  const fetched = await fetchEach(screen, [...found.keys()], async (id, onPage) => {
    const isNamed = found.get(id)!.includes("argument");
    const checkpoint = context.checkpoint(id);
    const read = () => fetchLists(context, id, projectIds, onPage);
    const lists = isNamed
      ? await read()
      : await withFailure(
          () => context,
          { operation: "list", checkpoint: id },
          async () => [await checkpoint.all({ onPage })],
        );
    return { id, lists, isDeleted: checkpoint.existence.isDeleted };
  });
  // Last, so that a refused key costs one request.
  await organization?.readAllEvents();
  await organization?.readProjects();
  const reviews = fetched.map(({ id, lists, isDeleted }): Review => {
    const only = projectIds === undefined ? undefined : new Set(projectIds);
    const permissions = lists
      .flatMap((list) => list.permissions)
      .filter(({ projectId }) => only?.has(projectId) !== false);
    const readAt = isDeleted ? context.clock.date() / 1000 : Math.min(...lists.map(({ date }: PermissionList) => date));
    const having = new Set(permissions.map(({ projectId }) => projectId));
    return {
      fineTunedModelCheckpoint: id,
      foundBy: found.get(id)!,
      isDeleted,
      readAt,
      permissions: reviewed(id, permissions, stacks, organization),
      without: (projectIds ?? []).filter((projectId) => !having.has(projectId)).sort(compareIds),
    };
  });
  const events = (organization?.events ?? []).map(
    ({ id, what, permissionId = null, checkpoint = null, projectId = null, at, actor = null }) => ({
      ...{ id, what, permissionId, fineTunedModelCheckpoint: checkpoint, projectId },
      ...{ at: iso(at), by: actor },
    }),
  );
  return { reviews, sources: sourcesOf(organization, stacks?.stacks), events };
}

/** The checkpoints of a review, sorted, and how each was found. */
function checkpointsOf(
  named: readonly string[],
  records: StackRecords | undefined,
  organization: Organization | undefined,
): Map<string, Review["foundBy"]> {
  const found = new Map<string, Review["foundBy"]>();
  const add = (checkpoint: string | undefined, by: Review["foundBy"][number]) => {
    if (checkpoint === undefined || (named.length > 0 && !named.includes(checkpoint))) return;
    const ways = found.get(checkpoint) ?? [];
    if (!ways.includes(by)) found.set(checkpoint, [...ways, by]);
  };
  for (const checkpoint of named) add(checkpoint, "argument");
  for (const { checkpoint } of [...(records?.recorded ?? []), ...(records?.pending ?? [])]) add(checkpoint, "stack");
  for (const { checkpoint } of organization?.events ?? []) add(checkpoint, "audit log");
  return new Map([...found].sort(([one], [other]) => compareIds(one, other)));
}

function reviewed(
  checkpoint: string,
  permissions: readonly Permission[],
  records: StackRecords | undefined,
  organization: Organization | undefined,
): ReviewedPermission[] {
  const byProject = groupBy(permissions, ({ projectId }) => projectId);
  const kept = records?.recorded.filter((one) => !one.isLeaving && one.checkpoint === checkpoint) ?? [];
  const pending = records?.pending.filter((one) => one.checkpoint === checkpoint) ?? [];
  const inState = groupBy(kept, ({ id }) => id);
  const declaring = groupBy([...kept, ...pending], ({ projectId }) => projectId);
  const rows = permissions.map(({ id, projectId, createdAt }): ReviewedPermission => {
    const project = organization?.project(projectId);
    return {
      id,
      projectId,
      projectName: project?.name ?? null,
      projectStatus: project === undefined ? null : project.isArchived ? "archived" : "active",
      createdAt,
      grantedBy: organization?.event("granted", id)?.actor ?? null,
      declaredBy: records === undefined ? null : declarersOf(id, byProject.get(projectId)!, inState, declaring),
      isDuplicate: byProject.get(projectId)!.length > 1,
    };
  });
  return rows.sort(
    (one, other) =>
      compareIds(one.projectName ?? one.projectId, other.projectName ?? other.projectId) ||
      compareIds(one.projectId, other.projectId) ||
      one.createdAt - other.createdAt ||
      compareIds(one.id, other.id),
  );
}

/**
 * The resources that declare a permission: those that have it in state. If none has any permission of the project in state,
 * those that declare the project, since `pulumi up` adopts the newest.
 */
function declarersOf(
  id: string,
  ofProject: readonly Permission[],
  inState: ReadonlyMap<string, readonly { urn: string }[]>,
  declaring: ReadonlyMap<string, readonly { urn: string }[]>,
): NonNullable<ReviewedPermission["declaredBy"]> {
  // Newest first.
  const [newest] = ofProject as [Permission, ...Permission[]];
  const isAdopted = newest.id === id && !ofProject.some((one) => inState.has(one.id));
  const declarers = (isAdopted ? declaring.get(newest.projectId) : inState.get(id)) ?? [];
  const urns = [...new Set(declarers.map(({ urn }) => urn))];
  return urns
    .map((urn) => ({ ...shownPlaceOf(urn), urn }))
    .sort((one, other) => compareIds(one.name, other.name) || compareIds(one.urn, other.urn));
}

/** Why names or acts are missing from a report, a line each. */
export function problemsOf({ projects, auditLog }: Sources): string[] {
  const problems: string[] = [];
  const part = (isInPart: boolean) => (isInPart ? " for all" : "");
  if (projects.problem !== null) problems.push(`Projects' names are not known: ${projects.problem}`);
  if (auditLog.problem !== null) {
    problems.push(`Who granted or revoked is not known${part(auditLog.events > 0)}: ${auditLog.problem}`);
  } else if (auditLog.status === "read" && auditLog.events === 0) {
    problems.push("Who granted or revoked is not known: the audit log has no such event. It may be switched off.");
  }
  return problems;
}

export function sourcesOf(organization: Organization | undefined, stacks: StackRecords["stacks"] | undefined): Sources {
  const files = stacks ?? null;
  if (organization === undefined) {
    const notAsked = { status: "not asked", problem: null } as const;
    return { projects: notAsked, auditLog: { ...notAsked, events: 0, since: null }, stacks: files };
  }
  const statusOf = (problem: unknown) => (problem === undefined ? "read" : "not read");
  const problemOf = (problem: unknown) => (problem === undefined ? null : reasonOf(problem));
  const { events } = organization;
  return {
    projects: {
      status: statusOf(organization.problemWithProjects),
      problem: problemOf(organization.problemWithProjects),
    },
    auditLog: {
      status: statusOf(organization.problemWithEvents),
      events: events.length,
      since: events.length === 0 ? null : iso(events.reduce((oldest, { at }) => Math.min(oldest, at), Infinity)),
      problem: problemOf(organization.problemWithEvents),
    },
    stacks: files,
  };
}
