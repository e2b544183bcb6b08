import type { Permission } from "./contract";
import type { Deployment } from "./deployment";
import { ConfigError } from "./errors";
import type { PermissionInputs } from "./lifecycle";

/**
 * Grants a project the use of a checkpoint, or takes over the permission that it has.
 *
 * @returns the permission, and whether it is one that this stack had nothing to do with before.
 * @throws {ConfigError} naming the permission, when it is to be taken over and `openai:adoptExisting` is false.
 */
export async function grantOrAdopt(deployment: Deployment, permission: PermissionInputs) {
  const { fineTunedModelCheckpoint, projectId } = permission;
  return deployment.whileGranting(fineTunedModelCheckpoint, projectId, async () => {
    try {
      await deployment.whenNotRevoking(fineTunedModelCheckpoint, projectId);
      const { permission: row, existed } = await deployment.grants.grant(fineTunedModelCheckpoint, projectId);
      const adopted = existed && !deployment.isOurs(row.id);
      if (adopted && !deployment.config.adoptExisting) {
        throw new ConfigError(
          `It exists already (${row.id}, granted ${grantedAt(row)}), and openai:adoptExisting is false.`,
          "Revoke it first, or let this resource own it: `pulumi config set openai:adoptExisting true`.",
        );
      }
      deployment.hold(fineTunedModelCheckpoint, projectId, row.id);
      return { permission: row, adopted };
    } catch (error) {
      deployment.refuse(fineTunedModelCheckpoint, projectId);
      throw error;
    }
  });
}

/** When it was granted, for a person. */
export function grantedAt({ createdAt }: Permission): string {
  return new Date(createdAt * 1000).toISOString();
}
