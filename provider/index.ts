export { CheckpointPermission, type CheckpointPermissionArgs } from "./permission";
