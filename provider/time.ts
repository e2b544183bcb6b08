/** Times, all in UTC, of Unix seconds. */

/** As programs read them: 2026-11-02T14:05:09Z. */
export function iso(seconds: number): string {
  return `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

/** As users read them: 2026-11-02 14:05:09 UTC. */
export function second(seconds: number): string {
  return iso(seconds).replace("T", " ").replace("Z", " UTC");
}

/** The same without the second: 2026-11-02 14:05. */
export function minute(seconds: number): string {
  return minuteOf(iso(seconds));
}

/** The same of a time as {@link iso} gives it. */
export function minuteOf(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}

/** 2026-11-02. */
export function day(seconds: number): string {
  return iso(seconds).slice(0, 10);
}
