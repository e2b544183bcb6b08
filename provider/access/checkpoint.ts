import type { ListQuery } from "../api/client";
import type { Permission } from "../api/permission";
import { isFatalForCheckpoint } from "../api/error";
import { Access, type Release } from "./access";
import { Existence } from "./existence";
import { Grants } from "./grants";
import type { Key } from "./entries";
import type { Shared } from "./shared";
import { Lookups, type LookupOptions } from "./lookups";
import type { PermissionList } from "./snapshot";

/** How many revocations are under way at a time. The throttle decides how fast they go. */
const revocationsAtATime = 8;

/** Everything that a process knows about one checkpoint. */
export class Checkpoint {
  readonly lookups: Lookups;
  readonly grants: Grants;
  readonly key: Key;
  readonly existence: Existence;
  readonly #accesses = new Map<string, Access>();

  constructor(
    readonly id: string,
    readonly shared: Shared,
  ) {
    const { client, clock, ledger } = shared;
    this.key = ledger.checkpointKey(id);
    this.existence = new Existence(id, this.key, shared, () => {
      this.lookups.forget();
    });
    const list = async (query: ListQuery) => this.existence.existsAsOf(await client.listPermissions(id, query));
    const isFirstOfSeveral = () => (ledger.last("outlook", this.key)?.count ?? 0) > 1;
    const isRevoked = (permissionId: string) => ledger.is("revoked", ledger.permissionKey(permissionId));
    this.lookups = new Lookups(list, clock, isRevoked, isFirstOfSeveral);
    const create = async (projectIds: readonly string[]) =>
      this.existence.existsAsOf(await client.createPermissions(id, projectIds));
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
    return this.existence.emptyIfDeleted(() => this.lookups.listAll(options));
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
        await Promise.all(permissions.map((permission) => this.access(permission.projectId).look(permission)));
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

  /** Notes what the constructors have told by now. */
  setOutlook(count: number, parallel: number | undefined): void {
    const last = this.shared.ledger.last("outlook", this.key);
    if (last?.count === count && last.parallel === parallel) return;
    const known = parallel === undefined ? {} : { parallel };
    this.shared.ledger.append({ kind: "outlook", checkpoint: this.key, count, ...known });
  }

  /** The grants that are still to come: accesses that no batch has had yet, and no state has. */
  get #outlook() {
    const { ledger } = this.shared;
    const { count, parallel } = ledger.last("outlook", this.key) ?? {};
    const settled = ledger.all("settled", this.key).length;
    return { toCome: count === undefined ? undefined : Math.max(0, count - settled), parallel };
  }
}
