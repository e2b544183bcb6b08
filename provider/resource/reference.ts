export const packageName = "pulumi-openai-checkpoint-permissions";

/**
 * The `__provider` of a resource: where Pulumi's dynamic provider host finds its handler. Every resource's state holds
 * it, whichever door it came through, so that a stack can move from one door to the other.
 *
 * Pulumi's own `dynamic.Resource` would serialise the handler's code into every resource's state instead: four times
 * the state, twice the time, a diff with every upgrade, and whatever the code captured, keys included.
 */
export function providerOf(handler: "permission" | "permissions"): string {
  return `exports.handler=require("${packageName}/dynamic").${handler}`;
}
