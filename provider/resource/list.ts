import type { ProviderContext } from "../access/context";
import type { LookupOptions } from "../access/lookups";
import type { PermissionList } from "../access/snapshot";
import { UsageError } from "../config";
import { withFailure } from "./failure";
import { checkId } from "./ids";

/** What `listCheckpointPermissions` takes. */
export interface ListCheckpointPermissionsArgs {
  /** The checkpoint, as `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`. */
  fineTunedModelCheckpoint: string;
  /** Only this project's permissions. Default: those of all projects. */
  projectId?: string;
}

const names: readonly string[] = [
  "fineTunedModelCheckpoint",
  "projectId",
] satisfies (keyof ListCheckpointPermissionsArgs)[];

/**
 * Lists the permissions of a checkpoint, or of one project for it, newest first.
 *
 * @internal
 * @throws {OperationFailed}
 */
export async function listPermissions(
  context: () => ProviderContext,
  args: ListCheckpointPermissionsArgs,
  options: LookupOptions = {},
): Promise<PermissionList> {
  const { fineTunedModelCheckpoint, projectId } = args;
  const checked = () => {
    assertOnly(names, args, "argument");
    const problems = [
      checkId("fineTunedModelCheckpoint", fineTunedModelCheckpoint) ?? [],
      projectId === undefined ? [] : (checkId("projectId", projectId) ?? []),
    ].flat();
    if (problems.length > 0) throw new UsageError(problems.map(({ reason }) => reason).join(" "), "Correct it.");
    return context();
  };
  return withFailure(checked, { operation: "list", checkpoint: fineTunedModelCheckpoint }, ({ lookups }) => {
    return projectId === undefined
      ? lookups.listAll(options)
      : lookups.listFor(projectId, { ...options, isExhaustive: true });
  });
}

/**
 * @internal
 * @throws {UsageError} naming the property that is not known.
 */
export function assertOnly(known: readonly string[], given: object, what: string): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new UsageError(`There is no ${what} "${unknown}".`, `Use ${known.join(", ")}.`);
}
