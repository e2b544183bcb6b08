import type { ListQuery } from "../api/client";
import type { Page } from "../api/contract";
import type { Permission } from "../api/permission";
import { ApiError } from "../api/error";
import { natures } from "../api/error-kinds";
import type { Clock } from "../clock";
import { brokenList, ListChanged, nextCursor, Snapshot, type PermissionList } from "./snapshot";

export interface LookupOptions {
  /** If such a permission is found, the answer may lack the others. Default: any will do. */
  isWanted?: ((permissionId: string) => boolean) | undefined;
  /** Whether the answer must have every permission of the project, rather than at least one. Default: false. */
  isExhaustive?: boolean;
  /** Whether to read the first page of the whole list before a filtered one. Default: false. */
  isPageFirst?: boolean;
  /** The greatest age, in milliseconds, of an answer from memory. Default: any age. */
  maxAge?: number;
  /** Called after each page of the whole list that is read for it, with how much of that has been read. */
  onPage?: (progress: { pages: number; isComplete: boolean }) => void;
}

/** A list of one project with more pages is taken to be endless. */
const maxFilteredPages = 100;
/** If the list changes between its pages more often than this before a lookup is answered, the lookup fails. */
const maxRestarts = 10;

/**
 * Lookups of projects' permissions for one checkpoint, shared by all resources of a process, so that they cost few requests.
 *
 * One lookup is one GET filtered on the project. When more come, pages of the whole list are read instead, but never more
 * pages than lookups so far; what the pages do not answer is looked up by itself. For k lookups in a list of p pages that
 * is at most 2 × min(k, p) requests, twice the better of the two ways.
 */
export class Lookups {
  #snapshot: Snapshot | undefined;
  #waiting: (Parameters<Snapshot["answer"]>[0] & {
    isPageFirst: boolean;
    onPage: LookupOptions["onPage"];
    resolve: (listed: PermissionList) => void;
    reject: (error: unknown) => void;
  })[] = [];
  #working = false;
  #pass = 0;
  #restarts = 0;
  /** Whether any list has ever had a row, or a grant was accepted: then the key sees what is there. */
  hasSeenRows = false;

  constructor(
    /** Reads one page. */
    readonly list: (query: ListQuery) => Promise<Page>,
    readonly clock: Clock,
    /** Whether a permission was revoked in this deployment, though a list may still show it. */
    readonly isRevoked: (permissionId: string) => boolean = () => false,
    /** Whether lookups of several projects are to come: then the first reads a page, which may answer all. */
    readonly isFirstOfSeveral: () => boolean = () => false,
  ) {}

  /** The permissions of a project; none when a complete answer lists none. */
  listFor(projectId: string, options: LookupOptions = {}): Promise<PermissionList> {
    return this.#lookUp(projectId, options);
  }

  /** What has been read of a project's permissions, without a request. */
  known(projectId: string): Permission[] {
    return this.#snapshot?.rowsOf(projectId) ?? [];
  }

  /** Every permission of the checkpoint, from a list that was read to its end. */
  listAll(options: Omit<LookupOptions, "isWanted"> = {}): Promise<PermissionList> {
    return this.#lookUp(undefined, options);
  }

  /** Forgets what was read, after a write whose outcome is unknown. */
  forget(): void {
    this.#snapshot = undefined;
    // Lookups that wait are asked of the new list.
    for (const { projectId } of this.#waiting)
      if (projectId !== undefined) this.#current().projectsAsked.add(projectId);
  }

  /** Takes note of our own grants. */
  granted(permissions: readonly Permission[]): void {
    this.hasSeenRows = true;
    this.#snapshot?.add(permissions);
  }

  /** Takes note of our own revocation. */
  revoked(permissionId: string): void {
    // The next page would be asked for by a row that is no longer there.
    if (this.#snapshot?.cursor === permissionId && !this.#snapshot.complete) this.forget();
  }

  #lookUp(
    projectId: string | undefined,
    { isWanted, isExhaustive = false, isPageFirst = false, maxAge = Infinity, onPage }: LookupOptions,
  ): Promise<PermissionList> {
    // While a list is being read, it is as new as can be.
    const isStale = !this.#working && this.#snapshot !== undefined && this.clock.now() - this.#snapshot.readAt > maxAge;
    if (isStale) this.#snapshot = undefined;
    const known = this.#current().answer({ projectId, isWanted, isExhaustive });
    if (known !== undefined) return Promise.resolve(known);
    if (projectId !== undefined) this.#current().projectsAsked.add(projectId);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ projectId, isWanted, isExhaustive, isPageFirst, onPage, resolve, reject });
      if (!this.#working) void this.#work();
    });
  }

  #current(): Snapshot {
    return (this.#snapshot ??= new Snapshot(this.clock.now(), this.#pass, this.isRevoked));
  }

  async #work(): Promise<void> {
    this.#working = true;
    // Lookups that are asked in the same moment are served together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const snapshot = this.#current();
      const { projectId } = this.#waiting[0]!;
      const isPageFirst = this.#waiting.some((lookup) => lookup.isPageFirst) || this.isFirstOfSeveral();
      const readPage =
        this.#waiting.some((lookup) => lookup.projectId === undefined) ||
        (isPageFirst && snapshot.pages === 0) ||
        (snapshot.projectsAsked.size > 1 && snapshot.pages < snapshot.projectsAsked.size);
      try {
        if (readPage) {
          const page = await this.#page({ after: snapshot.cursor });
          snapshot.addPage(page);
          // Several lookups may have the same listener.
          const listeners = new Set(this.#waiting.map(({ onPage }) => onPage));
          for (const onPage of listeners) onPage?.({ pages: snapshot.pages, isComplete: snapshot.complete });
        } else {
          snapshot.addProject(projectId!, await this.#readProject(projectId!));
        }
        // What a later reading adds does not make the rest younger.
        if (snapshot.pass === this.#pass) snapshot.readAt = this.clock.now();
      } catch (error) {
        // Half a list is not relied on.
        if (readPage) this.#snapshot = undefined;
        if (error instanceof ListChanged && this.#restarts < maxRestarts) {
          this.#restarts++;
          this.forget();
        } else {
          this.#restarts = 0;
          this.#fail(readPage ? undefined : projectId, error instanceof ListChanged ? error.reason : error);
        }
      }
      this.#settle();
    }
    this.#working = false;
    this.#pass++;
  }

  async #page(query: ListQuery): Promise<Page> {
    try {
      const page = await this.list(query);
      this.hasSeenRows ||= page.permissions.length > 0;
      return page;
    } catch (error) {
      const { after } = query;
      const isRefused = error instanceof ApiError && error.status === 400 && after !== undefined;
      // The row that the page was to follow may have been revoked since, by us or by others.
      if (isRefused && (this.isRevoked(after) || error.param === "after")) throw new ListChanged(error);
      throw error;
    }
  }

  async #readProject(projectId: string): Promise<PermissionList> {
    const permissions: Permission[] = [];
    const cursors = new Set<string>();
    let query: ListQuery = { projectId };
    let date: number | undefined;
    for (let pages = 1; ; pages++) {
      const page = await this.#page(query);
      date ??= page.date;
      if (page.permissions.some((row) => row.projectId !== projectId)) throw brokenList("it is of other projects, too");
      permissions.push(...page.permissions);
      if (!page.hasMore) return { permissions, date };
      if (pages === maxFilteredPages) throw brokenList(`it does not end after ${pages} pages`);
      query = { projectId, after: nextCursor(page, cursors) };
    }
  }

  #settle(): void {
    const snapshot = this.#current();
    this.#waiting = this.#waiting.filter((lookup) => {
      const known = snapshot.answer(lookup);
      if (known === undefined) return true;
      lookup.resolve(known);
      this.#restarts = 0;
      return false;
    });
  }

  /** @param projectId the project whose own list was asked for; undefined: a page of the whole list. */
  #fail(projectId: string | undefined, error: unknown): void {
    // A wrong project ID fails the lookups of that project; any other error would fail for each.
    const isAboutProject = projectId !== undefined && error instanceof ApiError && natures[error.kind].isAboutInput;
    const isFailed = (lookup: { projectId: string | undefined }) =>
      isAboutProject !== true || lookup.projectId === projectId;
    const failed = this.#waiting.filter(isFailed);
    this.#waiting = this.#waiting.filter((lookup) => !isFailed(lookup));
    for (const lookup of failed) lookup.reject(error);
  }
}
