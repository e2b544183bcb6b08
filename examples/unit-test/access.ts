import { CheckpointPermission, listCheckpointPermissions } from "pulumi-openai-checkpoint-permissions";

const fineTunedModelCheckpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

/** Gives a product's projects access, and tells who has it already. */
export async function shareWith(product: string, environments: string[]) {
  const { permissions: before } = await listCheckpointPermissions({ fineTunedModelCheckpoint });
  const permissions = environments.map(
    (environment) =>
      new CheckpointPermission(`${product}-${environment}`, {
        fineTunedModelCheckpoint,
        projectId: `proj_${product}_${environment}`,
      }),
  );
  return { before: before.map(({ projectId }) => projectId), permissions };
}
