import type { ProviderContext } from "../access/context";
import type { LookupOptions } from "../access/lookups";
import type { PermissionList } from "../access/snapshot";
import { listPermissions } from "../resource/list";
import type { Screen } from "./screen";

/** The whole list of a checkpoint's permissions, or the list of each of these projects. */
export function fetchLists(
  context: ProviderContext,
  fineTunedModelCheckpoint: string,
  projectIds: readonly string[] | undefined,
  onPage: NonNullable<LookupOptions["onPage"]>,
): Promise<PermissionList[]> {
  const asked = projectIds === undefined ? [{}] : projectIds.map((projectId) => ({ projectId }));
  return Promise.all(
    asked.map((args) => listPermissions(() => context, { fineTunedModelCheckpoint, ...args }, { onPage })),
  );
}

/**
 * Reads checkpoints one after the other, and shows the progress.
 *
 * One after the other, because an API that limits the rate would refuse them together, and a refused key or checkpoint should
 * cost one request.
 */
export async function fetchEach<Result>(
  screen: Screen,
  checkpoints: readonly string[],
  read: (checkpoint: string, onPage: NonNullable<LookupOptions["onPage"]>) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [index, checkpoint] of checkpoints.entries()) {
    const show = (page: number) =>
      screen.progress(`Reading checkpoint ${index + 1} of ${checkpoints.length}, page ${page}`);
    show(1);
    results.push(await read(checkpoint, ({ pages, isComplete }) => !isComplete && show(pages + 1)));
  }
  screen.end();
  return results;
}
