import type { Permission } from "../api/permission";
import type { Clock } from "../clock";

/** What is said of permissions for one checkpoint. */
export type Line = (checkpoint: string, permissions: readonly Permission[]) => string;

interface Item {
  permission: Permission;
  isTrue: () => boolean;
}

/** Once nothing has been added for this long, in milliseconds, what was gathered is said. */
const quiet = 500;

/**
 * Gathers what is to be said of single permissions, so that a hundred resources make one line for each checkpoint.
 *
 * It is said when nothing more is to come, as far as that is known, else after a quiet time or at the end. Nothing but the
 * number of lines depends on the timer.
 */
export class Gathered {
  readonly #lines = new Map<Line, Map<string, Item[]>>();
  /** What was added, by line: a create finds again what its check has found. */
  readonly #known = new Map<Line, Set<string>>();
  #added = 0;
  #isWaiting = false;

  /** @param isImmediate whether each is said by itself, where a process may be killed before a quiet time. */
  constructor(
    readonly say: (line: string) => void,
    readonly clock: Clock,
    readonly isImmediate: boolean,
  ) {}

  /** @param isTrue whether it is to be said after all, when its time has come. Default: yes. */
  add(line: Line, checkpoint: string, permission: Permission, isTrue = () => true): void {
    const key = [checkpoint, permission.projectId, permission.id].join(" ");
    const known = this.#known.get(line) ?? new Set();
    if (known.has(key)) return;
    this.#known.set(line, known.add(key));
    if (this.isImmediate) {
      if (isTrue()) this.say(line(checkpoint, [permission]));
      return;
    }
    this.#added++;
    const byCheckpoint = this.#lines.get(line) ?? new Map<string, Item[]>();
    this.#lines.set(line, byCheckpoint);
    byCheckpoint.set(checkpoint, [...(byCheckpoint.get(checkpoint) ?? []), { permission, isTrue }]);
    if (!this.#isWaiting) void this.#sayWhenQuiet();
  }

  /** Says what was gathered for a checkpoint, or for all. */
  flush(checkpoint?: string): void {
    for (const [line, byCheckpoint] of this.#lines) {
      for (const [id, items] of byCheckpoint) {
        if (checkpoint !== undefined && checkpoint !== id) continue;
        byCheckpoint.delete(id);
        const permissions = items.filter(({ isTrue }) => isTrue()).map(({ permission }) => permission);
        if (permissions.length > 0) this.say(line(id, permissions));
      }
    }
  }

  async #sayWhenQuiet(): Promise<void> {
    this.#isWaiting = true;
    for (let before = -1; before < this.#added;) {
      before = this.#added;
      await this.clock.sleep(quiet);
    }
    this.#isWaiting = false;
    this.flush();
  }
}
