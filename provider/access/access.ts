import { ApiError } from "../api/error";
import type { Permission } from "../api/permission";
import { maxAgeOfWrite, oursOrNewest, type GrantResult, type Grants } from "./grants";
import type { Entry, Key } from "./entries";
import type { LookupOptions } from "./lookups";
import { releaseOf } from "./release";
import { assertKeySeesList, isYoung, revoke, type Place } from "./revocation";
import type { PermissionList } from "./snapshot";

/** What a lookup found: */
export type Look =
  /** A permission: the one that state has, if it was asked about. */
  | { is: "listed"; permission: Permission; others: Permission[] }
  /** None, and state has none. */
  | { is: "none" }
  /** Not the one that state has, which counts as granted all the same: lists may lag behind one this young. */
  | { is: "tooYoung" }
  /** Not the one that state has, nor another. */
  | { is: "missing" }
  /** Not the one that state has, but another. */
  | { is: "recreated"; by: Permission };

/** What a release did; see `releaseOf`. */
export type Release = "revoked" | Exclude<ReturnType<typeof releaseOf>, "revoke">;

/** How often, in milliseconds, a process reads whether another has ended a revocation. */
const betweenReads = 500;
/** How long, in milliseconds, it waits for another process that may not be able to tell. */
const longestRevocation = 60_000;

/**
 * One project's access to one checkpoint, and the one place that decides about it. What is known of it is in the ledger.
 *
 * Grants and releases of one access take turns: a create that looks while the permission is being revoked would adopt
 * what is missing a moment later.
 */
export class Access {
  readonly #key: Key;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    /** What the accesses to one checkpoint share. */
    readonly checkpoint: Place & { readonly key: Key; readonly grants: Grants; readonly hasUnknownProjects: boolean },
    readonly projectId: string,
  ) {
    this.#key = this.#ledger.accessKey(checkpoint.id, projectId);
  }

  /** Whether a resource of the program declares it, as far as is known, besides the one with this URN. */
  isDeclared(besides?: string): boolean {
    return this.#shared.declarations.has(this.checkpoint.id, this.projectId, besides);
  }

  /** Whether a resource of the program has a permission for it in state by now. */
  get isInState(): boolean {
    return this.#ledger.is("in state", this.#key);
  }

  /** Whether a permission is ours, as far as is known. */
  isOurs(permissionId: string): boolean {
    return this.#is("ours", permissionId);
  }

  /** Notes that a permission is ours, so that adopting it is nothing to report. */
  markOurs(permissionId: string): void {
    if (!this.isOurs(permissionId)) this.#append("ours", permissionId);
  }

  /** Notes that its loss is told, so that a create need not tell of its gain. */
  markToldAsDrift(): void {
    this.#ledger.append({ kind: "told as drift", access: this.#key });
  }

  get isToldAsDrift(): boolean {
    return this.#ledger.is("told as drift", this.#key);
  }

  /** Whether a permission was revoked in this deployment. */
  wasRevokedHere(permissionId: string): boolean {
    return this.#is("revoked", permissionId);
  }

  /** Notes that a diff keeps the permission, which is ours; and in state, if its resource is in the program. */
  markInState(permissionId: string): void {
    this.markOurs(permissionId);
    if (this.#shared.declarations.isUnchanged(this.#key)) this.#putInState(permissionId);
  }

  /**
   * Looks the access up.
   *
   * A permission that state has and a list lacks is missing, unless it is so young that the list may lag behind.
   *
   * @param maxAge the greatest age, in milliseconds, of an answer from memory.
   */
  async look(recorded?: Permission, maxAge = Infinity): Promise<Look> {
    if (recorded !== undefined) this.markOurs(recorded.id);
    const isWanted = recorded === undefined ? this.#isWanted : (id: string) => id === recorded.id;
    const list = await this.#list({ isWanted, maxAge });
    const listed = (permission: Permission): Look => {
      return { is: "listed", permission, others: list.permissions.filter((other) => other !== permission) };
    };
    const counting = oursOrNewest(list, this.#isOurs);
    if (recorded === undefined) return counting === undefined ? { is: "none" } : listed(counting);
    const found = list.permissions.find(({ id }) => id === recorded.id);
    // What is being revoked is still listed.
    if (found !== undefined) return (await this.#hasEnded(found.id)) ? this.look(recorded, maxAge) : listed(found);
    const isThere = !this.#isMissing(recorded.id) && !this.#is("maybe revoked", recorded.id);
    if (isThere && isYoung(recorded, list)) return { is: "tooYoung" };
    assertKeySeesList(this.checkpoint);
    // Until it is confirmed that the checkpoint does not exist, nothing is known to be missing.
    if (!this.checkpoint.existence.isDeleted) this.#append("missing", recorded.id);
    if (counting === undefined) return { is: "missing" };
    // What replaced it outside of Pulumi is ours, too.
    this.markOurs(counting.id);
    return { is: "recreated", by: counting };
  }

  /**
   * Grants the project access, or adopts the permission that it has.
   *
   * @param recorded the permission that state has: it stays, unless it is missing.
   * @throws {NotAdopted} when a permission exists and `adoptExisting` is false.
   * @throws {ApiError} when the API refuses, or does not answer.
   */
  grant(recorded?: Permission): Promise<GrantResult> {
    return this.#inTurn(async () => {
      this.#ledger.append({ kind: "asked for", checkpoint: this.checkpoint.key, access: this.#key });
      for (let before: string | undefined; ;) {
        const result = await this.#grantOrFind(recorded);
        const { id } = result.permission;
        this.#putInState(id);
        // Another process may have begun to revoke it before it could read that.
        if (id === before || !(await this.#hasEnded(id)) || !this.#isMissing(id)) return result;
        before = id;
      }
    });
  }

  async #grantOrFind(recorded: Permission | undefined): Promise<GrantResult> {
    if (recorded !== undefined) {
      // If that answer was wrong, the look finds what state has.
      if (this.checkpoint.existence.isDeleted) await this.checkpoint.existence.confirmDeleted();
      const look = await this.look(recorded, maxAgeOfWrite);
      if (look.is === "listed") return { permission: look.permission, isAdopted: false };
      if (look.is === "tooYoung") return { permission: recorded, isAdopted: false };
    }
    const granting = this.checkpoint.grants.grant(this.projectId, this.#isOurs, this.#isWanted);
    // Not before, or the batch might close without this one.
    this.#settle();
    const result = await granting;
    const { permission, isAdopted } = result;
    if (isAdopted && !this.#shared.config.adoptExisting) throw new NotAdopted(permission);
    this.markOurs(permission.id);
    return result;
  }

  /**
   * Gives up a permission, as `releaseOf` says.
   *
   * @param createdAt when it was granted, in Unix seconds. Default: long ago.
   */
  release(permissionId: string, createdAt = 0): Promise<Release> {
    return this.#inTurn(async () => {
      const { existence } = this.checkpoint;
      const isConfirmed = existence.isDeleted && (await existence.confirmDeleted());
      // First: so a process that puts it in state at the same moment reads this, or this one reads that.
      this.#append("revoking", permissionId);
      try {
        const release = this.#releaseOf(permissionId, await this.#ledger.mayLackDeclarations(), isConfirmed);
        if (release !== "revoke") {
          this.#append("not revoked", permissionId);
          return release;
        }
        const end = await revoke(this.checkpoint, this.projectId, { id: permissionId, createdAt });
        this.#append("revoked", permissionId);
        return end;
      } catch (error) {
        this.#append("maybe revoked", permissionId);
        throw error;
      }
    });
  }

  /** Whether a release would revoke the permission, as far as is known. */
  willRevoke(permissionId: string): boolean {
    return this.#releaseOf(permissionId, false) === "revoke";
  }

  #releaseOf(permissionId: string, mayLackDeclarations: boolean, isConfirmed = true): ReturnType<typeof releaseOf> {
    const { checkpoint } = this;
    // Where a policy has rewritten the inputs of a create, nothing but its request shows what it declares.
    const isAskedFor = this.#ledger.is("asked for", this.#key);
    const isDeclared = isAskedFor || this.isDeclared() || checkpoint.hasUnknownProjects;
    return releaseOf({
      isMissing: (isConfirmed && checkpoint.existence.isDeleted) || this.#isMissing(permissionId),
      inState: this.#inState(permissionId),
      isDeclared: isDeclared ? "yes" : mayLackDeclarations ? "maybe" : "no",
      // If a wrong answer may have caused the replacement, no later step would grant the access again. And another
      // resource may have adopted what this one gives up.
      isDeletedFirst:
        !checkpoint.existence.isDoubted && !mayLackDeclarations && this.#shared.declarations.isDeletedFirst(this.#key),
    });
  }

  #inState(permissionId: string): Parameters<typeof releaseOf>[0]["inState"] {
    const inState = this.#ledger.last("in state", this.#ledger.permissionKey(permissionId));
    if (inState === undefined) return this.isInState ? "another permission" : "nothing";
    // A key that this process has not come across may be this access at another URL of the API.
    const isOther = inState.access !== this.#key && this.#ledger.textOf(inState.access) !== undefined;
    return isOther ? "this permission, for another project" : "this permission";
  }

  /**
   * What the project still has after a release, besides what a resource of the program has in state or declares.
   *
   * It reads a page of the whole list first, which in most cases is all of it, and answers for every project.
   */
  async remaining(): Promise<Permission[]> {
    if (this.isDeclared()) return [];
    const list = await this.#list({ isExhaustive: true, isPageFirst: true });
    return list.permissions.filter(({ id }) => !this.#isMissing(id));
  }

  /** Further permissions of the project that a lookup has shown, without a request. */
  othersKnown(permissionId: string): Permission[] {
    const known = this.checkpoint.lookups.known(this.projectId);
    return known.filter(({ id }) => id !== permissionId && !this.#isMissing(id));
  }

  #isMissing(permissionId: string): boolean {
    return this.#is("missing", permissionId) || this.#is("revoked", permissionId);
  }

  /**
   * Waits while a permission is being revoked, by this process or another.
   *
   * @returns whether anything has changed by that.
   * @throws {ApiError} when another process cannot tell how it has ended.
   */
  async #hasEnded(permissionId: string): Promise<boolean> {
    const key = this.#ledger.permissionKey(permissionId);
    const { clock } = this.#shared;
    const since = clock.now();
    let hasWaited = false;
    for (let by = this.#ledger.revokerOf(key); by !== undefined; by = this.#ledger.revokerOf(key)) {
      // A timer must not decide: a revocation may wait for a rate limit.
      if (by === "another" && this.#ledger.problem !== undefined && clock.now() - since > longestRevocation) {
        const why = `another provider process of this run may be revoking ${permissionId}, and cannot tell`;
        throw new ApiError("contradiction", `${why} (${this.#ledger.problem})`);
      }
      await clock.sleep(betweenReads);
      hasWaited = true;
    }
    return hasWaited || this.#ledger.is("revoked", key);
  }

  #list(options: LookupOptions): Promise<PermissionList> {
    return this.checkpoint.existence.emptyIfDeleted(() => this.checkpoint.lookups.listFor(this.projectId, options));
  }

  get #shared() {
    return this.checkpoint.shared;
  }

  get #ledger() {
    return this.#shared.ledger;
  }

  readonly #isOurs = (permissionId: string) => this.isOurs(permissionId);

  /** Which permission a list is searched for; undefined where any will do. */
  get #isWanted(): ((permissionId: string) => boolean) | undefined {
    return this.#ledger.is("ours", this.#key) ? this.#isOurs : undefined;
  }

  #putInState(permissionId: string): void {
    this.#append("in state", permissionId);
    this.#settle();
  }

  #settle(): void {
    if (this.#ledger.is("settled", this.#key)) return;
    this.#ledger.append({ kind: "settled", checkpoint: this.checkpoint.key, access: this.#key });
  }

  #is(kind: Entry["kind"], permissionId: string): boolean {
    return this.#ledger.is(kind, this.#ledger.permissionKey(permissionId));
  }

  #append(kind: Extract<Entry, { permission: Key }>["kind"], permissionId: string): void {
    const keys = { checkpoint: this.checkpoint.key, access: this.#key };
    this.#ledger.append({ kind, ...keys, permission: this.#ledger.permissionKey(permissionId) });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** A permission exists already, and the config says that none is to be adopted. */
export class NotAdopted extends Error {
  constructor(readonly permission: Permission) {
    super(`it exists already (${permission.id})`);
  }
}
