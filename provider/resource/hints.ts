import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { isUnknown } from "./ids";

/**
 * What a constructor knows about its program, as far as it can. It is in the input `__hints`, which the check takes out
 * again, so it is never stored.
 */
export interface ProgramHints {
  /** The resource's URN, which Pulumi's dynamic provider host is not told. */
  urn: string;
  /** Its number in the order of the constructors. */
  number: number;
  /** Whether a replacement deletes the resource first. */
  deleteBeforeReplace?: boolean;
  /** How many accesses to the same checkpoint the program declares without waiting for another resource. */
  declaredCount?: number;
  /** How many creates the engine runs at a time. */
  parallel?: number;
  /**
   * Of a set: the projects to which other resources give access to the same checkpoint, by their numbers. Those of native
   * resources are followed by `::TYPE::NAME`.
   */
  others?: Record<string, string[]>;
  /** Of a set: the length of its list, if some elements are outputs; the engine drops those that failed. */
  listLength?: number;
}

/** Notes what the hints say of the program as a whole. */
export function takeHints(context: ProviderContext, checkpoint: Checkpoint, hints: Partial<ProgramHints>): void {
  if (isUnknown(hints)) return;
  context.parallel ??= hints.parallel;
  checkpoint.declaredCount ??= hints.declaredCount;
  checkpoint.grants.recount();
  if (hints.number !== undefined) context.declarations.dropAhead(String(hints.number));
  for (const [key, projectIds] of Object.entries(hints.others ?? {})) {
    context.declarations.setAhead(key, checkpoint.id, new Set(projectIds));
  }
}
