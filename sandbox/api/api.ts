import { randomBytes } from "node:crypto";

/** A row as the API shows it. */
export interface PermissionRow {
  object: "checkpoint.permission";
  id: string;
  created_at: number;
  project_id: string;
}

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
  /** Projects that are archived: granting to one refuses the whole POST. */
  archivedProjects?: string[];
  /** Checkpoints that are not the organization's. */
  unknownCheckpoints?: string[];
  /** How old a new permission claims to be, in seconds. Default: 0. */
  age?: number;
  /** How long, in seconds, lists lag behind what was granted and revoked. Default: 0. */
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

/** The three endpoints of checkpoint permissions: a faithful stand-in for OpenAI's API as `openapi.yaml` has it. */
export class EmulatedApi {
  adminKey: string;
  readonly #options: ApiOptions;
  /** By checkpoint, oldest first. */
  readonly #rows = new Map<string, StoredRow[]>();
  readonly #byId = new Map<string, StoredRow>();
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
  grant(checkpoint: string, projectId: string, id = `cp_${randomBytes(12).toString("hex")}`): PermissionRow {
    const now = this.#now();
    const created_at = Math.floor(now / 1000) - (this.#options.age ?? 0);
    const row: PermissionRow = { object: "checkpoint.permission", id, created_at, project_id: projectId };
    const stored: StoredRow = { ...row, grantedAt: now, revokedAt: Infinity };
    this.#byId.set(id, stored);
    const rows = this.#rows.get(checkpoint);
    if (rows === undefined) this.#rows.set(checkpoint, [stored]);
    else rows.push(stored);
    return row;
  }

  /** Revokes outside of Pulumi. */
  revoke(permissionId: string): void {
    const row = this.#byId.get(permissionId);
    if (row !== undefined) row.revokedAt = Math.min(row.revokedAt, this.#now());
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
    const headers = { date: new Date(this.#now()).toUTCString(), "openai-organization": organization };
    return { ...answer, headers: { ...headers, ...answer.headers } };
  }

  #answer(method: Method, url: URL, authorization: string | undefined, body: string): Answer {
    const [, encodedCheckpoint, encodedId] = route.exec(url.pathname) ?? [];
    const allowed = encodedId === undefined ? ["GET", "POST"] : ["DELETE"];
    if (encodedCheckpoint === undefined || !allowed.includes(method)) {
      return failure(404, `Invalid URL (${method} ${url.pathname})`);
    }
    const refused = this.#authorize(authorization) ?? this.#throttle(method);
    if (refused !== undefined) return refused;

    const checkpoint = decodeURIComponent(encodedCheckpoint);
    if (this.#options.unknownCheckpoints?.includes(checkpoint) === true) {
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

  #now(): number {
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

  #throttle(method: Method): Answer | undefined {
    const { throttle } = this.#options;
    if (throttle === undefined) return undefined;
    const now = this.#now();
    const bucket = this.#buckets.get(method) ?? { tokens: throttle.burst, at: now };
    const perMillisecond = throttle.perMinute / 60_000;
    bucket.tokens = Math.min(throttle.burst, bucket.tokens + (now - bucket.at) * perMillisecond);
    bucket.at = now;
    this.#buckets.set(method, bucket);
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
    const limit = Number(query.get("limit") ?? 10);
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
      return failure(400, "Invalid 'limit': it must be an integer from 1 to 100.", { param: "limit" });
    }
    const order = query.get("order") ?? "descending";
    if (order !== "ascending" && order !== "descending") {
      return failure(400, "Invalid 'order': it must be 'ascending' or 'descending'.", { param: "order" });
    }
    const projectId = query.get("project_id");
    const listed = this.#rowsAt(checkpoint, this.#now() - (this.#options.lag ?? 0) * 1000);
    let rows = listed.filter((row) => projectId === null || row.project_id === projectId);
    if (order === "ascending") rows.reverse();
    const after = query.get("after");
    if (after !== null) {
      const index = rows.findIndex((row) => row.id === after);
      if (index === -1) return failure(400, `Invalid 'after': no permission '${after}'.`, { param: "after" });
      rows = rows.slice(index + 1);
    }
    return list(rows.slice(0, limit), rows.length > limit);
  }

  #create(checkpoint: string, body: string): Answer {
    const projectIds = projectIdsOf(body);
    if (projectIds === undefined || projectIds.length === 0) {
      return failure(400, "Missing or invalid 'project_ids': it must be an array of strings.", {
        param: "project_ids",
      });
    }
    const unknown = projectIds.filter((id) => this.#options.unknownProjects?.includes(id));
    if (unknown.length > 0)
      return failure(400, "A project was not found in this organization.", { param: "project_ids" });

    const archived = projectIds.find((id) => this.#options.archivedProjects?.includes(id));
    if (archived !== undefined) return failure(400, `Project ${archived} is archived.`, { param: "project_ids" });

    const { repeatedPost: setting = "return" } = this.#options;
    const repeatedPost = typeof setting === "function" ? setting(checkpoint) : setting;
    const byProject = new Map(this.permissions(checkpoint).map((row) => [row.project_id, row]));
    if (repeatedPost === "refuse" && projectIds.some((id) => byProject.has(id))) {
      return failure(409, "A permission for this project already exists.", { code: "already_exists" });
    }
    const rows = projectIds.flatMap((id) => {
      const row = byProject.get(id);
      if (row === undefined || repeatedPost === "duplicate") return [this.grant(checkpoint, id)];
      return repeatedPost === "return" ? [row] : [];
    });
    // Nothing promises the order of the rows, so it is not that of the request.
    return list(rows.reverse(), false);
  }

  #delete(checkpoint: string, id: string): Answer {
    if (!this.permissions(checkpoint).some((row) => row.id === id)) {
      return failure(404, `No such permission: ${id}`, { code: "permission_not_found" });
    }
    this.revoke(id);
    return { status: 200, body: { object: "checkpoint.permission", id, deleted: true } };
  }
}

function list(data: PermissionRow[], hasMore: boolean): Answer {
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
