import { createRequire } from "node:module";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";

const packageName = "pulumi-openai-checkpoint-permissions";

/**
 * The `__provider` of a resource: where Pulumi's host finds its handler.
 *
 * Pulumi's own `dynamic.Resource` would serialise the handler's code into every resource's state instead: four times
 * the state, twice the time, a diff with every upgrade, and whatever the code captured, keys included.
 */
export function providerOf(handler: "permission"): string {
  return `exports.handler=()=>require("${packageName}/dynamic").${handler}()`;
}

/** Checks that the host, which runs in the program's folder, will find this package by name. */
export function assertHostFindsPackage(folder = process.cwd()): void {
  try {
    // Resolved from here, the package would always find itself.
    createRequire(join(folder, "index.js")).resolve(`${packageName}/dynamic`);
  } catch {
    throw new pulumi.RunError(
      `${packageName} is not installed where Pulumi looks for it. In ${folder} run: npm install ${packageName}`,
    );
  }
}

interface Claim {
  name: string;
  identity: string;
}

// One process can run several programs (Automation API); each has a monitor of its own.
const claims = new WeakMap<object, Map<string, Claim>>();

/**
 * Notes that a resource declares a project's use of a checkpoint.
 *
 * @throws {pulumi.RunError} naming both, when another resource of this program declares it too: destroying one would
 * revoke what the other promises. Where an ID is an output, the deployment fails with the same words.
 */
export function claim(
  name: string,
  opts: pulumi.CustomResourceOptions | undefined,
  fineTunedModelCheckpoint: pulumi.Input<string>,
  projectId: pulumi.Input<string>,
): void {
  const program = pulumi.runtime.getMonitor();
  if (program === undefined) return;
  const claimed = claims.get(program) ?? new Map<string, Claim>();
  claims.set(program, claimed);

  const parent = opts?.parent as { __pulumiType?: string } | undefined;
  const mine: Claim = { name, identity: `${parent?.__pulumiType ?? ""}$${name}` };
  const collision = (checkpoint: string, project: string) => {
    const key = `${checkpoint} ${project}`;
    const other = claimed.get(key);
    claimed.set(key, mine);
    // The same name twice is Pulumi's own error, and it says it well.
    if (other === undefined || other.identity === mine.identity) return undefined;
    return (
      `"${other.name}" and "${name}" both declare that project ${project} may use checkpoint ${checkpoint}. ` +
      `Keep one of the two: a permission belongs to one resource.`
    );
  };
  if (typeof fineTunedModelCheckpoint === "string" && typeof projectId === "string") {
    const message = collision(fineTunedModelCheckpoint, projectId);
    if (message !== undefined) throw new pulumi.RunError(message);
  } else {
    void pulumi.all([fineTunedModelCheckpoint, projectId]).apply(([checkpoint, project]) => {
      const message = collision(checkpoint, project);
      // Nobody could catch what is thrown here. An error in the log fails the deployment as well.
      if (message !== undefined) void pulumi.log.error(message);
    });
  }
}
