import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";

/** Changes with the form of the lines, so that versions that would misread each other do not meet. */
const version = 2;
/** A file that nobody has written to for this long, in milliseconds, was left by processes that were killed. */
const longestSilence = 24 * 3_600_000;
/** The owner's right to write is taken from a file that lacks what its writers could not write. */
export const complete = 0o600;
export const incomplete = 0o400;

const logLine = v.looseObject({
  /** The process that wrote it. */
  by: v.string(),
  /** Counts the lines of a process, some of which may be there twice. */
  number: v.number(),
  /** `writer` on the first line of each process. */
  kind: v.string(),
  /** Of a writer: the process's ID. */
  pid: v.optional(v.number()),
  /** Of a writer: what tells the engine from others that had its address before, where the operating system says it. */
  engine: v.optional(v.string()),
});

const jsonLine = v.pipe(v.string(), v.parseJson(), logLine);

/** A line of the file. */
export type LogLine = v.InferOutput<typeof logLine>;

/** A line as it was written; undefined if it is torn, or in another form. */
export function lineOf(text: string): LogLine | undefined {
  const parsed = v.safeParse(jsonLine, text);
  return parsed.success ? parsed.output : undefined;
}

export function hashOf(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where the processes of an engine have their file. */
export function pathOf(folder: string, engine: string): string {
  return join(folder, `${hashOf(String(version), engine, ...machine())}.jsonl`);
}

export function defaultFolder(): string {
  // Windows keeps temporary folders apart by user, and knows no user ID.
  const user = process.getuid?.() ?? "user";
  return join(tmpdir(), `pulumi-openai-checkpoint-permissions-${user}`);
}

/**
 * What tells apart the machines and containers that share a temporary folder: in each an engine may have the same address,
 * and a process ID means another process.
 */
export function machine(): string[] {
  const namespaces = ["/proc/self/ns/pid", "/proc/self/ns/net"].map((path) => orEmpty(() => readlinkSync(path)));
  return [hostname(), orEmpty(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")), ...namespaces];
}

function orEmpty(read: () => string): string {
  try {
    return read();
  } catch {
    // Only Linux has it.
    return "";
  }
}

/** Removes the files of deployments whose processes were killed. A process that lives on writes its lines anew. */
export function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    try {
      if (Date.now() - statSync(path).mtimeMs > longestSilence) rmSync(path);
    } catch {
      // Another process has removed it.
    }
  }
}

/** Of whose engine the processes were that have left a file; undefined if there is none, or it is in use. */
export function whoLeft(path: string, listener: string | undefined): "another engine" | "unknown" | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const writers = readFileSync(path, "utf8")
    .split("\n")
    .flatMap((text) => lineOf(text) ?? [])
    .filter(({ kind }) => kind === "writer");
  const isOfAnother = ({ engine = listener }: LogLine) => listener !== undefined && engine !== listener;
  if (writers.some(isOfAnother)) return "another engine";
  // In one that is marked as incomplete, a process may be missing.
  const isComplete = (stats.mode & complete) === complete;
  return isComplete && writers.length > 0 && !writers.some(({ pid }) => isRunning(pid!)) ? "unknown" : undefined;
}

/** The socket that listens at an address. Linux tells it by a number that no later one has. */
export function listenerAt(address: string): string | undefined {
  const port = Number(address.split(":").at(-1)).toString(16).toUpperCase().padStart(4, "0");
  const isListening = "0A";
  const sockets = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) =>
    orEmpty(() => readFileSync(path, "utf8"))
      .split("\n")
      .map((line) => line.trim().split(/\s+/)),
  );
  const socket = sockets.find(([, local, , state]) => local?.endsWith(`:${port}`) === true && state === isListening);
  return socket?.[9];
}

/** Another user must not be able to write what decides about access. */
export function makeOwnFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stats = lstatSync(folder);
  // Windows has no such modes.
  if (process.platform === "win32") return;
  if (!stats.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (stats.uid !== process.getuid!()) throw new Error(`${folder} belongs to another user`);
  if ((stats.mode & 0o077) !== 0) throw new Error(`other users have access to ${folder}`);
}

/** Whether a process is running. An ID that is another user's by now was used again: the file has writers of one user only. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
