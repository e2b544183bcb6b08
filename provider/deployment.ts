import { Client } from "./client";
import type { Clock } from "./clock";
import type { Config } from "./config";
import { Grants } from "./grant";
import { Lookups } from "./lookup";

/** A program that has declared nothing for so many milliseconds is done declaring, as far as can be told. */
const quietProgram = 1_000;

/**
 * What all resources share in one process of Pulumi's provider host, which lives as long as one deployment: a preview,
 * an `up`, a refresh or a destroy.
 */
export class Deployment {
  readonly client: Client;
  readonly lookups: Lookups;
  readonly grants: Grants;
  #planning = 0;
  #plannedAt = -Infinity;
  readonly #wanted = new Set<string>();
  readonly #ours = new Set<string>();
  readonly #lost = new Set<string>();
  readonly #held = new Map<string, string>();
  readonly #refused = new Set<string>();
  readonly #granting = new Map<string, Promise<unknown>>();
  readonly #revoking = new Map<string, Promise<unknown>>();

  /** @param say tells the person something, in one line. */
  constructor(
    readonly config: Config,
    readonly clock: Clock,
    readonly say: (line: string) => void,
  ) {
    this.client = new Client(config, clock, say);
    this.lookups = new Lookups((checkpoint, query) => this.client.listPermissions(checkpoint, query), clock);
    this.grants = new Grants(
      (checkpoint, projectIds) => this.client.createPermissions(checkpoint, projectIds),
      this.lookups,
      clock,
      (permissionId) => this.isOurs(permissionId),
    );
    for (const notice of config.notices) say(notice);
  }

  /** Notes that the program declares this access, under whatever name. */
  want(checkpoint: string, projectId: string): void {
    this.#plannedAt = this.clock.now();
    this.#wanted.add(pair(checkpoint, projectId));
  }

  /** Runs a check or a diff: while the engine is at one, the program has not gone quiet. */
  async planning<Result>(plan: () => Promise<Result>): Promise<Result> {
    this.#planning++;
    try {
      return await plan();
    } finally {
      this.#planning--;
      this.#plannedAt = this.clock.now();
    }
  }

  /**
   * Waits until the program has gone quiet: what one resource gives up in an update, another that the program declares
   * later may be about to take over.
   */
  async whenProgramIsQuiet(): Promise<void> {
    while (this.#planning > 0 || this.clock.now() - this.#plannedAt < quietProgram)
      await this.clock.sleep(quietProgram / 4);
  }

  isWanted(checkpoint: string, projectId: string): boolean {
    return this.#wanted.has(pair(checkpoint, projectId));
  }

  /** Notes that a resource of the program has the permission on record, or is about to. */
  hold(checkpoint: string, projectId: string, permissionId: string): void {
    this.#held.set(pair(checkpoint, projectId), permissionId);
    this.#refused.delete(pair(checkpoint, projectId));
    this.own(permissionId);
  }

  /** The permission that a resource of the program has on record for the pair, as far as this deployment has seen. */
  heldFor(checkpoint: string, projectId: string): string | undefined {
    return this.#held.get(pair(checkpoint, projectId));
  }

  /** Notes that a resource of the program did not come by its permission. */
  refuse(checkpoint: string, projectId: string): void {
    this.#refused.add(pair(checkpoint, projectId));
  }

  isRefused(checkpoint: string, projectId: string): boolean {
    return this.#refused.has(pair(checkpoint, projectId));
  }

  /** Notes that a permission is in our state, or takes the place of one that is: taking it over adopts nothing new. */
  own(permissionId: string): void {
    this.#ours.add(permissionId);
  }

  isOurs(permissionId: string): boolean {
    return this.#ours.has(permissionId);
  }

  /** Notes that a permission of our state was found to be gone. */
  lose(permissionId: string): void {
    this.#lost.add(permissionId);
  }

  isLost(permissionId: string): boolean {
    return this.#lost.has(permissionId);
  }

  /**
   * Runs a revocation that creates of the same access wait for: a create that looks while the permission is being
   * deleted would take over what is gone a moment later.
   */
  async whileRevoking<T>(checkpoint: string, projectId: string, revoke: () => Promise<T>): Promise<T> {
    const key = pair(checkpoint, projectId);
    const revoking = (this.#revoking.get(key) ?? Promise.resolve()).then(revoke);
    const settled = revoking.catch(() => undefined);
    this.#revoking.set(key, settled);
    return revoking;
  }

  /** Runs a grant that a set waits for before it gives the permission up. */
  async whileGranting<T>(checkpoint: string, projectId: string, grant: () => Promise<T>): Promise<T> {
    const granting = grant();
    this.#granting.set(
      pair(checkpoint, projectId),
      granting.catch(() => undefined),
    );
    return granting;
  }

  async whenNotGranting(checkpoint: string, projectId: string): Promise<void> {
    await this.#granting.get(pair(checkpoint, projectId));
  }

  async whenNotRevoking(checkpoint: string, projectId: string): Promise<void> {
    await this.#revoking.get(pair(checkpoint, projectId));
  }
}

/** IDs hold no spaces, so no two pairs share a key. */
function pair(checkpoint: string, projectId: string): string {
  return `${checkpoint} ${projectId}`;
}
