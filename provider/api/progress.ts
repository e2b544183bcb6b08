import type { Clock } from "../clock";
import type { Config } from "../config";

/** An endpoint, for its throttle and the progress of its requests. */
export interface EndpointOptions {
  config: Pick<Config, "requestsPerMinute" | "maxWaitSeconds" | "nameOf">;
  /** What is requested, in a user's words: `grants (POST)`. */
  requests: string;
  /** What is counted: `permissions`. */
  unit: string;
  clock: Clock;
  /** Tells the user why nothing seems to happen. */
  say: (line: string) => void;
}

/** What the gate of an endpoint knows of the API's rate. */
export interface Gate {
  /** Milliseconds between two requests. */
  spacing: number;
  /** Whether the spacing follows from the server's `Retry-After`. */
  isExact: boolean;
  /** How often the API has refused. */
  refusals: number;
  /** How many requests wait. */
  waiting: number;
}

/** At most one line is printed in this many milliseconds, however often the API refuses. */
const betweenLines = 15_000;

/** How far the work of one endpoint is, in units, and the line that says so. */
export class Progress {
  readonly #options: EndpointOptions;
  /** Units of the requests that are under way or wait. */
  #begun = 0;
  #expected = 0;
  #done = 0;
  /** When the API refused for the first time, and how much was done by then. */
  #limitedFrom = { at: 0, done: 0 };
  #saidAt = -Infinity;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Adds units that will be asked for later; a negative count takes them off again. */
  expect(units: number): void {
    this.#expected = Math.max(this.#expected, this.#done) + units;
  }

  begin(units: number): void {
    this.#begun += units;
  }

  end(units: number): void {
    this.#begun -= units;
  }

  /** Takes note of units that were done. */
  add(units: number): void {
    this.#done += units;
  }

  /** Takes note that the API has refused for the first time. */
  limited(): void {
    this.#limitedFrom = { at: this.#options.clock.now(), done: this.#done };
  }

  /** `OpenAI is rate-limiting grants (POST)`. */
  reason({ refusals }: Gate): string {
    const { config, requests } = this.#options;
    return refusals > 0
      ? `OpenAI is rate-limiting ${requests}`
      : `${config.nameOf("requestsPerMinute")} limits ${requests}`;
  }

  /** `3 of 10 permissions done`. */
  get counts(): string {
    return `${this.#done} of ${this.#done + this.#left} ${this.#options.unit} done`;
  }

  /** A line for the user; undefined if none is due. */
  line(gate: Gate): string | undefined {
    const now = this.#options.clock.now();
    if (gate.refusals === 0 && this.#timeLeft(gate) < betweenLines) return undefined;
    if (now - this.#saidAt < betweenLines) return undefined;
    this.#saidAt = now;
    return `${this.reason(gate)}: ${this.counts}, ${this.#outlook(gate, now)}.`;
  }

  /** Units that are asked for or will be. */
  get #left(): number {
    return Math.max(this.#begun, this.#expected - this.#done);
  }

  /** At what rate the rest is done, and until when. */
  #outlook(gate: Gate, now: number): string {
    const done = this.#done - this.#limitedFrom.done;
    const isSteady = gate.refusals === 0 || gate.isExact;
    if (!isSteady && done < 2) return "the rest as fast as it allows";
    const left = isSteady ? this.#timeLeft(gate) : (this.#left / done) * (now - this.#limitedFrom.at);
    const perMinute = Math.max(1, Math.round((this.#left / left) * 60_000));
    const until = new Date(this.#options.clock.date() + left).toISOString().slice(11, 16);
    return `about ${perMinute} per minute, finishing around ${until} UTC`;
  }

  /** Milliseconds that the remaining requests take at the present spacing. */
  #timeLeft({ waiting, spacing }: Gate): number {
    return Math.max(waiting, this.#expected - this.#done) * spacing;
  }
}
