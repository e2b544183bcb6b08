import type { Clock } from "../clock";
import type { Ledger } from "./ledger";

/**
 * How long, in milliseconds, a batch waits for another item. The engine's creates are 8 ms apart at rest, and several times
 * that on a machine that is busy. At the API's rate limit one POST more costs eight seconds.
 */
const quiet = 250;
/** The same where more are known to come: it waits in vain only if they wait for other resources, or failed. */
const quietWhileMoreCome = 1_000;
/** A batch is closed after this many milliseconds, however steadily items keep coming. */
const longestGathering = 5_000;

/**
 * Gathers items that arrive together into batches, one batch under way at a time.
 *
 * The engine asks for creates one by one. A batch is complete when nothing more is to come, or when it has as many items as
 * the engine has under way at a time; else when none has come for a quiet time.
 */
export class Batches<Item> {
  readonly #gathered: Item[] = [];
  #isWorking = false;

  /**
   * @param process takes a batch and settles each of its items; it never rejects.
   * @param ledger tells when the outlook may have changed.
   * @param outlook how many more items are to come, and how many the engine has under way at a time, where that is known.
   */
  constructor(
    readonly process: (batch: Item[]) => Promise<void>,
    readonly clock: Clock,
    readonly ledger: Ledger,
    readonly outlook: () => { toCome: number | undefined; parallel: number | undefined },
  ) {}

  add(item: Item): void {
    this.#gathered.push(item);
    this.ledger.wake();
    if (!this.#isWorking) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    // Items that are asked for in the same moment are one batch.
    await Promise.resolve();
    while (this.#gathered.length > 0) {
      await this.#gather();
      await this.process(this.#gathered.splice(0));
    }
    this.#isWorking = false;
  }

  async #gather(): Promise<void> {
    const since = this.clock.now();
    for (let before = 0; before < this.#gathered.length && this.clock.now() - since < longestGathering;) {
      if (this.#isComplete()) return;
      before = this.#gathered.length;
      const isMoreToCome = (this.outlook().toCome ?? 0) > 0;
      const hasChanged = () => this.#isComplete() || this.#gathered.length > before;
      await this.ledger.until(hasChanged, () => this.clock.sleep(isMoreToCome ? quietWhileMoreCome : quiet));
    }
  }

  readonly #isComplete = () => {
    const { toCome, parallel } = this.outlook();
    return toCome === 0 || (parallel !== undefined && this.#gathered.length >= parallel);
  };
}
