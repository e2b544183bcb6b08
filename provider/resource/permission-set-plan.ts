import type { SetInputs } from "./permission-set-inputs";
import { isUnknown } from "./ids";

/** What becomes of what a set has in state, and of the projects on its list. Each is in one place. */
export interface Plan<Recorded extends { projectId: string }> {
  /** In state, and on the list. */
  keep: Recorded[];
  /** On the list, and not in state. */
  grant: string[];
  /** In state, and not on the list. */
  giveUp: Recorded[];
  /** The same, but another resource is to adopt it. It stays in state until then. */
  handOver: Recorded[];
}

/**
 * What a set is to do: its check tells of it, its diff shows it, and its update does it.
 *
 * @param inState what it has in state; for a check, which is told only inputs, the projects on the list before.
 * @param isDeclaredElsewhere whether another resource declares a project's access.
 */
export function planOf<Recorded extends { projectId: string }>(
  inState: readonly Recorded[],
  { projectIds }: Pick<SetInputs, "projectIds">,
  isDeclaredElsewhere: (projectId: string) => boolean = () => false,
): Plan<Recorded> {
  const listed = new Set(isUnknown(projectIds) ? [] : projectIds);
  const having = new Set(inState.map(({ projectId }) => projectId));
  const plan: Plan<Recorded> = { keep: [], grant: [], giveUp: [], handOver: [] };
  for (const one of inState) {
    if (listed.has(one.projectId)) plan.keep.push(one);
    else if (isDeclaredElsewhere(one.projectId)) plan.handOver.push(one);
    else plan.giveUp.push(one);
  }
  plan.grant = [...listed].filter((projectId) => !having.has(projectId));
  return plan;
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
