import type { Permission } from "./contract";
import type { Deployment } from "./deployment";
import { ApiError, ConfigError, saysCheckpointIsGone } from "./errors";
import type { PermissionInputs } from "./lifecycle";

/**
 * Revokes a permission, unless the program still wants what it gives: the engine deletes by ID what a rename, a swap or
 * a moved index has just taken over.
 *
 * A 404 alone is not taken for done, since a wrong base URL answers the same: a look confirms it.
 */
export async function revoke(deployment: Deployment, id: string, permission: PermissionInputs): Promise<void> {
  const { fineTunedModelCheckpoint, projectId } = permission;
  const { client, lookups, say } = deployment;
  const isWanted = deployment.isWanted(fineTunedModelCheckpoint, projectId);
  if (isWanted && deployment.isLost(id)) return;
  const held = deployment.heldFor(fineTunedModelCheckpoint, projectId);
  // Of two permissions for one pair the program keeps the other.
  const isOneTooMany = held !== undefined && held !== id;
  if (isWanted && !isOneTooMany) {
    if (deployment.isRefused(fineTunedModelCheckpoint, projectId)) {
      // Else no record of it would be left.
      throw new ConfigError(
        `The program still wants ${id}, but the resource that was to take it over failed.`,
        "Mend that one first, and run the command again; this one stays on record.",
      );
    }
    say(
      `Kept ${id}: the program still lets ${projectId} use ${fineTunedModelCheckpoint}, so only the old record of it goes.`,
    );
    return;
  }
  const isListed = async (looks: Promise<Permission[]>) => (await looks).some((row) => row.id === id);
  for (let tries = 1; ; tries++) {
    try {
      await client.deletePermission(fineTunedModelCheckpoint, id);
      lookups.revoked(fineTunedModelCheckpoint, id);
      return;
    } catch (error) {
      const doubtful = error instanceof ApiError && (error.status === 404 || error.status === 200);
      if (!doubtful) {
        if (error instanceof ApiError && error.ambiguous) lookups.forget(fineTunedModelCheckpoint);
        throw error;
      }
      try {
        const [anew] = (await isListed(lookups.find(fineTunedModelCheckpoint, projectId, id)))
          ? lookups.findAnew(fineTunedModelCheckpoint, [projectId])
          : [];
        if (anew === undefined || !(await isListed(anew))) return;
      } catch (lookError) {
        if (!saysCheckpointIsGone(lookError, fineTunedModelCheckpoint)) throw lookError;
        say(
          `Nothing to revoke: OpenAI no longer has ${fineTunedModelCheckpoint}, nor ${projectId}'s use of it (${id}).`,
        );
        return;
      }
      if (tries === 2) throw error;
    }
  }
}
