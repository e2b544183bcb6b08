import type { Clock } from "../clock";

/** How long, in milliseconds, a batch waits for another item to join it. */
const shortestQuiet = 20;
const longestQuiet = 250;
/** A batch is closed after this many milliseconds, however steadily items keep coming. */
const longestGathering = 2_000;

/**
 * Gathers items that arrive together into batches, one batch under way at a time.
 *
 * The engine asks for creates one by one, some milliseconds apart. So a batch is gathered until none has come for a
 * quiet time, which follows from the gaps so far, and while the batch before it is under way. Once it is clear how many
 * the engine sends at once, a batch of that size does not wait.
 */
export class Batches<Item> {
  #gathered: Item[] = [];
  #working = false;
  #lastArrival = -Infinity;
  #gap = shortestQuiet / 4;
  /** The size of the last batches. Where several agree, it is as many as the engine sends at once. */
  #width = { size: 0, agreed: 0 };
  #full: (() => void) | undefined;

  /** @param land takes a batch and settles each of its items; it never rejects. */
  constructor(
    readonly land: (batch: Item[]) => Promise<void>,
    readonly clock: Clock,
  ) {}

  add(item: Item): void {
    this.#learnGap();
    this.#gathered.push(item);
    if (this.#isFull) this.#full?.();
    if (!this.#working) void this.#work();
  }

  /** Whether no more will come: the engine waits for these. */
  get #isFull(): boolean {
    return this.#width.agreed >= 2 && this.#gathered.length === this.#width.size;
  }

  #learnGap(): void {
    const now = this.clock.now();
    const gap = now - this.#lastArrival;
    this.#lastArrival = now;
    // Between batches the engine waits for us; that gap says nothing about how it sends.
    if (this.#working && gap <= longestQuiet) this.#gap = 0.7 * this.#gap + 0.3 * gap;
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#gathered.length > 0) {
      await this.#quiet();
      const batch = this.#gathered;
      this.#gathered = [];
      await this.land(batch);
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
}
