import type { Clock } from "./clock";
import type { Page, Permission } from "./contract";
import type { ListQuery } from "./client";
import { ApiError } from "./errors";

/** Reads one page of a checkpoint's permissions. */
export type ListPermissions = (checkpoint: string, query: ListQuery) => Promise<Page>;

/** How long what was read may serve later lookups, in milliseconds. */
const freshFor = 60_000;
/** More rows than this for one project (100 a page) is a list that never ends; for all of them, more than the other. */
const maxFilteredPages = 100;
const maxPages = 1_000;

/**
 * Lookups of projects' permissions, shared by all calls of a deployment, so that they cost few requests.
 *
 * One lookup is one GET filtered on the project. When more come for the same checkpoint, pages of its whole list are
 * read instead, never more pages than lookups asked so far; what the pages do not settle is looked up by itself. For k
 * lookups in a list of p pages that is at most 2 × min(k, p) requests, whichever way would have been the better one.
 */
export class Lookups {
  readonly #checkpoints = new Map<string, CheckpointLookups>();

  constructor(
    readonly list: ListPermissions,
    readonly clock: Clock,
  ) {}

  /**
   * The permissions of a project for a checkpoint, newest first; empty when a complete answer lists none.
   *
   * @param permissionId a permission that settles the matter when it is there, whatever else there may be.
   */
  find(checkpoint: string, projectId: string, permissionId?: string): Promise<Permission[]> {
    return this.#of(checkpoint).find(projectId, permissionId);
  }

  /** Every permission of a checkpoint, newest first, from a list that was read to its end. */
  all(checkpoint: string): Promise<Permission[]> {
    return this.#of(checkpoint).find(undefined);
  }

  /** Like {@link find}, from requests that are yet to be made: for after a write whose outcome is not known. */
  findAnew(checkpoint: string, projectIds: readonly string[]): Promise<Permission[]>[] {
    const lookups = this.#of(checkpoint);
    lookups.forget();
    return projectIds.map((projectId) => lookups.find(projectId));
  }

  /** Relies no longer on what was read, after a write whose outcome is not known. */
  forget(checkpoint: string): void {
    this.#of(checkpoint).forget();
  }

  /** Takes note of our own grants. */
  granted(checkpoint: string, permissions: readonly Permission[]): void {
    this.#of(checkpoint).granted(permissions);
  }

  /** Takes note of our own revocation. */
  revoked(checkpoint: string, permissionId: string): void {
    this.#of(checkpoint).revoked(permissionId);
  }

  #of(checkpoint: string): CheckpointLookups {
    let lookups = this.#checkpoints.get(checkpoint);
    if (lookups === undefined) {
      lookups = new CheckpointLookups((query) => this.list(checkpoint, query), this.clock);
      this.#checkpoints.set(checkpoint, lookups);
    }
    return lookups;
  }
}

interface Lookup {
  /** Undefined: the whole list. */
  projectId: string | undefined;
  permissionId: string | undefined;
  resolve: (permissions: Permission[]) => void;
  reject: (error: unknown) => void;
}

/** What has been read of one checkpoint's list, as far as it may still be relied on. */
class Snapshot {
  readonly #rows = new Map<string, Map<string, Permission>>();
  readonly #readInFull = new Set<string>();
  readonly #revoked = new Set<string>();
  readonly #cursors = new Set<string>();
  cursor: string | undefined;
  complete = false;
  pages = 0;
  /** Whether the API has kept to the filter on a project so far: else only the whole list tells what is missing. */
  filterIsKept = true;
  /** The projects that could not be answered for from what was known. */
  readonly asked = new Set<string>();

  constructor(
    /** When it was read; the throttle may stretch the reading, so it ages from when the one ends that began it. */
    public readAt: number,
    readonly reading: number,
  ) {}

  /** What is known of a project; undefined when that does not settle the lookup. */
  answer({ projectId, permissionId }: Pick<Lookup, "projectId" | "permissionId">): Permission[] | undefined {
    const projects =
      projectId === undefined ? [...this.#rows.values()] : [this.#rows.get(projectId) ?? new Map<string, Permission>()];
    const rows = projects.flatMap((byId) => [...byId.values()]).sort((a, b) => b.createdAt - a.createdAt);
    if (this.complete) return rows;
    if (projectId === undefined) return undefined;
    if (this.#readInFull.has(projectId)) return rows;
    // Of a part of the list only what is there can be told, never what is missing.
    const settled = permissionId === undefined ? rows.length > 0 : rows.some((row) => row.id === permissionId);
    return settled ? rows : undefined;
  }

  add(permissions: readonly Permission[]): void {
    for (const permission of permissions) {
      if (this.#revoked.has(permission.id)) continue;
      const rows = this.#rows.get(permission.projectId) ?? new Map<string, Permission>();
      this.#rows.set(permission.projectId, rows.set(permission.id, permission));
    }
  }

  addPage(page: Page): void {
    this.add(page.permissions);
    this.pages++;
    this.complete = !page.hasMore;
    if (!page.hasMore) return;
    if (this.pages === maxPages) throw brokenList(`it does not end after ${maxPages} pages`);
    this.cursor = nextCursor(page, this.#cursors);
  }

  addProject(projectId: string, permissions: readonly Permission[]): void {
    this.add(permissions);
    this.#readInFull.add(projectId);
  }

  remove(permissionId: string): void {
    this.#revoked.add(permissionId);
    for (const rows of this.#rows.values()) rows.delete(permissionId);
  }
}

class CheckpointLookups {
  #snapshot: Snapshot | undefined;
  #waiting: Lookup[] = [];
  #working = false;
  #reading = 0;

  constructor(
    readonly list: (query: ListQuery) => Promise<Page>,
    readonly clock: Clock,
  ) {}

  find(projectId: string | undefined, permissionId?: string): Promise<Permission[]> {
    const known = this.#fresh().answer({ projectId, permissionId });
    if (known !== undefined) return Promise.resolve(known);
    if (projectId !== undefined) this.#fresh().asked.add(projectId);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ projectId, permissionId, resolve, reject });
      if (!this.#working) void this.#work();
    });
  }

  forget(): void {
    this.#snapshot = undefined;
    // Whoever still waits asks again, of the new list.
    for (const { projectId } of this.#waiting) if (projectId !== undefined) this.#fresh().asked.add(projectId);
  }

  granted(permissions: readonly Permission[]): void {
    this.#snapshot?.add(permissions);
  }

  revoked(permissionId: string): void {
    // The next page may be asked for by the last row of this one.
    if (this.#snapshot?.cursor === permissionId && !this.#snapshot.complete) this.forget();
    this.#snapshot?.remove(permissionId);
  }

  #fresh(): Snapshot {
    const now = this.clock.now();
    const stale = this.#snapshot === undefined || (!this.#working && now - this.#snapshot.readAt > freshFor);
    if (stale) this.#snapshot = new Snapshot(now, this.#reading);
    return this.#snapshot!;
  }

  async #work(): Promise<void> {
    this.#working = true;
    // Lookups that are asked in the same moment are served together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const snapshot = this.#fresh();
      const [first] = this.#waiting;
      const projectId = first!.projectId;
      const inPages = this.#waiting.some((lookup) => lookup.projectId === undefined);
      const readPage =
        inPages ||
        projectId === undefined ||
        !snapshot.filterIsKept ||
        (snapshot.asked.size > 1 && snapshot.pages < snapshot.asked.size);
      try {
        if (readPage) {
          const query = snapshot.cursor === undefined ? {} : { after: snapshot.cursor };
          snapshot.addPage(await this.list(query));
        } else {
          const rows = await this.#readProject(projectId);
          if (rows === undefined) snapshot.filterIsKept = false;
          else snapshot.addProject(projectId, rows);
        }
        // What a later reading adds makes the rest no younger.
        if (snapshot.reading === this.#reading) snapshot.readAt = this.clock.now();
      } catch (error) {
        // A list that broke off half-way is not relied on.
        if (readPage && this.#snapshot === snapshot) this.#snapshot = undefined;
        this.#fail(readPage ? undefined : first, error);
      }
      this.#settle();
    }
    this.#working = false;
    this.#reading++;
  }

  /** Undefined when the answer is not about this project alone. */
  async #readProject(projectId: string): Promise<Permission[] | undefined> {
    const rows: Permission[] = [];
    const cursors = new Set<string>();
    let query: ListQuery = { projectId };
    for (let pages = 1; ; pages++) {
      const page = await this.list(query);
      if (page.permissions.some((row) => row.projectId !== projectId)) return undefined;
      rows.push(...page.permissions);
      if (!page.hasMore) return rows;
      if (pages === maxFilteredPages) throw brokenList(`it does not end after ${pages} pages`);
      query = { projectId, after: nextCursor(page, cursors) };
    }
  }

  #settle(): void {
    const snapshot = this.#fresh();
    this.#waiting = this.#waiting.filter((lookup) => {
      const known = snapshot.answer(lookup);
      if (known === undefined) return true;
      lookup.resolve(known);
      return false;
    });
  }

  #fail(one: Lookup | undefined, error: unknown): void {
    // What is wrong with one project's ID is not the others' fault; anything else would only fail again for each.
    const onlyOne = one !== undefined && error instanceof ApiError && (error.status === 400 || error.status === 422);
    const failed = onlyOne ? [one] : this.#waiting;
    this.#waiting = this.#waiting.filter((lookup) => !failed.includes(lookup));
    for (const lookup of failed) lookup.reject(error);
  }
}

/** Where the next page begins. A list that half-repeats itself would read as "revoked", so it is an error. */
function nextCursor(page: Page, seen: Set<string>): string {
  if (page.lastId === undefined) throw brokenList("a page without rows says that there are more");
  if (seen.has(page.lastId)) throw brokenList("it repeats its cursor");
  seen.add(page.lastId);
  return page.lastId;
}

function brokenList(why: string): ApiError {
  return new ApiError(`the API's list of permissions cannot be relied on: ${why}`, {
    method: "GET",
    path: "/fine_tuning/checkpoints/…/permissions",
    status: 200,
  });
}
