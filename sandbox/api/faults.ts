import { randomBytes } from "node:crypto";
import { EmulatedApi, failure, projectIdsOf, type ApiErrorBody, type ApiOptions, type Method } from "./api";

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
  /** Default: those of permissions. */
  endpoint?: "projects" | "audit_logs";
  /** Default: any. */
  method?: Method;
  /** Default: any. */
  checkpoint?: string | undefined;
  /** Only those that ask about one project. Default: false. */
  isFiltered?: boolean;
  /** How many matching requests pass first. Default: 0. */
  after?: number;
  /** How many requests are hit. Default: 1. */
  times?: number;
  /** What goes wrong next, once this has. */
  then?: Fault | undefined;
  /** Called for each request that is hit. */
  onHit?: () => void;
  kind:
    /** A refusal; with this text in place of the API's own form, if it is given. */
    | { status: number; error?: Partial<ApiErrorBody>; text?: string; headers?: Record<string, string> }
    /** A connection that is cut before anything was done, or after everything was. */
    | "reset"
    | "lost answer"
    /** No answer ever comes, though nothing was done, or everything was. */
    | "hang"
    | "late"
    /** A proxy's page in place of the API's answer. */
    | "html"
    /** 204 in place of the answer, though everything was done. */
    | "no content"
    /** The answer breaks off, though everything was done. */
    | "cut json"
    /** JSON of another shape, though everything was done. */
    | "wrong shape"
    /** Something else that happens just before it is served. */
    | { before: (api: FaultyApi, request: ServedRequest) => void | Promise<void> }
    /** An answer that is not what it should be. */
    | { rewrite: (body: unknown) => unknown };
}

/** What reaches the client. */
export type Delivery =
  | { kind: "answer"; status: number; headers: Record<string, string>; text: string }
  /** The connection is cut; after the head of an answer, where there is one. */
  | { kind: "reset" }
  /** Nothing comes. */
  | { kind: "hang" };

export interface FaultyApiOptions extends ApiOptions {
  /** Called for each request once it is served. */
  onServed?: (request: ServedRequest) => void;
}

/** The emulated API, with what goes wrong on the way to it and back, and a log of what was asked. */
export class FaultyApi extends EmulatedApi {
  /** Every request for permissions that was served, in order. */
  readonly requests: ServedRequest[] = [];
  /** Every request for projects and audit events, in order. */
  readonly organizationRequests: ServedRequest[] = [];
  readonly #onServed: ((request: ServedRequest) => void) | undefined;
  #faults: Fault[] = [];

  constructor(options: FaultyApiOptions = {}) {
    super(options);
    this.#onServed = options.onServed;
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

  async serve(method: Method, url: URL, authorization: string | undefined, body: string): Promise<Delivery> {
    const request: ServedRequest = {
      method,
      path: decodeURIComponent(url.pathname.replace(/^\/v1/, "")),
      query: Object.fromEntries(url.searchParams),
      projectIds: projectIdsOf(body),
      status: 0,
    };
    const isOfOrganization = request.path.startsWith("/organization/");
    (isOfOrganization ? this.organizationRequests : this.requests).push(request);
    const delivery = await this.#deliver(request, url, authorization, body);
    request.status = delivery.kind === "answer" ? delivery.status : delivery.kind;
    this.#onServed?.(request);
    return delivery;
  }

  async #deliver(request: ServedRequest, url: URL, authorization: string | undefined, body: string): Promise<Delivery> {
    const { kind } = this.#nextFault(request) ?? {};
    if (kind === "reset" || kind === "hang") return { kind };
    if (typeof kind === "object" && "before" in kind) await kind.before(this, request);
    if (kind === "html") return delivered(502, "<html><body><h1>502 Bad Gateway</h1></body></html>");
    if (typeof kind === "object" && "status" in kind) {
      const message = kind.status < 500 ? "The request was refused." : "The server had an error.";
      const answer = failure(kind.status, message, kind.error);
      return delivered(answer.status, kind.text ?? JSON.stringify(answer.body), kind.headers);
    }

    const answer = this.answer(request.method, url, authorization, body);
    const text = JSON.stringify(answer.body);
    switch (kind) {
      case "lost answer":
        return { kind: "reset" };
      case "late":
        return { kind: "hang" };
      case "no content":
        return delivered(204, "", answer.headers);
      case "cut json":
        return delivered(answer.status, text.slice(0, text.length / 2), answer.headers);
      case "wrong shape":
        return delivered(answer.status, JSON.stringify({ object: "list", items: [] }), answer.headers);
      default: {
        const isRewritten = typeof kind === "object" && "rewrite" in kind;
        const rewritten = isRewritten ? JSON.stringify(kind.rewrite(JSON.parse(text))) : text;
        return delivered(answer.status, rewritten, answer.headers);
      }
    }
  }

  #nextFault({ method, path, query }: ServedRequest): Fault | undefined {
    const fault = this.#faults.find(
      (candidate) =>
        path.startsWith(candidate.endpoint === undefined ? "/fine_tuning/" : `/organization/${candidate.endpoint}`) &&
        (candidate.method === undefined || candidate.method === method) &&
        (candidate.isFiltered !== true || query["project_id"] !== undefined) &&
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
}

function delivered(status: number, text: string, headers: Record<string, string> = {}): Delivery {
  const requestId = `req_${randomBytes(8).toString("hex")}`;
  return {
    kind: "answer",
    status,
    text,
    headers: { "content-type": "application/json", "x-request-id": requestId, ...headers },
  };
}
