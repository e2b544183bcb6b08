/**
 * What users are told of access, a line each. A line begins with the project that it is about, since a terminal cuts off its
 * end.
 */
import type { AuditEvent } from "./api/organization";
import type { Permission } from "./api/permission";
import type { Config } from "./config";
import { day, minute } from "./time";

/** A permission, and what messages tell of it. */
export interface ToldPermission extends Permission {
  projectName?: string | undefined;
  isArchived?: boolean | undefined;
  /** Who revoked it, and when, in Unix seconds. */
  revocation?: Pick<AuditEvent, "actor" | "at"> | undefined;
  /** What was granted in its place outside of Pulumi. */
  replacedBy?: Permission | undefined;
}

/** What is said of permissions for one checkpoint. Functions of one name say the same. */
export type Line = (checkpoint: string, permissions: readonly ToldPermission[]) => string;

/** How many projects a line lists at most: of those that lose access or are adopted, and of all others. */
const losersListed = 100;
const othersListed = 20;

/** What follows from a permission in state that was revoked outside of Pulumi. */
export const driftOutcomes = ["grantedAgain", "blocked", "undeclared", "removedFromState", "recreated"] as const;

/**
 * The lines about permissions in state that were revoked outside of Pulumi.
 *
 * @param date when it was seen, in milliseconds since the Unix epoch.
 * @param newApi the host of the API, if the provider's base URL was another before, which may be the reason.
 */
export function driftLines(
  date: number,
  newApi: string | undefined,
): Record<(typeof driftOutcomes)[number] | "declaredElsewhere", Line> {
  const seen = `(seen ${minute(date / 1000)} UTC)`;
  // That it was revoked the audit log may show.
  const isMoved = (missing: readonly ToldPermission[]) =>
    newApi !== undefined && missing.every(({ revocation }) => revocation === undefined);
  const what = (checkpoint: string, missing: readonly ToldPermission[]) =>
    isMoved(missing)
      ? `${listOf(missing, losersListed)}: not listed for ${checkpoint} at ${newApi!}, to which the provider's base URL has ` +
        "changed. Where it pointed before, access may be as it was."
      : lost(checkpoint, missing, seen);
  // Methods, since an arrow function may lose its name, by which lines are told apart.
  return {
    grantedAgain(checkpoint, missing) {
      const where = isMoved(missing) ? "there" : "again";
      return `Drift: ${what(checkpoint, missing)} ${They(missing)} will be granted ${where}.`;
    },
    blocked(checkpoint, missing) {
      return (
        `Drift: ${what(checkpoint, missing)} ${They(missing)} ${are(missing)} protected, so \`pulumi up\` fails: run ` +
        "`pulumi refresh`, then `pulumi up`."
      );
    },
    undeclared(checkpoint, missing) {
      return `Drift: ${what(checkpoint, missing)} The program no longer declares ${it(missing)}.`;
    },
    // The check of the other resource tells of its gain.
    declaredElsewhere(checkpoint, missing) {
      return `Drift: ${what(checkpoint, missing)}`;
    },
    removedFromState(checkpoint, missing) {
      return `Drift: ${what(checkpoint, missing)} ${They(missing)} will be removed from state.`;
    },
    recreated(checkpoint, recreated) {
      return (
        `Drift: ${replaced(checkpoint, recreated, seen)} State will have the new ${recreated.length === 1 ? "one" : "ones"}; ` +
        "access stays the same."
      );
    },
  };
}

function replaced(checkpoint: string, recreated: readonly ToldPermission[], seen: string): string {
  const idOf = ({ replacedBy }: ToldPermission) => replacedBy?.id ?? "";
  if (recreated.length > 1) {
    const pairs = recreated.map((one) => ({ ...one, id: `${one.id}${revoked(one)}, now ${idOf(one)}` }));
    return `${listOf(pairs, othersListed)} have other permissions for ${checkpoint}: revoked and granted again outside of Pulumi ${seen}.`;
  }
  const [one] = recreated as readonly [ToldPermission];
  const by = revoked(one);
  return (
    `${projectOf(one)} has another permission for ${checkpoint}: ${one.id} was revoked outside of Pulumi` +
    `${by === "" ? "" : `${by},`} and granted again as ${idOf(one)}${by === "" ? ` ${seen}` : ""}.`
  );
}

function lost(checkpoint: string, missing: readonly ToldPermission[], seen: string): string {
  const [first] = missing as readonly [ToldPermission];
  if (missing.length > 1) {
    const all = few(missing.map((one) => nameOf({ ...one, id: `${one.id}${revoked(one)}` })).sort(), losersListed);
    return `${all} lost their access to ${checkpoint}: revoked outside of Pulumi ${seen}.`;
  }
  const by = revoked(first) || ` ${seen}`;
  return `${projectOf(first)} lost its access to ${checkpoint}: ${first.id} was revoked outside of Pulumi${by}.`;
}

/** A project by its ID, and its name if that is known. */
export function projectOf({ projectId, projectName }: Pick<ToldPermission, "projectId" | "projectName">): string {
  return projectName === undefined ? projectId : `${projectId} (${projectName})`;
}

/** Who revoked a permission, and when, if that is known. */
function revoked({ revocation }: ToldPermission): string {
  if (revocation === undefined) return "";
  const by = revocation.actor === undefined ? "" : ` by ${revocation.actor}`;
  return `${by}, ${minute(revocation.at)} UTC`;
}

/** Projects are archived, so that they cannot be granted access. */
export function notWhileArchived(_checkpoint: string, permissions: readonly ToldPermission[]): string {
  const isOne = permissions.length === 1;
  return (
    `${listOf(permissions, losersListed)} ${isOne ? "is" : "are"} archived: \`pulumi up\` cannot grant access until ` +
    `${isOne ? "it is" : "they are"} restored. Or remove ${isOne ? "it" : "them"} from the program.`
  );
}

/** The API does not list yet what was granted less than so many seconds ago. */
export function notListedYet(checkpoint: string, permissions: readonly Permission[], seconds: number): string {
  return (
    `${listOf(permissions, othersListed)}: granted less than ${seconds} s ago and not listed by the API for ` +
    `${checkpoint} yet; treated as granted.`
  );
}

/** The same of what is to be revoked: a list that lags may lack it although it exists. */
export function mayBeMissing(permissionId: string, seconds: number): string {
  return `${permissionId} was granted less than ${seconds} s ago; asking again in ${seconds} s whether it is missing.`;
}

/** The API may not know a project that was created a moment ago. */
export function unknownProjects(projectIds: readonly string[], seconds: number): string {
  return `OpenAI does not know ${projectIds.join(", ")} yet; trying again in ${seconds} s, once.`;
}

export function deleted(checkpoint: string, { isDeclared }: { isDeclared: boolean }): string {
  const what = `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it`;
  return isDeclared ? `${what}; \`pulumi up\` fails, because the program declares access to it.` : `${what}.`;
}

export function askingAgain(checkpoint: string, seconds: number): string {
  return `Asking again in ${seconds} s about ${checkpoint}, before anything leaves state.`;
}

/** It was said to be deleted, and is not. */
export function notDeleted(checkpoint: string): string {
  return `OpenAI does have ${checkpoint}, although it has said that it does not.`;
}

/** Processes cannot share what they know. */
export function unshared(reason: string): string {
  return (
    `The provider processes of this run may not know what the others do (${reason}). A process that cannot know ` +
    "whether the program declares an access does not revoke it."
  );
}

/**
 * Existing permissions are adopted. A preview cannot tell whether an older resource of the same stack has them in state, so
 * this is true of a move as of what others have granted.
 */
export function adopted(checkpoint: string, permissions: readonly Permission[]): string {
  const isOne = permissions.length === 1;
  return (
    `${few(permissions.map(nameWithDate), losersListed)} already ${has(permissions)} access to ${checkpoint} and ${isOne ? "keeps" : "keep"} ` +
    `it: ${isOne ? "the resource records the permission, and revokes it" : "the resources record the permissions, and revoke them"} ` +
    `when deleted. A delete of an older record, if Pulumi shows one, revokes nothing.`
  );
}

/** A create will fail, since it finds permissions and must not adopt them. */
export function notAdopted(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, losersListed)} already ${has(permissions)} access to ${checkpoint}; unless this stack granted ` +
    `it, \`pulumi up\` fails, because adoptExisting is false.`
  );
}

/** A project has more permissions than the one that is adopted. */
export function others(checkpoint: string, permissions: readonly Permission[]): string {
  const theyGive = permissions.length === 1 ? "it gives" : "they give";
  return (
    `${listOf(permissions, othersListed)} also ${has(permissions)} access to ${checkpoint}; this stack leaves ` +
    `${the(permissions)} alone, and ${theyGive} access until revoked.`
  );
}

/**
 * The lookup failed that would show what a create adopts.
 *
 * @param remedy what to do before `pulumi up` can succeed; undefined if there may be nothing to do.
 */
export function existingUnknown(config: Config, reason: string, remedy: string | undefined): string {
  const finds = config.adoptExisting ? "adopts what exists by then" : "fails where one exists by then";
  const then =
    remedy === undefined
      ? `\`pulumi up\` looks again before it grants, and ${finds}.`
      : `\`pulumi up\` fails until this is mended. ${remedy}`;
  return `Cannot check which permissions already exist: ${reason} ${then}`;
}

/** Nothing is revoked, and only old records leave state. */
export function kept(checkpoint: string, permissions: readonly Permission[]): string {
  const projects = few(permissions.map(({ projectId }) => projectId));
  const [theResource, is] = permissions.length === 1 ? ["the old resource", "is"] : ["the old resources", "are"];
  return (
    `Kept ${few(permissions.map(({ id }) => id))}: the program still declares access to ${checkpoint} for ${projects}; ` +
    `only ${theResource} ${is} removed from state.`
  );
}

export function loses(checkpoint: string, permissions: readonly Permission[]): string {
  return `${listOf(permissions, losersListed)} ${permissions.length === 1 ? "loses" : "lose"} access to ${checkpoint}.`;
}

/** The same, where a preview does not know yet what other resources declare. */
export function mayLose(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, losersListed)} may lose access to ${checkpoint}: unless a resource whose project or checkpoint ` +
    `is not known yet declares ${it(permissions)}, \`pulumi up\` revokes ${it(permissions)}.`
  );
}

/** The lookup failed that would show whether a replacement takes access away. */
export function givenUpUnknown(checkpoint: string, permissions: readonly Permission[], reason: string): string {
  return `Cannot check whether ${listOf(permissions, othersListed)} still ${has(permissions)} access to ${checkpoint}: ${reason}`;
}

/** Projects that give up a permission have further ones, which no stack need have in state. */
export function remains(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, losersListed)} still ${has(permissions)} access to ${checkpoint} by ` +
    `${permissions.length === 1 ? "a permission" : "permissions"} outside of this stack; to end it, revoke ` +
    `${it(permissions)} by ID.`
  );
}

export function remainingUnknown(checkpoint: string, reason: string): string {
  return `Cannot check whether further permissions still give access to ${checkpoint}: ${reason}`;
}

/** A set has permissions in state that another resource was to adopt. */
export function leftOver(
  checkpoint: string,
  permissions: readonly Permission[],
  { isDeclared }: { isDeclared: boolean },
): string {
  const left = `${listOf(permissions, othersListed)}: no longer on this set's list for ${checkpoint}`;
  return isDeclared
    ? `${left}, and declared by another resource; once that has ${it(permissions)} in state, this set drops ` +
        `${it(permissions)}. Access stays the same.`
    : `${left}, and not known yet to be declared by another resource. If none declares ${it(permissions)}, ` +
        `\`pulumi up\` revokes ${it(permissions)}.`;
}

/** An update of a set keeps permissions in its state, since a resource that is not checked yet may declare them. */
export function late(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, othersListed)}: no longer on this set's list for ${checkpoint}, but a resource that ` +
    `waits for another one may declare ${it(permissions)}. Access stays the same; a later \`pulumi up\` revokes what none declares.`
  );
}

export function gains(checkpoint: string, gaining: readonly Pick<Permission, "projectId">[]): string {
  const projects = few(gaining.map(({ projectId }) => projectId).sort(), othersListed);
  return `${projects} ${gaining.length === 1 ? "gains" : "gain"} access to ${checkpoint}.`;
}

/** The same, where the projects are secret. */
export function secretGains(checkpoint: string, { length }: { length: number }): string {
  return length === 1
    ? `A project whose ID is secret gains access to ${checkpoint}.`
    : `${length} projects whose IDs are secret gain access to ${checkpoint}.`;
}

/** An \`up\` has granted access. */
export function granted(checkpoint: string, permissions: readonly Permission[]): string {
  const projects = few(permissions.map(({ projectId }) => projectId).sort(), othersListed);
  return `${projects} ${has(permissions)} access to ${checkpoint} now.`;
}

/** It has revoked access. By IDs alone, since nothing says whether the projects are secret. */
export function revokedNow(checkpoint: string, permissions: readonly Permission[]): string {
  return `Revoked for ${checkpoint}: ${few(permissions.map(({ id }) => id).sort(), losersListed)}.`;
}

/** Projects that are not on an exclusive list have access. */
export function unmanaged(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, losersListed)} ${has(permissions)} access to ${checkpoint} but ${are(permissions)} not on the ` +
    `exclusive list; \`pulumi up\` revokes ${it(permissions)}.`
  );
}

/** Projects have access that the check of an exclusive set did not find unlisted: since then, or by a policy. */
export function unannounced(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, losersListed)} ${has(permissions)} access to ${checkpoint} but ${are(permissions)} not on the ` +
    `exclusive list; this run does not revoke ${it(permissions)}, because its check did not name ${it(permissions)}.`
  );
}

export function unmanagedRevoked(permissions: readonly Permission[]): string {
  return `Revoked, because not on the exclusive list: ${listOf(permissions, losersListed)}.`;
}

export function emptyList(checkpoint: string): string {
  return `The exclusive list for ${checkpoint} is empty: no project will have access.`;
}

/**
 * A preview cannot know what a set will do.
 *
 * @param checkpoint undefined if it is not known yet.
 * @param exclusive undefined if that is not known yet.
 */
export function unknown(checkpoint: string | undefined, exclusive: boolean | undefined): string {
  const subject =
    checkpoint === undefined
      ? "The checkpoint of a set is not known yet"
      : `Not all projects of a set for ${checkpoint} are known yet`;
  if (exclusive === false) return `${subject}; this preview cannot say who gains or loses access.`;
  const revokes = exclusive === undefined ? "may revoke" : "will revoke";
  return `${subject}. \`pulumi up\` ${revokes} the access of every project not on the list; this preview cannot say whose.`;
}

/** Without a key, a preview cannot find out which projects an exclusive list leaves out. */
export function withoutKey(checkpoint: string): string {
  return `Without an admin key, this preview cannot show whose access to ${checkpoint} is revoked; \`pulumi up\` fails without one.`;
}

/** A permission, as messages name it. */
function nameOf({ id, projectId, projectName }: Permission & { projectName?: string | undefined }): string {
  return `${projectId} (${projectName === undefined ? "" : `${projectName}, `}${id})`;
}

/** The same, with the day on which it was granted. */
export function nameWithDate(permission: Permission): string {
  return `${permission.projectId} (${permission.id}, granted ${day(permission.createdAt)})`;
}

function listOf(permissions: readonly Permission[], most: number): string {
  // In the same order in each run, so that two comments of a pull request can be compared.
  return few(permissions.map(nameOf).sort(), most);
}

/** A few names, and how many more there are. */
export function few(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(", ")} and ${more} more` : names.join(", ");
}

const They = ({ length }: readonly unknown[]) => (length === 1 ? "It" : "They");
const it = ({ length }: readonly unknown[]) => (length === 1 ? "it" : "them");
const the = ({ length }: readonly unknown[]) => (length === 1 ? "the permission" : "the permissions");
const has = ({ length }: readonly unknown[]) => (length === 1 ? "has" : "have");
const are = ({ length }: readonly unknown[]) => (length === 1 ? "is" : "are");
