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
  /** Why it was given up. */
  problem: unknown;
  reading: Promise<void> | undefined;
}

export interface OrganizationOptions {
  /** After so many seconds in all, or at the first refusal, no more is read. Default: read to the end. */
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
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #limitSeconds: number | undefined;
  readonly #onPage: NonNullable<OrganizationOptions["onPage"]>;
  /** When the first request was made. */
  #startedAt: number | undefined;
  readonly #projects = new Map<string, Project>();
  readonly #events: AuditEvent[] = [];
  /** The newest of each kind, by `revoked cp_…`, as they are asked for. */
  readonly #eventOf = new Map<string, AuditEvent>();
  readonly #ofProjects: Progress = nothingRead();
  readonly #ofEvents: Progress = nothingRead();
  /** Events that are asked for, as `revoked cp_…`. */
  readonly #wanted = new Set<string>();
  /** Projects of which nothing is to be told but the ID. */
  readonly #hidden = new Set<string>();

  constructor(config: Config, clock: Clock, options: OrganizationOptions = {}) {
    const { limitSeconds, say = () => undefined, onPage = () => undefined } = options;
    // What is limited waits for no rate limit, and sends nothing twice.
    this.#client = new Client(limitSeconds === undefined ? config : { ...config, maxWaitSeconds: 0 }, clock, say);
    this.#clock = clock;
    this.#limitSeconds = limitSeconds;
    this.#onPage = onPage;
  }

  /** Adds what the organization says of permissions; of those that are missing, who revoked them. */
  async describe(
    permissions: readonly Permission[],
    { areMissing }: { areMissing: boolean },
  ): Promise<DescribedPermission[]> {
    const open = permissions.filter(({ projectId }) => !this.#hidden.has(projectId));
    if (open.length === 0) return [...permissions];
    const wanted = areMissing ? open.map(({ id }) => ({ what: "revoked", permissionId: id }) as const) : [];
    await Promise.all([this.readProjects(), this.readEvents(wanted)]);
    return permissions.map((permission) => {
      if (this.#hidden.has(permission.projectId)) return permission;
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
    return this.#ofProjects.problem;
  }

  /** Why the audit log is not complete, or not read; undefined if it is. */
  get problemWithEvents(): unknown {
    return this.#ofEvents.problem;
  }

  readProjects(): Promise<void> {
    return this.#read("projects", this.#ofProjects, async (after, seconds) => {
      const page = await this.#client.listProjects(after, seconds);
      for (const project of page.rows) this.#projects.set(project.id, project);
      return page;
    });
  }

  /** Takes note that a project is secret. */
  hide(projectId: string): void {
    this.#hidden.add(projectId);
  }

  readAllEvents(): Promise<void> {
    return this.#readEvents(() => false);
  }

  /** Reads the audit log, from the newest on, until it has shown these events. */
  async readEvents(wanted: readonly { what: AuditEvent["what"]; permissionId: string }[]): Promise<void> {
    if (wanted.length === 0) return;
    for (const { what, permissionId } of wanted) this.#wanted.add(`${what} ${permissionId}`);
    await this.#readEvents(() => [...this.#wanted].every((one) => this.#eventOf.has(one)));
  }

  #readEvents(isEnough: () => boolean): Promise<void> {
    const readPage = async (after: string | undefined, seconds: number | undefined) => {
      const page = await this.#client.listEvents(after, seconds);
      for (const event of page.rows) {
        this.#events.push(event);
        const key = `${event.what} ${event.permissionId ?? ""}`;
        if (!this.#eventOf.has(key)) this.#eventOf.set(key, event);
      }
      return page;
    };
    return this.#read("audit log", this.#ofEvents, readPage, isEnough);
  }

  /** Reads on from the last page, until all is read, enough is, or it must be given up. It never rejects. */
  #read(
    list: "projects" | "audit log",
    progress: Progress,
    readPage: (
      after: string | undefined,
      seconds: number | undefined,
    ) => Promise<{ hasMore: boolean; lastId: string | undefined }>,
    isEnough = () => false,
  ): Promise<void> {
    const read = async () => {
      while (!progress.isComplete && progress.problem === undefined && !isEnough()) {
        try {
          this.#onPage(list, progress.pages + 1);
          const { hasMore, lastId } = await readPage(progress.cursor, this.#secondsLeft());
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
          progress.problem = error;
        }
      }
    };
    return (progress.reading ??= read().finally(() => {
      progress.reading = undefined;
    }));
  }

  #secondsLeft(): number | undefined {
    if (this.#limitSeconds === undefined) return undefined;
    const now = this.#clock.now();
    this.#startedAt ??= now;
    const left = this.#limitSeconds - (now - this.#startedAt) / 1000;
    if (left <= 0) throw new Error(`it was not read within ${this.#limitSeconds} s`);
    return left;
  }
}

function nothingRead(): Progress {
  return { pages: 0, cursor: undefined, cursors: new Set(), isComplete: false, problem: undefined, reading: undefined };
}
