/** What is known about a failed request: never its headers, its body or the key. */
export interface ApiErrorDetails {
  /** HTTP status; undefined when no answer arrived. */
  status?: number;
  /** `error.code` of the API's error body, such as `model_not_found`. */
  code?: string;
  /** `error.param` of the API's error body. */
  param?: string;
  /** `x-request-id`: what OpenAI's support asks for. */
  requestId?: string;
  /** `openai-organization`: the organization that the key belongs to. */
  organization?: string;
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
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly requestId: string | undefined;
  readonly organization: string | undefined;
  readonly fromApi: boolean;
  readonly ambiguous: boolean;

  /** Whether the API accepted the request, though its answer cannot be read. */
  get isAnswered(): boolean {
    return this.status !== undefined && this.status >= 200 && this.status < 300;
  }

  constructor(message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.status = details.status;
    this.code = details.code;
    this.param = details.param;
    this.requestId = details.requestId;
    this.organization = details.organization;
    this.fromApi = details.fromApi ?? false;
    this.ambiguous = details.ambiguous ?? false;
  }
}

/**
 * Whether the API itself says that the checkpoint does not exist.
 *
 * A 404 alone does not: a base URL without `/v1` answers 404 in the same form, and a proxy answers 404 in its own.
 */
export function saysCheckpointIsDeleted(error: unknown, checkpoint: string): error is ApiError {
  if (!(error instanceof ApiError) || error.status !== 404 || !error.fromApi) return false;
  if (isWrongPath(error) || mayBeAboutTheKey(error, checkpoint) || isAboutProjects(error)) return false;
  if (error.code !== undefined && /_not_found$/.test(error.code)) {
    return /^(model|checkpoint|fine_tun\w*)_not_found$/.test(error.code);
  }
  // What it says of a permission may name the checkpoint as well.
  return error.message.includes(checkpoint) && !/\bpermission/i.test(error.message);
}

/**
 * Whether a 404 may mean that the key cannot see the checkpoint, rather than that the checkpoint is missing: to a key of
 * another organization everything is missing. A key of the checkpoint's own organization sees what is there.
 */
export function mayBeAboutTheKey(error: ApiError, checkpoint: string): boolean {
  if (error.status !== 404 || isWrongPath(error)) return false;
  const speaksOfAccess = /\b(access|organi[sz]ation)|\bpermissions? (to|for)\b|not have (the )?permission/i;
  if (!speaksOfAccess.test(error.message)) return false;
  const organization = organizationOf(checkpoint);
  return organization === undefined || error.organization !== organization;
}

/**
 * Whether a key of this organization may own the checkpoint. Personal accounts have `personal` or `user-…`, and either
 * name may be missing.
 */
export function mayOwn(organization: string | undefined, checkpoint: string): boolean {
  const owner = organizationOf(checkpoint);
  if (organization === undefined || owner === undefined || owner === organization) return true;
  return isPersonal(owner) && isPersonal(organization);
}

function isPersonal(organization: string): boolean {
  return organization === "personal" || organization.startsWith("user-");
}

/** `acme` of `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`. */
function organizationOf(checkpoint: string): string | undefined {
  return checkpoint.split(":")[2] || undefined;
}

function isWrongPath({ code, message }: ApiError): boolean {
  return code === "unknown_url" || /\bURL\b/i.test(message);
}

/** Whether a 404 or a refusal is about a project. */
export function isAboutProjects(error: ApiError): boolean {
  return error.param?.startsWith("project_id") === true || /\bproj(ect|_)/i.test(error.message);
}

/** Whether a grant was refused because the API does not know the project. */
export function isUnknownProject(error: unknown): boolean {
  if (!(error instanceof ApiError) || !error.fromApi || !isAboutProjects(error)) return false;
  if (error.status === 404) return !isWrongPath(error);
  return (error.status === 400 || error.status === 422) && /not (found|exist)|unknown/i.test(error.message);
}

/** Whether a refusal is about one of these projects, and not about the key as a whole, which may have a project, too. */
function namesOneOf(error: ApiError, projectIds: readonly string[]): boolean {
  return error.param?.startsWith("project_id") === true || projectIds.some((id) => error.message.includes(id));
}

/** Whether a refused grant of several projects may be the fault of only some, so that the others are worth a try. */
export function mayConcernSomeProjects(error: unknown, projectIds: readonly string[]): boolean {
  if (!(error instanceof ApiError) || !error.fromApi) return false;
  switch (error.status) {
    case 400:
    case 409:
    case 413:
    case 422:
      // What is wrong with the checkpoint is wrong for all.
      return error.param === undefined || error.param.startsWith("project_ids");
    case 403:
      return namesOneOf(error, projectIds);
    case 404:
      return isAboutProjects(error);
    default:
      return false;
  }
}

/**
 * Whether the next request for the same checkpoint would fail in the same way: a refused key, a wrong address, a throttle
 * without end, an API that does not answer.
 */
export function isFatalForCheckpoint(error: unknown, checkpoint: string, projectId: string): boolean {
  if (!(error instanceof ApiError)) return true;
  switch (error.status) {
    case 400:
    case 409:
    case 422:
      return false;
    case 403:
      return !namesOneOf(error, [projectId]);
    case 404:
      return isWrongPath(error) || !error.fromApi || mayBeAboutTheKey(error, checkpoint);
    default:
      return true;
  }
}
