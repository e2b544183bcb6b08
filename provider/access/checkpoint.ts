import { pageSize, type Client } from "../api/client";
import type { Permission } from "../api/permission";
import { ApiError, saysCheckpointIsGone, wouldFailAgain } from "../api/error";
import type { Clock } from "../clock";
import { ConfigError, type Config } from "../config";
import { best, Grants, maxAgeOfWrite } from "./grants";
import { Lookups, type Listed, type Question } from "./lookups";

/** What the checkpoints of a deployment share. */
interface Shared {
  config: Config;
  client: Client;
  clock: Clock;
  say: (line: string) => void;
}

/** A resource in state that is still in the program. */
export interface Live {
  /** What the program gives it now. */
  accesses: ReadonlySet<Access>;
  /** Whether the program asks for a replacement to delete it first. */
  deleteBeforeReplace: boolean;
}

/** A permission as state has it. */
export type Recorded = Pick<Permission, "id" | "createdAt">;

/** What a lookup found. */
export interface Look {
  /** The permission that state has, else the newest; undefined when there is none. */
  permission: Permission | undefined;
  /** Further permissions of the project, as far as they were read. */
  others: Permission[];
  /** Whether the permission that state has is gone. */
  isGone: boolean;
  /** Whether it counts as granted although no list has it: lists may lag behind one this young. */
  isUnlisted: boolean;
}

/** A project's permission, after a grant. */
export interface Grant {
  permission: Permission;
  /** Whether it existed before, and was not known to be ours. */
  isTakenOver: boolean;
}

/**
 * What a release did:
 *
 * - `revoked`: revoked the permission;
 * - `gone`: nothing, since the permission was gone already;
 * - `kept`: nothing, since another resource of the program has the permission on record;
 * - `awaited`: nothing, since the program wants the access and no other resource has a permission for it on record. The
 *   record must stay in state.
 */
export type Release = "revoked" | "gone" | "kept" | "awaited";

/** Whether a resource's update gives up an access, or the engine deletes the whole resource. */
export type Occasion = "update" | "delete";

/** A permission younger than this, in seconds, may be missing from a list that lags. */
export const lag = 30;
/** How many revocations are under way at a time. The throttle decides how fast they go. */
const revocationsAtATime = 8;

/** Everything that a deployment knows about one checkpoint. */
export class Checkpoint {
  readonly lookups: Lookups;
  readonly grants: Grants;
  readonly #accesses = new Map<string, Access>();
  /** Whether the program also wants access for projects that are not known yet. */
  hasUnnamedWants = false;
  /** The API's answer that the checkpoint does not exist. */
  #goneAnswer: ApiError | undefined;

  constructor(
    readonly id: string,
    readonly shared: Shared,
  ) {
    const { client, clock } = shared;
    this.lookups = new Lookups((query) => client.listPermissions(id, query), clock);
    this.grants = new Grants((projectIds) => client.createPermissions(id, projectIds), this.lookups, clock);
  }

  access(projectId: string): Access {
    let access = this.#accesses.get(projectId);
    if (access === undefined) {
      access = new Access(this, projectId);
      this.#accesses.set(projectId, access);
    }
    return access;
  }

  /** Every permission of the checkpoint, whoever granted it. */
  all(question: Omit<Question, "ids"> = {}): Promise<Listed> {
    return this.unlessGone(() => this.lookups.all(question));
  }

  /** The permissions of projects that are neither on a list nor declared by another resource, as far as is known. */
  async outsiders(projectIds: readonly string[]): Promise<Permission[]> {
    if (this.hasUnnamedWants) return [];
    const listed = new Set(projectIds);
    const { permissions: rows } = await this.all();
    return rows.filter(({ projectId }) => !listed.has(projectId) && !this.access(projectId).isDeclared);
  }

  /**
   * Releases many permissions, until one fails in a way in which all others would fail, too.
   *
   * @returns by permission ID what the release did, or its error; permissions that were not tried are missing.
   */
  async releaseAll(permissions: readonly Permission[], occasion: Occasion): Promise<Map<string, Release | Error>> {
    const outcomes = new Map<string, Release | Error>();
    const { client } = this.shared;
    // One GET shows a hundred; a DELETE of what is gone already would be a request each.
    if (occasion === "delete" && permissions.length > 1) await this.#lookForGone(permissions);
    const queue = [...permissions];
    const willRevoke = ({ id, projectId }: Permission) => this.access(projectId).willRevoke(id, occasion);
    client.expect("revoke", queue.filter(willRevoke).length);
    let isHopeless = false;
    const work = async () => {
      for (let next = queue.shift(); next !== undefined && !isHopeless; next = queue.shift()) {
        try {
          outcomes.set(next.id, await this.access(next.projectId).release(next.id, occasion));
        } catch (error) {
          outcomes.set(next.id, error as Error);
          isHopeless ||= wouldFailAgain(error, this.id);
        }
      }
    };
    await Promise.all(Array.from({ length: revocationsAtATime }, work));
    client.expect("revoke", -queue.filter(willRevoke).length);
    return outcomes;
  }

  /** Runs a lookup. If the API says that the checkpoint does not exist, the answer is that nobody has access. */
  async unlessGone(look: () => Promise<Listed>): Promise<Listed> {
    if (!this.isGone) {
      try {
        return await look();
      } catch (error) {
        if (!saysCheckpointIsGone(error, this.id)) throw error;
        this.#goneAnswer = error;
        this.shared.say(
          `OpenAI does not have ${this.id} (retired, deleted, or mistyped), so there are no permissions for it.`,
        );
      }
    }
    return { permissions: [], date: Infinity, organization: this.#goneAnswer?.organization };
  }

  /** Whether the API has said that the checkpoint does not exist. Then no more requests are made for it. */
  get isGone(): boolean {
    return this.#goneAnswer !== undefined;
  }

  async #lookForGone(permissions: readonly Permission[]): Promise<void> {
    if (permissions.length > pageSize) await this.unlessGone(() => this.lookups.all());
    await Promise.all(permissions.map((permission) => this.access(permission.projectId).look(permission)));
  }
}

/**
 * Everything that a deployment knows about one project's access to one checkpoint, and the one place that decides about
 * it.
 *
 * Grants and releases of one access take turns: a create that looks while the permission is being revoked would take
 * over what is gone a moment later.
 */
export class Access {
  /** Whether a check has shown that the program declares it. A check is no promise of a create, nor of the value. */
  #isWanted = false;
  /** Whether a constructor has, ahead of the check. */
  #isAnnounced = false;
  /** The live resources that have it in state. */
  readonly #live: Live[] = [];
  /** The ID of the permission that a resource of the program has on record by now. */
  #onRecord: string | undefined;
  /** IDs of permissions that are in our state, or that replaced one that is. */
  readonly #ours = new Set<string>();
  /** Permissions, by ID, that are gone, because a list lacks them or we revoked them, or that we are revoking. */
  readonly #fates = new Map<string, "leaving" | "gone">();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly checkpoint: Checkpoint,
    readonly projectId: string,
  ) {}

  /** Notes that a check has shown that the program declares it. */
  want(): void {
    this.#isWanted = true;
  }

  /** Notes that a constructor declares it. */
  announce(): void {
    this.#isAnnounced = true;
  }

  get isDeclared(): boolean {
    return this.#isWanted || this.#isAnnounced;
  }

  /** Notes a resource that has it in state and is still in the program. */
  addLive(live: Live): void {
    this.#live.push(live);
  }

  /** Whether a permission is ours, as far as is known. */
  isOurs(permissionId: string): boolean {
    return this.#ours.has(permissionId);
  }

  /** Notes that a permission is ours, so that taking it over is nothing to report. */
  own(permissionId: string): void {
    this.#ours.add(permissionId);
  }

  /** Notes that a diff keeps the permission: if its resource is in the program, it is on record. */
  keep(permissionId: string): void {
    this.own(permissionId);
    if (this.#live.some(({ accesses }) => accesses.has(this))) this.#onRecord = permissionId;
  }

  /**
   * Looks the access up.
   *
   * A permission that state has and a list lacks is gone, unless it is so young that the list may lag behind.
   *
   * @param maxAge the greatest age, in milliseconds, of an answer from memory.
   */
  async look(recorded?: Recorded, maxAge = Infinity): Promise<Look> {
    const { lookups } = this.checkpoint;
    if (recorded !== undefined) this.own(recorded.id);
    const ids = recorded === undefined ? this.#ours : new Set([recorded.id]);
    const question = ids.size > 0 ? { ids, maxAge } : { maxAge };
    const listed = await this.checkpoint.unlessGone(() => lookups.find(this.projectId, question));
    const lookOf = (
      permission: Permission | undefined,
      what: { isGone?: boolean; isUnlisted?: boolean } = {},
    ): Look => {
      const others = listed.permissions.filter((other) => other !== permission);
      return { permission, others, isGone: false, isUnlisted: false, ...what };
    };
    if (recorded === undefined) return lookOf(best(listed, this.#ours));
    const { id, createdAt } = recorded;
    const found = listed.permissions.find((row) => row.id === id);
    if (found !== undefined) return lookOf(found);
    // One that we are revoking is not missing because of a lag.
    if (!this.#fates.has(id) && isYoung(recorded, listed)) {
      return lookOf({ id, createdAt, projectId: this.projectId }, { isUnlisted: true });
    }
    this.#fates.set(id, "gone");
    const permission = best(listed, this.#ours);
    // What replaced it outside of Pulumi is ours, too.
    if (permission !== undefined) this.own(permission.id);
    return lookOf(permission, { isGone: true });
  }

  /**
   * Grants the project access, or takes over the permission that it has.
   *
   * @param recorded the permission that state has: it stays, unless it is gone.
   * @throws {ConfigError} naming the permission, when one exists and `adoptExisting` is false.
   * @throws {ApiError} when the API refuses, or does not answer.
   */
  grant(recorded?: Recorded): Promise<Grant> {
    return this.#inTurn(async () => {
      if (recorded !== undefined) {
        const { permission, isGone } = await this.look(recorded, maxAgeOfWrite);
        if (permission !== undefined && !isGone) {
          this.#onRecord = permission.id;
          return { permission, isTakenOver: false };
        }
      }
      const { permission, existed } = await this.checkpoint.grants.grant(this.projectId, this.#ours);
      const isTakenOver = existed && !this.#ours.has(permission.id);
      const { config } = this.checkpoint.shared;
      if (isTakenOver && !config.adoptExisting) throw refusedToAdopt(permission, config);
      this.own(permission.id);
      this.#onRecord = permission.id;
      return { permission, isTakenOver };
    });
  }

  /**
   * Gives up a permission: revokes it, or lets only its record go, or neither.
   *
   * When a rename, a swap or a move has just taken a permission over, the engine still deletes its old record by the same
   * ID. So it is the program that decides, and not the engine's delete.
   */
  release(permissionId: string, occasion: Occasion): Promise<Release> {
    return this.#inTurn(async () => this.#reasonToSpare(permissionId, occasion) ?? this.#revoke(permissionId));
  }

  /** Whether a release would revoke the permission, as far as is known. */
  willRevoke(permissionId: string, occasion: Occasion): boolean {
    return this.#reasonToSpare(permissionId, occasion) === undefined;
  }

  /** Why a permission must not be revoked; undefined when it must. */
  #reasonToSpare(id: string, occasion: Occasion): Exclude<Release, "revoked"> | undefined {
    if (this.checkpoint.isGone || this.#fates.get(id) === "gone") return "gone";
    if (!this.#isNeeded(occasion)) return undefined;
    if (this.#onRecord === id) return "kept";
    // With another on record this one is one too many.
    if (this.#onRecord !== undefined || this.#isDeletedFirst(occasion)) return undefined;
    return "awaited";
  }

  /** What a constructor announces counts only for an update: it does not stop the delete of a whole resource. */
  #isNeeded(occasion: Occasion): boolean {
    if (this.checkpoint.hasUnnamedWants) return true;
    return occasion === "update" ? this.isDeclared : this.#isWanted;
  }

  /** Whether delete-before-replace asks for it: a resource of the program has nothing on record yet of what it declares. */
  #isDeletedFirst(occasion: Occasion): boolean {
    const hasNothing = ({ accesses }: Live) => [...accesses].every((access) => access.#onRecord === undefined);
    return occasion === "delete" && this.#live.some((live) => live.deleteBeforeReplace && hasNothing(live));
  }

  /** A 404 may also come from a wrong base URL, so a lookup confirms it. */
  async #revoke(id: string): Promise<Release> {
    const { lookups, shared } = this.checkpoint;
    const isListed = async () => {
      const { permissions } = await this.checkpoint.unlessGone(() =>
        lookups.find(this.projectId, { ids: new Set([id]) }),
      );
      return permissions.some((row) => row.id === id);
    };
    this.#fates.set(id, "leaving");
    for (let tries = 1; ; tries++) {
      try {
        await shared.client.deletePermission(this.checkpoint.id, id);
        lookups.revoked(id);
        this.#fates.set(id, "gone");
        return "revoked";
      } catch (error) {
        const isDoubtful = error instanceof ApiError && (error.status === 404 || error.status === 200);
        if (!isDoubtful) {
          if (error instanceof ApiError && error.ambiguous) lookups.forget();
          throw error;
        }
        if (!(await isListed())) return "gone";
        lookups.forget();
        if (!(await isListed())) return "gone";
        if (tries === 2) throw error;
      }
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function isYoung({ createdAt }: Recorded, { date }: Listed): boolean {
  return Math.abs(date - createdAt) < lag;
}

function refusedToAdopt(permission: Permission, { nameOf }: Config): ConfigError {
  const key = nameOf("adoptExisting");
  return new ConfigError(
    `it exists already (${permission.id}, granted ${dateTime(permission)}), and ${key} is false.`,
    `If it is somebody else's, revoke it first. If it is this stack's own, which a rename, a move or a forced ` +
      `replacement hands over, or is to become so, take it over: \`pulumi config set ${key} true\`, \`pulumi up\`, and ` +
      `set it back.`,
  );
}

/** When a permission was granted, for a person. */
export function dateTime({ createdAt }: Pick<Permission, "createdAt">): string {
  return new Date(createdAt * 1000).toISOString();
}
