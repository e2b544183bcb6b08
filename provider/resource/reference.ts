export const packageName = "pulumi-openai-checkpoint-permissions";

/** A single permission, or the whole list of a checkpoint's. */
export type Kind = "permission" | "permissions";

/** The types that the resources have in state, by the door that they came through. */
export const typesOf = {
  permission: {
    dynamic: "pulumi-nodejs:dynamic/openai:CheckpointPermission",
    native: "openai-checkpoint-permissions:index:CheckpointPermission",
  },
  permissions: {
    dynamic: "pulumi-nodejs:dynamic/openai:CheckpointPermissions",
    native: "openai-checkpoint-permissions:index:CheckpointPermissions",
  },
} as const satisfies Record<Kind, { dynamic: string; native: string }>;

/**
 * The `__provider` of a resource: where Pulumi's dynamic provider host finds its handler. Every resource's state holds
 * it, whichever door it came through, so that a stack can move from one door to the other.
 *
 * Pulumi's own `dynamic.Resource` would serialise the handler's code into every resource's state instead: four times
 * the state, twice the time, a diff with every upgrade, and whatever the code captured, keys included.
 */
export function providerOf(handler: Kind): string {
  return `exports.handler=require("${packageName}/dynamic").${handler}`;
}
