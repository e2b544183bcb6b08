import { Client } from "../api/client";
import { ApiError } from "../api/error";
import type { Page } from "../api/contract";
import type { AuditEvent, Project } from "../api/organization";
import type { Permission } from "../api/permission";
import type { Clock } from "../clock";
import type { Config } from "../config";
import type { ToldPermission } from "../messages";

/** A list with more pages is taken to be endless. */
const maxPages = 1_000;

/** A list, and how much of it was read. */
interface Reading {
  list: "projects" | "audit log";
  /** Reads a page and keeps its rows. `seconds` is how long that may take; undefined: as long as any request. */
  readPage: (after: string | undefined, seconds: number | undefined) => Promise<Pick<Page, "hasMore" | "lastId">>;
  pages: number;
  cursor: string | undefined;
  /** Where pages have begun. */
  cursors: Set<string>;
  isComplete: boolean;
  /** Why it was given up, if not for time. */
  problem: unknown;
  /** Whether the last report had no time left for the rest. */
  isLate: boolean;
  /** The page that is being read. */
  page: Promise<void> | undefined;
}

/** In seconds. What has less time left is not worth a request. */
const shortest = 1;

/**
 * The names of an organization's projects, and who granted and revoked. Nothing is decided by them: they are for messages
 * and reports.
 */
export class Organization {
  readonly client: Client;
  readonly #clock: Clock;
  readonly #limitSeconds: number | undefined;
  readonly #onPage: (list: Reading["list"], page: number) => void;
  readonly #secretProjects: ReadonlySet<string>;
  readonly #projects = new Map<string, Project>();
  readonly #events: AuditEvent[] = [];
  /** The newest of each kind, by `revoked cp_…`, as they are asked for. */
  readonly #eventOf = new Map<string, AuditEvent>();
  readonly #ofProjects: Reading;
  readonly #ofEvents: Reading;

  constructor(
    config: Config,
    clock: Clock,
    {
      secretProjects = new Set(),
      limitSeconds,
      say = () => undefined,
      onPage = () => undefined,
    }: {
      /** Projects of which nothing is told but the ID. Default: none. */
      secretProjects?: ReadonlySet<string>;
      /**
       * How long a report reads, in seconds, without waiting for a rate limit; the next report continues where this one
       * stopped. After a refusal or a fault nothing more is read. Default: read to the end.
       */
      limitSeconds?: number;
      /** Tells the user that the API is rate-limiting. */
      say?: (line: string) => void;
      /** Called before each page. */
      onPage?: (list: Reading["list"], page: number) => void;
    } = {},
  ) {
    // What is limited waits for no rate limit, and sends nothing twice.
    this.client = new Client(limitSeconds === undefined ? config : { ...config, maxWaitSeconds: 0 }, clock, say);
    this.#clock = clock;
    this.#limitSeconds = limitSeconds;
    this.#onPage = onPage;
    this.#secretProjects = secretProjects;
    this.#ofProjects = nothingRead("projects", async (after, seconds) => {
      const page = await this.client.listProjects(after, seconds);
      for (const project of page.rows) this.#projects.set(project.id, project);
      return page;
    });
    this.#ofEvents = nothingRead("audit log", async (after, seconds) => {
      const page = await this.client.listEvents(after, seconds);
      for (const event of page.rows) {
        this.#events.push(event);
        const key = `${event.what} ${event.permissionId ?? ""}`;
        if (!this.#eventOf.has(key)) this.#eventOf.set(key, event);
      }
      return page;
    });
  }

  /** Adds what the organization says of permissions; of those that are missing, who revoked them. */
  async describe(
    permissions: readonly Permission[],
    { areMissing }: { areMissing: boolean },
  ): Promise<ToldPermission[]> {
    const open = permissions.filter(({ projectId }) => !this.#secretProjects.has(projectId));
    if (open.length === 0) return [...permissions];
    const revocations = open.map(({ id }) => ({ what: "revoked", permissionId: id }) as const);
    await Promise.all([this.readProjects(), areMissing ? this.readEvents(revocations) : undefined]);
    return permissions.map((permission) => {
      if (this.#secretProjects.has(permission.projectId)) return permission;
      const project = this.project(permission.projectId);
      const revocation = areMissing ? this.event("revoked", permission.id) : undefined;
      return { ...permission, projectName: project?.name, isArchived: project?.isArchived, revocation };
    });
  }

  project(id: string): Project | undefined {
    return this.#projects.get(id);
  }

  event(what: AuditEvent["what"], permissionId: string): AuditEvent | undefined {
    return this.#eventOf.get(`${what} ${permissionId}`);
  }

  /** What was read of the audit log, newest first. */
  get events(): readonly AuditEvent[] {
    return this.#events;
  }

  /** Why the list of projects is not complete, or not read; undefined if it is. */
  get problemWithProjects(): unknown {
    return this.#problemOf(this.#ofProjects);
  }

  /** Why the audit log is not complete, or not read; undefined if it is. */
  get problemWithEvents(): unknown {
    return this.#problemOf(this.#ofEvents);
  }

  readProjects(): Promise<void> {
    return this.#read(this.#ofProjects);
  }

  readAllEvents(): Promise<void> {
    return this.#read(this.#ofEvents);
  }

  /** Reads the audit log, from the newest on, until it has shown these events. */
  readEvents(wanted: readonly { what: AuditEvent["what"]; permissionId: string }[]): Promise<void> {
    return this.#read(this.#ofEvents, () =>
      wanted.every(({ what, permissionId }) => this.event(what, permissionId) !== undefined),
    );
  }

  /** Reads on from the last page, until all is read, enough is, or it must be given up. It never rejects. */
  async #read(reading: Reading, isEnough = () => false): Promise<void> {
    const until = this.#limitSeconds === undefined ? Infinity : this.#clock.now() + this.#limitSeconds * 1000;
    // By now it may be over.
    if (this.#limitSeconds !== undefined && isRateLimit(reading.problem)) reading.problem = undefined;
    reading.isLate = false;
    while (!reading.isComplete && reading.problem === undefined && !isEnough()) {
      if (reading.page === undefined) this.#onPage(reading.list, reading.pages + 1);
      if (this.#secondsTo(until) < shortest) {
        reading.isLate = true;
        return;
      }
      // The page that an earlier report waits for serves this one, too. That one has less time left than this.
      reading.page ??= this.#readPage(reading, until).finally(() => {
        reading.page = undefined;
      });
      await reading.page;
    }
  }

  async #readPage(reading: Reading, until: number): Promise<void> {
    try {
      const seconds = until === Infinity ? undefined : this.#secondsTo(until);
      const { hasMore, lastId } = await reading.readPage(reading.cursor, seconds);
      reading.pages++;
      if (hasMore && (lastId === undefined || reading.cursors.has(lastId) || reading.pages === maxPages)) {
        const list = reading.list === "projects" ? "list of projects" : reading.list;
        throw new ApiError("contradiction", `the API's ${list} does not end`);
      }
      reading.cursor = lastId;
      if (lastId !== undefined) reading.cursors.add(lastId);
      reading.isComplete = !hasMore;
    } catch (error) {
      // A report that began later may have time for what came too late for the one that asked.
      if (this.#secondsTo(until) >= shortest || isRefusal(error)) reading.problem = error;
    }
  }

  #secondsTo(time: number): number {
    return (time - this.#clock.now()) / 1000;
  }

  #problemOf({ problem, isLate }: Reading): unknown {
    return problem ?? (isLate ? new Error(`it was not read within ${this.#limitSeconds!} s`) : undefined);
  }
}

function isRateLimit(error: unknown): boolean {
  return error instanceof ApiError && error.kind === "rate-limited";
}

/** Whether it would come again in this process. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404].includes(error.status ?? 0);
}

function nothingRead(list: Reading["list"], readPage: Reading["readPage"]): Reading {
  return {
    ...{ list, readPage, pages: 0, cursor: undefined, cursors: new Set() },
    ...{ isComplete: false, problem: undefined, isLate: false, page: undefined },
  };
}
