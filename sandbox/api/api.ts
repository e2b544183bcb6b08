import { randomBytes } from "node:crypto";

/** A row as the API shows it. */
export interface PermissionRow {
  object: "checkpoint.permission";
  id: string;
  created_at: number;
  project_id: string;
}

/** A project as the API shows it. */
export interface ProjectRow {
  object: "organization.project";
  id: string;
  name: string | null;
  created_at: number;
  archived_at: number | null;
  status: "active" | "archived";
}

/** Who did something, as the audit log shows it. */
export type Actor =
  | { type: "session"; session: { user: { id: string; email: string }; ip_address: string } }
  | {
      type: "api_key";
      api_key: { id: string } & (
        | { type: "user"; user: { id: string; email: string } }
        | { type: "service_account"; service_account: { id: string } }
      );
    };

/** An event as the audit log shows it. */
export interface AuditEvent {
  id: string;
  type: "checkpoint.permission.created" | "checkpoint.permission.deleted";
  effective_at: number;
  actor: Actor | null;
  "checkpoint.permission.created"?: {
    id: string;
    data: { project_id: string; fine_tuned_model_checkpoint: string };
  };
  "checkpoint.permission.deleted"?: { id: string };
}

/** Who the key of the emulator belongs to. */
const keyActor: Actor = {
  type: "api_key",
  api_key: { id: "key_sandbox", type: "service_account", service_account: { id: "svc_acct_sandbox" } },
};

/** What a POST does with a project that has a permission already; the API does not document it. */
export type RepeatedPost = "return" | "omit" | "duplicate" | "refuse";

export type Method = "GET" | "POST" | "DELETE";

export interface ThrottleSetting {
  perMinute: number;
  burst: number;
  /** How a 429 says when to come back. Default: not at all. */
  retryAfter?: "none" | "seconds" | "date";
}

/** How the API behaves. */
export interface ApiOptions {
  /** Default: random. */
  adminKey?: string;
  /** The organization that the key belongs to. Default: acme. */
  organization?: string;
  /** Default: `return`. One for all checkpoints, or by checkpoint. */
  repeatedPost?: RepeatedPost | ((checkpoint: string) => RepeatedPost);
  /** Each endpoint by itself. Default: none. */
  throttle?: ThrottleSetting | undefined;
  /** Projects that are not the organization's: granting to one refuses the whole POST. */
  unknownProjects?: string[];
  /** The organization's checkpoints. Default: any. */
  checkpoints?: string[] | undefined;
  /** Checkpoints that are not the organization's. */
  unknownCheckpoints?: string[];
  /** The organization's projects. Grants to others are refused. Default: any project is known, by no name. */
  projects?: Pick<ProjectRow, "id" | "name" | "archived_at">[] | undefined;
  /** What the audit log answers: events, none because it is switched off, or a refusal. Default: on. */
  auditLog?: "on" | "off" | "refused";
  /** Whether the key may not list projects. Default: false. */
  refusesProjects?: boolean;
  /** How old a new permission claims to be, in seconds. Default: 0. */
  age?: number;
  /** How long, in seconds, lists and the audit log lag behind what was granted and revoked. Default: 0. */
  lag?: number;
  /** Milliseconds since the Unix epoch. Default: the computer's date. */
  now?: () => number;
}

export interface ApiErrorBody {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

interface StoredRow extends PermissionRow {
  /** In milliseconds, regardless of the age that the row claims. */
  grantedAt: number;
  revokedAt: number;
}

const route = /^\/v1\/fine_tuning\/checkpoints\/([^/]+)\/permissions(?:\/([^/]+))?$/;

/**
 * The three endpoints of checkpoint permissions, and those of projects and the audit log: a faithful stand-in for
 * OpenAI's API as `openapi.yaml` and `openapi-admin.yaml` have it.
 */
export class EmulatedApi {
  adminKey: string;
  readonly #options: ApiOptions;
  /** By checkpoint, oldest first. */
  readonly #rows = new Map<string, StoredRow[]>();
  readonly #byId = new Map<string, StoredRow>();
  /** Oldest first, with the time of each in milliseconds, regardless of the age that it claims. */
  readonly #events: { at: number; event: AuditEvent }[] = [];
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  #passed = 0;

  constructor(options: ApiOptions = {}) {
    this.#options = { ...options };
    this.adminKey = options.adminKey ?? `sk-admin-sandbox-${randomBytes(12).toString("hex")}`;
  }

  /** Changes how it behaves from now on. */
  set({ adminKey = this.adminKey, ...options }: Omit<ApiOptions, "now">): void {
    this.adminKey = adminKey;
    Object.assign(this.#options, options);
    this.#buckets.clear();
  }

  /** Grants outside of Pulumi. */
  grant(
    checkpoint: string,
    projectId: string,
    id = `cp_${randomBytes(12).toString("hex")}`,
    actor: Actor | null = null,
  ): PermissionRow {
    const now = this.now();
    const created_at = Math.floor(now / 1000) - (this.#options.age ?? 0);
    const row: PermissionRow = { object: "checkpoint.permission", id, created_at, project_id: projectId };
    const stored: StoredRow = { ...row, grantedAt: now, revokedAt: Infinity };
    this.#byId.set(id, stored);
    const rows = this.#rows.get(checkpoint);
    if (rows === undefined) this.#rows.set(checkpoint, [stored]);
    else rows.push(stored);
    this.#record("checkpoint.permission.created", created_at, actor, {
      id,
      data: { project_id: projectId, fine_tuned_model_checkpoint: checkpoint },
    });
    return row;
  }

  /** Revokes outside of Pulumi. */
  revoke(permissionId: string, actor: Actor | null = null): void {
    const row = this.#byId.get(permissionId);
    if (row === undefined || row.revokedAt <= this.now()) return;
    row.revokedAt = this.now();
    this.#record("checkpoint.permission.deleted", Math.floor(this.now() / 1000), actor, { id: permissionId });
  }

  #record<Type extends AuditEvent["type"]>(
    type: Type,
    effective_at: number,
    actor: Actor | null,
    details: AuditEvent[Type],
  ): void {
    const id = `audit_log-${String(this.#events.length + 1).padStart(6, "0")}`;
    this.#events.push({ at: this.now(), event: { id, type, effective_at, actor, [type]: details } });
  }

  /** The organization's projects, if only certain ones are known. */
  get knownProjects(): NonNullable<ApiOptions["projects"]> {
    return this.#options.projects ?? [];
  }

  /** A checkpoint's permissions as they are, newest first. */
  permissions(checkpoint: string): PermissionRow[] {
    return this.#rowsAt(checkpoint, Infinity);
  }

  /** The projects that have access to a checkpoint, sorted. */
  projects(checkpoint: string): string[] {
    return this.permissions(checkpoint)
      .map((row) => row.project_id)
      .sort();
  }

  answer(method: Method, url: URL, authorization: string | undefined, body: string): Answer {
    const answer = this.#answer(method, url, authorization, body);
    const { organization = "acme" } = this.#options;
    const headers = { date: new Date(this.now()).toUTCString(), "openai-organization": organization };
    return { ...answer, headers: { ...headers, ...answer.headers } };
  }

  #answer(method: Method, url: URL, authorization: string | undefined, body: string): Answer {
    const endpoint = /^\/v1\/organization\/(projects|audit_logs)$/.exec(url.pathname)?.[1];
    if (endpoint !== undefined && method === "GET") {
      const refused = this.#authorize(authorization) ?? this.#throttle(endpoint);
      if (refused !== undefined) return refused;
      return endpoint === "projects" ? this.#listProjects(url.searchParams) : this.#listEvents(url.searchParams);
    }
    const [, encodedCheckpoint, encodedId] = route.exec(url.pathname) ?? [];
    const allowed = encodedId === undefined ? ["GET", "POST"] : ["DELETE"];
    if (encodedCheckpoint === undefined || !allowed.includes(method)) {
      return failure(404, `Invalid URL (${method} ${url.pathname})`);
    }
    const refused = this.#authorize(authorization) ?? this.#throttle(method);
    if (refused !== undefined) return refused;

    const checkpoint = decodeURIComponent(encodedCheckpoint);
    const { checkpoints, unknownCheckpoints } = this.#options;
    if (checkpoints?.includes(checkpoint) === false || unknownCheckpoints?.includes(checkpoint) === true) {
      const message = `The model '${checkpoint}' does not exist or you do not have access to it.`;
      return failure(404, message, { code: "model_not_found", param: "model" });
    }
    switch (method) {
      case "GET":
        return this.#list(checkpoint, url.searchParams);
      case "POST":
        return this.#create(checkpoint, body);
      case "DELETE":
        return this.#delete(checkpoint, decodeURIComponent(encodedId!));
    }
  }

  /** Lets time pass, as the API sees it. */
  pass(milliseconds: number): void {
    this.#passed += milliseconds;
  }

  /** Its date, in milliseconds. */
  now(): number {
    return (this.#options.now ?? Date.now)() + this.#passed;
  }

  #rowsAt(checkpoint: string, time: number): PermissionRow[] {
    // Of those that were never revoked Infinity is the date.
    const atThatTime = Math.min(time, Number.MAX_SAFE_INTEGER);
    return (this.#rows.get(checkpoint) ?? [])
      .filter((row) => row.grantedAt <= atThatTime && row.revokedAt > atThatTime)
      .reverse()
      .map(({ object, id, created_at, project_id }) => ({ object, id, created_at, project_id }));
  }

  #authorize(authorization: string | undefined): Answer | undefined {
    const key = /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
    if (key === undefined) return failure(401, "You didn't provide an API key.");
    if (key === this.adminKey) return undefined;
    if (key.startsWith("sk-proj-")) {
      return failure(403, "You have insufficient permissions for this operation.", {
        code: "insufficient_permissions",
      });
    }
    return failure(401, `Incorrect API key provided: ${key}.`, { code: "invalid_api_key" });
  }

  #throttle(endpoint: string): Answer | undefined {
    const { throttle } = this.#options;
    if (throttle === undefined) return undefined;
    const now = this.now();
    const bucket = this.#buckets.get(endpoint) ?? { tokens: throttle.burst, at: now };
    const perMillisecond = throttle.perMinute / 60_000;
    bucket.tokens = Math.min(throttle.burst, bucket.tokens + (now - bucket.at) * perMillisecond);
    bucket.at = now;
    this.#buckets.set(endpoint, bucket);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return undefined;
    }
    const seconds = Math.ceil((1 - bucket.tokens) / perMillisecond / 1000);
    const answer = failure(429, "Rate limit reached for requests.", { type: "requests", code: "rate_limit_exceeded" });
    if (throttle.retryAfter === "seconds") answer.headers = { "retry-after": String(seconds) };
    if (throttle.retryAfter === "date")
      answer.headers = { "retry-after": new Date(now + seconds * 1000).toUTCString() };
    return answer;
  }

  #list(checkpoint: string, query: URLSearchParams): Answer {
    const limit = limitOf(query, 10);
    if (typeof limit !== "number") return limit;
    const order = query.get("order") ?? "descending";
    if (order !== "ascending" && order !== "descending") {
      return failure(400, "Invalid 'order': it must be 'ascending' or 'descending'.", { param: "order" });
    }
    const projectId = query.get("project_id");
    const listed = this.#rowsAt(checkpoint, this.now() - (this.#options.lag ?? 0) * 1000);
    const rows = listed.filter((row) => projectId === null || row.project_id === projectId);
    if (order === "ascending") rows.reverse();
    return pageOf(rows, query.get("after"), limit);
  }

  #listProjects(query: URLSearchParams): Answer {
    const limit = limitOf(query, 20);
    if (typeof limit !== "number") return limit;
    const { projects = [], refusesProjects = false } = this.#options;
    if (refusesProjects) return failure(403, "Missing scopes: api.management.read");
    const rows = projects
      .filter(({ archived_at }) => archived_at === null || query.get("include_archived") === "true")
      .map(({ id, name, archived_at }): ProjectRow => {
        const status = archived_at === null ? "active" : "archived";
        return { object: "organization.project", id, name, created_at: 1_700_000_000, archived_at, status };
      });
    return pageOf(rows, query.get("after"), limit);
  }

  /** Newest first. */
  #listEvents(query: URLSearchParams): Answer {
    const limit = limitOf(query, 20);
    if (typeof limit !== "number") return limit;
    const { auditLog = "on", lag = 0 } = this.#options;
    if (auditLog === "refused") return failure(403, "Audit logging is not enabled for this organization.");
    const until = this.now() - lag * 1000;
    const types = query.getAll("event_types[]");
    const known: readonly string[] = ["checkpoint.permission.created", "checkpoint.permission.deleted"];
    if (types.some((type) => !known.includes(type))) {
      return failure(400, "Invalid value in 'event_types[]'.", { param: "event_types[]" });
    }
    const from = Number(query.get("effective_at[gte]") ?? 0);
    const rows = (auditLog === "off" ? [] : this.#events)
      .filter(({ at, event }) => at <= until && event.effective_at >= from)
      .filter(({ event }) => types.length === 0 || types.includes(event.type))
      .map(({ event }) => event)
      .reverse();
    return pageOf(rows, query.get("after"), limit);
  }

  #create(checkpoint: string, body: string): Answer {
    const projectIds = projectIdsOf(body);
    if (projectIds === undefined || projectIds.length === 0) {
      return failure(400, "Missing or invalid 'project_ids': it must be an array of strings.", {
        param: "project_ids",
      });
    }
    const { projects } = this.#options;
    const isUnknown = (id: string) =>
      this.#options.unknownProjects?.includes(id) === true || projects?.every((project) => project.id !== id) === true;
    const unknown = projectIds.filter(isUnknown);
    if (unknown.length > 0)
      return failure(400, "A project was not found in this organization.", { param: "project_ids" });

    const archived = projectIds.find((id) => projects?.some((one) => one.id === id && one.archived_at !== null));
    if (archived !== undefined) return failure(400, `Project ${archived} is archived.`, { param: "project_ids" });

    const { repeatedPost: setting = "return" } = this.#options;
    const repeatedPost = typeof setting === "function" ? setting(checkpoint) : setting;
    const byProject = new Map(this.permissions(checkpoint).map((row) => [row.project_id, row]));
    if (repeatedPost === "refuse" && projectIds.some((id) => byProject.has(id))) {
      return failure(409, "A permission for this project already exists.", { code: "already_exists" });
    }
    const rows = projectIds.flatMap((id) => {
      const row = byProject.get(id);
      if (row === undefined || repeatedPost === "duplicate") return [this.grant(checkpoint, id, undefined, keyActor)];
      return repeatedPost === "return" ? [row] : [];
    });
    // Nothing promises the order of the rows, so it is not that of the request.
    return list(rows.reverse(), false);
  }

  #delete(checkpoint: string, id: string): Answer {
    if (!this.permissions(checkpoint).some((row) => row.id === id)) {
      return failure(404, `No such permission: ${id}`, { code: "permission_not_found" });
    }
    this.revoke(id, keyActor);
    return { status: 200, body: { object: "checkpoint.permission", id, deleted: true } };
  }
}

function limitOf(query: URLSearchParams, usual: number): number | Answer {
  const limit = Number(query.get("limit") ?? usual);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100) return limit;
  return failure(400, "Invalid 'limit': it must be an integer from 1 to 100.", { param: "limit" });
}

function pageOf(rows: readonly { id: string }[], after: string | null, limit: number): Answer {
  const index = after === null ? -1 : rows.findIndex((row) => row.id === after);
  if (after !== null && index === -1) {
    return failure(400, `Invalid 'after': nothing has the ID '${after}'.`, { param: "after" });
  }
  const rest = rows.slice(index + 1);
  return list(rest.slice(0, limit), rest.length > limit);
}

function list(data: readonly { id: string }[], hasMore: boolean): Answer {
  return {
    status: 200,
    body: {
      object: "list",
      data,
      first_id: data.at(0)?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: hasMore,
    },
  };
}

export function failure(status: number, message: string, details: Partial<ApiErrorBody> = {}): Answer {
  const error: ApiErrorBody = { message, type: "invalid_request_error", param: null, code: null, ...details };
  return { status, body: { error } };
}

export function projectIdsOf(body: string): string[] | undefined {
  try {
    const ids = (JSON.parse(body) as { project_ids?: unknown }).project_ids;
    return Array.isArray(ids) && ids.every((id) => typeof id === "string") ? ids : undefined;
  } catch {
    return undefined;
  }
}
