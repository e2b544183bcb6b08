import { dateTime, lag, type Access } from "../access/checkpoint";
import type { Permission } from "../api/permission";
import type { Config } from "../config";

/** The messages, a line each. A line begins with the project that it is about, since a terminal cuts off its end. */

type Holder = Pick<Permission, "id" | "projectId">;

/** How many projects a line lists at most: of those that lose access, and of all others. */
const losersListed = 100;
const othersListed = 20;

/** A single permission was found to be gone. */
export function drift(
  { checkpoint, projectId }: Access,
  id: string,
  remade: Permission | undefined,
  date: number,
): string {
  const seen = `(seen ${new Date(date).toISOString()})`;
  const gone = `${id} was revoked outside of Pulumi`;
  return remade === undefined
    ? `Drift: ${projectId} lost its access to ${checkpoint.id}: ${gone} ${seen}; \`pulumi up\` grants it again.`
    : `Drift: ${projectId} has another permission for ${checkpoint.id}: ${gone} and granted again as ${remade.id} ` +
        `${seen}; \`pulumi up\` puts that on record, with no change of access.`;
}

/** A refresh found a single permission gone, and changes state accordingly. */
export function refreshed({ checkpoint, projectId }: Access, id: string, remade: Permission | undefined): string {
  const gone = `${id} was revoked outside of Pulumi`;
  return remade === undefined
    ? `Drift: ${projectId} lost its access to ${checkpoint.id}: ${gone}, and leaves the stack's state.`
    : `Drift: ${projectId} has another permission for ${checkpoint.id}: ${gone} and granted again as ${remade.id}, ` +
        `which is recorded from now on.`;
}

/** Permissions of a set were found to be gone; some projects have others by now. */
export function driftOfSet(
  checkpoint: string,
  lost: readonly Holder[],
  remade: readonly Holder[],
  date: number,
): string {
  const seen = `(seen ${new Date(date).toISOString()})`;
  const parts = [
    lost.length > 0 ? `${listOf(lost, losersListed)} ${was(lost)} revoked outside of Pulumi` : [],
    remade.length > 0
      ? `${listOf(remade, othersListed)} ${was(remade)} revoked and granted again outside of Pulumi`
      : [],
  ].flat();
  return `Drift: ${parts.join("; ")}, of the permissions for ${checkpoint} ${seen}.`;
}

/** The API does not list yet what was granted a moment ago. */
export function unlisted(checkpoint: string, permissions: readonly Permission[]): string {
  return (
    `${listOf(permissions, othersListed)}: the API does not list ${it(permissions)} for ${checkpoint} yet; granted less ` +
    `than ${lag} s before, and taken as granted.`
  );
}

/** Existing permissions are taken over. */
export function takenOver(checkpoint: string, permissions: readonly Permission[]): string {
  const since = permissions.map((permission) => ({ ...permission, id: `${permission.id}, ${granted(permission)}` }));
  return (
    `${listOf(since, othersListed)} already ${has(permissions)} access to ${checkpoint}: this stack takes ` +
    `${it(permissions)} over, and revokes ${it(permissions)} when the resource is removed or destroyed.`
  );
}

/** A create will find existing permissions. */
export function exists(config: Config, checkpoint: string, permissions: readonly Permission[]): string {
  if (config.adoptExisting) return takenOver(checkpoint, permissions);
  return (
    `${listOf(permissions, othersListed)} already ${has(permissions)} access to ${checkpoint}: unless that is this ` +
    `stack's own, \`pulumi up\` fails, because ${config.nameOf("adoptExisting")} is false.`
  );
}

/** A project that is given access has more permissions than the one that is taken over. */
export function others(checkpoint: string, permissions: readonly Holder[]): string {
  const theyGive = permissions.length === 1 ? "it gives" : "they give";
  return (
    `${listOf(permissions, othersListed)} also ${has(permissions)} access to ${checkpoint}: this stack leaves ` +
    `${it(permissions)} alone, and ${theyGive} access until revoked.`
  );
}

/** The lookup failed that would show what a create takes over. */
export function existingUnknown(config: Config, error: unknown): string {
  const reason = (error instanceof Error ? error.message : String(error)).replace(/[^.!?]$/, "$&.");
  const consequence = config.adoptExisting ? "takes over those that do" : "fails for those that do";
  return `Cannot look up which permissions exist already: ${reason} \`pulumi up\` will have to, and ${consequence}.`;
}

/** Nothing is revoked, and only old records go. */
export function kept(checkpoint: string, permissions: readonly Holder[]): string {
  const projects = few(permissions.map(({ projectId }) => projectId));
  return (
    `Kept ${few(permissions.map(({ id }) => id))}: the program still gives ${projects} access to ${checkpoint}, so only ` +
    `the old record goes.`
  );
}

export function loses(checkpoint: string, permissions: readonly Holder[]): string {
  return `${listOf(permissions, losersListed)} ${permissions.length === 1 ? "loses" : "lose"} access to ${checkpoint}.`;
}

export function gains(checkpoint: string, projectIds: readonly string[]): string {
  return `${few(projectIds, othersListed)} ${projectIds.length === 1 ? "gains" : "gain"} access to ${checkpoint}.`;
}

/** Projects that are not on an exclusive list have access. */
export function outsiders(checkpoint: string, permissions: readonly Holder[]): string {
  return (
    `${listOf(permissions, losersListed)} ${has(permissions)} access to ${checkpoint} but ${are(permissions)} not on the exclusive list; ` +
    `\`pulumi up\` revokes ${it(permissions)}.`
  );
}

export function outsidersRevoked(permissions: readonly Holder[]): string {
  return `Revoked what the list does not name: ${listOf(permissions, losersListed)}.`;
}

export function nobody(checkpoint: string): string {
  return `Nobody: the exclusive list of projects with access to ${checkpoint} is empty.`;
}

/**
 * A preview cannot know what a set will do.
 *
 * @param what the parts that are not known yet.
 * @param checkpoint undefined if it is one of them.
 * @param revokes whether an exclusive list revokes, or may revoke; undefined if it is not exclusive.
 */
export function unknown(
  what: readonly string[],
  checkpoint: string | undefined,
  revokes: "revokes" | "may revoke" | undefined,
): string {
  const of = checkpoint === undefined ? "" : ` for ${checkpoint}`;
  const consequence =
    revokes === undefined
      ? "this preview cannot say who gains access, and who loses it"
      : `\`pulumi up\` ${revokes} whoever the list does not name, and this preview cannot say who that is`;
  const names = new Intl.ListFormat("en").format(what);
  return `The list of permissions${of}: ${names} ${are(what)} not known yet; ${consequence}.`;
}

/** Without a key, a preview cannot find out which projects an exclusive list locks out. */
export function withoutKey(checkpoint: string): string {
  return (
    `The exclusive list of projects with access to ${checkpoint}: without an admin key this preview cannot say whom ` +
    `\`pulumi up\` locks out.`
  );
}

function listOf(permissions: readonly Holder[], most: number): string {
  return few(
    permissions.map(({ id, projectId }) => `${projectId} (${id})`),
    most,
  );
}

/** A few names, and how many more there are. */
export function few(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(", ")} and ${more} more` : names.join(", ");
}

const granted = (permission: Permission) => `granted ${dateTime(permission)}`;
const it = ({ length }: readonly unknown[]) => (length === 1 ? "it" : "them");
const has = ({ length }: readonly unknown[]) => (length === 1 ? "has" : "have");
const was = ({ length }: readonly unknown[]) => (length === 1 ? "was" : "were");
const are = ({ length }: readonly unknown[]) => (length === 1 ? "is" : "are");
