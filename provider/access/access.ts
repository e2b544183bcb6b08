import type { Permission } from "../api/permission";
import { ApiError, mayOwn } from "../api/error";
import { UsageError, type Config } from "../config";
import type { Checkpoint } from "./checkpoint";
import { lagPauses, maxAgeOfWrite, oursOrNewest, type GrantResult } from "./grants";
import type { PermissionList } from "./lookups";

/** A resource that is in state and still in the program. */
export interface LiveResource {
  urn: string;
  /** The checkpoint for which the program declares it now. */
  declaredFor: Checkpoint;
  /** Whether the program asks for a replacement to delete it first. */
  deleteBeforeReplace: boolean;
}

/** What a lookup found. */
export interface Look {
  /** The permission that state has, else the newest; undefined when there is none. */
  permission: Permission | undefined;
  /** Further permissions of the project, as far as they were read. */
  others: Permission[];
  /** Whether the permission that state has is missing at the API. */
  isMissing: boolean;
  /** Whether it counts as granted although no list has it yet: lists may lag behind one this young. */
  isNotListedYet: boolean;
}

/**
 * What a release did:
 *
 * - `revoked`: revoked the permission;
 * - `missing`: nothing, since the permission was missing already;
 * - `kept`: nothing, since another resource of the program has the permission in state;
 * - `stillDeclared`: nothing, since the program declares the access and no other resource has a permission for it in
 *   state. The record must stay.
 */
export type Release = "revoked" | "missing" | "kept" | "stillDeclared";

/** A permission younger than this, in seconds, may be missing from a list that lags. */
export const lag = 30;

/**
 * Everything that a process knows about one project's access to one checkpoint, and the one place that decides about it.
 *
 * Grants and releases of one access take turns: a create that looks while the permission is being revoked would adopt
 * what is missing a moment later.
 */
export class Access {
  /** The live resources that have it in state, by URN. */
  readonly #resources = new Map<string, LiveResource>();
  /** The ID of the permission that a resource of the program has in state by now. */
  #inStateId: string | undefined;
  /** Whether a create or an update has asked for it. */
  #isAskedFor = false;
  /** IDs of permissions that are in our state, or that replaced one that is. */
  readonly #ours = new Set<string>();
  /** IDs of permissions that we are revoking, or tried to. */
  readonly #revoking = new Set<string>();
  /** Ends with the revocation that is under way; it never rejects. */
  #revocation: Promise<unknown> | undefined;
  /** IDs of permissions that are missing, because a list lacks them or we revoked them. */
  readonly #missing = new Set<string>();
  readonly #onInState: (() => void)[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly checkpoint: Checkpoint,
    readonly projectId: string,
  ) {}

  /** Whether a resource of the program declares it, as far as is known, besides the one with this URN. */
  isDeclared(besides?: string): boolean {
    return this.#shared.declarations.has(this.checkpoint.id, this.projectId, besides);
  }

  /** Whether a create or an update has asked for it, or it is in state. */
  get isSettled(): boolean {
    return this.#isAskedFor || this.#inStateId !== undefined;
  }

  /** Notes a resource that has it in state and is still in the program. */
  addResource(resource: LiveResource): void {
    this.#resources.set(resource.urn, resource);
  }

  /** Whether a permission is ours, as far as is known. */
  isOurs(permissionId: string): boolean {
    return this.#ours.has(permissionId) || this.#shared.peers.isOurs(permissionId);
  }

  /** Notes that a permission is ours, so that adopting it is nothing to report. */
  markOurs(permissionId: string): void {
    if (this.#ours.has(permissionId)) return;
    this.#ours.add(permissionId);
    this.#shared.peers.noteOurs(permissionId);
  }

  /** Notes that a diff keeps the permission: if its resource is in the program, it is in state. */
  markInState(permissionId: string): void {
    this.markOurs(permissionId);
    if ([...this.#resources.keys()].some((urn) => this.#isDeclaredBy(urn))) this.#setInState(permissionId);
  }

  /**
   * Looks the access up.
   *
   * A permission that state has and a list lacks is missing, unless it is so young that the list may lag behind.
   *
   * @param maxAge the greatest age, in milliseconds, of an answer from memory.
   */
  async look(recorded?: Permission, maxAge = Infinity): Promise<Look> {
    const { lookups } = this.checkpoint;
    if (recorded !== undefined) this.markOurs(recorded.id);
    const ids = recorded === undefined ? this.#ours : new Set([recorded.id]);
    const options = ids.size > 0 ? { ids, maxAge } : { maxAge };
    const list = await this.checkpoint.emptyIfDeleted(() => lookups.listFor(this.projectId, options));
    const lookOf = (permission: Permission | undefined, what: Partial<Look> = {}): Look => {
      const others = list.permissions.filter((other) => other !== permission);
      return { permission, others, isMissing: false, isNotListedYet: false, ...what };
    };
    if (recorded === undefined) return lookOf(oursOrNewest(list, this.#isOurs));
    const found = list.permissions.find(({ id }) => id === recorded.id);
    if (found !== undefined) {
      // What is being revoked is still listed.
      const isListed = this.#revocation === undefined;
      await this.#revocation;
      const { peers, clock } = this.#shared;
      if (isListed && !(await peers.isRevokedAfterAll(found.id, clock))) return lookOf(found);
      return this.look(recorded, maxAge);
    }
    const isRevoked = this.#revoking.has(recorded.id) || this.#missing.has(recorded.id);
    const isRevokedElsewhere = this.#shared.peers.revoked()(recorded.id);
    if (!isRevoked && !isRevokedElsewhere && isYoung(recorded, list)) return lookOf(recorded, { isNotListedYet: true });
    this.#assertKeySeesList();
    // Until it is confirmed that the checkpoint does not exist, nothing is known to be missing.
    if (!this.checkpoint.isDeleted) this.#missing.add(recorded.id);
    const permission = oursOrNewest(list, this.#isOurs);
    // What replaced it outside of Pulumi is ours, too.
    if (permission !== undefined) this.markOurs(permission.id);
    return lookOf(permission, { isMissing: true });
  }

  /**
   * Grants the project access, or adopts the permission that it has.
   *
   * @param recorded the permission that state has: it stays, unless it is missing.
   * @throws {UsageError} naming the permission, when one exists and `adoptExisting` is false.
   * @throws {ApiError} when the API refuses, or does not answer.
   */
  grant(recorded?: Permission): Promise<GrantResult> {
    return this.#inTurn(async () => {
      this.#isAskedFor = true;
      const { peers, clock } = this.#shared;
      for (;;) {
        const result = await this.#grantOrFind(recorded);
        this.#setInState(result.permission.id);
        // Another process may have begun to revoke it before it could read that.
        if (!(await peers.isRevokedAfterAll(result.permission.id, clock))) return result;
      }
    });
  }

  async #grantOrFind(recorded: Permission | undefined): Promise<GrantResult> {
    if (recorded !== undefined) {
      // Where its answer before was wrong, what state has is there.
      if (this.checkpoint.isDeleted) await this.checkpoint.confirmDeleted();
      const { permission, isMissing } = await this.look(recorded, maxAgeOfWrite);
      if (permission !== undefined && !isMissing) return { permission, isAdopted: false };
    }
    const result = await this.checkpoint.grants.grant(this.projectId, this.#ours, this.#isOurs);
    const { permission, isAdopted } = result;
    const { config } = this.#shared;
    if (isAdopted && !config.adoptExisting) throw refusedToAdopt(permission, config);
    this.markOurs(permission.id);
    return result;
  }

  /**
   * Gives up a permission: revokes it, or lets only its record go, or neither.
   *
   * When a rename, a swap or a move has just adopted a permission, the engine still deletes its old record by the same
   * ID. So the program decides, and not the engine's delete.
   *
   * @param createdAt when it was granted, in Unix seconds. Default: long ago.
   */
  release(permissionId: string, createdAt = 0): Promise<Release> {
    return this.#inTurn(async () => {
      if (this.checkpoint.isDeleted) await this.checkpoint.confirmDeleted();
      const spared = this.#reasonToSpare(permissionId);
      if (spared !== undefined) return spared;
      const { peers } = this.#shared;
      peers.noteRevoking(permissionId);
      let isRevoked = false;
      try {
        // Another process may have put it in state before it could read that.
        const release = this.#reasonToSpare(permissionId) ?? (await this.#revoke(permissionId, createdAt));
        isRevoked = release !== "kept" && release !== "stillDeclared";
        return release;
      } finally {
        peers.noteOutcome(permissionId, isRevoked ? "revoked" : "not revoked");
      }
    });
  }

  /** Whether a release would revoke the permission, as far as is known. */
  willRevoke(permissionId: string): boolean {
    return this.#reasonToSpare(permissionId) === undefined;
  }

  /** Why a permission must not be revoked; undefined when it must. The table in docs/architecture.md, row by row. */
  #reasonToSpare(id: string): Exclude<Release, "revoked"> | undefined {
    if (this.checkpoint.isDeleted || this.#missing.has(id)) return "missing";
    const { peers } = this.#shared;
    // What was granted in this deployment is never revoked by the delete of an old record, even if no check declared it.
    if (this.#inStateId === id || peers.hasInState(id)) return "kept";
    // In a record that was edited it may be another project's.
    if (this.checkpoint.isInStateOfAnother(this.projectId, id)) return "missing";
    // Another permission for this access is in state, so this one is surplus.
    if (this.isInState) return undefined;
    if (!this.isDeclared() && !this.checkpoint.hasUnknownProjects) return undefined;
    return this.#isDeletedFirst ? undefined : "stillDeclared";
  }

  /**
   * Whether delete-before-replace asks for it: the resource is to have access, and has not asked for any of it yet.
   *
   * Where a replacement may come from a wrong answer, it does not: the next run will not replace anything.
   */
  get #isDeletedFirst(): boolean {
    if (this.checkpoint.wasTakenForDeleted) return false;
    const isUnsettled = ({ urn, declaredFor }: LiveResource) => {
      const projectIds = [...this.#shared.declarations.projectsOf(urn, declaredFor.id)];
      return projectIds.length > 0 && projectIds.every((projectId) => !declaredFor.access(projectId).isSettled);
    };
    return [...this.#resources.values()].some((one) => one.deleteBeforeReplace && isUnsettled(one));
  }

  /**
   * What the project still has after a release, besides what a resource of the program has in state or declares.
   *
   * It reads a page of the whole list first, which in most cases is all of it, and answers for every project.
   */
  async remaining(): Promise<Permission[]> {
    if (this.isDeclared()) return [];
    const options = { isExhaustive: true, isPageFirst: true };
    const list = await this.checkpoint.emptyIfDeleted(() => this.checkpoint.lookups.listFor(this.projectId, options));
    return list.permissions.filter(({ id }) => !this.#missing.has(id));
  }

  /** Further permissions of the project that a lookup has shown, without a request. */
  othersKnown(permissionId: string): Permission[] {
    return this.checkpoint.lookups
      .known(this.projectId)
      .filter(({ id }) => id !== permissionId && !this.#missing.has(id));
  }

  /** Resolves once a resource of the program has it in state. */
  whenInState(): Promise<void> {
    if (this.isInState) return Promise.resolve();
    return new Promise((resolve) => this.#onInState.push(resolve));
  }

  /** Whether a resource of the program has a permission for it in state by now. */
  get isInState(): boolean {
    const { peers } = this.#shared;
    return this.#inStateId !== undefined || peers.isInState(this.checkpoint.id, this.projectId);
  }

  #revoke(id: string, createdAt: number): Promise<Release> {
    this.#revoking.add(id);
    const release = this.#deleteUntilMissing(id, createdAt);
    this.#revocation = release
      .catch(() => undefined)
      .then(() => {
        this.#revocation = undefined;
      });
    return release;
  }

  async #deleteUntilMissing(id: string, createdAt: number): Promise<Release> {
    const { lookups, shared } = this.checkpoint;
    for (let tries = 1; ; tries++) {
      try {
        const isConfirmed = await shared.client.deletePermission(this.checkpoint.id, this.projectId, id);
        if (!isConfirmed) await this.#waitUntilUnlisted(id);
        lookups.revoked(id);
        this.#missing.add(id);
        return "revoked";
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.isAmbiguous) lookups.forget();
        if (error.status !== 404) throw error;
        if (await this.#isMissing(id, createdAt)) return "missing";
        if (tries === 2) throw error;
      }
    }
  }

  /** Whether a permission is missing. A DELETE's 404 may also come from a wrong base URL, so a list confirms it. */
  async #isMissing(id: string, createdAt: number): Promise<boolean> {
    const { lookups } = this.checkpoint;
    let list = await this.#listWith(id);
    if (isListed(id, list)) {
      lookups.forget();
      list = await this.#listWith(id);
    } else if (isYoung({ createdAt }, list)) {
      const { clock, say } = this.#shared;
      say(`${id} was granted less than ${lag} s ago; asking again in ${lag} s whether it is missing.`);
      await clock.sleep(lag * 1000);
      lookups.forget();
      list = await this.#listWith(id);
    }
    if (isListed(id, list)) return false;
    this.#assertKeySeesList();
    return !this.checkpoint.isDeleted || (await this.checkpoint.confirmDeleted());
  }

  /** Waits until a list shows what an answer did not confirm. Lists may lag. */
  async #waitUntilUnlisted(id: string): Promise<void> {
    for (const pause of [0, ...lagPauses]) {
      if (pause > 0) await this.#shared.clock.sleep(pause);
      this.checkpoint.lookups.forget();
      if (!isListed(id, await this.#listWith(id)) && !this.checkpoint.isDeleted) {
        this.#assertKeySeesList();
        return;
      }
    }
    throw new ApiError("contradiction", "the API accepted the request, but still lists the permission");
  }

  /**
   * To a key of another organization a list may be empty where it is not. So such a list is no witness.
   *
   * @throws {ApiError} about the key.
   */
  #assertKeySeesList(): void {
    const { client } = this.#shared;
    const { lookups, id, isDeleted } = this.checkpoint;
    if (isDeleted || lookups.hasSeenRows || mayOwn(client.organization, id)) return;
    const message =
      `the list of permissions is empty, but the key belongs to organization "${client.organization}", which is not the ` +
      "checkpoint's own";
    throw new ApiError("other-organization", message);
  }

  #listWith(id: string): Promise<PermissionList> {
    const { lookups } = this.checkpoint;
    return this.checkpoint.emptyIfDeleted(() => lookups.listFor(this.projectId, { ids: new Set([id]) }));
  }

  get #shared() {
    return this.checkpoint.shared;
  }

  readonly #isOurs = (permissionId: string) => this.isOurs(permissionId);

  #isDeclaredBy(urn: string): boolean {
    return this.#shared.declarations.projectsOf(urn, this.checkpoint.id).has(this.projectId);
  }

  #setInState(permissionId: string): void {
    this.#inStateId = permissionId;
    this.checkpoint.markInState(this.projectId, permissionId);
    this.#shared.peers.noteInState(this.checkpoint.id, this.projectId, permissionId);
    this.checkpoint.grants.recount();
    for (const resolve of this.#onInState.splice(0)) resolve();
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function isListed(permissionId: string, { permissions }: PermissionList): boolean {
  return permissions.some(({ id }) => id === permissionId);
}

function isYoung({ createdAt }: Pick<Permission, "createdAt">, { date }: PermissionList): boolean {
  return Math.abs(date - createdAt) < lag;
}

function refusedToAdopt(permission: Permission, { nameOf }: Config): UsageError {
  const key = nameOf("adoptExisting");
  return new UsageError(
    `it exists already (${permission.id}, granted ${dateTime(permission)}), and ${key} is false.`,
    `If it was granted outside of this stack, revoke it first. If it is this stack's own, and moves by a rename or a forced ` +
      `replacement, or if it is to become so, adopt it: \`pulumi config set ${key} true\`, \`pulumi up\`, and set it back.`,
  );
}

/** When a permission was granted, for a user. */
export function dateTime({ createdAt }: Pick<Permission, "createdAt">): string {
  return new Date(createdAt * 1000).toISOString();
}
