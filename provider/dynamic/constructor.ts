import { createRequire } from "node:module";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { keysOfAdminKey, problemsWithKeys, warningOfPlainKey } from "../config-keys";
import { problemsWithEffects } from "../resource/effects";
import { packageName, providerOf } from "../resource/reference";
import { hintsFor, type ConstructorCall } from "./hints";
import { undefinedAsSecretAs } from "./inputs";
import { isMocked } from "./mocks";

const folderAtLoad = currentFolder();
const foldersWithPackage = new Set<string>();
const programsWithCheckedConfig = new WeakSet<object>();

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
  const [problem] = problemsWithEffects(args);
  if (problem !== undefined) throw programError(`${type} "${name}": ${problem.reason}`);
  if (opts?.import !== undefined) {
    throw programError(
      `${type} "${name}" cannot be imported by the option \`import\`, because Pulumi cannot read dynamic resources by ` +
        "their IDs. Leave the option out, and `pulumi up` adopts the permission that exists; or run " +
        "`npx --no -- checkpoint-permissions import`.",
    );
  }
  assertHostFindsPackage();
  checkConfig();
}

/**
 * The inputs that no user writes: what Pulumi's provider host loads, and what the check has to know. A unit test, whose
 * mocks run neither, sees what its program wrote.
 */
export function ownInputs(call: ConstructorCall): pulumi.Inputs {
  if (isMocked()) return {};
  const { kind, projectIds } = call;
  // What the check adds is secret in state if the projects are.
  const effect = undefinedAsSecretAs(projectIds);
  const effects = { adopts: effect, ...(kind === "permissionSet" ? { restores: effect, revokes: effect } : {}) };
  return { __provider: providerOf(kind), __hints: hintsFor(call), ...effects };
}

/** A resource's type in state; undefined if it is none. */
export function typeOf(value: unknown): string | undefined {
  return (value as { __pulumiType?: string } | null | undefined)?.__pulumiType;
}

/** An error of the program, which Pulumi shows without a stack trace. */
export function programError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // With a stack, thrown in `apply`, the SDK prints everything that it refers to, which takes half a minute.
  error.stack = "";
  return error;
}

/**
 * Checks that Pulumi's provider host will find this package by name, if it is known where the host looks.
 *
 * @param folders where that may be. One with the package is enough: no error is better than a false one.
 * @throws {pulumi.RunError} when it will not.
 */
export function assertHostFindsPackage(folders = foldersOfHost()): void {
  const [first] = folders;
  if (first === undefined || folders.some(hasPackage)) return;
  throw programError(
    `Pulumi's provider host does not find ${packageName} from ${first}. Add it to this program's own dependencies, as its ` +
      `packed file (npm install ./${packageName}-VERSION.tgz; the README says how to pack it): package managers such as ` +
      "pnpm hide what only another package depends on.",
  );
}

function hasPackage(folder: string): boolean {
  if (foldersWithPackage.has(folder)) return true;
  try {
    // Resolved from here, the package would always find itself.
    createRequire(join(folder, "index.js")).resolve(`${packageName}/dynamic`);
    foldersWithPackage.add(folder);
    return true;
  } catch {
    return false;
  }
}

/**
 * Where the host runs: in the program's folder, if Pulumi runs the program. By now that may have changed its own, even
 * before it loaded this module. An inline program of the Automation API cannot know.
 */
function foldersOfHost(): string[] {
  const isRunByPulumi = /[\\/]cmd[\\/]run([\\/]index\.js)?$/.test(process.argv[1] ?? "");
  if (!isRunByPulumi) return [];
  const given = process.argv.indexOf("--pwd") + 1;
  const pwd = given === 0 ? undefined : process.argv[given];
  return [pwd, folderAtLoad].filter((folder) => folder !== undefined);
}

/** Undefined if it is not there any more. */
function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
}

/**
 * Checks the stack's config, once in a program, for keys that are mistyped and so would have no effect.
 *
 * @throws {pulumi.RunError} naming those in the package's own namespace, and what may be meant.
 */
export function checkConfig(): void {
  const program = pulumi.runtime.getMonitor();
  if (program === undefined || programsWithCheckedConfig.has(program)) return;
  programsWithCheckedConfig.add(program);
  const keys = Object.keys(pulumi.runtime.allConfig());
  const { errors, notices } = problemsWithKeys(keys);
  if (errors.length > 0) throw programError(errors.join(" "));
  const plain = keysOfAdminKey.filter((key) => keys.includes(key) && !isSecret(key));
  for (const line of [...notices, ...plain.map((key) => warningOfPlainKey(key))]) void pulumi.log.warn(line);
}

/** The SDK's function is internal to it. Without it there is no warning. */
function isSecret(key: string): boolean {
  const { isConfigSecret } = pulumi.runtime as { isConfigSecret?: (key: string) => boolean };
  return isConfigSecret?.(key) ?? true;
}
