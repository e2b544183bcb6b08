import { randomUUID } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type BigIntStats,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { CommandFailed, reasonOf } from "./failure";

/**
 * Checks, before anything is read, that these files can be written in the end.
 *
 * @param outputs by the option that names each.
 * @param inputs what the command reads; `-` is standard input.
 * @throws {CommandFailed} when one cannot, is there and may not be overwritten, or is one of the others.
 */
export function assertWritable(
  outputs: readonly { option: string; path: string }[],
  inputs: readonly string[],
  force: boolean,
): void {
  for (const [index, { option, path }] of outputs.entries()) {
    const input = inputs.find((one) => isSameFile(path, one));
    if (input !== undefined) {
      const read = input === "-" ? "standard input" : input;
      throw new CommandFailed(`${option} would overwrite what is read: ${path} is ${read}. Name another file.`);
    }
    const other = outputs.slice(0, index).find((one) => isSameFile(path, one.path));
    if (other !== undefined) throw new CommandFailed(`${other.option} and ${option} name the same file.`);
    attempt(path, () => {
      const { file, existing, isReplaced } = targetOf(path, force);
      // On some file systems only an attempt shows it.
      if (isReplaced) rmSync(writtenBeside(file, "", existing));
      if (existing !== undefined) accessSync(file, constants.W_OK);
    });
  }
}

/**
 * Writes all of these files, or none. Only a device or a pipe, which is written last, does not get back what it had.
 *
 * @throws {CommandFailed} when one is there, unless it may be overwritten, or cannot be written.
 */
export function writeAll(files: readonly { path: string; text: string }[], force: boolean): void {
  const temporary = new Set<string>();
  const undo: (() => void)[] = [];
  try {
    const prepared = files.map(({ path, text }) =>
      attempt(path, () => {
        const { file, existing, isReplaced } = targetOf(path, force);
        const written = isReplaced ? writtenBeside(file, text, existing) : undefined;
        if (written !== undefined) temporary.add(written);
        return { path, text, file, existing, written };
      }),
    );
    for (const { path, file, existing, written } of prepared) {
      if (written === undefined) continue;
      attempt(path, () => {
        if (existing === undefined) {
          // What another has made meanwhile stays.
          if (!force) closeSync(openSync(file, "wx"));
          undo.push(() => {
            rmSync(file, { force: true });
          });
        } else {
          const before = temporaryName(file);
          temporary.add(before);
          copyFileSync(file, before, constants.COPYFILE_EXCL);
          undo.push(() => {
            // Should that fail, it is all that is left of it.
            temporary.delete(before);
            attempt(path, () => {
              move(before, file);
            });
          });
        }
        move(written, file);
      });
    }
    for (const { path, file, text, written } of prepared) {
      if (written !== undefined) continue;
      attempt(path, () => {
        writeFileSync(file, text);
      });
    }
  } catch (error) {
    for (const one of undo.reverse()) one();
    throw error;
  } finally {
    for (const file of temporary) rmSync(file, { force: true });
  }
}

/** @throws {CommandFailed} when it is a folder, or there, unless it may be overwritten. */
function targetOf(path: string, force: boolean) {
  const existing = statOf(path);
  if (/^$|[\\/]$/.test(path) || existing?.isDirectory() === true) {
    throw new CommandFailed(`Cannot write ${path}: it is a folder.`);
  }
  if (existing === undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new CommandFailed(`Cannot write ${path}: it is a link that leads nowhere.`);
  }
  if (existing !== undefined && !force) {
    throw new CommandFailed(`${path} exists. Name another file, or overwrite it with --force.`);
  }
  const isFile = existing?.isFile() === true;
  return { file: isFile ? realpathSync(path) : resolve(path), existing, isReplaced: isReplaceable(path, existing) };
}

/** Writes a text into a temporary file in the same folder, with the same permissions. */
function writtenBeside(file: string, text: string, existing: BigIntStats | undefined): string {
  const temporary = temporaryName(file);
  const descriptor = openSync(temporary, "wx");
  try {
    if (existing !== undefined) fchmodSync(descriptor, Number(existing.mode & 0o777n));
    writeFileSync(descriptor, text);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return temporary;
}

function temporaryName(file: string): string {
  return join(dirname(file), `.checkpoint-permissions.${randomUUID()}.tmp`);
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // A file that is mounted by itself can be overwritten, and not replaced.
    copyFileSync(from, to);
    rmSync(from);
  }
}

/** Whether two paths lead to one file, also through links, or would. */
function isSameFile(path: string, other: string): boolean {
  const [one, two] = [statOf(path), other === "-" ? fstatSync(0, { bigint: true }) : statOf(other)];
  if (one === undefined || two === undefined) return one === two && placeOf(path) === placeOf(other);
  // A terminal or /dev/null can be read and written.
  return one.isFile() && one.dev === two.dev && one.ino === two.ino;
}

/** Where a file would be. */
function placeOf(path: string): string {
  const folder = dirname(resolve(path));
  return join(statOf(folder) === undefined ? folder : realpathSync(folder), basename(path));
}

/** Whether there is a file or nothing, and no device or pipe. */
export function isReplaceable(path: string, existing = statOf(path)): boolean {
  return existing === undefined || existing.isFile();
}

/** Undefined if there is nothing, or nothing that can be reached. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function attempt<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    throw new CommandFailed(`Cannot write ${path}: ${reasonOf(error)}.`);
  }
}
