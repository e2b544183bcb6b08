import axios, { isAxiosError, type AxiosResponse } from "axios";
import * as v from "valibot";
import { cancellable, longestTimer, type Clock } from "../clock";
import { MissingKey, type Config } from "../config";
import { contractBreach, errorBody, jsonOf, pulumiDirective } from "./contract";
import { ApiError, refused, type ErrorKind, type Subject } from "./error";
import { retryAfter, Throttle, type Throttled } from "./throttle";

export interface Request {
  endpoint: keyof Http["throttles"];
  method: "GET" | "POST" | "DELETE";
  /** The path below the base URL, with its segments encoded. */
  path: string;
  query?: [name: string, value: string | number][];
  body?: unknown;
  /** Undefined for what is about no checkpoint. */
  about?: Subject;
  /** How long it may take, if that is less than the config allows. */
  timeoutSeconds?: number | undefined;
  /** How many permissions it is about, for the throttle's progress. Default: 1. */
  units?: number;
}

interface Answer extends Throttled {
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
/** In bytes. No real answer of these endpoints comes near it. */
const maxAnswerBytes = 8_000_000;

/** The one way to send a request: key, throttle, retry, error mapping. */
export class Http {
  readonly throttles: Record<"list" | "grant" | "revoke" | "projects" | "events", Throttle>;
  readonly clock: Clock;
  /** The organization of the key, as the last answer named it. */
  organization: string | undefined;
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
   * @throws {ConfigError} when there is no key.
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
          error.isTemporary = throttle.mayWait(error.retryAfter);
          // The caller looks first, and sends it again.
          if (error.isTemporary) await this.#wait(error.retryAfter, request);
          throw error;
        }
        // A DELETE that was accepted is not repeated: the next answer would only say that there is nothing.
        if (error.kind === "unreadable" && request.method === "DELETE") throw error;
        const backoff = 500 * 2 ** (attempt - 1) * (1 + this.clock.random() / 4);
        const pause = Math.max(backoff, error.retryAfter);
        if (attempt === maxAttempts || this.#givenUp.has(subject) || !throttle.mayWait(pause)) {
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
    const { adminApiKey, baseUrl, organization, project } = this.config;
    const timeoutSeconds = Math.min(this.config.timeoutSeconds, request.timeoutSeconds ?? Infinity);
    this.#cancelling.signal.throwIfAborted();
    if (adminApiKey === undefined) throw new MissingKey(this.config);
    const expired = AbortSignal.timeout(Math.min(Math.ceil(timeoutSeconds * 1000), longestTimer));
    try {
      const response = await axios.request<string>({
        baseURL: baseUrl,
        url: path,
        method,
        params: new URLSearchParams(query?.map(([name, value]): [string, string] => [name, String(value)])),
        data: body,
        headers: {
          Authorization: `Bearer ${adminApiKey}`,
          ...(organization === undefined ? {} : { "OpenAI-Organization": organization }),
          ...(project === undefined ? {} : { "OpenAI-Project": project }),
        },
        signal: expired,
        // The key must not follow a redirect to wherever it points.
        maxRedirects: 0,
        // A proxy is reached through a tunnel that hides the key, which plain HTTP to this machine itself would not have.
        ...(baseUrl.startsWith("http:") ? { proxy: false } : {}),
        maxContentLength: maxAnswerBytes,
        validateStatus: () => true,
        // axios would pass malformed JSON on as a string.
        responseType: "text",
        transformResponse: (text: string) => text,
      });
      return this.#answer(request, response);
    } catch (error) {
      // What axios throws holds the request's headers, so none of it is kept as a cause.
      const { host } = new URL(baseUrl);
      if (expired.aborted) {
        const limit = `${timeoutSeconds} s (${this.config.nameOf("timeoutSeconds")})`;
        throw new ApiError("unreachable", `${host}: no answer within ${limit}`);
      }
      const { kind, reason } = connectionFailure(error);
      throw new ApiError(kind, `${host}: ${this.#clean(reason).slice(0, 300)}`);
    }
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
      message: this.#clean(message),
      code: code && this.#clean(code),
      param: param && this.#clean(param),
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
    throw new ApiError("unreadable", `the answer (${status}) cannot be read: ${this.#clean(what).slice(0, 300)}`, {
      status,
      requestId,
    });
  }

  #header(value: unknown): string | undefined {
    return typeof value === "string" ? this.#clean(value) : undefined;
  }

  /** Makes text of the API fit for one line of a terminal or a log: no key, no control characters. */
  #clean(text: string): string {
    const { adminApiKey } = this.config;
    const withoutKey = adminApiKey === undefined ? text : text.replaceAll(adminApiKey, "[key]");
    return (
      withoutKey
        // A dot at the end belongs to the sentence.
        .replace(/\bBearer\s+[^\s"',;]*[^\s"',;.]/gi, "[key]")
        .replace(/\bsk-[\w*.-]*[\w*-]/g, "[key]")
        .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
        .replace(pulumiDirective, "$1 $2")
        .trim()
    );
  }
}

/** Unix seconds, of an answer's `Date`. */
function dateOf(header: unknown): number | undefined {
  const milliseconds = typeof header === "string" ? Date.parse(header) : NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** Why no answer came. */
function connectionFailure(error: unknown): { kind: ErrorKind; reason: string } {
  const { code, message } = isAxiosError(error) ? error : { code: undefined, message: String(error) };
  switch (code) {
    case "ECONNREFUSED":
      return { kind: "unreachable", reason: "connection refused (ECONNREFUSED)" };
    case "ENOTFOUND":
      return { kind: "unreachable", reason: "host not found (ENOTFOUND)" };
    case "ECONNRESET":
      return { kind: "unreachable", reason: "the connection was cut before the answer came (ECONNRESET)" };
  }
  const variable = proxyWithoutScheme();
  // What follows is OpenSSL's, and says no more.
  if (code === "EPROTO" && variable !== undefined) {
    return { kind: "proxy", reason: `the proxy in ${variable} does not speak HTTPS (EPROTO)` };
  }
  const reason = code === undefined ? message : `${message} (${code})`;
  return { kind: code !== undefined && isAboutCertificate(code) ? "certificate" : "unreachable", reason };
}

/** The codes of Node.js for a certificate that it does not trust. */
function isAboutCertificate(code: string): boolean {
  return /CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|SELF_SIGNED/.test(code);
}

/** The variable that names a proxy as HOST:PORT, which curl takes for HTTP, and axios for HTTPS. */
function proxyWithoutScheme(): string | undefined {
  const variables = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
  return variables.find((name) => process.env[name] && !process.env[name].includes("://"));
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
