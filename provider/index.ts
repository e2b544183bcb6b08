export type { Permission } from "./api/permission";
export type { ConnectionSettings } from "./settings-types";
export { CheckpointPermission, type CheckpointPermissionArgs } from "./dynamic/permission";
export { CheckpointPermissionSet, type CheckpointPermissionSetArgs } from "./dynamic/permission-set";
export {
  CheckpointPermissionsError,
  listCheckpointPermissions,
  listCheckpointPermissionsOutput,
  type ListCheckpointPermissionsArgs,
  type ListCheckpointPermissionsOutputArgs,
  type ListCheckpointPermissionsResult,
  type ListOptions,
} from "./dynamic/list";
