import { createRequire } from "node:module";
import { join } from "node:path";
import { programError } from "./error";

const packageName = "pulumi-openai-checkpoint-permissions";

/**
 * The `__provider` of a resource: where Pulumi's host finds its handler.
 *
 * Pulumi's own `dynamic.Resource` would serialise the handler's code into every resource's state instead: four times
 * the state, twice the time, a diff with every upgrade, and whatever the code captured, keys included.
 */
export function providerOf(handler: "permission" | "permissions"): string {
  return `exports.handler=require("${packageName}/dynamic").${handler}`;
}

const foldersWithPackage = new Set<string>();

/** Checks that the host, which runs in the program's folder, will find this package by name. */
export function assertHostFindsPackage(folder = process.cwd()): void {
  if (foldersWithPackage.has(folder)) return;
  try {
    // Resolved from here, the package would always find itself.
    createRequire(join(folder, "index.js")).resolve(`${packageName}/dynamic`);
    foldersWithPackage.add(folder);
  } catch {
    throw programError(
      `${packageName} is not installed where Pulumi looks for it. In ${folder} run: npm install ${packageName}`,
    );
  }
}
