/**
 * What a failed request means, and what follows from it.
 *
 * https://platform.openai.com/docs/guides/error-codes
 */
const kinds = {
  /** The key is wrong, or is not an admin key. */
  "refused-key": {},
  /** The key may read and not write, for example; or it is no admin key at all. */
  "missing-scopes": {},
  /** The organization's data is in a region with an address of its own. */
  "wrong-region": {},
  /** The organization or the project that is sent in a header does not fit the key. */
  "wrong-header": {},
  /** The organization admits only certain IP addresses. */
  "refused-address": {},
  /** The API does not serve the country that the request comes from. */
  "unsupported-country": {},
  /** The key's organization does not see the checkpoint, which may exist. */
  "other-organization": {},
  /** No quota, no billing, or a deactivated account. */
  "inactive-account": {},
  /** The rate limit, once waiting is given up. */
  "rate-limited": {},
  "unknown-checkpoint": { isAboutOne: true },
  "unknown-project": { isAboutOne: true, isAboutInput: true },
  "archived-project": { isAboutOne: true, isAboutInput: true },
  "refused-project": { isAboutOne: true, isAboutInput: true },
  "unknown-permission": { isAboutOne: true },
  "not-found": { isAboutOne: true },
  "refused-input": { isAboutOne: true, isAboutInput: true },
  conflict: { isAboutOne: true, isTemporary: true },
  /** The base URL leads to another place of the API. */
  "wrong-url": {},
  redirect: {},
  /** Something between here and the API has answered in its place. */
  gateway: {},
  /** A proxy refuses, or cannot be used. */
  proxy: {},
  /** The certificate of the server, or of an intercepting proxy, is not trusted. */
  certificate: {},
  /** No answer came. */
  unreachable: { isTemporary: true, isAmbiguous: true },
  /** The API has a fault, or is overloaded. */
  unavailable: { isTemporary: true, isAmbiguous: true },
  /** The request was accepted, and the answer is not as documented. */
  unreadable: { isTemporary: true, isAmbiguous: true },
  /** A list contradicts itself, or what the API has accepted. */
  contradiction: {},
  cancelled: {},
  /** Any other answer. */
  unexpected: {},
} satisfies Record<string, Nature>;

export type ErrorKind = keyof typeof kinds;

export interface Nature {
  /** Whether the same request may succeed a moment later. */
  isTemporary?: true;
  /** Whether a write may have taken effect. */
  isAmbiguous?: true;
  /** Whether other requests for the same checkpoint may succeed. */
  isAboutOne?: true;
  /** Whether it is about the project, or what else was asked for, and not about the checkpoint. */
  isAboutInput?: true;
}

/** What each kind of error implies. */
export const natures: Readonly<Record<ErrorKind, Nature>> = kinds;

/** What a request was about. */
export interface Subject {
  checkpoint: string;
  /** The projects that it was to give access, or whose permission it is about. */
  projectIds: readonly string[];
  /** The permission that it was to revoke. */
  permissionId?: string;
}

/** An answer other than success. */
export interface Refusal {
  status: number;
  /**
   * Whose form the body has: the API's own; JSON with a message, as of a compatible gateway; or none that can be read. Only
   * the first gives its words a meaning.
   */
  form: "own" | "similar" | "other";
  /** In words: the API's own, or of the body as a whole. */
  message: string;
  code?: string | undefined;
  param?: string | undefined;
  /** The organization that the key belongs to, according to the answer. */
  organization?: string | undefined;
  about?: Subject | undefined;
}

/** A line of the table: an answer has its kind if the status fits, and one of the others, where any is given. */
export interface Row {
  kind: ErrorKind;
  /** One status, or the first and the last of a range. */
  status: readonly number[] | { from: number; to: number };
  code?: RegExp;
  says?: RegExp;
  /** A condition on the whole answer, beside code and words. */
  where?: (refusal: Refusal) => boolean;
  /** Only answers whose body cannot be read. */
  isUnread?: true;
}

/** From the top, the first row that fits decides. */
export const table: readonly Row[] = [
  { kind: "proxy", status: [407] },
  { kind: "unavailable", status: [408] },
  { kind: "unavailable", status: { from: 500, to: 599 } },
  { kind: "rate-limited", status: [429], code: /^rate_limit/ },
  {
    kind: "inactive-account",
    status: [429],
    code: /quota|billing|^account_|deactivated|inactive/,
    says: /exceeded your current quota|(not|isn't|no longer) active|deactivated/i,
  },
  { kind: "rate-limited", status: [429] },
  { kind: "archived-project", status: [403], says: /\barchived\b/i, where: isAboutGivenProjects },
  { kind: "archived-project", status: [400, 404, 409, 422], code: /^project_archived$/ },
  { kind: "archived-project", status: [400, 404, 409, 422], says: /\barchived\b/i, where: isAboutProjects },
  { kind: "conflict", status: [409] },
  { kind: "gateway", status: { from: 400, to: 499 }, isUnread: true },

  { kind: "wrong-region", status: [401, 403], code: /^incorrect_hostname$/, says: /\w\.api\.openai\.com/ },
  {
    kind: "wrong-header",
    status: [401, 403],
    code: /^(mismatched|invalid)_(organization|project)$/,
    says: /\bOpenAI-(Organization|Project)\b|\bmismatched (organization|project)/i,
  },
  {
    kind: "refused-address",
    status: [401, 403],
    code: /^ip_/,
    says: /\bIP (address|allow\W?list)|\bIP\b.*\bnot (allowed|authorized)/i,
  },
  {
    kind: "unsupported-country",
    status: [401, 403],
    code: /^unsupported_country/,
    says: /\b(country|region|territory)\b.* not supported/i,
  },
  { kind: "missing-scopes", status: [401, 403], code: /scope/, says: /\bmissing scopes?\b/i },
  { kind: "refused-key", status: [401] },

  { kind: "refused-project", status: [403], where: isAboutGivenProjects },
  { kind: "refused-key", status: [403] },

  { kind: "unknown-project", status: [400, 404, 422], code: /^project_not_found$/ },
  { kind: "wrong-url", status: [404], code: /^unknown_url$/, says: /\bURL\b/i },
  {
    kind: "other-organization",
    status: [404],
    says: /\b(access|organi[sz]ation)|\bpermissions? (to|for)\b|not have (the )?permission/i,
    where: isOfAnotherOrganization,
  },
  { kind: "unknown-project", status: [404], where: isAboutProjects },
  // To such a key everything of the checkpoint is missing.
  { kind: "other-organization", status: [404], where: cannotOwnCheckpoint },
  { kind: "unknown-checkpoint", status: [404], code: /^(model|checkpoint|fine_tun\w*)_not_found$/ },
  { kind: "unknown-permission", status: [404], code: /^permission_not_found$/ },
  { kind: "unknown-permission", status: [404], says: /\bpermission/i, where: isAboutPermission },
  { kind: "unknown-checkpoint", status: [404], where: namesCheckpoint },
  { kind: "not-found", status: [404] },

  { kind: "unknown-project", status: [400, 422], says: /not (found|exist)|unknown/i, where: isAboutProjects },
  { kind: "refused-input", status: [400, 413, 422] },
];

/** The kind of an answer other than success. */
export function kindOf(refusal: Refusal, rows = table): ErrorKind {
  return rows.find((row) => fits(refusal, row))?.kind ?? "unexpected";
}

function fits(refusal: Refusal, { status: statuses, code, says, where, isUnread }: Row): boolean {
  const { status, form } = refusal;
  const isStatus =
    "from" in statuses ? status >= statuses.from && status <= statuses.to : (statuses as number[]).includes(status);
  if (!isStatus || (isUnread && form !== "other")) return false;
  const isPlain = code === undefined && says === undefined && where === undefined;
  if (isPlain) return true;
  if (form !== "own") return false;
  const isWordless = code === undefined && says === undefined;
  const isSaid = isWordless || code?.test(refusal.code ?? "") === true || says?.test(wordsOf(refusal)) === true;
  return isSaid && (where?.(refusal) ?? true);
}

/** What it says, without the checkpoint's name, which may hold any word. */
function wordsOf({ message, about }: Refusal): string {
  return about === undefined ? message : message.replaceAll(about.checkpoint, "…");
}

/** Whether an answer is about certain projects of the request, so that the others are worth a request of their own. */
export function isAboutGivenProjects({ status, form, param, code, message, about }: Refusal): boolean {
  if (form !== "own") return false;
  if (status === 413 || code === "project_not_found" || code === "project_archived") return true;
  return param?.startsWith("project_id") === true || namedIn(message, about?.projectIds ?? []).length > 0;
}

/** Those of these projects that a text names. */
export function namedIn(text: string, projectIds: readonly string[]): string[] {
  const words = new Set(text.split(/[^\w-]+/));
  return projectIds.filter((id) => words.has(id));
}

function isAboutProjects(refusal: Refusal): boolean {
  return refusal.param?.startsWith("project_id") === true || /\bproj(ect|_)/i.test(wordsOf(refusal));
}

function isAboutPermission({ about }: Refusal): boolean {
  return about?.permissionId !== undefined;
}

/** What it says of a permission may name the checkpoint as well. */
function namesCheckpoint(refusal: Refusal): boolean {
  const { code, message, about } = refusal;
  if (about === undefined || code?.endsWith("_not_found") === true) return false;
  return message.includes(about.checkpoint) && !/\bpermission/i.test(wordsOf(refusal));
}

/**
 * Whether the key may belong to another organization than the checkpoint, to which everything is missing. Where both are
 * the same, the key sees what is there.
 */
function isOfAnotherOrganization(refusal: Refusal): boolean {
  const { organization, about } = refusal;
  if (about === undefined || isAboutGivenProjects(refusal)) return false;
  const owner = organizationOf(about.checkpoint);
  return owner === undefined || organization !== owner;
}

/** Whether the answer names an organization to which the checkpoint cannot belong. */
function cannotOwnCheckpoint({ organization, about }: Refusal): boolean {
  return about !== undefined && !mayOwn(organization, about.checkpoint);
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
