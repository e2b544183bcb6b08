import type { Clock } from "./clock";

/** What the throttle needs to know of an answer. */
export interface Throttled {
  status: number;
  /** How long the server asks us to wait, in milliseconds, if it says so. */
  retryAfter?: number | undefined;
}

export interface ThrottleOptions {
  /** The endpoint, as a person would name it. */
  endpoint: string;
  clock: Clock;
  /** Spacing that is kept from the start; undefined: none until the API asks for it. */
  requestsPerMinute?: number | undefined;
  /** How long one request may wait in all. */
  maxWaitSeconds: number;
  /** Tells the person why nothing seems to happen. */
  say: (line: string) => void;
}

/** The wait would pass `openai:maxWaitSeconds`. */
export class WaitedTooLong extends Error {
  override readonly name = "WaitedTooLong";
}

const firstBackoff = 500;
const longestBackoff = 60_000;
/** A person reads one line in so many milliseconds, however often the API refuses. */
const betweenLines = 15_000;

/**
 * The gate of one endpoint, shared by all calls of the process.
 *
 * After a 429 the gate is closed for all: for as long as `Retry-After` says, and for a spacing that doubles with each
 * refusal. Then requests pass one by one at that spacing, which shrinks by a fifth with each that is served, so that it
 * settles around what the API allows. Against a bucket that refills steadily this loses next to nothing, because what
 * a wait leaves unused is there to spend afterwards.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #shortestSpacing: number;
  #spacing: number;
  #opensAt = 0;
  #refusals = 0;
  #saidAt = -Infinity;
  #waiting = 0;
  #done = 0;

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#shortestSpacing = options.requestsPerMinute === undefined ? 0 : 60_000 / options.requestsPerMinute;
    this.#spacing = this.#shortestSpacing;
  }

  /**
   * Sends when it is this request's turn, and again until it is not throttled.
   *
   * @throws {WaitedTooLong} when the next wait would pass the limit, without waiting for it.
   */
  async run<Answer extends Throttled>(send: () => Promise<Answer>): Promise<Answer> {
    const { clock } = this.#options;
    const askedAt = clock.now();
    this.#waiting++;
    try {
      for (;;) {
        await this.#turn(askedAt);
        const refusals = this.#refusals;
        const answer = await send();
        if (answer.status !== 429) {
          this.#ease();
          this.#done++;
          return answer;
        }
        this.#close(answer.retryAfter ?? 0, refusals === this.#refusals);
      }
    } finally {
      this.#waiting--;
    }
  }

  async #turn(askedAt: number): Promise<void> {
    const { clock, maxWaitSeconds } = this.#options;
    while (clock.now() < this.#opensAt) {
      if (this.#opensAt - askedAt > maxWaitSeconds * 1000) {
        throw new WaitedTooLong(
          `${this.#refusals > 0 ? "the API throttles" : "openai:requestsPerMinute paces"} ${this.#options.endpoint}, and waiting for it would take longer than ${maxWaitSeconds} s ` +
            `(openai:maxWaitSeconds); ${this.#progress()}. ` +
            `What was done is recorded: run the same command again and it goes on from there.`,
        );
      }
      await clock.sleep(this.#opensAt - clock.now());
    }
    if (this.#spacing > 0) this.#opensAt = clock.now() + this.#spacing;
  }

  /** @param isNew false for requests that were under way together: they are refused together, which is one refusal. */
  #close(retryAfter: number, isNew: boolean): void {
    const { clock } = this.#options;
    if (isNew) {
      this.#refusals++;
      this.#spacing = Math.min(longestBackoff, Math.max(firstBackoff, this.#spacing * 2));
    }
    // A server that says 0 would be asked again without end.
    const pause = isNew ? this.#spacing * (1 + clock.random() / 10) : 0;
    this.#opensAt = Math.max(this.#opensAt, clock.now() + Math.max(retryAfter, pause));
    this.#announce();
  }

  #ease(): void {
    const eased = this.#spacing * 0.8;
    this.#spacing = Math.max(this.#shortestSpacing, eased < 50 ? 0 : eased);
  }

  #announce(): void {
    const { clock, endpoint, say } = this.#options;
    const now = clock.now();
    const seconds = Math.ceil((this.#opensAt - now) / 1000);
    if (now - this.#saidAt < betweenLines) return;
    this.#saidAt = now;
    say(
      `OpenAI throttles ${endpoint}: waiting ${seconds} s, then going on as fast as it allows (${this.#progress()}).`,
    );
  }

  #progress(): string {
    return `${this.#done} of ${this.#done + this.#waiting} requests done`;
  }
}

/**
 * The wait that an answer's headers ask for, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as a
 * date. Undefined when there is none, or none that makes sense.
 */
export function retryAfter(headers: Record<string, unknown>, now: number): number | undefined {
  const milliseconds = Number(headers["retry-after-ms"]);
  if (headers["retry-after-ms"] !== undefined && milliseconds >= 0) return milliseconds;
  const value = headers["retry-after"];
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
