import type { AxiosResponse } from "axios";
import * as v from "valibot";
import { cancellable, type Clock } from "../clock";
import { MissingKey, type Config } from "../config";
import { exchange } from "./connection";
import { contractBreach, errorBody, jsonOf } from "./contract";
import { lineWithoutKey } from "./plain-text";
import { ApiError, refused } from "./error";
import type { Subject } from "./error-kinds";
import { retryAfter, Throttle } from "./throttle";

export interface Request {
  endpoint: keyof Http["throttles"];
  method: "GET" | "POST" | "DELETE";
  /** The path below the base URL, with its segments encoded. */
  path: string;
  /** What is undefined is left out; a list becomes `name[]=…` for each of its items. */
  query?: Record<string, unknown>;
  body?: unknown;
  /** Undefined for what is about no checkpoint. */
  about?: Subject;
  /** How long it may take, if that is less than the config allows. */
  timeoutSeconds?: number | undefined;
  /** How many permissions it is about, for the throttle's progress. Default: 1. */
  units?: number;
}

interface Answer {
  /** The failure that it is, if it is one. */
  error?: ApiError;
  /** Whether it is a refusal by the rate limit, which is to be waited for. */
  isRateLimited: boolean;
  /** How long the server asks us to wait, in milliseconds, if it says so. */
  retryAfter: number | undefined;
  status: number;
  text: string;
  /** Unix seconds. */
  date: number;
  requestId: string | undefined;
  organization: string | undefined;
}

/** A GET or DELETE that failed, and is safe to repeat, is sent this many times in all. */
const maxAttempts = 4;
/** A wait that is longer is told. */
const silentSeconds = 10;

/** The one way to send a request: key, throttle, retry, error mapping. */
export class Http {
  readonly throttles: Record<"list" | "grant" | "revoke" | "projects" | "events", Throttle>;
  readonly clock: Clock;
  /** The organization of the key, as the last answer named it. */
  organization: string | undefined;
  /** Takes the API's ID of each request that it answers; undefined where nobody asks for them. */
  requestIds: string[] | undefined;
  readonly #say: (line: string) => void;
  readonly #cancelling = new AbortController();
  /** What was asked in vain until it was given up, by endpoint and checkpoint: it is tried once, until it is served. */
  readonly #givenUp = new Set<string>();

  constructor(
    readonly config: Config,
    clock: Clock,
    say: (line: string) => void,
  ) {
    this.#say = say;
    this.clock = cancellable(clock, this.#cancelling.signal);
    const throttle = (requests: string, unit: string) =>
      new Throttle({ config, requests, unit, clock: this.clock, say });
    this.throttles = {
      list: throttle("lookups (GET)", "requests"),
      grant: throttle("grants (POST)", "permissions"),
      revoke: throttle("revocations (DELETE)", "permissions"),
      projects: throttle("the list of projects (GET)", "requests"),
      events: throttle("the audit log (GET)", "requests"),
    };
  }

  /**
   * @returns what the contract makes of the answer's body, and what its headers say.
   * @throws {ApiError} when the request fails in any way.
   * @throws {MissingKey}
   */
  async send<Contract extends v.GenericSchema>(
    contract: Contract,
    request: Request,
  ): Promise<{ body: v.InferOutput<Contract>; date: number }> {
    const throttle = this.throttles[request.endpoint];
    const subject = `${request.endpoint} ${request.about?.checkpoint ?? ""}`;
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await throttle.run(() => this.#exchange(request), request.units);
        this.organization = answer.organization ?? this.organization;
        if (answer.error !== undefined) throw answer.error;
        const body = this.#parse(contract, answer);
        this.#givenUp.delete(subject);
        return { body, date: answer.date };
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isTemporary) throw error;
        if (request.method === "POST") {
          if (!throttle.beginWait(error.retryAfter)) throw error.with({ isTemporary: false });
          // The caller looks first, and sends it again.
          await this.#wait(error.retryAfter, request);
          throw error;
        }
        // A DELETE that was accepted is not repeated: the next answer would only say that there is nothing.
        if (error.kind === "unreadable" && request.method === "DELETE") throw error;
        const backoff = 500 * 2 ** (attempt - 1) * (1 + this.clock.random() / 4);
        const pause = Math.max(backoff, error.retryAfter);
        if (attempt === maxAttempts || this.#givenUp.has(subject) || !throttle.beginWait(pause)) {
          this.#givenUp.add(subject);
          throw error;
        }
        await this.#wait(pause, request);
      }
    }
  }

  async #wait(milliseconds: number, { method }: Request): Promise<void> {
    if (milliseconds === 0) return;
    const seconds = Math.round(milliseconds / 1000);
    if (seconds > silentSeconds) this.#say(`OpenAI asks to wait ${seconds} s before the next ${method}.`);
    await this.clock.sleep(milliseconds);
  }

  /** Fails the requests that wait, and sends no more; those under way are finished. */
  cancel(): void {
    this.#cancelling.abort(new ApiError("cancelled", "the run was cancelled before this request was sent"));
  }

  async #exchange(request: Request): Promise<Answer> {
    const { method, path, query, body } = request;
    const { adminApiKey, organization, project, timeoutSeconds } = this.config;
    this.#cancelling.signal.throwIfAborted();
    if (adminApiKey === undefined) throw new MissingKey(this.config);
    const response = await exchange(
      {
        url: path,
        method,
        params: query,
        data: body,
        headers: {
          Authorization: `Bearer ${adminApiKey}`,
          ...(organization === undefined ? {} : { "OpenAI-Organization": organization }),
          ...(project === undefined ? {} : { "OpenAI-Project": project }),
        },
      },
      this.config,
      Math.min(timeoutSeconds, request.timeoutSeconds ?? Infinity),
    );
    return this.#answer(request, response);
  }

  #answer(request: Request, { status, data, headers: all }: AxiosResponse<string>): Answer {
    const headers = all as Record<string, unknown>;
    const wait = retryAfter(headers, this.clock.date());
    const requestId = this.#header(headers["x-request-id"]);
    const organization = this.#header(headers["openai-organization"])?.replace(/[^\w.:@ -]/g, "");
    const answer: Answer = {
      status,
      text: data,
      date: dateOf(headers["date"]) ?? this.clock.date() / 1000,
      retryAfter: wait,
      requestId,
      organization,
      isRateLimited: false,
    };
    if (requestId !== undefined) this.requestIds?.push(requestId);
    if (status >= 200 && status < 300) return answer;
    if (status >= 300 && status < 400) {
      const origin = originOf(headers["location"], this.config.baseUrl);
      const message = `the server redirects to ${origin} (${status}); the admin key is never sent to another address`;
      return { ...answer, error: new ApiError("redirect", message, { status, requestId }) };
    }
    const parsed = v.safeParse(jsonOf(errorBody), data);
    const { isOwn, message, code, param } = parsed.success
      ? parsed.output
      : { isOwn: false, message: pageIn(data), code: undefined, param: undefined };
    const refusal = {
      status,
      form: isOwn ? "own" : parsed.success ? "similar" : "other",
      message: this.#plain(message),
      code: code && this.#plain(code),
      param: param && this.#plain(param),
      organization,
      about: request.about,
    } as const;
    const shouldRetry = { true: true, false: false }[String(headers["x-should-retry"]).toLowerCase()];
    // A write that was refused is not repeated, unless the API asks for it.
    const isFinal = request.method === "POST" && status < 500 && status !== 408;
    const isTemporary = shouldRetry ?? (isFinal ? false : undefined);
    const error = refused(refusal, {
      requestId,
      retryAfter: wait,
      ...(isTemporary === undefined ? {} : { isTemporary }),
    });
    return { ...answer, error, isRateLimited: error.kind === "rate-limited" && shouldRetry !== false };
  }

  #parse<Contract extends v.GenericSchema>(contract: Contract, answer: Answer): v.InferOutput<Contract> {
    const { status, text, requestId } = answer;
    const parsed = v.safeParse(jsonOf(contract), text);
    if (parsed.success) return parsed.output;
    const error = v.safeParse(jsonOf(errorBody), text);
    const what = error.success
      ? `it is an error, "${error.output.message}"`
      : text.trimStart().startsWith("<")
        ? pageIn(text)
        : contractBreach(parsed.issues);
    throw new ApiError("unreadable", `the answer (${status}) cannot be read: ${this.#plain(what).slice(0, 300)}`, {
      status,
      requestId,
    });
  }

  #plain(text: string): string {
    return lineWithoutKey(text, this.config.adminApiKey);
  }

  #header(value: unknown): string | undefined {
    return typeof value === "string" ? this.#plain(value) : undefined;
  }
}

/** Unix seconds, of an answer's `Date`. */
function dateOf(header: unknown): number | undefined {
  const milliseconds = typeof header === "string" ? Date.parse(header) : NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** What a body that is not JSON shows: the title of a page, if it has one. */
function pageIn(text: string): string {
  const title = /<title[^>]*>([^<]+)</i.exec(text)?.[1]?.trim();
  if (title !== undefined) return `a page with the title "${title}"`;
  return /<html|<!doctype/i.test(text) ? "an HTML page" : "in a form that is not the API's own";
}

function originOf(location: unknown, base: string): string {
  try {
    return new URL(typeof location === "string" ? location : "", base).origin;
  } catch {
    return "an address that cannot be read";
  }
}
