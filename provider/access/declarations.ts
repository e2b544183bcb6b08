import { nameOf, typeAndNameOf, type Declaration } from "./declaration";
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
  /** The resources, by key, of which more is known by now than a constructor has told. */
  readonly #known = new Set<string>();

  constructor(readonly peers: Peers) {}

  /** Notes what a resource declares, in place of what was noted before. */
  set(declaration: Declaration): void {
    this.#enter(declaration);
  }

  /**
   * Notes what a constructor tells of a resource ahead of its check. Transformations may still change that.
   *
   * @param key tells it from all others. That of a native resource ends in `::TYPE::NAME`: once another process has
   * checked all that are called so, they no longer count.
   */
  setAhead(key: string, checkpoint: string, projectIds: ReadonlySet<string>): void {
    if (!this.#known.has(key)) this.#enter({ urn: aheadOf(key), checkpoint, projectIds, exclusive: false });
  }

  /** Forgets what a constructor has told, since the resource's check has come. */
  dropAhead(key: string): void {
    this.#known.add(key);
    const ahead = this.#byUrn.get(aheadOf(key));
    if (ahead !== undefined) this.#enter({ ...ahead, projectIds: new Set() });
  }

  /** The projects that a resource gives access to a checkpoint. */
  projectsOf(urn: string, checkpoint: string): ReadonlySet<string> {
    const declaration = this.#byUrn.get(urn);
    return declaration?.checkpoint === checkpoint ? declaration.projectIds : new Set();
  }

  /** How many accesses to a checkpoint are declared by resources that were checked. */
  countChecked(checkpoint: string): number {
    const checked = [...this.#byUrn.values()].filter((one) => one.checkpoint === checkpoint && !isAhead(one.urn));
    return checked.reduce((sum, { projectIds }) => sum + projectIds.size, 0);
  }

  /** Whether a resource declares the access, besides the one with this URN. */
  has(checkpoint: string, projectId: string, besides?: string): boolean {
    const urns = this.#urns.get(checkpoint)?.get(projectId) ?? [];
    for (const urn of urns) {
      if (urn !== besides && !(isAhead(urn) && this.#isOutdated(typeAndNameOf(urn)))) return true;
    }
    const elsewhere = this.peers.declaredFor(checkpoint, besides);
    if (elsewhere.length === 0) return false;
    const project = this.peers.hash(checkpoint, projectId);
    return elsewhere.some((one) => one.projects.has(project) && !(one.isAhead && this.#isOutdated(one.typeAndName)));
  }

  /** Whether as many resources of this type and name were checked as constructors have told of, which are native ones. */
  #isOutdated(typeAndName: string): boolean {
    const here = [...this.#byUrn.keys()].filter((urn) => typeAndNameOf(urn) === typeAndName).map(isAhead);
    const elsewhere = [...this.peers.declared].filter((one) => one.typeAndName === typeAndName);
    const areAhead = [...here, ...elsewhere.map((one) => one.isAhead)];
    const told = areAhead.filter((one) => one).length;
    return areAhead.length - told >= told;
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
      return { name: nameOf(other.typeAndName), urn: undefined, projectId };
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
const aheadOf = (key: string) => `${aheadPrefix}${key}`;
const isAhead = (urn: string) => urn.startsWith(aheadPrefix);
