import type { RepeatedPost } from "../../sandbox/api/api";
import { useInProcess } from "../support/in-process";
import {
  declaredAccessIsKept,
  deedsAreTrue,
  goodRunsReachTheProgram,
  nothingIsForgotten,
  requestsAreFew,
  succeededIsGranted,
  unmanagedAccessIsKept,
} from "./invariants";
import { accessesOf, checkpoints, parsed, unharmed, unmanagedProject, type Declared, type Run } from "./programs";
import { Stack } from "./stack";

/** Applies a sequence of programs to one stack, and checks the promise after each. */
export async function keepsThePromise(repeatedPost: RepeatedPost, runs: readonly Run[]): Promise<void> {
  const stack = new Stack(repeatedPost);
  const restore = useInProcess(() => stack.api);
  try {
    const last = runs.at(-1)!;
    const good: Run = {
      ...last,
      dependencyFails: false,
      lost: [],
      refused: [],
      misleading: [],
      harm: unharmed,
      lag: 0,
      pause: 3600,
      refresh: false,
      killedAfter: undefined,
    };
    const hadExclusiveSet = new Set<number>();
    let before: readonly Declared[] = [];
    // Two good runs finish what others left half done: the first may give up what the second adopts.
    for (const [index, one] of [...runs, good, good].entries()) {
      stack.log.push(`run ${index}`);
      const granted = new Set([...accessesOf(before)].filter((access) => stack.has(...parsed(access))));
      const rows = checkpoints.flatMap((id) => stack.api.permissions(id));
      const grantedCount = rows.filter((row) => row.project_id !== unmanagedProject).length;
      const beforeRun = { granted, present: stack.accesses(), grantedCount, holders: stack.holders() };
      for (const { exclusive, checkpoint } of one.program) if (exclusive) hadExclusiveSet.add(checkpoint);
      const succeeded = await stack.up(one);
      deedsAreTrue(stack, new Set(rows.map(({ id }) => id)));
      declaredAccessIsKept(stack, one, beforeRun);
      requestsAreFew(stack, one, beforeRun);
      succeededIsGranted(stack, one, succeeded);
      nothingIsForgotten(stack, one);
      unmanagedAccessIsKept(stack, hadExclusiveSet);
      before = one.program;
    }
    goodRunsReachTheProgram(stack, runs);
  } catch (error) {
    (error as Error).message += `\n${JSON.stringify(runs)}\n${stack.log.join("\n")}`;
    throw error;
  } finally {
    restore();
  }
}
