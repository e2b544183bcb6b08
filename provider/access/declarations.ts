import { nameOf, type Declaration } from "./declaration";
import type { Peers } from "./peers";

/** Another resource with which a declaration cannot stand. */
export interface Conflict {
  /** Its name. */
  name: string;
  /** Its URN; undefined if another process has it. */
  urn: string | undefined;
  /** The project to which both give access; undefined if one of them is exclusive. */
  projectId: string | undefined;
}

/**
 * What the resources of the program declare, as far as is known, in this process and in others of the same deployment.
 *
 * A declaration belongs to a resource: what a check, a diff, a create or an update brings later replaces it, since a
 * policy may rewrite inputs after the check. That a resource declares access guarantees neither a create nor that it uses
 * this value.
 */
export class Declarations {
  readonly #byUrn = new Map<string, Declaration>();
  /** URNs by checkpoint and project. */
  readonly #urns = new Map<string, Map<string, Set<string>>>();
  /** The resources, by number, of which more is known by now than a constructor has told. */
  readonly #known = new Set<number>();

  constructor(readonly peers: Peers) {}

  /** Notes what a resource declares, in place of what was noted before. */
  set(declaration: Declaration): void {
    this.#enter(declaration);
  }

  /**
   * Notes what a constructor tells of a resource ahead of its check. Transformations may still change that.
   *
   * @param number of the resource, in the order of the constructors.
   */
  setAhead(number: number, checkpoint: string, projectIds: ReadonlySet<string>): void {
    if (!this.#known.has(number)) this.#enter({ urn: aheadOf(number), checkpoint, projectIds, exclusive: false });
  }

  /** Forgets what a constructor has told, since the resource's check has come. */
  dropAhead(number: number): void {
    this.#known.add(number);
    const ahead = this.#byUrn.get(aheadOf(number));
    if (ahead !== undefined) this.#enter({ ...ahead, projectIds: new Set() });
  }

  /** The projects that a resource gives access to a checkpoint. */
  projectsOf(urn: string, checkpoint: string): ReadonlySet<string> {
    const declaration = this.#byUrn.get(urn);
    return declaration?.checkpoint === checkpoint ? declaration.projectIds : new Set();
  }

  /** Whether a resource declares the access, besides the one with this URN. */
  has(checkpoint: string, projectId: string, besides?: string): boolean {
    const urns = this.#urns.get(checkpoint)?.get(projectId) ?? new Set();
    if (urns.size > (besides !== undefined && urns.has(besides) ? 1 : 0)) return true;
    const elsewhere = this.peers.declaredFor(checkpoint, besides);
    return (
      elsewhere.length > 0 && elsewhere.some(({ projects }) => projects.has(this.peers.hash(checkpoint, projectId)))
    );
  }

  /**
   * The resource with which a declaration cannot stand: destroying one would revoke what the other declares, or each `up`
   * of one would revoke what the other grants.
   */
  conflictOf({ urn, checkpoint, projectIds, exclusive }: Declaration): Conflict | undefined {
    for (const other of this.#byUrn.values()) {
      if (other.urn === urn || other.checkpoint !== checkpoint || isAhead(other.urn)) continue;
      const projectId = [...projectIds].find((one) => other.projectIds.has(one));
      if (projectId === undefined && !exclusive && !other.exclusive) continue;
      return { name: nameOf(other.urn), urn: other.urn, projectId };
    }
    for (const other of this.peers.declaredFor(checkpoint, urn)) {
      if (other.isAhead) continue;
      const projectId = [...projectIds].find((one) => other.projects.has(this.peers.hash(checkpoint, one)));
      if (projectId === undefined && !exclusive && !other.exclusive) continue;
      return { name: other.name, urn: undefined, projectId };
    }
    return undefined;
  }

  #enter(declaration: Declaration): void {
    const { urn, checkpoint, projectIds } = declaration;
    const before = this.#byUrn.get(urn);
    for (const projectId of before?.projectIds ?? []) this.#urnsFor(before!.checkpoint, projectId).delete(urn);
    this.#byUrn.set(urn, declaration);
    for (const projectId of projectIds) this.#urnsFor(checkpoint, projectId).add(urn);
    this.peers.noteDeclared(declaration, isAhead(urn));
  }

  #urnsFor(checkpoint: string, projectId: string): Set<string> {
    const byProject = this.#urns.get(checkpoint) ?? new Map<string, Set<string>>();
    this.#urns.set(checkpoint, byProject);
    const urns = byProject.get(projectId) ?? new Set<string>();
    byProject.set(projectId, urns);
    return urns;
  }
}

const aheadPrefix = "ahead::";
const aheadOf = (number: number) => `${aheadPrefix}${number}`;
const isAhead = (urn: string) => urn.startsWith(aheadPrefix);
