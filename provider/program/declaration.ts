import type * as pulumi from "@pulumi/pulumi";
import { programError } from "./error";
import { assertHostFindsPackage } from "./reference";
import { checkConfig } from "./settings";

/**
 * Checks whether a resource can be declared.
 *
 * @throws {pulumi.RunError} that says what to do.
 */
export function assertCanDeclare(
  type: string,
  name: string,
  // A program in JavaScript may forget them.
  args: object | null | undefined,
  opts: pulumi.CustomResourceOptions | undefined,
): asserts args is object {
  if (args === undefined || args === null) {
    const projects = type === "CheckpointPermission" ? "projectId" : "projectIds";
    throw programError(`${type} "${name}" has no arguments: give it fineTunedModelCheckpoint and ${projects}.`);
  }
  if (opts?.import !== undefined) {
    throw programError(
      `${type} "${name}" cannot be imported by the option \`import\`, since Pulumi cannot read dynamic resources by their ` +
        "IDs. Leave the option out, and `pulumi up` takes over the permission that exists; or run `npx pulumi-openai-checkpoint-permissions import`.",
    );
  }
  assertHostFindsPackage();
  checkConfig();
}
