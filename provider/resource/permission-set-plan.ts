import type { SetInputs } from "./permission-set-inputs";
import { isUnknown } from "./ids";

/**
 * What a set is to do with what it has in state, and with the projects on its list: its check tells of it, its diff shows
 * it, and its update does it. Each permission and each project is in one of four groups:
 *
 * - `keep`: in state, and on the list;
 * - `grant`: on the list, and not in state;
 * - `giveUp`: in state, and not on the list;
 * - `handOver`: the same, but another resource is to adopt it. It stays in state until then.
 *
 * @param inState what it has in state; for a check, which is told only inputs, the projects on the list before.
 * @param isDeclaredElsewhere whether another resource declares a project's access.
 */
export function planOf<Recorded extends { projectId: string }>(
  inState: readonly Recorded[],
  { projectIds }: Pick<SetInputs, "projectIds">,
  isDeclaredElsewhere: (projectId: string) => boolean = () => false,
) {
  const listed = new Set(isUnknown(projectIds) ? [] : projectIds);
  const having = new Set(inState.map(({ projectId }) => projectId));
  const leaving = inState.filter(({ projectId }) => !listed.has(projectId));
  // Asked once: another process may declare it between two questions.
  const elsewhere = new Set(leaving.filter(({ projectId }) => isDeclaredElsewhere(projectId)));
  return {
    keep: inState.filter(({ projectId }) => listed.has(projectId)),
    grant: [...listed].filter((projectId) => !having.has(projectId)),
    giveUp: leaving.filter((one) => !elsewhere.has(one)),
    handOver: [...elsewhere],
  };
}

/** Whether inputs differ. A list that a preview does not know yet may. */
export function areChanged(
  olds: Pick<SetInputs, "projectIds" | "exclusive">,
  news: Pick<SetInputs, "projectIds" | "exclusive">,
): boolean {
  if (news.exclusive !== olds.exclusive || isUnknown(news.projectIds)) return true;
  const [one, other] = [olds.projectIds, news.projectIds];
  return one.length !== other.length || one.some((projectId, index) => projectId !== other[index]);
}
