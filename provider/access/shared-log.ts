import { randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  watch,
  writeSync,
  type FSWatcher,
} from "node:fs";
import {
  complete,
  defaultFolder,
  incomplete,
  isRunning,
  lineOf,
  listenerAt,
  makeOwnFolder,
  pathOf,
  reasonOf,
  removeLeftovers,
  whoLeft,
  type LogLine,
} from "./shared-file";

/**
 * A file that the provider processes of one deployment append lines to, and read. It knows nothing of what they mean.
 *
 * The file is an extra: it may vanish, shrink or fill up at any moment, and nothing here throws once it is open. Each
 * process keeps its own lines, and writes them anew where they are gone. Where they cannot be written, the file is marked
 * as incomplete, which needs no space on the disk.
 */
export class SharedLog {
  /** This process, as its lines have it. */
  readonly me = randomBytes(6).toString("hex");
  /** Is told when others have written, as far as the operating system tells. */
  onLines: (() => void) | undefined;
  readonly #pids = new Map<string, number>();
  /** The processes that have written their last line. */
  readonly #closed = new Set<string>();
  readonly #path: string;
  /** By process, the number of the last line that was read. */
  readonly #lastOf = new Map<string, number>();
  /** All that this process has written. */
  readonly #own: string[] = [];
  /** Lines of others that were read and not handed out yet. */
  #unread: LogLine[] = [];
  #file: { descriptor: number; dev: number; ino: number };
  #readTo = 0;
  #watcher: FSWatcher | undefined;
  /** How many of its own lines this process has written to the file as it is now. */
  #written = 0;
  /** Whether it has failed to write to it. */
  #isFull = false;
  /** Whether any process has. */
  #isIncomplete = false;
  #isClosed = false;
  #problem: string | undefined;

  /**
   * @param engine the engine's address.
   * @param onProblem is told, once, why processes may not read what others write.
   * @param folder where the file is, in a folder of the user's own.
   * @throws {Error} when it cannot be used.
   */
  constructor(
    engine: string,
    readonly onProblem: (reason: string) => void = () => undefined,
    readonly folder = defaultFolder(),
  ) {
    this.#path = pathOf(folder, engine);
    makeOwnFolder(folder);
    removeLeftovers(folder);
    const listener = listenerAt(engine);
    const leftBy = whoLeft(this.#path, listener);
    if (leftBy !== undefined) rmSync(this.#path, { force: true });
    this.#file = this.#open();
    // They may have been killed while this engine lives.
    if (leftBy === "unknown") this.#fail("the processes that wrote to it have ended");
    const writer = { kind: "writer", pid: process.pid, engine: listener };
    this.append(writer);
  }

  /** Never throws. */
  append(entry: { kind: string }): void {
    // What another process could only write in part must not swallow it.
    this.#own.push(`\n${JSON.stringify({ by: this.me, number: this.#own.length, ...entry })}\n`);
    this.#synchronize();
  }

  /** What other processes have written since the last call. Never throws. */
  read(): LogLine[] {
    this.#synchronize();
    return this.#unread.splice(0);
  }

  /** Why something that another process has written may not be known here; undefined if all is. */
  get problem(): string | undefined {
    this.#synchronize();
    return this.#problem;
  }

  /** Whether other processes have written, or may have tried to. One that opens the file can always be seen, if it can write. */
  get mayHaveOthers(): boolean {
    return this.#isIncomplete || [...this.#pids.keys()].some((by) => by !== this.me);
  }

  /** Whether another process that has written is still running. All writers of a file see the same process IDs. */
  isAlive(by: string): boolean {
    const pid = this.#pids.get(by);
    return pid !== undefined && !this.#closed.has(by) && isRunning(pid);
  }

  /** Ends what this process writes. The last one removes the file. */
  close(): void {
    if (this.#isClosed) return;
    this.#watcher?.close();
    // Two may end at the same time, and each sees the other run.
    this.append({ kind: "closed" });
    this.#isClosed = true;
    try {
      this.#readOn();
      const areOthersAlive = [...this.#pids].some(([by, pid]) => pid !== process.pid && this.isAlive(by));
      closeSync(this.#file.descriptor);
      if (!areOthersAlive) rmSync(this.#path, { force: true });
    } catch {
      // A later deployment removes it.
    }
  }

  #open(): { descriptor: number; dev: number; ino: number } {
    let descriptor: number;
    try {
      descriptor = openSync(this.#path, "a+", complete);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
      // It is marked as incomplete.
      descriptor = openSync(this.#path, "r");
    }
    const { dev, ino } = fstatSync(descriptor);
    this.#watch();
    return { descriptor, dev, ino };
  }

  /** So that a process that is not called for a while still writes its lines anew, for one that starts meanwhile. */
  #watch(): void {
    this.#watcher?.close();
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => {
        this.#synchronize();
        if (this.#unread.length > 0) this.onLines?.();
      }).on("error", () => undefined);
    } catch {
      // It is looked for with each call, too.
    }
  }

  /** Reads on, and writes what the file lacks. A file that is no longer there, or another one, is opened anew. */
  #synchronize(): void {
    if (this.#isClosed) return;
    try {
      const stats = statSync(this.#path, { throwIfNoEntry: false });
      const isSame = stats?.dev === this.#file.dev && stats.ino === this.#file.ino;
      // The others write their lines anew as well, but not all of them may have noticed yet.
      if (!isSame) this.#reopen();
      else if (stats.size < this.#readTo) this.#startAnew("it was truncated");
      else if ((stats.mode & complete) !== complete) {
        this.#isIncomplete = true;
        this.#fail("a provider process could not write to it");
      }
      this.#readOn();
    } catch (error) {
      this.#fail(reasonOf(error));
    }
    this.#write();
  }

  #reopen(): void {
    // What was written to it before it was removed can still be read.
    this.#readOn();
    makeOwnFolder(this.folder);
    const { descriptor } = this.#file;
    this.#file = this.#open();
    this.#isFull = false;
    this.#startAnew("it was removed");
    closeSync(descriptor);
  }

  #startAnew(why: string): void {
    this.#readTo = this.#written = 0;
    this.#fail(why);
  }

  #readOn(): void {
    const { descriptor } = this.#file;
    const { size } = fstatSync(descriptor);
    if (size <= this.#readTo) return;
    const bytes = Buffer.alloc(size - this.#readTo);
    const length = readSync(descriptor, bytes, 0, bytes.length, this.#readTo);
    // What has no end yet is read next time.
    const end = bytes.subarray(0, length).lastIndexOf("\n") + 1;
    this.#readTo += end;
    for (const text of bytes.toString("utf8", 0, end).split("\n")) this.#take(lineOf(text));
  }

  #take(line: LogLine | undefined): void {
    const last = line === undefined ? 0 : (this.#lastOf.get(line.by) ?? -1);
    if (line === undefined || line.number <= last) return;
    if (line.number > last + 1) {
      // It was truncated, and has grown again.
      this.#written = 0;
      this.#fail("lines are missing");
    }
    this.#lastOf.set(line.by, line.number);
    if (line.kind === "writer") this.#pids.set(line.by, line.pid!);
    else if (line.kind === "closed") this.#closed.add(line.by);
    else if (line.by !== this.me) this.#unread.push(line);
  }

  #write(): void {
    if (this.#written === this.#own.length || this.#isFull) return;
    const text = this.#own.slice(this.#written).join("");
    try {
      // One write to a file that is opened for appending is not torn by another.
      const written = writeSync(this.#file.descriptor, text);
      if (written < Buffer.byteLength(text)) throw new Error("no space left on device");
      this.#written = this.#own.length;
    } catch (error) {
      this.#isFull = this.#isIncomplete = true;
      this.#fail(reasonOf(error));
      try {
        fchmodSync(this.#file.descriptor, incomplete);
      } catch {
        // Then a process that starts later cannot know of it.
      }
    }
  }

  #fail(reason: string): void {
    if (this.#problem !== undefined) return;
    this.#problem = `${this.#path}: ${reason}`;
    this.onProblem(this.#problem);
  }
}
