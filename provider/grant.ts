import type { Clock } from "./clock";
import type { Permission } from "./contract";
import { ApiError, mayBlameSomeProjects } from "./errors";
import type { Lookups } from "./lookup";

/** Grants projects the use of a checkpoint in one request. The answer may leave out some that had it before. */
export type CreatePermissions = (checkpoint: string, projectIds: readonly string[]) => Promise<Permission[]>;

/** How a project came to have its permission. */
export interface Granted {
  permission: Permission;
  /** Whether it was there before we asked for it. */
  existed: boolean;
}

interface Grant {
  projectId: string;
  resolve: (granted: Granted) => void;
  reject: (error: unknown) => void;
}

/** A create waits so long, in milliseconds, for others to join it. */
const shortestQuiet = 20;
const longestQuiet = 250;
/** However steadily they keep coming, a request is made after so long. */
const longestGathering = 2_000;
/** After so many requests whose outcome stayed unknown, it is the person's turn. */
const maxAttempts = 3;

/**
 * Creates that are in flight together become one POST per checkpoint.
 *
 * The engine asks for them one by one, some milliseconds apart. So a batch is gathered until none has come for a quiet
 * time that follows the gaps seen, and for as long as an earlier POST of the checkpoint is under way. Once it is seen
 * how many the engine sends at once, a batch of so many does not wait.
 */
export class Grants {
  readonly #checkpoints = new Map<string, CheckpointGrants>();

  constructor(
    readonly create: CreatePermissions,
    readonly lookups: Lookups,
    readonly clock: Clock,
    /** Whether a permission is in our state: of two for one project, ours is taken. */
    readonly isOurs: (permissionId: string) => boolean = () => false,
  ) {}

  /** Looks whether the project has the permission, and grants it if not. */
  grant(checkpoint: string, projectId: string): Promise<Granted> {
    let grants = this.#checkpoints.get(checkpoint);
    if (grants === undefined) {
      grants = new CheckpointGrants(checkpoint, this.create, this.lookups, this.clock, this.isOurs);
      this.#checkpoints.set(checkpoint, grants);
    }
    return grants.add(projectId);
  }
}

class CheckpointGrants {
  #gathered: Grant[] = [];
  #working = false;
  #lastArrival = -Infinity;
  #gap = shortestQuiet / 4;
  /** How many the last batches held that ended by themselves: where they agree, it is all that the engine sends at once. */
  #width = { size: 0, agreed: 0 };
  #full: (() => void) | undefined;

  constructor(
    readonly checkpoint: string,
    readonly create: CreatePermissions,
    readonly lookups: Lookups,
    readonly clock: Clock,
    readonly isOurs: (permissionId: string) => boolean,
  ) {}

  add(projectId: string): Promise<Granted> {
    this.#learnGap();
    return new Promise((resolve, reject) => {
      this.#gathered.push({ projectId, resolve, reject });
      if (this.#isFull) this.#full?.();
      if (!this.#working) void this.#work();
    });
  }

  /** Waiting for more is in vain: the engine waits for these. */
  get #isFull(): boolean {
    return this.#width.agreed >= 2 && this.#gathered.length === this.#width.size;
  }

  #learnGap(): void {
    const now = this.clock.now();
    const gap = now - this.#lastArrival;
    this.#lastArrival = now;
    // Between batches the engine waits for us; that gap says nothing of how it sends.
    if (this.#working && gap <= longestQuiet) this.#gap = 0.7 * this.#gap + 0.3 * gap;
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#gathered.length > 0) {
      await this.#quiet();
      const batch = this.#gathered;
      this.#gathered = [];
      try {
        await this.#land(batch);
      } catch (error) {
        for (const grant of batch) grant.reject(error);
      }
    }
    this.#working = false;
  }

  async #quiet(): Promise<void> {
    const since = this.clock.now();
    let before: number;
    do {
      if (this.#isFull) return;
      before = this.#gathered.length;
      const full = new Promise<void>((resolve) => (this.#full = resolve));
      await Promise.race([full, this.clock.sleep(Math.min(longestQuiet, Math.max(shortestQuiet, 4 * this.#gap)))]);
    } while (this.#gathered.length > before && this.clock.now() - since < longestGathering);
    const size = this.#gathered.length;
    this.#width = { size, agreed: size === this.#width.size ? this.#width.agreed + 1 : 1 };
  }

  /** Settles each grant of the batch, one way or the other. */
  async #land(batch: Grant[]): Promise<void> {
    const looks = batch.map(({ projectId }) => this.lookups.find(this.checkpoint, projectId));
    const missing = await this.#settleFound(batch, looks, true);
    await this.#post(missing, 1);
  }

  async #post(batch: Grant[], attempt: number): Promise<void> {
    if (batch.length === 0) return;
    const projectIds = [...new Set(batch.map(({ projectId }) => projectId))];
    let permissions: Permission[];
    try {
      permissions = await this.create(this.checkpoint, projectIds);
    } catch (error) {
      return this.#recover(batch, attempt, error);
    }
    this.lookups.granted(this.checkpoint, permissions);
    const byProject = new Map(permissions.map((permission) => [permission.projectId, permission]));
    const leftOut: Grant[] = [];
    for (const grant of batch) {
      const permission = byProject.get(grant.projectId);
      if (permission === undefined) leftOut.push(grant);
      else grant.resolve({ permission, existed: false });
    }
    if (leftOut.length === 0) return;
    for (const grant of await this.#lookAgain(leftOut, true)) {
      grant.reject(
        new ApiError("the API accepted the request, but lists no permission for the project", {
          method: "POST",
          path: `/fine_tuning/checkpoints/${encodeURIComponent(this.checkpoint)}/permissions`,
          status: 200,
        }),
      );
    }
  }

  async #recover(batch: Grant[], attempt: number, error: unknown): Promise<void> {
    if (error instanceof ApiError && error.ambiguous) {
      if (attempt < maxAttempts) {
        // It may have landed: posting again without a look could grant twice.
        await this.clock.sleep(1000 * attempt);
        return this.#post(await this.#lookAgain(batch, false), attempt + 1);
      }
      batch = await this.#lookAgain(batch, false);
    } else if (mayBlameSomeProjects(error)) {
      // Somebody may have granted one of them since our look, which some servers refuse.
      const missing = attempt === 1 ? await this.#lookAgain(batch, true) : batch;
      if (missing.length < batch.length) return this.#post(missing, attempt);
      if (batch.length > 1) {
        for (const part of parts(batch, (error as ApiError).message)) await this.#post(part, 2);
        return;
      }
    }
    for (const grant of batch) grant.reject(error);
  }

  /** Settles those that are there by now, and gives back the others. */
  #lookAgain(batch: Grant[], existed: boolean): Promise<Grant[]> {
    const looks = this.lookups.findAnew(
      this.checkpoint,
      batch.map(({ projectId }) => projectId),
    );
    return this.#settleFound(batch, looks, existed);
  }

  async #settleFound(batch: Grant[], looks: Promise<Permission[]>[], existed: boolean): Promise<Grant[]> {
    const missing: Grant[] = [];
    const answers = await Promise.allSettled(looks);
    for (const [index, grant] of batch.entries()) {
      const answer = answers[index]!;
      if (answer.status === "rejected") {
        grant.reject(answer.reason);
        continue;
      }
      const permission = answer.value.find(({ id }) => this.isOurs(id)) ?? answer.value[0];
      if (permission === undefined) missing.push(grant);
      else grant.resolve({ permission, existed });
    }
    return missing;
  }
}

/** The projects that the refusal names and the others, if it names some; else two halves. */
function parts(batch: Grant[], refusal: string): Grant[][] {
  const words = new Set(refusal.split(/[^\w-]+/));
  const named = batch.filter(({ projectId }) => words.has(projectId));
  if (named.length > 0 && named.length < batch.length) {
    return [named, batch.filter((grant) => !named.includes(grant))];
  }
  const half = Math.ceil(batch.length / 2);
  return [batch.slice(0, half), batch.slice(half)];
}
