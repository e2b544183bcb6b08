import type { Deployment } from "../access/deployment";
import type { Listed, Progress } from "../access/lookups";
import { pageSize } from "../api/client";
import { listPermissions } from "../resource/list";
import type { Screen } from "./screen";

/** The whole list of a checkpoint's permissions, or the list of each of these projects. */
export function listsOf(
  deployment: Deployment,
  fineTunedModelCheckpoint: string,
  projectIds: readonly string[] | undefined,
  onPage: (progress: Progress) => void,
): Promise<Listed[]> {
  const asked = projectIds === undefined ? [{}] : projectIds.map((projectId) => ({ projectId }));
  return Promise.all(
    asked.map((args) => listPermissions(() => deployment, { fineTunedModelCheckpoint, ...args }, { onPage })),
  );
}

/**
 * Reads checkpoints one after the other, and shows the progress.
 *
 * One after the other, because an API that throttles would refuse them together, and a refused key or checkpoint should
 * cost one request.
 *
 * @param expected about how many permissions each checkpoint has, 0 if that is unknown.
 */
export async function readEach<Result>(
  deployment: Deployment,
  screen: Screen,
  expected: ReadonlyMap<string, number>,
  read: (checkpoint: string, onPage: (progress: Progress) => void) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let done = 0;
  let least = 0;
  const expect = (pages: number) => {
    least += pages;
    deployment.client.expect("list", pages);
  };
  const pagesOf = (permissions: number) => Math.max(1, Math.ceil(permissions / pageSize));
  for (const permissions of expected.values()) expect(pagesOf(permissions));

  for (const [checkpoint, permissions] of expected) {
    const show = () =>
      screen.progress(
        `Reading checkpoint ${results.length + 1} of ${expected.size}: ${done} of at least ${least} pages read.`,
      );
    show();
    let planned = pagesOf(permissions);
    let sent = 0;
    const plan = (pages: number) => {
      expect(pages - planned);
      planned = pages;
    };
    const onPage = ({ isComplete }: Progress) => {
      sent++;
      done++;
      plan(isComplete ? sent : Math.max(planned, sent + 1));
      show();
    };
    results.push(await read(checkpoint, onPage));
    // Filtered lookups read no pages, and count as one.
    done += Math.max(0, 1 - sent);
    plan(Math.max(1, sent));
  }
  screen.end();
  return results;
}
