import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A row as the API shows it. */
export interface PermissionRow {
  object: "checkpoint.permission";
  id: string;
  created_at: number;
  project_id: string;
}

/** What a POST does with a project that has the permission already; the API does not document it. */
export type RepeatedPost = "return" | "omit" | "duplicate" | "refuse";

export type Method = "GET" | "POST" | "DELETE";

export interface ThrottleSetting {
  perMinute: number;
  burst: number;
  /** How a 429 says when to come back. Default: not at all. */
  retryAfter?: "none" | "seconds" | "date";
}

export interface EmulatorOptions {
  /** Default: any free one. */
  port?: number;
  /** Default: random. */
  adminKey?: string;
  /** Default: `return`. One for all checkpoints, or by checkpoint. */
  repeatedPost?: RepeatedPost | ((checkpoint: string) => RepeatedPost);
  /** Each endpoint by itself. Default: none. */
  throttle?: ThrottleSetting;
  /** Milliseconds before each answer. Default: 0. */
  latency?: number;
  /** Projects that are not the organization's: granting to one refuses the whole POST. */
  unknownProjects?: string[];
  /** Checkpoints that are not the organization's. */
  unknownCheckpoints?: string[];
  /** Hears of each request once it is served. */
  onServed?: (request: ServedRequest) => void;
}

/** One request, as it was served. */
export interface ServedRequest {
  method: Method;
  /** The path below the base URL, decoded. */
  path: string;
  query: Record<string, string>;
  projectIds: string[] | undefined;
  status: number | "reset" | "hang";
}

/** Something that goes wrong, on demand. */
export interface Fault {
  method: Method;
  /** Default: any. */
  checkpoint?: string | undefined;
  /** So many matching requests pass first. Default: 0. */
  after?: number;
  /** So many requests are hit. Default: 1. */
  times?: number;
  /** What goes wrong next, once this has. */
  then?: Fault | undefined;
  /** Hears of each request that is hit. */
  onHit?: () => void;
  kind:
    | { status: number; error?: Partial<ApiErrorBody>; headers?: Record<string, string> }
    /** A connection that is cut before anything was done, or after everything was. */
    | "reset"
    | "lost answer"
    /** No answer ever comes, though nothing was done, or everything was. */
    | "hang"
    | "late"
    /** A proxy's page in place of the API's answer. */
    | "html"
    /** The answer breaks off, though everything was done. */
    | "cut json"
    /** JSON of another shape, though everything was done. */
    | "wrong shape"
    /** Something else that happens just before it is served. */
    | { before: (emulator: Emulator, request: ServedRequest) => void | Promise<void> }
    /** An answer that is not what it should be. */
    | { rewrite: (body: unknown) => unknown };
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

const route = /^\/v1\/fine_tuning\/checkpoints\/([^/]+)\/permissions(?:\/([^/]+))?$/;

/**
 * The three endpoints of checkpoint permissions, on 127.0.0.1: a faithful stand-in for OpenAI's API as
 * `sandbox/api/openapi.yaml` has it.
 */
export class Emulator {
  readonly adminKey: string;
  /** Every request that was served, in order. */
  readonly requests: ServedRequest[] = [];
  readonly #options: EmulatorOptions;
  readonly #server: Server;
  readonly #rows = new Map<string, PermissionRow[]>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  #faults: Fault[] = [];

  private constructor(options: EmulatorOptions) {
    this.#options = options;
    this.adminKey = options.adminKey ?? `sk-admin-sandbox-${randomBytes(12).toString("hex")}`;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: EmulatorOptions = {}): Promise<Emulator> {
    const emulator = new Emulator(options);
    await new Promise<void>((resolve, reject) => {
      emulator.#server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    return emulator;
  }

  /** One that serves no port: for {@link answer}. */
  static offline(options: EmulatorOptions = {}): Emulator {
    return new Emulator(options);
  }

  /** What goes into `OPENAI_BASE_URL`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Refuses connections while something else is done. */
  async whileDown<Result>(work: () => Promise<Result>): Promise<Result> {
    const { port } = this.#server.address() as AddressInfo;
    await this.stop();
    try {
      return await work();
    } finally {
      await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    }
  }

  /** Changes how it behaves from now on. */
  set(options: Omit<EmulatorOptions, "port" | "adminKey" | "onServed">): void {
    Object.assign(this.#options, options);
    this.#buckets.clear();
  }

  /** Makes something go wrong. */
  fail(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  /** The requests since the last call, and forgets them. */
  takeRequests(): ServedRequest[] {
    return this.requests.splice(0);
  }

  /** Grants behind Pulumi's back. */
  grant(checkpoint: string, projectId: string, id = `cp_${randomBytes(12).toString("hex")}`): PermissionRow {
    const row: PermissionRow = {
      object: "checkpoint.permission",
      id,
      created_at: Math.floor(Date.now() / 1000),
      project_id: projectId,
    };
    this.#rows.set(checkpoint, [row, ...(this.#rows.get(checkpoint) ?? [])]);
    return row;
  }

  /** Revokes behind Pulumi's back. */
  revoke(permissionId: string): void {
    for (const [checkpoint, rows] of this.#rows) {
      this.#rows.set(
        checkpoint,
        rows.filter((row) => row.id !== permissionId),
      );
    }
  }

  /** A checkpoint's permissions, newest first. */
  permissions(checkpoint: string): PermissionRow[] {
    return [...(this.#rows.get(checkpoint) ?? [])];
  }

  /** The projects that may use a checkpoint, sorted. */
  projects(checkpoint: string): string[] {
    return this.permissions(checkpoint)
      .map((row) => row.project_id)
      .sort();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const body = await readBody(request).catch(() => undefined);
    if (body === undefined) return;
    const { latency = 0 } = this.#options;
    if (latency > 0) await new Promise((resolve) => setTimeout(resolve, latency));

    const method = request.method as Method;
    const logged: ServedRequest = {
      method,
      path: decodeURIComponent(url.pathname.replace(/^\/v1/, "")),
      query: Object.fromEntries(url.searchParams),
      projectIds: projectIdsOf(body),
      status: 0,
    };
    this.requests.push(logged);
    await this.#respond(request, response, url, body, logged);
    this.#options.onServed?.(logged);
  }

  async #respond(request: IncomingMessage, response: ServerResponse, url: URL, body: string, logged: ServedRequest) {
    const { method } = logged;
    const { kind } = this.#nextFault(logged) ?? {};
    if (kind === "reset" || kind === "hang") {
      logged.status = kind;
      if (kind === "reset") request.socket.resetAndDestroy();
      return;
    }
    if (typeof kind === "object" && "before" in kind) await kind.before(this, logged);

    let answer: Answer;
    if (kind === "html") answer = { status: 502, body: undefined };
    else if (typeof kind === "object" && "status" in kind) {
      answer = { ...failure(kind.status, "The server had an error.", kind.error), ...optionalHeaders(kind.headers) };
    } else answer = this.answer(method, url, request.headers.authorization, body);

    logged.status = answer.status;
    const text = JSON.stringify(answer.body);
    const headers = { "content-type": "application/json", "x-request-id": `req_${randomBytes(8).toString("hex")}` };
    response.writeHead(answer.status, { ...headers, ...answer.headers });
    switch (kind) {
      case "lost answer":
        logged.status = "reset";
        return void request.socket.resetAndDestroy();
      case "late":
        logged.status = "hang";
        return;
      case "html":
        return void response.end("<html><body><h1>502 Bad Gateway</h1></body></html>");
      case "cut json":
        return void response.end(text.slice(0, text.length / 2));
      case "wrong shape":
        return void response.end(JSON.stringify({ object: "list", items: [] }));
      default:
        response.end(
          typeof kind === "object" && "rewrite" in kind ? JSON.stringify(kind.rewrite(JSON.parse(text))) : text,
        );
    }
  }

  #nextFault({ method, path }: ServedRequest): Fault | undefined {
    const fault = this.#faults.find(
      (candidate) =>
        candidate.method === method &&
        (candidate.checkpoint === undefined || path.startsWith(`/fine_tuning/checkpoints/${candidate.checkpoint}/`)),
    );
    if (fault === undefined) return undefined;
    if (fault.after !== undefined && fault.after > 0) {
      fault.after--;
      return undefined;
    }
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times === 0) this.#faults = this.#faults.filter((other) => other !== fault);
    if (fault.then !== undefined) this.fail(fault.then);
    fault.onHit?.();
    return fault;
  }

  /** What the API answers, faults aside. */
  answer(method: Method, url: URL, authorization: string | undefined, body: string): Answer {
    const [, encodedCheckpoint, encodedId] = route.exec(url.pathname) ?? [];
    const allowed = encodedId === undefined ? ["GET", "POST"] : ["DELETE"];
    if (encodedCheckpoint === undefined || !allowed.includes(method)) {
      return failure(404, `Invalid URL (${method} ${url.pathname})`);
    }
    const refused = this.#authorize(authorization) ?? this.#throttle(method);
    if (refused !== undefined) return refused;

    const checkpoint = decodeURIComponent(encodedCheckpoint);
    if (this.#options.unknownCheckpoints?.includes(checkpoint) === true) {
      return failure(404, `The model '${checkpoint}' does not exist`, { code: "model_not_found", param: "model" });
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
    const now = Date.now();
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
    let rows = this.permissions(checkpoint).filter((row) => projectId === null || row.project_id === projectId);
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

    const { repeatedPost: setting = "return" } = this.#options;
    const repeatedPost = typeof setting === "function" ? setting(checkpoint) : setting;
    const existing = (id: string) => this.permissions(checkpoint).find((row) => row.project_id === id);
    if (repeatedPost === "refuse" && projectIds.some((id) => existing(id) !== undefined)) {
      return failure(409, "A permission for this project already exists.", { code: "already_exists" });
    }
    const rows = projectIds.flatMap((id) => {
      const row = existing(id);
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

function failure(status: number, message: string, details: Partial<ApiErrorBody> = {}): Answer {
  const error: ApiErrorBody = { message, type: "invalid_request_error", param: null, code: null, ...details };
  return { status, body: { error } };
}

function optionalHeaders(headers: Record<string, string> | undefined): Pick<Answer, "headers"> {
  return headers === undefined ? {} : { headers };
}

function projectIdsOf(body: string): string[] | undefined {
  try {
    const ids = (JSON.parse(body) as { project_ids?: unknown }).project_ids;
    return Array.isArray(ids) && ids.every((id) => typeof id === "string") ? ids : undefined;
  } catch {
    return undefined;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
