export { CheckpointPermission, type CheckpointPermissionArgs } from "./program/permission";
export { CheckpointPermissions, type CheckpointPermissionsArgs, type PermissionOutput } from "./program/permissions";
export {
  CheckpointPermissionsError,
  listCheckpointPermissions,
  listCheckpointPermissionsOutput,
  type ListCheckpointPermissionsArgs,
  type ListOptions,
} from "./program/list";
