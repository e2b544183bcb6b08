import { pageSize, type Client, type ListQuery } from "../api/client";
import type { Permission } from "../api/permission";
import { isFatalForCheckpoint, saysCheckpointIsDeleted } from "../api/error";
import type { Clock } from "../clock";
import type { Config } from "../config";
import { Access, type Release } from "./access";
import type { Declarations } from "./declarations";
import type { Outlook } from "./batches";
import { Grants } from "./grants";
import type { Key, Ledger } from "./ledger";
import { Lookups, type LookupOptions, type PermissionList } from "./lookups";

/** What the checkpoints of one process share. */
interface Shared {
  config: Config;
  client: Client;
  clock: Clock;
  declarations: Declarations;
  ledger: Ledger;
  readonly say: (line: string) => void;
  /** Is told when the API says that a checkpoint does not exist. */
  readonly onDeleted: (checkpoint: Checkpoint) => void;
}

/** The time, in milliseconds, after which the API is asked again whether a checkpoint does not exist. */
const betweenWitnesses = 10_000;
/** How many revocations are under way at a time. The throttle decides how fast they go. */
const revocationsAtATime = 8;

/** Everything that a process knows about one checkpoint. */
export class Checkpoint {
  readonly lookups: Lookups;
  readonly grants: Grants;
  readonly key: Key;
  readonly #accesses = new Map<string, Access>();
  /** When the API said that the checkpoint does not exist. */
  #deletedAt: number | undefined;
  #confirmation: Promise<boolean> | undefined;

  constructor(
    readonly id: string,
    readonly shared: Shared,
  ) {
    const { client, clock, ledger } = shared;
    this.key = ledger.checkpointKey(id);
    const list = async (query: ListQuery) => this.#existsAsOf(await client.listPermissions(id, query));
    const isFirstOfSeveral = () => (ledger.last("outlook", this.key)?.count ?? 0) > 1;
    const isRevoked = (permissionId: string) => ledger.is("revoked", ledger.permissionKey(permissionId));
    this.lookups = new Lookups(list, clock, isRevoked, isFirstOfSeveral);
    const create = async (projectIds: readonly string[]) =>
      this.#existsAsOf(await client.createPermissions(id, projectIds));
    this.grants = new Grants(create, this.lookups, clock, ledger, () => this.#outlook, shared.say);
  }

  /** Whether the program also declares access for projects that are not known yet. */
  get hasUnknownProjects(): boolean {
    return this.shared.ledger.is("unknown projects", this.key);
  }

  markUnknownProjects(): void {
    this.shared.ledger.append({ kind: "unknown projects", checkpoint: this.key });
  }

  /** Whether a preview knows what all resources that were checked declare. */
  get areDeclarationsKnown(): boolean {
    return this.shared.declarations.areKnown(this.id);
  }

  access(projectId: string): Access {
    let access = this.#accesses.get(projectId);
    if (access === undefined) {
      access = new Access(this, projectId);
      this.#accesses.set(projectId, access);
    }
    return access;
  }

  /** Every permission of the checkpoint, also those that are not ours. */
  all(options: Omit<LookupOptions, "isWanted"> = {}): Promise<PermissionList> {
    return this.emptyIfDeleted(() => this.lookups.listAll(options));
  }

  /**
   * The permissions of projects that are neither on a list nor declared by another resource, as far as is known.
   *
   * @param maxAge the greatest age, in milliseconds, of an answer from memory. Default: any age.
   */
  async unmanaged(projectIds: readonly string[], maxAge = Infinity): Promise<Permission[]> {
    if (this.hasUnknownProjects) return [];
    const listed = new Set(projectIds);
    const { permissions } = await this.all({ maxAge });
    return permissions.filter(({ projectId }) => !listed.has(projectId) && !this.access(projectId).isDeclared());
  }

  /**
   * Releases many permissions, until one fails in a way in which all others would fail, too.
   *
   * @returns by permission ID what the release did, or its error; permissions that were not tried are left out.
   */
  async releaseAll(permissions: readonly Permission[]): Promise<Map<string, Release | Error>> {
    const outcomes = new Map<string, Release | Error>();
    const { client } = this.shared;
    // One GET shows a hundred; a DELETE of what is missing already would be a request each.
    if (permissions.length > 1) {
      try {
        await this.#lookForMissing(permissions);
      } catch (error) {
        return new Map(permissions.map(({ id }) => [id, error as Error]));
      }
    }
    const queue = [...permissions];
    const willRevoke = ({ id, projectId }: Permission) => this.access(projectId).willRevoke(id);
    client.expect("revoke", queue.filter(willRevoke).length);
    let isHopeless = false;
    const work = async () => {
      while (queue.length > 0 && !isHopeless) {
        const next = queue.shift()!;
        try {
          outcomes.set(next.id, await this.access(next.projectId).release(next.id, next.createdAt));
        } catch (error) {
          outcomes.set(next.id, error as Error);
          isHopeless ||= isFatalForCheckpoint(error);
        }
      }
    };
    await Promise.all(Array.from({ length: revocationsAtATime }, work));
    client.expect("revoke", -queue.filter(willRevoke).length);
    return outcomes;
  }

  /**
   * Whether the API has said that the checkpoint does not exist. Then lookups give an empty list without a request. A plan
   * may show that; before anything leaves state, it has to be confirmed.
   */
  get isDeleted(): boolean {
    return this.#deletedAt !== undefined;
  }

  /** Whether the API has said, if only once, that the checkpoint does not exist. */
  get isDoubted(): boolean {
    return this.shared.ledger.is("doubted", this.key);
  }

  /**
   * Asks again whether the checkpoint does not exist, 10 s after the API has said so: an existing model may answer 404 for
   * a while.
   *
   * @returns false when it exists after all.
   */
  confirmDeleted(): Promise<boolean> {
    return (this.#confirmation ??= this.#askAgain());
  }

  async #askAgain(): Promise<boolean> {
    const { client, clock, say } = this.shared;
    const wait = this.#deletedAt! + betweenWitnesses - clock.now();
    if (wait > 0) {
      say(`Asking again in ${Math.ceil(wait / 1000)} s about ${this.id}, before anything leaves state.`);
      await clock.sleep(wait);
    }
    try {
      this.#existsAsOf(await client.listPermissions(this.id));
    } catch (error) {
      // Another answer may have overturned it meanwhile.
      if (saysCheckpointIsDeleted(error)) return this.isDeleted;
      this.#confirmation = undefined;
      throw error;
    }
    this.lookups.forget();
    return false;
  }

  /** Any answer that is no refusal shows that the checkpoint exists. */
  #existsAsOf<Answer>(answer: Answer): Answer {
    if (this.isDeleted) {
      this.#deletedAt = this.#confirmation = undefined;
      this.shared.say(`OpenAI does have ${this.id}, although it has said that it does not.`);
    }
    return answer;
  }

  /** Runs a lookup. If the API says that the checkpoint does not exist, the answer is an empty list. */
  async emptyIfDeleted(look: () => Promise<PermissionList>): Promise<PermissionList> {
    if (!this.isDeleted) {
      try {
        return await look();
      } catch (error) {
        if (!saysCheckpointIsDeleted(error)) throw error;
        this.#deletedAt = this.shared.clock.now();
        this.shared.ledger.append({ kind: "doubted", checkpoint: this.key });
        this.shared.onDeleted(this);
      }
    }
    return { permissions: [], date: Infinity };
  }

  /** Notes what the constructors have told by now. */
  setOutlook(count: number, parallel: number | undefined): void {
    const last = this.shared.ledger.last("outlook", this.key);
    if (last?.count === count && last.parallel === parallel) return;
    const known = parallel === undefined ? {} : { parallel };
    this.shared.ledger.append({ kind: "outlook", checkpoint: this.key, count, ...known });
  }

  /** The grants that are still to come: accesses that no batch has had yet, and no state has. */
  get #outlook(): Outlook {
    const { ledger } = this.shared;
    const { count, parallel } = ledger.last("outlook", this.key) ?? {};
    const settled = ledger.all("settled", this.key).length;
    return { toCome: count === undefined ? undefined : Math.max(0, count - settled), parallel };
  }

  async #lookForMissing(permissions: readonly Permission[]): Promise<void> {
    if (permissions.length > pageSize) await this.all();
    await Promise.all(permissions.map((permission) => this.access(permission.projectId).look(permission)));
  }
}
