import type { Permission } from "../api/permission";
import type { Clock } from "../clock";
import type { DescribedPermission } from "./organization";

/** A permission of which something is said. */
export interface ToldPermission extends DescribedPermission {
  /** What was granted in its place outside of Pulumi. */
  replacedBy?: Permission | undefined;
}

/** What is said of permissions for one checkpoint. Functions of one name say the same. */
export type Line = (checkpoint: string, permissions: readonly ToldPermission[]) => string;

type LineOf = (permission: ToldPermission) => Line | undefined;

/** Once nothing has been added for this long, in milliseconds, what was gathered is said. */
const quiet = 2_000;

/**
 * Lines about permissions, gathered so that a hundred resources make one for each checkpoint.
 *
 * They are said after a quiet time, or at the end. Nothing but the number of lines depends on the timer.
 */
export class Lines {
  readonly #said = new Said();
  readonly #lines = new Map<string, { line: Line; byCheckpoint: Map<string, ToldPermission[]> }>();
  readonly #atEnd: [checkpoint: string, permissions: readonly ToldPermission[], lineOf: LineOf][] = [];
  readonly #textsAtEnd: (() => string | undefined)[] = [];
  #added = 0;
  #isWaiting = false;

  constructor(
    readonly say: (line: string) => void,
    readonly clock: Clock,
  ) {}

  /** Says a line of permissions, each once. */
  add(line: Line, checkpoint: string, permissions: readonly ToldPermission[]): void {
    const unsaid = this.#said.without(line, checkpoint, permissions);
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
  addAtEnd(checkpoint: string, permissions: readonly ToldPermission[], lineOf: LineOf): void {
    this.#atEnd.push([checkpoint, permissions, lineOf]);
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
    for (const [checkpoint, permissions, lineOf] of this.#atEnd.splice(0)) {
      for (const [line, some] of byLine(permissions, lineOf)) this.add(line, checkpoint, some);
    }
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

/** What was said: a create finds again what its check has found. */
class Said {
  readonly #keys = new Map<string, Set<string>>();

  without({ name }: Line, checkpoint: string, permissions: readonly ToldPermission[]): ToldPermission[] {
    const keys = this.#keys.get(name) ?? new Set();
    this.#keys.set(name, keys);
    return permissions.filter(({ projectId, id }) => {
      const key = [checkpoint, projectId, id].join(" ");
      return !keys.has(key) && keys.add(key);
    });
  }
}

function byLine(permissions: readonly ToldPermission[], lineOf: LineOf): Map<Line, ToldPermission[]> {
  const groups = new Map<Line, ToldPermission[]>();
  for (const permission of permissions) {
    const line = lineOf(permission);
    if (line !== undefined) groups.set(line, [...(groups.get(line) ?? []), permission]);
  }
  return groups;
}

/** In the same order in each run, so that two comments of a pull request can be compared. */
function sorted(permissions: readonly ToldPermission[]): ToldPermission[] {
  return permissions.toSorted((one, other) => (one.projectId < other.projectId ? -1 : 1));
}
