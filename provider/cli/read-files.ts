import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { CommandFailed, reasonOf } from "./failure";

/** In bytes. No state and no list comes near it, and what is not a file may have no end. */
const largest = 500_000_000;

/** @throws {CommandFailed} when the file cannot be read. */
export function textIn(file: string): string {
  return contentIn(file).text;
}

/**
 * @returns what the file holds, and the hash of its bytes, in hex, as `sha256sum` prints it.
 * @throws {CommandFailed} when the file cannot be read.
 */
export function contentIn(file: string) {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    throw new CommandFailed(`Cannot read ${file}: ${reasonOf(error)}.`);
  }
  try {
    return contentOf(descriptor, file);
  } finally {
    closeSync(descriptor);
  }
}

/** @throws {CommandFailed} when it cannot be read. */
export async function stdinContent(): Promise<ReturnType<typeof contentIn>> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of process.stdin as AsyncIterable<Buffer>) {
      parts.push(part);
      size += part.length;
      if (size > largest) break;
    }
  } catch (error) {
    throw new CommandFailed(`Cannot read standard input: ${reasonOf(error)}.`);
  }
  return decoded(Buffer.concat(parts), "standard input");
}

function contentOf(descriptor: number, file: string) {
  const parts: Buffer[] = [];
  try {
    for (let size = 0; size <= largest;) {
      const part = Buffer.allocUnsafe(1_000_000);
      const length = readSync(descriptor, part);
      if (length === 0) break;
      parts.push(part.subarray(0, length));
      size += length;
    }
  } catch (error) {
    throw new CommandFailed(`Cannot read ${file}: ${reasonOf(error)}.`);
  }
  return decoded(Buffer.concat(parts), file);
}

export function sha256Of(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function decoded(bytes: Buffer, file: string): { text: string; sha256: string } {
  if (bytes.length > largest) throw new CommandFailed(`Cannot read ${file}: it is larger than ${largest / 1e6} MB.`);
  return { text: new TextDecoder(encodingOf(bytes)).decode(bytes), sha256: sha256Of(bytes) };
}

/** As PowerShell writes what is redirected into a file, with a mark at the beginning or without one; else UTF-8. */
function encodingOf([first, second]: Buffer): string {
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  return "utf-8";
}
