export type { Permission } from "./api/permission";
export { CheckpointPermission, type CheckpointPermissionArgs } from "./program/permission";
export { CheckpointPermissions, type CheckpointPermissionsArgs } from "./program/permissions";
export {
  CheckpointPermissionsError,
  listCheckpointPermissions,
  listCheckpointPermissionsOutput,
  type ListCheckpointPermissionsArgs,
  type ListOptions,
} from "./program/list";
