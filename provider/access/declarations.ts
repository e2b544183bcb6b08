import { announcedKey, type Ledger } from "./ledger";
import type { Entry, Key, Signed } from "./entries";

/** The access that one resource of the program declares. */
export interface Declaration {
  urn: string;
  checkpoint: string;
  projectIds: ReadonlySet<string>;
  /** Whether no other project may have access. */
  exclusive: boolean;
}

/**
 * What the resources of the program declare, as far as the ledger knows.
 *
 * A declaration belongs to a resource: what a check, a diff, a create or an update brings later replaces it, since a
 * policy may rewrite inputs after the check. That a resource declares access guarantees neither a create nor that it uses
 * this value.
 */
export class Declarations {
  constructor(readonly ledger: Ledger) {}

  /** Notes what a resource declares, in place of what was noted before. */
  set({ urn, checkpoint, projectIds, exclusive }: Declaration): void {
    const { ledger } = this;
    ledger.append({
      kind: "declared",
      urn: ledger.urnKey(urn),
      typeAndName: typeAndNameOf(urn),
      checkpoint: ledger.checkpointKey(checkpoint),
      accesses: this.#accesses(checkpoint, projectIds),
      ...(exclusive ? { exclusiveFor: ledger.exclusiveKey(checkpoint) } : {}),
    });
  }

  /**
   * Notes what a constructor tells of a resource ahead of its check. Transformations may still change that.
   *
   * @param key tells it from all others. That of a native resource ends in `::TYPE::NAME`: once as many of that type and
   * name are checked, it no longer counts.
   * @param accesses as `announcedKey` makes them.
   * @param lateFor the checkpoint that it may turn out to give further access to.
   */
  announce(key: string, accesses: readonly Key[], lateFor?: string): void {
    const { ledger } = this;
    const urn = ledger.urnKey(announcedAs(key));
    const entry: Entry & { kind: "announced" } = {
      ...{ kind: "announced", urn, typeAndName: typeAndNameOf(key), accesses: [...accesses] },
      ...(lateFor === undefined ? {} : { lateFor: ledger.lateKey(lateFor) }),
    };
    // Each set announces all other resources of its checkpoint.
    const before = ledger.last("announced", urn);
    const isKnown = before?.lateFor === entry.lateFor && before?.accesses.join() === accesses.join();
    if (!isKnown && !ledger.is("arrived", urn)) ledger.append(entry);
  }

  /** Whether a resource that may be about a checkpoint has been announced, and not been checked. */
  areSomeLate(checkpoint: string): boolean {
    const { ledger } = this;
    return ledger.all("announced", ledger.lateKey(checkpoint)).some(({ urn }) => !ledger.is("arrived", urn));
  }

  /** Forgets what a constructor has told, since the resource's check has come. */
  arrive(key: string): void {
    const urn = this.ledger.urnKey(announcedAs(key));
    if (!this.ledger.is("arrived", urn)) this.ledger.append({ kind: "arrived", urn });
  }

  /** Notes what a resource that is still in the program has in state from earlier deployments. */
  setHad(
    { urn, checkpoint, projectIds }: Omit<Declaration, "exclusive">,
    { deleteBeforeReplace: isDeletedFirst = false, protect: isProtected = false },
  ): void {
    const accesses = this.#accesses(checkpoint, projectIds);
    this.ledger.append({ kind: "had", urn: this.ledger.urnKey(urn), accesses, isDeletedFirst, isProtected });
  }

  /** Whether Pulumi refuses to replace a resource. */
  isProtected(urn: string | undefined): boolean {
    return urn !== undefined && this.ledger.last("had", this.ledger.urnKey(urn))?.isProtected === true;
  }

  /** Whether a resource declares access to a checkpoint. */
  hasAny(checkpoint: string): boolean {
    const declared = this.ledger.all("declared", this.ledger.checkpointKey(checkpoint));
    return declared.some((one) => one.accesses.length > 0 && this.#isCurrent(one));
  }

  /** Whether a resource declares the access, besides the one with this URN. */
  has(checkpoint: string, projectId: string, besides?: string): boolean {
    const { ledger } = this;
    const except = besides === undefined ? undefined : ledger.urnKey(besides);
    const declared = ledger.all("declared", ledger.accessKey(checkpoint, projectId));
    if (declared.some((one) => one.urn !== except && this.#isCurrent(one))) return true;
    const announced = ledger.all("announced", announcedKey(checkpoint, projectId));
    return announced.some((one) => this.#isCurrent(one) && !this.#isOutdated(one.typeAndName));
  }

  /**
   * Notes that a preview does not know yet what a resource declares.
   *
   * @param checkpoint undefined if that is not known either.
   */
  setUnknown(checkpoint: string | undefined): void {
    this.ledger.append({ kind: "unknown inputs", checkpoint: this.ledger.checkpointKey(checkpoint ?? "") });
  }

  /** Whether a preview knows what all resources that it has checked declare for a checkpoint. */
  areKnown(checkpoint: string): boolean {
    const { ledger } = this;
    return !["", checkpoint].some((id) => ledger.is("unknown inputs", ledger.checkpointKey(id)));
  }

  /** Whether a resource had the access in state before this deployment, and still declares it. */
  isUnchanged(access: Key): boolean {
    return this.#having(access).some(({ wanted }) => wanted.includes(access));
  }

  /** Whether a resource that has the access is to be deleted before its replacement, which has asked for nothing yet. */
  isDeletedFirst(access: Key): boolean {
    const { ledger } = this;
    const isSettled = (one: Key) => ledger.is("asked for", one) || ledger.is("in state", one);
    return this.#having(access).some(
      ({ had, wanted }) => had.isDeletedFirst && wanted.length > 0 && !wanted.some(isSettled),
    );
  }

  /**
   * The resource with which a declaration cannot stand: destroying one would revoke what the other declares, or each `up`
   * of one would revoke what the other grants.
   *
   * @returns its name, its URN (undefined if another process has it), and the project to which both give access (undefined
   * if one of them is exclusive).
   */
  conflictOf({ urn, checkpoint, projectIds, exclusive }: Declaration) {
    const { ledger } = this;
    const me = ledger.urnKey(urn);
    const wanted = new Map([...projectIds].map((projectId) => [ledger.accessKey(checkpoint, projectId), projectId]));
    const keys = exclusive ? [ledger.checkpointKey(checkpoint)] : [...wanted.keys(), ledger.exclusiveKey(checkpoint)];
    const conflicts = keys
      .flatMap((key) => ledger.all("declared", key))
      .filter((one) => one.urn !== me && this.#isCurrent(one));
    // Of several, one of this process is named: its URN is known.
    const other = conflicts.find((one) => ledger.isOwn(one)) ?? conflicts[0];
    if (other === undefined) return undefined;
    const otherUrn = ledger.textOf(other.urn);
    const access = other.accesses.find((one) => wanted.has(one));
    return { name: nameOf(otherUrn ?? other.typeAndName), urn: otherUrn, projectId: access && wanted.get(access) };
  }

  /** Whether an entry is the last word on what its resource declares. */
  #isCurrent(one: Signed<"announced" | "declared">): boolean {
    return one === this.ledger.last(one.kind, one.urn) && !this.ledger.is("arrived", one.urn);
  }

  /** The resources that had an access, and what they want now. */
  #having(access: Key) {
    const had = this.ledger.all("had", access).filter((one) => one === this.ledger.last("had", one.urn));
    return had.map((one) => ({ had: one, wanted: this.ledger.last("declared", one.urn)?.accesses ?? [] }));
  }

  /** Whether as many resources of this type and name were checked as constructors have told of, which are native ones. */
  #isOutdated(typeAndName: string): boolean {
    const countOf = (kind: "announced" | "declared") =>
      this.ledger.all(kind, typeAndName).filter((one) => this.#isCurrent(one)).length;
    return countOf("declared") >= countOf("announced");
  }

  #accesses(checkpoint: string, projectIds: ReadonlySet<string>): Key[] {
    return [...projectIds].map((projectId) => this.ledger.accessKey(checkpoint, projectId));
  }
}

const announcedAs = (key: string) => `announced::${key}`;

/** A URN's last part: the resource's name. */
export function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** A URN's type and name, without those of its parents. */
export function typeAndNameOf(urn: string): string {
  const [name = "", type = ""] = urn.split("::").reverse();
  return `${type.slice(type.lastIndexOf("$") + 1)}::${name}`;
}
