import { ApiError } from "./error";
import { Progress, type Gate, type EndpointOptions } from "./progress";

const firstBackoff = 500;
const longestBackoff = 60_000;
/** After this many requests in a row that were served at the server's own rate, a higher rate is tried. */
const betweenProbes = 10;

/**
 * The gate of one endpoint, shared by all calls of the process.
 *
 * A 429 closes the gate for all; afterwards requests pass one by one, at a spacing that follows what the API allows:
 *
 * - Where it says when to come back (`Retry-After`), the spacing is what it has served since the last refusal, spread
 *   over the time that it took. That is exact for a bucket that refills steadily and for a window alike.
 * - Where it does not, the spacing doubles with each refusal, and shrinks by a fifth with each request that is served.
 *   Against a bucket this loses next to nothing, because what a wait leaves unused is there to spend afterwards.
 */
export class Throttle {
  readonly #options: EndpointOptions;
  readonly #shortestSpacing: number;
  #spacing: number;
  /** Whether the spacing follows from the server's `Retry-After`. */
  #isExact = false;
  #opensAt = 0;
  #refusals = 0;
  /** When the last refusal ended, or the first request came after a pause, and how many were served since. */
  #cycle = { startedAt: 0, served: 0 };
  #servedAt = -Infinity;
  /** Since when requests have gone unserved; undefined while none has. */
  #unservedFrom: number | undefined;
  #lastRefusal: ApiError | undefined;
  /** When the last request ended. */
  #idleFrom = 0;
  #waiting = 0;
  /** In units, such as permissions. */
  readonly progress: Progress;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.progress = new Progress(options);
    const { requestsPerMinute } = options.config;
    this.#shortestSpacing = requestsPerMinute === undefined ? 0 : 60_000 / requestsPerMinute;
    this.#spacing = this.#shortestSpacing;
  }

  /**
   * Sends when it is this request's turn, and again until it is not refused by the rate limit.
   *
   * @param units how many units the request does, for the progress.
   * @throws {ApiError} as soon as it is known that nothing will be served within the limit.
   */
  async run<Answer extends { error?: ApiError | undefined; isRateLimited: boolean; retryAfter: number | undefined }>(
    send: () => Promise<Answer>,
    units = 1,
  ): Promise<Answer> {
    const { clock } = this.#options;
    this.progress.begin(units);
    if (this.#waiting++ === 0) {
      const now = clock.now();
      // A pause in which nothing was asked for says nothing about the server's rate.
      if (now > this.#servedAt + this.#spacing) this.#cycle = { startedAt: now, served: 0 };
      // What was waited for long ago is worth waiting for again.
      if (now - this.#idleFrom > this.#options.config.maxWaitSeconds * 1000) this.#unservedFrom = undefined;
    }
    try {
      for (;;) {
        await this.#turn();
        const refusals = this.#refusals;
        const answer = await send();
        if (!answer.isRateLimited) {
          this.#passed();
          if (answer.error?.isTemporary !== true) this.#unservedFrom = undefined;
          if (answer.error === undefined) this.progress.add(units);
          return answer;
        }
        this.#lastRefusal = answer.error;
        // Requests that were under way together are refused together, which is one refusal.
        this.#refused(answer.retryAfter, refusals === this.#refusals);
      }
    } finally {
      this.#waiting--;
      this.#idleFrom = this.#options.clock.now();
      this.progress.end(units);
    }
  }

  /** Notes that a request went unserved, and says whether it may be sent again after so many milliseconds. */
  beginWait(milliseconds: number): boolean {
    const now = this.#options.clock.now();
    this.#unservedFrom ??= now;
    return now + milliseconds - this.#unservedFrom <= this.#options.config.maxWaitSeconds * 1000;
  }

  async #turn(): Promise<void> {
    const { clock, say } = this.#options;
    this.#unservedFrom ??= clock.now();
    for (let now = clock.now(); now < this.#opensAt; now = clock.now()) {
      if (!this.beginWait(this.#opensAt - now)) throw this.#givenUp();
      const line = this.progress.line(this.#gate);
      if (line !== undefined) say(line);
      await clock.sleep(this.#opensAt - now);
    }
    if (this.#spacing > 0) this.#opensAt = clock.now() + this.#spacing;
  }

  #givenUp(): ApiError {
    const { maxWaitSeconds, nameOf } = this.#options.config;
    const words = this.#lastRefusal === undefined ? "" : `; its last answer: ${this.#lastRefusal.message}`;
    return new ApiError(
      "rate-limited",
      `${this.progress.reason(this.#gate)} and would serve nothing for longer than ${maxWaitSeconds} s ` +
        `(${nameOf("maxWaitSeconds")}); ${this.progress.counts}${words}`,
      { status: 429, requestId: this.#lastRefusal?.requestId },
    );
  }

  /** Takes note of a request that the rate limit let pass. */
  #passed(): void {
    const now = this.#options.clock.now();
    this.#cycle.served++;
    this.#servedAt = now;
    // Where `Retry-After` gave the spacing, any shorter one is likely refused: so try rarely, and then a bold one.
    if (this.#isExact && this.#cycle.served % betweenProbes > 0) return;
    const eased = this.#spacing * (this.#isExact ? 0.5 : 0.8);
    this.#spacing = Math.max(this.#shortestSpacing, eased < 50 ? 0 : eased);
  }

  #refused(retryAfter: number | undefined, isNew: boolean): void {
    const { clock } = this.#options;
    const now = clock.now();
    if (this.#refusals === 0) this.progress.limited();
    const until = now + (retryAfter ?? 0);
    if (!isNew) this.#opensAt = Math.max(this.#opensAt, until);
    else if (retryAfter !== undefined && this.#cycle.served > 0) {
      // This request did not use its turn.
      this.#opensAt = until;
      const { startedAt, served } = this.#cycle;
      const spacing = Math.min((until - startedAt) / served, until - this.#servedAt);
      this.#spacing = Math.min(longestBackoff, Math.max(this.#shortestSpacing, spacing));
      this.#isExact = true;
    } else {
      // Nothing shows the rate yet, or `Retry-After` is not kept: following it could go on without end.
      this.#spacing = Math.min(longestBackoff, Math.max(firstBackoff, this.#spacing * 2));
      this.#opensAt = Math.max(this.#opensAt, until, now + this.#spacing * (1 + clock.random() / 10));
      this.#isExact = false;
    }
    if (isNew) this.#cycle = { startedAt: this.#opensAt, served: 0 };
    if (isNew) this.#refusals++;
  }

  get #gate(): Gate {
    return { spacing: this.#spacing, isExact: this.#isExact, refusals: this.#refusals, waiting: this.#waiting };
  }
}

/**
 * The wait that an answer's headers ask for, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as a
 * date. Undefined when there is none, or none that makes sense.
 */
export function retryAfter(headers: Record<string, unknown>, date: number): number | undefined {
  const milliseconds = numberIn(headers["retry-after-ms"]);
  if (milliseconds >= 0) return milliseconds;
  const value = headers["retry-after"];
  const seconds = numberIn(value);
  if (!Number.isNaN(seconds)) return seconds >= 0 ? seconds * 1000 : undefined;
  if (typeof value !== "string") return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : Math.max(0, time - date);
}

/** NaN where there is none, as in an empty header. */
function numberIn(header: unknown): number {
  return typeof header === "string" && header.trim() !== "" ? Number(header) : NaN;
}
