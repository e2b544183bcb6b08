import { pageSize, type Client } from "../api/client";
import type { Permission } from "../api/permission";
import { ApiError, saysCheckpointIsGone, wouldFailAgain } from "../api/error";
import type { Clock } from "../clock";
import { ConfigError, type Config } from "../config";
import { best, Grants, maxAgeOfWrite } from "./grants";
import { Lookups, type Listed, type Question } from "./lookups";

/** What a checkpoint shares with the others of its deployment. */
interface Shared {
  config: Config;
  client: Client;
  clock: Clock;
  say: (line: string) => void;
}

/** A resource in state that is still in the program. */
export interface Live {
  /** What it is to have now. */
  accesses: ReadonlySet<Access>;
  /** Whether the program says that a replacement deletes it first. */
  deleteBeforeReplace: boolean;
}

/** A permission as state has it. */
export type Recorded = Pick<Permission, "id" | "createdAt">;

/** What there is of an access. */
export interface Look {
  /** The permission that state has if it is there, else the newest; undefined when there is none. */
  permission: Permission | undefined;
  /** Whether the permission that state has is gone. */
  isGone: boolean;
  /** Whether it is taken as granted although no list shows it, since it is so young that lists may lag behind. */
  isUnlisted: boolean;
}

/** How a project came by its access. */
export interface Grant {
  permission: Permission;
  /** Whether it existed, and this deployment did not see that it was ours. */
  isTakenOver: boolean;
}

/**
 * What became of a permission that was to be given up:
 *
 * - `revoked`: it was there, and is no more;
 * - `gone`: it was gone already;
 * - `kept`: another resource of the program has it on record;
 * - `awaited`: it is still granted, because the program wants the access, and nobody else has a permission for it on
 *   record. Whoever has the record must keep it.
 */
export type Release = "revoked" | "gone" | "kept" | "awaited";

/** Whether a resource's update gives an access up, or the engine deletes the resource. */
export type Occasion = "update" | "delete";

/** A permission younger than this, in seconds, may be missing from a list that lags. */
export const lag = 30;
/** How many revocations are under way at a time; the throttle decides how fast they go. */
const revocationsAtATime = 8;

/** Everything that a deployment knows about one checkpoint. */
export class Checkpoint {
  readonly lookups: Lookups;
  readonly grants: Grants;
  readonly #accesses = new Map<string, Access>();
  /** Whether the program wants access for projects that no check could name. */
  hasUnnamedWants = false;
  #isGone = false;

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

  /** The permissions that neither a list names nor, as far as is known by now, anything else in the program. */
  async outsiders(projectIds: readonly string[]): Promise<Permission[]> {
    if (this.hasUnnamedWants) return [];
    const listed = new Set(projectIds);
    const { permissions: rows } = await this.all();
    return rows.filter(({ projectId }) => !listed.has(projectId) && !this.access(projectId).isDeclared);
  }

  /**
   * Gives many permissions up, until one fails in a way in which the others would, too.
   *
   * @returns what became of each, by its ID: an outcome or an error; those that were not tried are missing.
   */
  async releaseAll(permissions: readonly Permission[], occasion: Occasion): Promise<Map<string, Release | Error>> {
    const outcomes = new Map<string, Release | Error>();
    const { client } = this.shared;
    // Where a page tells of a hundred, it is cheaper to ask first than to revoke what is gone.
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

  /** Runs a lookup; when the API says that the checkpoint does not exist, nobody has access to it. */
  async unlessGone(look: () => Promise<Listed>): Promise<Listed> {
    if (!this.#isGone) {
      try {
        return await look();
      } catch (error) {
        if (!saysCheckpointIsGone(error, this.id)) throw error;
        this.#isGone = true;
        this.shared.say(
          `OpenAI does not have ${this.id} (retired, deleted, or mistyped), so there are no permissions for it.`,
        );
      }
    }
    return { permissions: [], date: Infinity };
  }

  /** Whether the API has said that the checkpoint does not exist: then nothing is asked of it any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  async #lookForGone(permissions: readonly Permission[]): Promise<void> {
    if (permissions.length > pageSize) await this.unlessGone(() => this.lookups.all());
    await Promise.all(permissions.map((permission) => this.access(permission.projectId).look(permission)));
  }
}

/**
 * Everything that a deployment knows about one project's use of one checkpoint, and the one place that decides who may.
 *
 * Grants and releases of one access take turns: a create that looks while the permission is being revoked would take
 * over what is gone a moment later.
 */
export class Access {
  /** Whether a check named it among what the program declares. A check is no promise of a create, nor of the value. */
  #isWanted = false;
  /** Whether a constructor did, ahead of the check. */
  #isAnnounced = false;
  /** The live resources that have it, as state says. */
  readonly #live: Live[] = [];
  /** The permission that a resource of the program has on record by now. */
  #onRecord: string | undefined;
  /** Permissions that are in our state, or take the place of one that is. */
  readonly #ours = new Set<string>();
  /** Permissions that are gone, as a list showed or since we revoked them, and those that we have begun to revoke. */
  readonly #fates = new Map<string, "leaving" | "gone">();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly checkpoint: Checkpoint,
    readonly projectId: string,
  ) {}

  /** Notes that a check named it among what the program declares. */
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

  /** Notes that a resource which has it, as state says, is still in the program. */
  isOf(live: Live): void {
    this.#live.push(live);
  }

  /** Whether a permission is ours, as far as this deployment has seen. */
  isOurs(permissionId: string): boolean {
    return this.#ours.has(permissionId);
  }

  /** Notes a permission of ours: taking it over is nothing new. */
  own(permissionId: string): void {
    this.#ours.add(permissionId);
  }

  /** Notes that a diff leaves the permission as it is: if its resource is in the program, it is on record. */
  keep(permissionId: string): void {
    this.own(permissionId);
    if (this.#live.some(({ accesses }) => accesses.has(this))) this.#onRecord = permissionId;
  }

  /**
   * What there is.
   *
   * A permission that state has and a list lacks is gone, unless it is so young that the list may lag behind.
   *
   * @param maxAge how old what was read may be, in milliseconds.
   */
  async look(recorded?: Recorded, maxAge = Infinity): Promise<Look> {
    const { lookups } = this.checkpoint;
    if (recorded !== undefined) this.own(recorded.id);
    const ids = recorded === undefined ? this.#ours : new Set([recorded.id]);
    const question = ids.size > 0 ? { ids, maxAge } : { maxAge };
    const listed = await this.checkpoint.unlessGone(() => lookups.find(this.projectId, question));
    if (recorded === undefined) return { permission: best(listed, this.#ours), isGone: false, isUnlisted: false };
    const { id, createdAt } = recorded;
    const found = listed.permissions.find((row) => row.id === id);
    if (found !== undefined) return { permission: found, isGone: false, isUnlisted: false };
    // What we have begun to revoke is missing for that reason.
    if (!this.#fates.has(id) && isYoung(recorded, listed)) {
      return { permission: { id, createdAt, projectId: this.projectId }, isGone: false, isUnlisted: true };
    }
    this.#fates.set(id, "gone");
    const permission = best(listed, this.#ours);
    // What was made anew in its place is a repair, and nothing new.
    if (permission !== undefined) this.own(permission.id);
    return { permission, isGone: true, isUnlisted: false };
  }

  /**
   * Grants the project access, or takes over the permission that it has.
   *
   * @param recorded what state has already: it stays, unless it is gone.
   * @throws {ConfigError} naming the permission, when it is to be taken over and `adoptExisting` is false.
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
   * Gives a permission up: revokes it, or only the record of it, or neither.
   *
   * The engine deletes by ID what a rename, a swap or a move has just taken over, so what the program declares decides.
   */
  release(permissionId: string, occasion: Occasion): Promise<Release> {
    return this.#inTurn(async () => this.#spared(permissionId, occasion) ?? this.#revoke(permissionId));
  }

  /** Whether a release would revoke the permission, as far as is known by now. */
  willRevoke(permissionId: string, occasion: Occasion): boolean {
    return this.#spared(permissionId, occasion) === undefined;
  }

  /** Why a permission is not to be revoked; undefined when it is. */
  #spared(id: string, occasion: Occasion): Exclude<Release, "revoked"> | undefined {
    if (this.checkpoint.isGone || this.#fates.get(id) === "gone") return "gone";
    if (!this.#isNeeded(occasion)) return undefined;
    if (this.#onRecord === id) return "kept";
    // With another on record this one is one too many.
    if (this.#onRecord !== undefined || this.#isDeletedFirst(occasion)) return undefined;
    return "awaited";
  }

  /** What constructors announce is no promise to whom a whole resource is deleted. */
  #isNeeded(occasion: Occasion): boolean {
    if (this.checkpoint.hasUnnamedWants) return true;
    return occasion === "update" ? this.isDeclared : this.#isWanted;
  }

  /** Delete-before-replace asks for it: the resource is in the program and has nothing yet of what it is to have. */
  #isDeletedFirst(occasion: Occasion): boolean {
    const hasNothing = ({ accesses }: Live) => [...accesses].every((access) => access.#onRecord === undefined);
    return occasion === "delete" && this.#live.some((live) => live.deleteBeforeReplace && hasNothing(live));
  }

  /** A 404 alone is not taken for done, since a wrong base URL answers the same: a look confirms it. */
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
