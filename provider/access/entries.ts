/** An ID or a URN as the ledger has it: a hash, since entries go into a file. */
export type Key = string;

/** What a process has learned, or is about to do. */
export type Entry =
  /**
   * A constructor tells what a resource declares. That counts until its check has arrived. With `lateFor`, it does not know
   * all of it yet, and that may be about this checkpoint.
   */
  | { kind: "announced"; urn: Key; typeAndName: string; accesses: Key[]; lateFor?: Key }
  | { kind: "arrived"; urn: Key }
  /** A resource declares this, in place of what it declared before. With `exclusiveFor`, nobody else may have access. */
  | { kind: "declared"; urn: Key; typeAndName: string; checkpoint: Key; accesses: Key[]; exclusiveFor?: Key }
  /** A resource that is in the program has these accesses in state from earlier deployments. */
  | { kind: "had"; urn: Key; accesses: Key[]; isDeletedFirst: boolean; isProtected: boolean }
  /** The program also declares access to the checkpoint for projects that are not known. */
  | { kind: "unknown projects"; checkpoint: Key }
  /** A preview does not know yet to which of its projects, or to which checkpoint, a resource declares access. */
  | { kind: "unknown inputs"; checkpoint: Key }
  /** So many accesses the constructors have told of by now, and so many creates the engine runs at a time. */
  | { kind: "outlook"; checkpoint: Key; count: number; parallel?: number }
  /** A batch of grants has an access, or it needs none. */
  | { kind: "settled"; checkpoint: Key; access: Key }
  /** A create or an update asks for access. */
  | { kind: "asked for"; checkpoint: Key; access: Key }
  | {
      kind:
        /** A resource of the program has the permission in state by now. */
        | "in state"
        /** The permission is in state, granted by us, about to be adopted, or replaced one of these. */
        | "ours"
        /** The process is about to revoke the permission. One of the next three ends that. */
        | "revoking"
        | "revoked"
        /** The request failed, and may have taken effect. */
        | "maybe revoked"
        | "not revoked"
        /** A complete list lacks the permission. */
        | "missing";
      checkpoint: Key;
      access: Key;
      permission: Key;
    }
  /** A preview has told that the access will be granted again. */
  | { kind: "told as drift"; access: Key }
  /** The API has said, if only once, that the checkpoint does not exist. */
  | { kind: "doubted"; checkpoint: Key };

/** An entry, and the process that wrote it. */
export type Signed<Kind extends Entry["kind"] = Entry["kind"]> = Entry & { kind: Kind; by: string };

/** The keys by which an entry is found. */
export function keysOf(entry: Entry): Key[] {
  const { urn, typeAndName, checkpoint, exclusiveFor, lateFor, access, permission, accesses } =
    entry as unknown as Record<string, unknown>;
  const keys = [urn, typeAndName, checkpoint, exclusiveFor, lateFor, access, permission, accesses].flat();
  return keys.filter((key) => key !== undefined) as Key[];
}
