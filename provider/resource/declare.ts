import type { dynamic } from "@pulumi/pulumi";
import type { ProviderContext } from "../access/context";
import { nameOf, type Declaration, type Declarations } from "../access/declarations";
import type { ProgramHints } from "./hints";

/**
 * Notes what a resource declares, when its check comes.
 *
 * @param had what it has in state from earlier deployments; undefined if nothing, or not all of it is known.
 * @param property the input that names the projects.
 * @returns a failure that names both resources, if another resource of the program declares the same access, or either is
 * an exclusive set of the checkpoint.
 */
export function declareOnCheck(
  context: ProviderContext,
  declaration: Declaration,
  had: Declaration | undefined,
  hints: Partial<ProgramHints>,
  property: "projectId" | "projectIds",
): dynamic.CheckFailure[] {
  const { declarations } = context;
  takeHints(context, declaration.checkpoint, hints);
  const conflict = declarations.conflictOf(declaration);
  declarations.set(declaration);
  // From now on what it declares counts, and no longer what its constructor told.
  if (hints.key !== undefined) declarations.arrive(hints.key);
  if (had !== undefined) declarations.setHad(had, hints);
  return conflict === undefined ? [] : [{ property, reason: reasonOf(declaration, conflict) }];
}

/** Notes what a resource declares by now: a policy may have rewritten its inputs since the check. */
export function declareAgain(
  { runsProgram, declarations }: ProviderContext,
  urn: string | undefined,
  declarationOf: (urn: string) => Declaration | undefined,
): void {
  const declaration = runsProgram && urn !== undefined ? declarationOf(urn) : undefined;
  if (declaration !== undefined) declarations.set(declaration);
}

/** Notes what the hints say of the program as a whole. They are an extra, and may be missing, partly or altogether. */
function takeHints(context: ProviderContext, checkpoint: string, hints: Partial<ProgramHints>): void {
  const { isPreview, declaredCount, parallel, others = {}, late = [] } = hints;
  context.isPreview ??= isPreview;
  if (declaredCount !== undefined) context.checkpoint(checkpoint).setOutlook(declaredCount, parallel);
  for (const key of new Set([...Object.keys(others), ...late])) {
    context.declarations.announce(key, others[key] ?? [], late.includes(key) ? checkpoint : undefined);
  }
}

function reasonOf(
  { urn, checkpoint, exclusive }: Declaration,
  conflict: NonNullable<ReturnType<Declarations["conflictOf"]>>,
): string {
  const sameName = conflict.name === nameOf(urn);
  const [mine, other] = sameName ? [urn, conflict.urn ?? conflict.name] : [nameOf(urn), conflict.name];
  if (conflict.projectId !== undefined) {
    return (
      `"${other}" and "${mine}" both give project ${conflict.projectId} access to checkpoint ${checkpoint}. ` +
      `Keep one of the two: a permission belongs to one resource.`
    );
  }
  const [set, separate] = exclusive ? [mine, other] : [other, mine];
  return (
    `"${set}" is the exclusive set of checkpoint ${checkpoint}, and "${separate}" gives other projects access separately: each would ` +
    `undo the other. Add the projects to the set, or drop \`exclusive\`.`
  );
}
