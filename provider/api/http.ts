import axios, { isAxiosError } from "axios";
import * as v from "valibot";
import { longestTimer, type Clock } from "../clock";
import { missingKey, type Config } from "../config";
import { contractBreach, errorBody, jsonOf } from "./contract";
import { ApiError, type ApiErrorDetails } from "./error";
import { retryAfter, Throttle, type Throttled } from "./throttle";

export interface Request {
  endpoint: keyof Http["throttles"];
  method: "GET" | "POST" | "DELETE";
  /** The path below the base URL, with its segments encoded. */
  path: string;
  query?: Record<string, string | number>;
  body?: unknown;
  /** How many permissions it is about, for the throttle's progress. Default: 1. */
  units?: number;
}

interface Answer extends Throttled {
  text: string;
  /** Unix seconds. */
  date: number;
  requestId: string | undefined;
  organization: string | undefined;
  location: string | undefined;
}

/** A failed GET or DELETE, which is safe to repeat, is sent this many times in all. */
const maxAttempts = 4;
/** In bytes. No real answer of these endpoints comes near it. */
const maxAnswerBytes = 8_000_000;

/** The one way to send a request: key, throttle, retry, error mapping. */
export class Http {
  readonly throttles: Record<"list" | "grant" | "revoke", Throttle>;
  readonly clock: Clock;
  /** The organization of the key, as the last answer named it. */
  organization: string | undefined;
  readonly #cancelling = new AbortController();

  constructor(
    readonly config: Config,
    clock: Clock,
    say: (line: string) => void,
  ) {
    const { signal } = this.#cancelling;
    const cancelled = new Promise<never>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason as ApiError)),
    );
    // It may be that no request waits.
    cancelled.catch(() => undefined);
    this.clock = {
      now: () => clock.now(),
      date: () => clock.date(),
      random: () => clock.random(),
      sleep: (milliseconds) => Promise.race([clock.sleep(milliseconds), cancelled]),
    };
    const throttle = (requests: string, unit: string) =>
      new Throttle({ config, requests, unit, clock: this.clock, say });
    this.throttles = {
      list: throttle("lookups (GET)", "requests"),
      grant: throttle("grants (POST)", "permissions"),
      revoke: throttle("revocations (DELETE)", "permissions"),
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
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.throttles[request.endpoint].run(() => this.#exchange(request), request.units);
        this.organization = answer.organization ?? this.organization;
        return { body: this.#parse(contract, answer), date: answer.date };
      } catch (error) {
        // A DELETE that was accepted is not repeated: the next answer would only say that there is nothing.
        const isDone = request.method === "DELETE" && error instanceof ApiError && error.isAnswered;
        const isSafe = request.method !== "POST" && !isDone && error instanceof ApiError && error.ambiguous;
        if (!isSafe || attempt === maxAttempts) throw error;
        await this.clock.sleep(500 * 2 ** (attempt - 1) * (1 + this.clock.random() / 4));
      }
    }
  }

  /** Fails the requests that wait, and sends no more; those under way are finished. */
  cancel(): void {
    this.#cancelling.abort(new ApiError("the run was cancelled before this request was sent", {}));
  }

  async #exchange({ method, path, query, body }: Request): Promise<Answer> {
    const { adminApiKey, baseUrl, organization, project, timeoutSeconds } = this.config;
    this.#cancelling.signal.throwIfAborted();
    if (adminApiKey === undefined) throw missingKey(this.config);
    const expired = AbortSignal.timeout(Math.min(Math.ceil(timeoutSeconds * 1000), longestTimer));
    try {
      const response = await axios.request<string>({
        baseURL: baseUrl,
        url: path,
        method,
        params: query,
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
      const headers = response.headers as Record<string, unknown>;
      return {
        status: response.status,
        text: response.data,
        date: dateOf(headers["date"]) ?? this.clock.date() / 1000,
        retryAfter: retryAfter(headers, this.clock.date()),
        requestId: this.#header(headers["x-request-id"]),
        organization: this.#header(headers["openai-organization"]),
        location: this.#header(headers["location"]),
      };
    } catch (error) {
      // What axios throws holds the request's headers, so none of it is kept as a cause.
      const reason = expired.aborted
        ? `no answer within ${timeoutSeconds} s (${this.config.nameOf("timeoutSeconds")})`
        : this.#clean(isAxiosError(error) ? networkReason(error.code, error.message) : String(error));
      throw new ApiError(`${new URL(baseUrl).host}: ${reason}`, { ambiguous: true });
    }
  }

  #parse<Contract extends v.GenericSchema>(contract: Contract, answer: Answer): v.InferOutput<Contract> {
    const { status, text, requestId, organization } = answer;
    const details: ApiErrorDetails = {
      status,
      ...(requestId === undefined ? {} : { requestId }),
      ...(organization === undefined ? {} : { organization }),
    };

    if (status >= 200 && status < 300) {
      const parsed = v.safeParse(jsonOf(contract), text);
      if (parsed.success) return parsed.output;
      const message = `the answer (${status}) cannot be read: ${contractBreach(parsed.issues)}. Is the base URL right?`;
      throw new ApiError(message, { ...details, ambiguous: true });
    }
    if (status >= 300 && status < 400) {
      throw new ApiError(
        `the server redirects to ${originOf(answer.location, this.config.baseUrl)} (${status}); the admin key is never ` +
          `sent to another address. Set ${this.config.nameOf("baseUrl")} to the API's final URL`,
        details,
      );
    }
    const ambiguous = status >= 500;
    const parsed = v.safeParse(jsonOf(errorBody), text);
    if (!parsed.success) {
      throw new ApiError(`${status}, in a form that is not the API's own`, { ...details, ambiguous });
    }
    const { message, code, param } = parsed.output.error;
    throw new ApiError(`${status} "${this.#clean(message)}"`, {
      ...details,
      ambiguous,
      fromApi: true,
      ...(code == null ? {} : { code: this.#clean(code) }),
      ...(param == null ? {} : { param: this.#clean(param) }),
    });
  }

  #header(value: unknown): string | undefined {
    return typeof value === "string" ? this.#clean(value) : undefined;
  }

  /** Makes text of the API fit for one line of a terminal or a log: no key, no control characters, not too long. */
  #clean(text: string): string {
    const { adminApiKey } = this.config;
    const withoutKey = adminApiKey === undefined ? text : text.replaceAll(adminApiKey, "[key]");
    return withoutKey
      .replace(/\b(Bearer)\s+\S+/gi, "[key]")
      .replace(/\bsk-[\w*.-]+/g, "[key]")
      .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
      .trim()
      .slice(0, 300);
  }
}

/** Unix seconds, of an answer's `Date`. */
function dateOf(header: unknown): number | undefined {
  const milliseconds = typeof header === "string" ? Date.parse(header) : NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

function networkReason(code: string | undefined, message: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused (ECONNREFUSED). Is the base URL right?";
    case "ENOTFOUND":
      return "host not found (ENOTFOUND). Is the base URL right, and the network up?";
    case "ECONNRESET":
      return "the connection was cut before the answer came (ECONNRESET)";
    default:
      return code === undefined ? message : `${message} (${code})`;
  }
}

function originOf(location: string | undefined, base: string): string {
  try {
    return new URL(location ?? "", base).origin;
  } catch {
    return "an address that cannot be read";
  }
}
