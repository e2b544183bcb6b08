import { createRequire } from "node:module";
import { join } from "node:path";
import { packageName } from "../resource/reference";
import { programError } from "./error";

const foldersWithPackage = new Set<string>();

/** Checks that Pulumi's provider host will find this package by name, if it is known where the host looks. */
export function assertHostFindsPackage(folder = folderOfHost()): void {
  if (folder === undefined || foldersWithPackage.has(folder)) return;
  try {
    // Resolved from here, the package would always find itself.
    createRequire(join(folder, "index.js")).resolve(`${packageName}/dynamic`);
    foldersWithPackage.add(folder);
  } catch {
    throw programError(
      `Pulumi's provider host does not find ${packageName} from ${folder}. Add it to this program's own dependencies ` +
        `(npm install ${packageName}): package managers such as pnpm hide what only another package depends on.`,
    );
  }
}

/**
 * Where the host runs: in the program's folder, if Pulumi runs the program. An inline program of the Automation API
 * cannot know.
 */
function folderOfHost(): string | undefined {
  const isRunByPulumi = /[\\/]cmd[\\/]run([\\/]index\.js)?$/.test(process.argv[1] ?? "");
  return isRunByPulumi ? process.cwd() : undefined;
}
