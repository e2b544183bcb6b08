import * as pulumi from "@pulumi/pulumi";
import { keysOfAdminKey, problemsWithKeys, warningOfPlainKey } from "../config";
import { programError } from "./error";

const checked = new WeakSet<object>();

/**
 * Checks the stack's config, once in a program, for keys that are mistyped and so would have no effect.
 *
 * @throws {pulumi.RunError} naming those in the package's own namespace, and what may be meant.
 */
export function checkConfig(): void {
  const program = pulumi.runtime.getMonitor();
  if (program === undefined || checked.has(program)) return;
  checked.add(program);
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
