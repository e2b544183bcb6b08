import type { dynamic } from "@pulumi/pulumi";
import type { ProviderContext } from "../access/context";
import { nameOf, type Declaration } from "../access/declarations";

/**
 * Notes what a resource declares, and finds out whether another resource of the program declares the same access, or
 * either is an exclusive set of the checkpoint.
 *
 * @param property the input that names the projects.
 * @returns a failure that names both resources, if they cannot both stand.
 */
export function claim(
  { declarations }: ProviderContext,
  declaration: Declaration,
  property: "projectId" | "projectIds",
): dynamic.CheckFailure[] {
  const conflict = declarations.conflictOf(declaration);
  declarations.set(declaration);
  if (conflict === undefined) return [];
  const { urn, checkpoint, exclusive } = declaration;
  const sameName = conflict.name === nameOf(urn);
  const [mine, other] = sameName ? [urn, conflict.urn ?? conflict.name] : [nameOf(urn), conflict.name];
  if (conflict.projectId !== undefined) {
    const reason =
      `"${other}" and "${mine}" both give project ${conflict.projectId} access to checkpoint ${checkpoint}. ` +
      `Keep one of the two: a permission belongs to one resource.`;
    return [{ property, reason }];
  }
  const [set, separate] = exclusive ? [mine, other] : [other, mine];
  const reason =
    `"${set}" is the exclusive set of checkpoint ${checkpoint}, and "${separate}" gives other projects access separately: each would ` +
    `undo the other. Add the projects to the set, or drop \`exclusive\`.`;
  return [{ property, reason }];
}
