import type { Clock } from "../clock";
import type { Line, ToldPermission } from "../messages";

/** Once nothing has been added for this long, in milliseconds, what was gathered is said. */
const quiet = 2_000;

/**
 * Lines about permissions, gathered so that a hundred resources make one for each checkpoint.
 *
 * They are said after a quiet time, or at the end. Nothing but the number of lines depends on the timer.
 */
export class Lines {
  /** A create finds again what its check has found. */
  readonly #said = new Set<string>();
  readonly #lines = new Map<string, { line: Line; byCheckpoint: Map<string, ToldPermission[]> }>();
  readonly #atEnd: (() => void)[] = [];
  readonly #textsAtEnd: (() => string | undefined)[] = [];
  #added = 0;
  #isWaiting = false;

  constructor(
    readonly say: (line: string) => void,
    readonly clock: Clock,
  ) {}

  /** Says a line of permissions, each once. */
  add(line: Line, checkpoint: string, permissions: readonly ToldPermission[]): void {
    const unsaid = permissions.filter(({ projectId, id }) => {
      const key = [line.name, checkpoint, projectId, id].join(" ");
      return !this.#said.has(key) && this.#said.add(key);
    });
    if (unsaid.length > 0) this.gather(line, checkpoint, unsaid);
  }

  protected gather(line: Line, checkpoint: string, permissions: readonly ToldPermission[]): void {
    const { byCheckpoint } = this.#lines.get(line.name) ?? { byCheckpoint: new Map<string, ToldPermission[]>() };
    this.#lines.set(line.name, { line, byCheckpoint });
    byCheckpoint.set(checkpoint, [...(byCheckpoint.get(checkpoint) ?? []), ...permissions]);
    this.#added++;
    if (!this.#isWaiting) void this.#sayWhenQuiet();
  }

  /**
   * Says what a resource that is checked later may change.
   *
   * @param lineOf what is true of a permission at the end; undefined if there is nothing to say.
   */
  addAtEnd(
    checkpoint: string,
    permissions: readonly ToldPermission[],
    lineOf: (permission: ToldPermission) => Line | undefined,
  ): void {
    this.#atEnd.push(() => {
      for (const [line, some] of byLine(permissions.map((one) => [lineOf(one), one]))) this.add(line, checkpoint, some);
    });
  }

  /** The same for a line that is not about permissions. */
  sayAtEnd(textOf: () => string | undefined): void {
    this.#textsAtEnd.push(textOf);
  }

  /** Says all that is left. */
  end(): void {
    for (const textOf of this.#textsAtEnd.splice(0)) {
      const text = textOf();
      if (text !== undefined) this.say(text);
    }
    for (const addLines of this.#atEnd.splice(0)) addLines();
    this.#flush();
  }

  #flush(): void {
    for (const { line, byCheckpoint } of this.#lines.values()) {
      for (const [checkpoint, permissions] of byCheckpoint) this.say(line(checkpoint, sorted(permissions)));
    }
    this.#lines.clear();
  }

  async #sayWhenQuiet(): Promise<void> {
    this.#isWaiting = true;
    for (let before = -1; before < this.#added;) {
      before = this.#added;
      await this.clock.sleep(quiet);
    }
    this.#isWaiting = false;
    this.#flush();
  }
}

function byLine(lines: readonly (readonly [Line | undefined, ToldPermission])[]): Map<Line, ToldPermission[]> {
  const groups = new Map<Line, ToldPermission[]>();
  for (const [line, permission] of lines) {
    if (line !== undefined) groups.set(line, [...(groups.get(line) ?? []), permission]);
  }
  return groups;
}

/** In the same order in each run, so that two comments of a pull request can be compared. */
function sorted(permissions: readonly ToldPermission[]): ToldPermission[] {
  return permissions.toSorted((one, other) => (one.projectId < other.projectId ? -1 : 1));
}
