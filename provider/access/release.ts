/**
 * What a release does with a permission that a resource gives up:
 *
 * - `missing`: nothing, since it is not there, or not this project's;
 * - `kept`: nothing, since another resource of the program has it in state. Only the old record goes;
 * - `revoke`: it ends;
 * - `stillDeclared`: nothing, since the program declares the access and no other resource has a permission for it in
 *   state. The record must stay;
 * - `maybeDeclared`: the same, since it is not known whether the program declares it.
 *
 * When a rename, a swap or a move has just adopted a permission, the engine still deletes its old record by the same ID.
 * So the program decides, and not the engine's delete.
 */
export function releaseOf(facts: {
  /** Whether the permission is known to be missing, or its checkpoint to be deleted. */
  isMissing: boolean;
  /** What a resource of the program has in state by now. */
  inState: "this permission" | "this permission, for another project" | "another permission" | "nothing";
  /** Whether a resource of the program declares the access. */
  isDeclared: "yes" | "maybe" | "no";
  /** Whether delete-before-replace asked for it. */
  isDeletedFirst: boolean;
}): "missing" | "kept" | "revoke" | "stillDeclared" | "maybeDeclared" {
  if (facts.isMissing) return "missing";
  // What was granted in this deployment is kept even if no check declared it.
  if (facts.inState === "this permission") return "kept";
  // The record was edited.
  if (facts.inState === "this permission, for another project") return "missing";
  // So this one is surplus.
  if (facts.inState === "another permission") return "revoke";
  if (facts.isDeclared === "no") return "revoke";
  if (facts.isDeclared === "maybe") return "maybeDeclared";
  return facts.isDeletedFirst ? "revoke" : "stillDeclared";
}
