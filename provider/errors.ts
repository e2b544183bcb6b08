/** What is known of a request that did not end well. It never holds headers, the body that was sent, or the key. */
export interface ApiErrorDetails {
  method: string;
  /** The path below the base URL, with its segments encoded. */
  path: string;
  /** HTTP status; undefined when no answer arrived. */
  status?: number;
  /** `error.code` of the API's error body, such as `model_not_found`. */
  code?: string;
  /** `error.param` of the API's error body. */
  param?: string;
  /** `x-request-id`: what OpenAI's support asks for. */
  requestId?: string;
  /** Whether the body had the API's own error form, rather than a proxy's page. */
  fromApi?: boolean;
  /** Whether the request may have taken effect although it failed. */
  ambiguous?: boolean;
}

/**
 * A request to the API that failed. Every failure of the client is of this one class.
 *
 * https://platform.openai.com/docs/guides/error-codes
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly method: string;
  readonly path: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly requestId: string | undefined;
  readonly fromApi: boolean;
  readonly ambiguous: boolean;

  constructor(message: string, details: ApiErrorDetails) {
    super(message);
    this.method = details.method;
    this.path = details.path;
    this.status = details.status;
    this.code = details.code;
    this.param = details.param;
    this.requestId = details.requestId;
    this.fromApi = details.fromApi ?? false;
    this.ambiguous = details.ambiguous ?? false;
  }
}

/** Config that is missing, wrong, or forbids what is asked for: found before any request is made. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /** @param remedy what to do about it. */
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/**
 * Whether the API itself says that the checkpoint does not exist.
 *
 * A 404 alone does not: a base URL without `/v1` answers 404 in the same form, and a proxy answers 404 in its own. Nor does
 * one that says "or you do not have access to it": to a key of another organization everything is missing.
 */
export function saysCheckpointIsGone(error: unknown, checkpoint: string): boolean {
  if (!(error instanceof ApiError) || error.status !== 404 || !error.fromApi) return false;
  if (isWrongPath(error) || mayBeAboutTheKey(error)) return false;
  return /^(model|checkpoint|fine_tun\w*)_not_found$/.test(error.code ?? "") || error.message.includes(checkpoint);
}

/** Whether a 404 leaves it open whether the thing is missing or the key may not see it. */
export function mayBeAboutTheKey(error: ApiError): boolean {
  return error.status === 404 && !isWrongPath(error) && /\b(access|permission|organi[sz]ation)/i.test(error.message);
}

function isWrongPath({ code, message }: ApiError): boolean {
  return code === "unknown_url" || /\bURL\b/i.test(message);
}

/**
 * Whether a refused grant of several projects may be the fault of some of them only, so that the others are worth
 * trying without them. A refused key or a missing checkpoint is everybody's.
 */
export function mayBlameSomeProjects(error: unknown): boolean {
  if (!(error instanceof ApiError) || !error.fromApi) return false;
  switch (error.status) {
    case 400:
    case 409:
    case 413:
    case 422:
      // What is wrong with the checkpoint is wrong for all.
      return error.param === undefined || error.param.startsWith("project_ids");
    case 403:
    case 404:
      return error.param === "project_ids" || /\bproj(ect|_)/i.test(error.message);
    default:
      return false;
  }
}
