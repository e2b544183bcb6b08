import { Client } from "../api/client";
import { ApiError } from "../api/error";
import type { AuditEvent, Project } from "../api/organization";
import type { Permission } from "../api/permission";
import type { Clock } from "../clock";
import type { Config } from "../config";

/** A permission, and what the organization says of it. */
export interface DescribedPermission extends Permission {
  projectName?: string | undefined;
  isArchived?: boolean | undefined;
  /** Who revoked it, and when, in Unix seconds. */
  revocation?: Pick<AuditEvent, "actor" | "at"> | undefined;
}

/** A list with more pages is taken to be endless. */
const maxPages = 1_000;

/** How much of a list was read. */
interface Progress {
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
  reading: Promise<void> | undefined;
}

/** In seconds. What has less time left is not worth a request. */
const shortest = 1;

export interface OrganizationOptions {
  /** Projects of which nothing is told but the ID. Default: none. */
  secretProjects?: ReadonlySet<string>;
  /**
   * A report reads for so many seconds, and waits for no rate limit; the next one goes on from there. After a refusal or a
   * fault nothing more is read. Default: read to the end.
   */
  limitSeconds?: number;
  /** Tells the user that the API is rate-limiting. */
  say?: (line: string) => void;
  /** Called before each page. */
  onPage?: (list: "projects" | "audit log", page: number) => void;
}

/**
 * The names of an organization's projects, and who granted and revoked. Nothing is decided by them: they are for messages
 * and reports.
 */
export class Organization {
  readonly client: Client;
  readonly #clock: Clock;
  readonly #limitSeconds: number | undefined;
  readonly #onPage: NonNullable<OrganizationOptions["onPage"]>;
  readonly #projects = new Map<string, Project>();
  readonly #events: AuditEvent[] = [];
  /** The newest of each kind, by `revoked cp_…`, as they are asked for. */
  readonly #eventOf = new Map<string, AuditEvent>();
  readonly #ofProjects: Progress = nothingRead();
  readonly #ofEvents: Progress = nothingRead();

  readonly #secretProjects: ReadonlySet<string>;

  constructor(config: Config, clock: Clock, options: OrganizationOptions = {}) {
    const { limitSeconds, say = () => undefined, onPage = () => undefined } = options;
    // What is limited waits for no rate limit, and sends nothing twice.
    this.client = new Client(limitSeconds === undefined ? config : { ...config, maxWaitSeconds: 0 }, clock, say);
    this.#clock = clock;
    this.#limitSeconds = limitSeconds;
    this.#onPage = onPage;
    this.#secretProjects = options.secretProjects ?? new Set();
  }

  /** Adds what the organization says of permissions; of those that are missing, who revoked them. */
  async describe(
    permissions: readonly Permission[],
    { areMissing }: { areMissing: boolean },
  ): Promise<DescribedPermission[]> {
    const open = permissions.filter(({ projectId }) => !this.#secretProjects.has(projectId));
    if (open.length === 0) return [...permissions];
    const wanted = areMissing ? open.map(({ id }) => ({ what: "revoked", permissionId: id }) as const) : [];
    await Promise.all([this.readProjects(), this.readEvents(wanted)]);
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

  async readProjects(): Promise<void> {
    await this.#read("projects", this.#ofProjects, async (after, seconds) => {
      const page = await this.client.listProjects(after, seconds);
      for (const project of page.rows) this.#projects.set(project.id, project);
      return page;
    });
  }

  readAllEvents(): Promise<void> {
    return this.#readEvents(() => false);
  }

  /** Reads the audit log, from the newest on, until it has shown these events. */
  async readEvents(wanted: readonly { what: AuditEvent["what"]; permissionId: string }[]): Promise<void> {
    if (wanted.length === 0) return;
    await this.#readEvents(() =>
      wanted.every(({ what, permissionId }) => this.event(what, permissionId) !== undefined),
    );
  }

  async #readEvents(isEnough: () => boolean): Promise<void> {
    const readPage = async (after: string | undefined, seconds: number | undefined) => {
      const page = await this.client.listEvents(after, seconds);
      for (const event of page.rows) {
        this.#events.push(event);
        const key = `${event.what} ${event.permissionId ?? ""}`;
        if (!this.#eventOf.has(key)) this.#eventOf.set(key, event);
      }
      return page;
    };
    await this.#read("audit log", this.#ofEvents, readPage, isEnough);
  }

  /** Reads on from the last page, until all is read, enough is, or it must be given up. It never rejects. */
  async #read(list: "projects" | "audit log", progress: Progress, readPage: ReadPage, isEnough = () => false) {
    const until = this.#limitSeconds === undefined ? Infinity : this.#clock.now() + this.#limitSeconds * 1000;
    // By now it may be over.
    if (this.#limitSeconds !== undefined && isRateLimit(progress.problem)) progress.problem = undefined;
    progress.isLate = false;
    while (!progress.isComplete && progress.problem === undefined && !isEnough()) {
      if (progress.reading === undefined) this.#onPage(list, progress.pages + 1);
      if (this.#secondsTo(until) < shortest) {
        progress.isLate = true;
        return;
      }
      // The page that an earlier report waits for serves this one, too. That one has less time left than this.
      progress.reading ??= this.#readPage(list, progress, readPage, until).finally(() => {
        progress.reading = undefined;
      });
      await progress.reading;
    }
  }

  async #readPage(list: "projects" | "audit log", progress: Progress, readPage: ReadPage, until: number) {
    try {
      const { hasMore, lastId } = await readPage(
        progress.cursor,
        until === Infinity ? undefined : this.#secondsTo(until),
      );
      progress.pages++;
      if (hasMore && (lastId === undefined || progress.cursors.has(lastId) || progress.pages === maxPages)) {
        throw new ApiError(
          "contradiction",
          `the API's ${list === "projects" ? "list of projects" : list} does not end`,
        );
      }
      progress.cursor = lastId;
      if (lastId !== undefined) progress.cursors.add(lastId);
      progress.isComplete = !hasMore;
    } catch (error) {
      // A report that began later may have time for what came too late for the one that asked.
      if (this.#secondsTo(until) >= shortest || isRefusal(error)) progress.problem = error;
    }
  }

  #secondsTo(time: number): number {
    return (time - this.#clock.now()) / 1000;
  }

  #problemOf({ problem, isLate }: Progress): unknown {
    return problem ?? (isLate ? new Error(`it was not read within ${this.#limitSeconds!} s`) : undefined);
  }
}

type ReadPage = (
  after: string | undefined,
  seconds: number | undefined,
) => Promise<{ hasMore: boolean; lastId: string | undefined }>;

function isRateLimit(error: unknown): boolean {
  return error instanceof ApiError && error.kind === "rate-limited";
}

/** Whether it would come again in this process. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404].includes(error.status ?? 0);
}

function nothingRead(): Progress {
  return {
    ...{ pages: 0, cursor: undefined, cursors: new Set<string>() },
    ...{ isComplete: false, problem: undefined, isLate: false, reading: undefined },
  };
}
