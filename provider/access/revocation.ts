import { ApiError } from "../api/error";
import { mayOwn } from "../api/error-kinds";
import type { Permission } from "../api/permission";
import * as messages from "../messages";
import type { Existence } from "./existence";
import type { Lookups } from "./lookups";
import type { Shared } from "./shared";
import type { PermissionList } from "./snapshot";

/** A permission younger than this, in seconds, may be missing from a list that lags. */
export const lag = 30;
/** A list may lag behind what the API has accepted: it is read again after these pauses, in milliseconds. */
export const lagPauses = [2_000, 8_000, 20_000];

/** Where a permission is. */
export interface Place {
  readonly id: string;
  readonly existence: Existence;
  readonly lookups: Lookups;
  readonly shared: Shared;
}

/**
 * Sends a DELETE, and ends once it is certain that the permission is missing.
 *
 * @param createdAt when it was granted, in Unix seconds.
 * @returns `missing` if it was before.
 * @throws {ApiError}
 */
export async function revoke(
  place: Place,
  projectId: string,
  { id, createdAt }: Pick<Permission, "id" | "createdAt">,
): Promise<"revoked" | "missing"> {
  const { lookups, shared } = place;
  for (let tries = 1; ; tries++) {
    try {
      const isConfirmed = await shared.client.deletePermission(place.id, projectId, id);
      if (!isConfirmed) await waitUntilUnlisted(place, projectId, id);
      lookups.revoked(id);
      return "revoked";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.isAmbiguous) lookups.forget();
      if (error.status !== 404) throw error;
      if (await isUnlisted(place, projectId, { id, createdAt })) return "missing";
      if (tries === 2) throw error;
    }
  }
}

/** Whether a permission is missing. A DELETE's 404 may also come from a wrong base URL, so a list confirms it. */
async function isUnlisted(
  place: Place,
  projectId: string,
  { id, createdAt }: Pick<Permission, "id" | "createdAt">,
): Promise<boolean> {
  const { lookups, existence, shared } = place;
  let list = await listWith(place, projectId, id);
  if (isListed(id, list)) {
    lookups.forget();
    list = await listWith(place, projectId, id);
  } else if (isYoung({ createdAt }, list)) {
    shared.say(messages.mayBeMissing(id, lag));
    await shared.clock.sleep(lag * 1000);
    lookups.forget();
    list = await listWith(place, projectId, id);
  }
  if (isListed(id, list)) return false;
  assertKeySeesList(place);
  return !existence.isDeleted || (await existence.confirmDeleted());
}

/** Waits until a list shows what an answer did not confirm. Lists may lag. */
async function waitUntilUnlisted(place: Place, projectId: string, id: string): Promise<void> {
  for (const pause of [0, ...lagPauses]) {
    await place.shared.clock.sleep(pause);
    place.lookups.forget();
    if (!isListed(id, await listWith(place, projectId, id)) && !place.existence.isDeleted) {
      assertKeySeesList(place);
      return;
    }
  }
  throw new ApiError("contradiction", "the API accepted the request, but still lists the permission");
}

/**
 * To a key of another organization a list may be empty where it is not. So such a list is no witness.
 *
 * @throws {ApiError} about the key.
 */
export function assertKeySeesList({ shared: { client }, lookups, id, existence }: Place): void {
  if (existence.isDeleted || lookups.hasSeenRows || mayOwn(client.organization, id)) return;
  const message =
    `the list of permissions is empty, but the key belongs to organization "${client.organization}", which is not the ` +
    "checkpoint's own";
  throw new ApiError("other-organization", message);
}

function listWith({ existence, lookups }: Place, projectId: string, id: string): Promise<PermissionList> {
  return existence.emptyIfDeleted(() => lookups.listFor(projectId, { isWanted: (one) => one === id }));
}

function isListed(permissionId: string, { permissions }: PermissionList): boolean {
  return permissions.some(({ id }) => id === permissionId);
}

export function isYoung({ createdAt }: Pick<Permission, "createdAt">, { date }: PermissionList): boolean {
  return Math.abs(date - createdAt) < lag;
}
