import * as v from "valibot";

/**
 * What a constructor knows about its program, as far as it can. It is in the input `__hints`, which the check takes out
 * again, so it is never stored.
 */
export interface ProgramHints {
  /** Tells the resource from all others of the deployment. */
  key: string;
  /** The resource's URN, which Pulumi's dynamic provider host is not told. */
  urn: string;
  /** Whether a replacement deletes the resource first. */
  deleteBeforeReplace?: boolean;
  /** Whether Pulumi refuses to replace the resource. */
  protect?: boolean;
  /** Whether the program runs for a preview. */
  isPreview?: boolean;
  /** How many accesses to the same checkpoint the program declares, as far as is known. */
  declaredCount?: number;
  /** How many creates the engine runs at a time. */
  parallel?: number;
  /**
   * Of a set: the access that other resources give to the same checkpoint, by their keys, as `announcedKey` of the ledger
   * makes it of an ID, which may be secret. The keys of native resources are followed by `::TYPE::NAME`.
   */
  others?: Record<string, string[]>;
  /** Of a set: the keys of other resources of which not all is known yet, and that may be about the same checkpoint. */
  late?: string[];
  /** Of a set: the length of its list, if some elements are outputs; the engine drops those that failed. */
  listLength?: number;
}

function ifValid<Output>(schema: v.GenericSchema<unknown, Output>) {
  return v.fallback(v.optional(schema), undefined);
}

const keys = v.array(v.string());
const hintsSchema = v.fallback(
  v.object({
    key: ifValid(v.string()),
    urn: ifValid(v.string()),
    deleteBeforeReplace: ifValid(v.boolean()),
    protect: ifValid(v.boolean()),
    isPreview: ifValid(v.boolean()),
    declaredCount: ifValid(v.number()),
    parallel: ifValid(v.number()),
    others: ifValid(v.record(v.string(), keys)),
    late: ifValid(keys),
    listLength: ifValid(v.number()),
  } satisfies Record<keyof ProgramHints, unknown>),
  {},
);

/** The hints as they arrived, which may be in the form of another version; what is not understood is left out. */
export function parseHints(hints: unknown): Partial<ProgramHints> {
  return v.parse(hintsSchema, hints) as Partial<ProgramHints>;
}
