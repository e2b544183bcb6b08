import { setMaxListeners } from "node:events";

/** Time and chance, so that tests need not wait and runs can be repeated. */
export interface Clock {
  /** Milliseconds that only ever grow, even if the computer's date is set back. */
  now(): number;
  /** The computer's date, in milliseconds since the Unix epoch. */
  date(): number;
  sleep(milliseconds: number): Promise<void>;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

/** The longest delay, in milliseconds, that a timer of Node.js accepts: with a longer one it fires at once. */
export const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, longestTimer))),
  random: () => Math.random(),
};

/** The same clock, whose sleeps fail with the signal's reason once it is aborted. They leave nothing behind in the signal. */
export function cancellable(clock: Clock, signal: AbortSignal): Clock {
  // Node.js warns of a leak in the user's program once more than ten requests wait.
  setMaxListeners(0, signal);
  return {
    now: () => clock.now(),
    date: () => clock.date(),
    random: () => clock.random(),
    sleep: (milliseconds) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const cancel = () => {
          reject(signal.reason as Error);
        };
        signal.addEventListener("abort", cancel);
        void clock.sleep(milliseconds).then(() => {
          signal.removeEventListener("abort", cancel);
          resolve();
        });
      }),
  };
}
