import axios, { isAxiosError } from "axios";
import * as v from "valibot";
import { longestTimer, type Clock } from "./clock";
import type { Config } from "./config";
import { deletion, departure, errorBody, page, type Page, type Permission } from "./contract";
import { ApiError, ConfigError, type ApiErrorDetails } from "./errors";
import { retryAfter, Throttle, WaitedTooLong, type Throttled } from "./throttle";

/** Which part of a checkpoint's list to read. */
export interface ListQuery {
  /** Only this project's permissions. */
  projectId?: string;
  /** Only what comes after the permission with this ID: the previous page's last. */
  after?: string;
}

interface Request {
  endpoint: keyof Client["throttles"];
  method: "GET" | "POST" | "DELETE";
  path: string;
  query?: Record<string, string | number>;
  body?: unknown;
}

interface Answer extends Throttled {
  text: string;
  requestId: string | undefined;
  location: string | undefined;
}

/** Other lists of this API give at most so many rows a page. */
const pageSize = 100;
/** Sending again is safe for GET and DELETE; after so many failures in a row it is the person's turn. */
const maxAttempts = 4;
/** No honest answer of these endpoints comes near this many bytes. */
const maxAnswerBytes = 8_000_000;

/** The three endpoints, one method each. https://platform.openai.com/docs/api-reference/fine-tuning */
export class Client {
  readonly throttles: Record<"list" | "grant" | "revoke", Throttle>;

  constructor(
    readonly config: Config,
    readonly clock: Clock,
    say: (line: string) => void,
  ) {
    const throttle = (endpoint: string) => new Throttle({ ...config, endpoint, clock, say });
    this.throttles = {
      list: throttle("looking permissions up (GET)"),
      grant: throttle("granting (POST)"),
      revoke: throttle("revoking (DELETE)"),
    };
  }

  /**
   * One page of a checkpoint's permissions, newest first.
   *
   * https://platform.openai.com/docs/api-reference/fine-tuning/list-permissions
   */
  async listPermissions(checkpoint: string, query: ListQuery = {}): Promise<Page> {
    return this.#request(page, {
      endpoint: "list",
      method: "GET",
      path: permissionsPath(checkpoint),
      query: {
        ...(query.projectId === undefined ? {} : { project_id: query.projectId }),
        ...(query.after === undefined ? {} : { after: query.after }),
        limit: pageSize,
      },
    });
  }

  /**
   * Grants projects the use of a checkpoint. The answer may leave out projects that had it before.
   *
   * https://platform.openai.com/docs/api-reference/fine-tuning/create-permission
   */
  async createPermissions(checkpoint: string, projectIds: readonly string[]): Promise<Permission[]> {
    const { permissions } = await this.#request(page, {
      endpoint: "grant",
      method: "POST",
      path: permissionsPath(checkpoint),
      body: { project_ids: projectIds },
    });
    return permissions;
  }

  /**
   * Revokes a permission.
   *
   * https://platform.openai.com/docs/api-reference/fine-tuning/delete-permission
   */
  async deletePermission(checkpoint: string, permissionId: string): Promise<void> {
    const path = `${permissionsPath(checkpoint)}/${segment(permissionId)}`;
    const answer = await this.#request(deletion, { endpoint: "revoke", method: "DELETE", path });
    if (!answer.deleted || answer.id !== permissionId) {
      throw new ApiError("the API answered 200 but did not confirm that the permission is revoked", {
        method: "DELETE",
        path,
        status: 200,
        ambiguous: true,
      });
    }
  }

  async #request<Contract extends v.GenericSchema>(
    contract: Contract,
    request: Request,
  ): Promise<v.InferOutput<Contract>> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.throttles[request.endpoint].run(() => this.#send(request));
        return this.#parse(contract, request, answer);
      } catch (error) {
        const safe = request.method !== "POST" && error instanceof ApiError && error.ambiguous;
        if (!safe || attempt === maxAttempts) throw this.#asApiError(error, request);
        await this.clock.sleep(500 * 2 ** (attempt - 1) * (1 + this.clock.random() / 4));
      }
    }
  }

  async #send({ method, path, query, body }: Request): Promise<Answer> {
    const { adminApiKey, baseUrl, organization, project, timeoutSeconds } = this.config;
    if (adminApiKey === undefined) throw missingKey();
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
        retryAfter: retryAfter(headers, this.clock.now()),
        requestId: this.#header(headers["x-request-id"]),
        location: this.#header(headers["location"]),
      };
    } catch (error) {
      // What axios throws holds the request's headers, so none of it is kept as a cause.
      const reason = expired.aborted
        ? `no answer within ${timeoutSeconds} s (openai:timeoutSeconds)`
        : this.#clean(isAxiosError(error) ? networkReason(error.code, error.message) : String(error));
      throw new ApiError(`${new URL(baseUrl).host}: ${reason}`, { method, path, ambiguous: true });
    }
  }

  #parse<Contract extends v.GenericSchema>(contract: Contract, request: Request, answer: Answer) {
    const { status, text, requestId } = answer;
    const { method, path } = request;
    const details: ApiErrorDetails = { method, path, status, ...(requestId === undefined ? {} : { requestId }) };

    let json: unknown;
    let isJson = true;
    try {
      json = JSON.parse(text);
    } catch {
      isJson = false;
    }

    if (status >= 200 && status < 300) {
      const parsed = v.safeParse(contract, json);
      if (isJson && parsed.success) return parsed.output;
      const why = !isJson || parsed.success ? "it is not JSON" : departure(parsed.issues);
      throw new ApiError(`the answer (${status}) cannot be read: ${why}. Is the base URL right?`, {
        ...details,
        ambiguous: true,
      });
    }
    if (status >= 300 && status < 400) {
      throw new ApiError(
        `the server redirects (${status}) to ${originOf(answer.location, this.config.baseUrl)}, ` +
          `where the admin key is not sent; set openai:baseUrl to the API's final address`,
        details,
      );
    }
    const ambiguous = status >= 500;
    const parsed = v.safeParse(errorBody, json);
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

  #asApiError(error: unknown, { method, path }: Request): unknown {
    return error instanceof WaitedTooLong ? new ApiError(error.message, { method, path, status: 429 }) : error;
  }

  #header(value: unknown): string | undefined {
    return typeof value === "string" ? this.#clean(value) : undefined;
  }

  /** Makes foreign text fit for one line of a terminal or a log: no key, no control characters, not too long. */
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

function missingKey(): ConfigError {
  return new ConfigError(
    "No admin API key is set.",
    "Set it for this stack with `pulumi config set --secret openai:adminApiKey`, or for this shell with `export " +
      "OPENAI_ADMIN_KEY=…`. An organization owner makes one at " +
      "https://platform.openai.com/settings/organization/admin-keys; a project's own key (OPENAI_API_KEY) will not do. " +
      "For previews without a key: `pulumi config set openai:driftDetection false`.",
  );
}

function permissionsPath(checkpoint: string): string {
  return `/fine_tuning/checkpoints/${segment(checkpoint)}/permissions`;
}

function segment(value: string): string {
  // Encoded, these still climb out of the path on many servers.
  if (value === "" || value === "." || value === "..") throw new ConfigError(`"${value}" is not an ID.`, "Correct it.");
  return encodeURIComponent(value);
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
