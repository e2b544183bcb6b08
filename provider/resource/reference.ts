export const packageName = "pulumi-openai-checkpoint-permissions";

/** The two resources: the permission of one project, and the set of all permissions for a checkpoint. */
export type Kind = "permission" | "permissionSet";

/** The resources' types in state, as dynamic resources and as those of the native plugin. */
export const typesOf = {
  permission: {
    dynamic: "pulumi-nodejs:dynamic/openai:CheckpointPermission",
    native: "openai-checkpoint-permissions:index:CheckpointPermission",
  },
  permissionSet: {
    dynamic: "pulumi-nodejs:dynamic/openai:CheckpointPermissionSet",
    native: "openai-checkpoint-permissions:index:CheckpointPermissionSet",
  },
} as const satisfies Record<Kind, { dynamic: string; native: string }>;

/** The native plugin's function, which mocks of a user's tests know as well. */
export const listFunction = "openai-checkpoint-permissions:index:listCheckpointPermissions";

/**
 * The `__provider` of a resource: where Pulumi's dynamic provider host finds its handler. It is in the state of every
 * resource, native ones too, so that a stack can move from one to the other.
 *
 * Pulumi's own `dynamic.Resource` would serialise the handler's code into every resource's state instead: four times
 * the state, twice the time, a diff with every upgrade, and all that the code captured, keys included.
 */
export function providerOf(handler: Kind): string {
  return `exports.handler=require("${packageName}/dynamic").${handler}`;
}
