export { CheckpointPermission, type CheckpointPermissionArgs } from "./permission";
export { CheckpointPermissions, type CheckpointPermissionsArgs, type PermissionOutput } from "./permissions";
export {
  listCheckpointPermissions,
  listCheckpointPermissionsOutput,
  type ListCheckpointPermissionsArgs,
  type ListOptions,
} from "./list";
