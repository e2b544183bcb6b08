import { isAboutGivenProjects, kindOf, namedIn, natures, type ErrorKind, type Refusal } from "./error-kinds";

/** In characters. Longer ones are cut where they are shown. */
const longestMessage = 300;

/** What else is known of a failed request: never its headers, its body or the key. */
export interface ApiErrorDetails {
  /** HTTP status; undefined when no answer arrived. */
  status?: number | undefined;
  /** `error.code` of the API's error body, such as `model_not_found`. */
  code?: string | undefined;
  /** `error.param` of the API's error body. */
  param?: string | undefined;
  /** `x-request-id`: what OpenAI's support asks for. */
  requestId?: string | undefined;
  /** Whether it is about certain projects of the request. Default: false. */
  isAboutProjects?: boolean;
  /** The projects of the request that it names. Default: none. */
  namedProjects?: readonly string[];
  /** Whether the same request is worth sending again. Default: by its kind. */
  isTemporary?: boolean;
  /** How long the API asks to wait before that, in milliseconds. Default: 0. */
  retryAfter?: number | undefined;
  /** Whether a grant may have taken effect, and no list could show it. Default: false. */
  mayBeGranted?: boolean;
}

/** A request to the API that failed. Every failure of the client is of this one class. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly requestId: string | undefined;
  readonly isAboutProjects: boolean;
  readonly namedProjects: readonly string[];
  /** Whether the same request is worth sending again. */
  readonly isTemporary: boolean;
  readonly retryAfter: number;
  readonly mayBeGranted: boolean;

  constructor(
    readonly kind: ErrorKind,
    message: string,
    details: ApiErrorDetails = {},
  ) {
    super(message);
    this.status = details.status;
    this.code = details.code;
    this.param = details.param;
    this.requestId = details.requestId;
    this.isAboutProjects = details.isAboutProjects ?? false;
    this.namedProjects = details.namedProjects ?? [];
    this.isTemporary = details.isTemporary ?? natures[kind].isTemporary ?? false;
    this.retryAfter = details.retryAfter ?? 0;
    this.mayBeGranted = details.mayBeGranted ?? false;
  }

  /** The same failure, of which something else is known now. */
  with(details: Pick<ApiErrorDetails, "isTemporary" | "mayBeGranted">): ApiError {
    return new ApiError(this.kind, this.message, { ...(this as ApiErrorDetails), ...details });
  }

  /** Whether a write may have taken effect although it failed. */
  get isAmbiguous(): boolean {
    return natures[this.kind].isAmbiguous ?? false;
  }
}

/** The error for an answer other than success. */
export function refused(refusal: Refusal, details: Omit<ApiErrorDetails, keyof Refusal> = {}): ApiError {
  const { status, form, message, code, param } = refusal;
  const shown = message.slice(0, longestMessage);
  const text = form === "other" ? `${status}, ${shown}` : `${status} "${shown}"`;
  return new ApiError(kindOf(refusal), text, {
    ...{ status, code, param, ...details },
    isAboutProjects: isAboutGivenProjects(refusal),
    namedProjects: form === "own" ? namedIn(message, refusal.about?.projectIds ?? []) : [],
  });
}

/**
 * Whether the API itself says that the checkpoint does not exist.
 *
 * A 404 alone does not: a base URL without `/v1` answers 404 in the same form, and a proxy answers 404 in its own.
 */
export function saysCheckpointIsDeleted(error: unknown): error is ApiError {
  return error instanceof ApiError && error.kind === "unknown-checkpoint";
}

/** Whether the next request for the same checkpoint would fail in the same way. */
export function isFatalForCheckpoint(error: unknown): boolean {
  return !(error instanceof ApiError) || natures[error.kind].isAboutOne !== true;
}
