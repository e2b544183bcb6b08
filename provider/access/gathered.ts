import type { Permission } from "../api/permission";
import type { Clock } from "../clock";

/** What is said of permissions for one checkpoint. */
export type Line = (checkpoint: string, permissions: readonly Permission[]) => string;

/** Once nothing has been added for this long, in milliseconds, what was gathered is said. */
const quiet = 500;

/**
 * Gathers what is to be said of single permissions, so that a hundred resources make one line for each checkpoint.
 *
 * It is said after a quiet time, or at the end. Nothing but the number of lines depends on the timer.
 */
export class Gathered {
  readonly #lines = new Map<Line, Map<string, Permission[]>>();
  /** What was added, by line: a create finds again what its check has found. */
  readonly #known = new Map<Line, Set<string>>();
  readonly #atEnd: (() => void)[] = [];
  #added = 0;
  #isWaiting = false;

  /** @param isImmediate whether each is said by itself, where a process may be killed before a quiet time. */
  constructor(
    readonly say: (line: string) => void,
    readonly clock: Clock,
    readonly isImmediate: boolean,
  ) {}

  add(line: Line, checkpoint: string, permission: Permission): void {
    const key = [checkpoint, permission.projectId, permission.id].join(" ");
    const known = this.#known.get(line) ?? new Set();
    if (known.has(key)) return;
    this.#known.set(line, known.add(key));
    if (this.isImmediate) {
      this.say(line(checkpoint, [permission]));
      return;
    }
    this.#added++;
    const byCheckpoint = this.#lines.get(line) ?? new Map<string, Permission[]>();
    this.#lines.set(line, byCheckpoint);
    const permissions = byCheckpoint.get(checkpoint) ?? [];
    byCheckpoint.set(checkpoint, permissions);
    permissions.push(permission);
    if (!this.#isWaiting) void this.#sayWhenQuiet();
  }

  /** Says what was gathered. */
  flush(): void {
    for (const [line, byCheckpoint] of this.#lines) {
      for (const [checkpoint, permissions] of byCheckpoint) {
        byCheckpoint.delete(checkpoint);
        this.say(line(checkpoint, permissions));
      }
    }
  }

  /**
   * Adds what may turn out not to be so, and is said only at the end: a resource that is checked later may change it.
   *
   * @param isTrue whether it is so.
   */
  addAtEnd(line: Line, checkpoint: string, permission: Permission, isTrue: () => boolean): void {
    if (!this.isImmediate) this.#atEnd.push(() => (isTrue() ? this.add(line, checkpoint, permission) : undefined));
  }

  /** Says all that is left. */
  end(): void {
    for (const add of this.#atEnd.splice(0)) add();
    this.flush();
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
