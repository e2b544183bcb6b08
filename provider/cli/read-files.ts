import { closeSync, openSync, readSync } from "node:fs";
import { CommandFailed, reasonOf } from "./failure";

/** In bytes. No state and no list comes near it, and what is not a file may have no end. */
const largest = 500_000_000;

/** @throws {CommandFailed} when the file cannot be read. */
export function textIn(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    throw new CommandFailed(`Cannot read ${file}: ${reasonOf(error)}.`);
  }
  try {
    return textOf(descriptor, file);
  } finally {
    closeSync(descriptor);
  }
}

/** @throws {CommandFailed} when it cannot be read. */
export async function stdinText(): Promise<string> {
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

function textOf(descriptor: number, file: string): string {
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

function decoded(bytes: Buffer, file: string): string {
  if (bytes.length > largest) throw new CommandFailed(`Cannot read ${file}: it is larger than ${largest / 1e6} MB.`);
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** As PowerShell writes what is redirected into a file, with a mark at the beginning or without one; else UTF-8. */
function encodingOf([first, second]: Buffer): string {
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  return "utf-8";
}
