/**
 * What follows when the API refuses a POST that grants access, or does not answer it:
 *
 * - `postAgain`: wait, look, and send what is missing again: without a look that could grant twice;
 * - `settle`: look, and refuse what is missing;
 * - `await`: wait until a list shows what an earlier POST has granted; then as before with what it does not show;
 * - `look`: another process or person may have granted one of them since the first look; then as before with what is missing;
 * - `split`: find out which projects it is about;
 * - `refuse`.
 */
export function recoveryOf(facts: {
  /** Whether it is worth sending again. */
  isTemporary: boolean;
  /** Whether it may have taken effect. */
  isAmbiguous: boolean;
  /** Whether it says that a permission exists already. */
  isConflict: boolean;
  /** Whether it is about certain projects. */
  isAboutProjects: boolean;
  /** Whether an earlier POST may have granted access that no list has shown yet. */
  mayBeDone: boolean;
  /** Whether the list has been read since the first POST. */
  hasLooked: boolean;
  /** Whether it was for one project only. */
  isOnlyOne: boolean;
}): "postAgain" | "settle" | "await" | "look" | "split" | "refuse" {
  if (facts.isTemporary) return "postAgain";
  if (facts.isAmbiguous) return "settle";
  if (facts.isConflict && facts.mayBeDone) return "await";
  if ((facts.isConflict || facts.isAboutProjects) && !facts.hasLooked) return "look";
  return facts.isAboutProjects && !facts.isOnlyOne ? "split" : "refuse";
}
