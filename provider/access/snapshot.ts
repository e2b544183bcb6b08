import type { Page } from "../api/contract";
import type { Permission } from "../api/permission";
import { ApiError } from "../api/error";

/** The permissions of one project, or of the whole checkpoint. */
export interface PermissionList {
  /** Newest first. */
  permissions: Permission[];
  /** When the API answered, by its own clock, in Unix seconds. */
  date: number;
}

/** A whole list with more pages is taken to be endless. */
const maxPages = 1_000;

/** What is known of the list. */
export class Snapshot {
  readonly #rows = new Map<string, Map<string, Permission>>();
  /** The projects whose own list was read to its end. */
  readonly #readInFull = new Map<string | undefined, number>();
  readonly #cursors = new Set<string>();
  /** The IDs on the pages. */
  readonly #ids = new Set<string>();
  /** The date of the answer with the first page. */
  #firstPageDate: number | undefined;
  cursor: string | undefined;
  complete = false;
  pages = 0;
  /** The projects that could not be answered for from what was known. */
  readonly projectsAsked = new Set<string>();

  constructor(
    /** When it was read: when the reading that began it ended, since a throttle may stretch that. */
    public readAt: number,
    readonly pass: number,
    /** What we revoked is missing, even if a list that lags still has it. */
    readonly isRevoked: (permissionId: string) => boolean,
  ) {}

  /** The answer to a lookup; undefined when it cannot be given yet. */
  answer({
    projectId,
    isWanted = () => true,
    isExhaustive,
  }: {
    /** Undefined: the whole list. */
    projectId: string | undefined;
    isWanted: ((permissionId: string) => boolean) | undefined;
    isExhaustive: boolean;
  }): PermissionList | undefined {
    const permissions = this.rowsOf(projectId);
    const readInFull = this.#readInFull.get(projectId);
    const date = readInFull ?? this.#firstPageDate;
    if (date === undefined) return undefined;
    if (this.complete || readInFull !== undefined) return { permissions, date };
    if (projectId === undefined || isExhaustive) return undefined;
    // Part of a list shows what exists, and never what is missing.
    return permissions.some(({ id }) => isWanted(id)) ? { permissions, date } : undefined;
  }

  /** What has been read of a project's permissions, or of all. */
  rowsOf(projectId: string | undefined): Permission[] {
    const projects =
      projectId === undefined ? [...this.#rows.values()] : [this.#rows.get(projectId) ?? new Map<string, Permission>()];
    return projects
      .flatMap((byId) => [...byId.values()])
      .filter(({ id }) => !this.isRevoked(id))
      .sort((a, b) => b.createdAt - a.createdAt);
  }

  add(permissions: readonly Permission[]): void {
    for (const permission of permissions) {
      const rows = this.#rows.get(permission.projectId) ?? new Map<string, Permission>();
      this.#rows.set(permission.projectId, rows.set(permission.id, permission));
    }
  }

  addPage(page: Page): void {
    this.add(page.permissions);
    this.#firstPageDate ??= page.date;
    this.pages++;
    if (page.hasMore && this.pages === maxPages) throw brokenList(`it does not end after ${maxPages} pages`);
    if (page.hasMore) this.cursor = nextCursor(page, this.#cursors);
    // Where rows have moved between two pages, one may be on neither.
    for (const { id } of page.permissions) {
      if (this.#ids.has(id)) throw new ListChanged(brokenList("its pages overlap"));
      this.#ids.add(id);
    }
    this.complete = !page.hasMore;
  }

  addProject(projectId: string, listed: PermissionList): void {
    this.add(listed.permissions);
    this.#readInFull.set(projectId, listed.date);
  }
}

/** The list has changed between two pages, so it has to be read anew. */
export class ListChanged extends Error {
  constructor(readonly reason: ApiError) {
    super(reason.message);
  }
}

/** Where the next page begins. A list that repeats itself is an error: what it leaves out would count as revoked. */
export function nextCursor(page: Page, seen: Set<string>): string {
  if (page.lastId === undefined) throw brokenList("a page without rows says that there are more");
  if (seen.has(page.lastId)) throw brokenList("it repeats its cursor");
  seen.add(page.lastId);
  return page.lastId;
}

export function brokenList(why: string): ApiError {
  return new ApiError("contradiction", `the API's list of permissions cannot be relied on: ${why}`);
}
