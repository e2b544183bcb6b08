import type * as pulumi from "@pulumi/pulumi";
import { programError } from "./error";
import { assertHostFindsPackage } from "./reference";
import { checkConfig } from "./settings";

/**
 * Checks what can be known of a resource before it is declared.
 *
 * @throws {pulumi.RunError} saying what to do.
 */
export function assertCanDeclare(
  type: string,
  name: string,
  // A program in JavaScript may leave them out.
  args: object | null | undefined,
  opts: pulumi.CustomResourceOptions | undefined,
): asserts args is object {
  if (args === undefined || args === null)
    throw programError(`${type} "${name}" has no arguments: give it fineTunedModelCheckpoint and its projects.`);
  if (opts?.import !== undefined) {
    throw programError(
      `${type} "${name}" cannot be imported by the option \`import\`, since Pulumi cannot read dynamic resources by their ` +
        "IDs. Leave the option out, and `pulumi up` takes over the permission that exists; or run `npx pulumi-openai-checkpoint-permissions import`.",
    );
  }
  assertHostFindsPackage();
  checkConfig();
}
