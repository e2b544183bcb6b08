import type { Clock } from "../clock";

/** What is known of the items that are still to come. */
export interface Outlook {
  /** How many more the program declares; undefined where its constructors do not tell. */
  toCome: number | undefined;
  /** How many the engine has under way at a time; undefined where that is not known. */
  parallel: number | undefined;
}

/**
 * How long, in milliseconds, a batch waits for another item where it cannot know whether one will come. The engine's
 * creates are 8 ms apart at rest, and several times that on a machine that is busy.
 */
const quiet = 100;
/**
 * The same where more are known to come, and the engine has room for them. Such a batch waits in vain only if other
 * resources take up that room, or what was to come failed, so it may wait until the busiest machine has sent the next.
 */
const quietWhileMoreCome = 1_000;
/** A batch is closed after this many milliseconds, however steadily items keep coming. */
const longestGathering = 5_000;

/**
 * Gathers items that arrive together into batches, one batch under way at a time.
 *
 * The engine asks for creates one by one. A batch is complete when all that the program declares are in it, or as many as
 * the engine has under way at a time; where neither is known, when none has come for a quiet time. Once batches show how
 * many the engine sends at once, one of that size does not wait either.
 */
export class Batches<Item> {
  #gathered: Item[] = [];
  #isWorking = false;
  /** Grows with each sign that the engine works on further items. */
  #progress = 0;
  #onComplete: (() => void) | undefined;
  /** The size of the last batches. Where two agree, it is as many as the engine sends at once. */
  #width = { size: 0, agreed: 0 };

  /** @param process takes a batch and settles each of its items; it never rejects. */
  constructor(
    readonly process: (batch: Item[]) => Promise<void>,
    readonly clock: Clock,
    readonly outlook: () => Outlook,
  ) {}

  add(item: Item): void {
    this.#gathered.push(item);
    this.recount();
    if (!this.#isWorking) void this.#work();
  }

  /** Takes note that the outlook has changed. */
  recount(): void {
    this.#progress++;
    if (this.#isComplete) this.#onComplete?.();
  }

  get #isComplete(): boolean {
    const { toCome, parallel } = this.outlook();
    const { length } = this.#gathered;
    if (toCome === 0 || (parallel !== undefined && length >= parallel)) return true;
    return this.#width.agreed >= 2 && this.#width.size === length;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    // Items that are asked for in the same moment are one batch.
    await Promise.resolve();
    while (this.#gathered.length > 0) {
      await this.#gather();
      const batch = this.#gathered;
      this.#gathered = [];
      this.#width = { size: batch.length, agreed: batch.length === this.#width.size ? this.#width.agreed + 1 : 1 };
      await this.process(batch);
    }
    this.#isWorking = false;
  }

  async #gather(): Promise<void> {
    const since = this.clock.now();
    for (let before = -1; before < this.#progress && this.clock.now() - since < longestGathering;) {
      if (this.#isComplete) return;
      before = this.#progress;
      const { toCome, parallel } = this.outlook();
      const complete = new Promise<void>((resolve) => (this.#onComplete = resolve));
      const isKnown = toCome !== undefined && parallel !== undefined;
      await Promise.race([complete, this.clock.sleep(isKnown ? quietWhileMoreCome : quiet)]);
    }
  }
}
