import type { Clock } from "../../provider/clock";

/** A clock that jumps to the next sleeper's time whenever nothing else is left to do. */
export class TestClock implements Clock {
  #time = 0;
  /** The computer's date at time 0, in milliseconds: setting the computer's clock changes it. */
  epoch = Date.UTC(2026, 0, 1);
  #sleepers: { at: number; wake: () => void }[] = [];
  #jumping = false;
  /** How long each sleep was asked to be, in milliseconds. */
  readonly slept: number[] = [];

  now(): number {
    return this.#time;
  }

  date(): number {
    return this.epoch + this.#time;
  }

  random(): number {
    return 0;
  }

  sleep(milliseconds: number): Promise<void> {
    this.slept.push(milliseconds);
    return new Promise((wake) => {
      this.#sleepers.push({ at: this.#time + milliseconds, wake });
      this.#jump();
    });
  }

  /** Lets time pass while nothing sleeps. */
  pass(milliseconds: number): void {
    this.#time += milliseconds;
  }

  /** Resolves when nothing is left to do. */
  protected whenIdle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  #jump(): void {
    if (this.#jumping || this.#sleepers.length === 0) return;
    this.#jumping = true;
    void this.whenIdle().then(() => {
      this.#jumping = false;
      const next = this.#sleepers.reduce((earliest, sleeper) => (sleeper.at < earliest.at ? sleeper : earliest));
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#time = Math.max(this.#time, next.at);
      next.wake();
      this.#jump();
    });
  }
}
