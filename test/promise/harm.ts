import fs, { existsSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { Ledger } from "../../provider/access/ledger";
import { SharedLog } from "../../provider/access/shared-log";
import type { Harm } from "./programs";

/** The file that the processes of one deployment share, to which something happens. */
export class HarmedFile {
  readonly #logs: SharedLog[] = [];
  readonly #dead: SharedLog[] = [];
  readonly #logOf = new Map<number, SharedLog>();
  readonly #restore: () => void;
  #lines = 0;

  constructor(
    readonly folder: string,
    readonly harm: Harm,
  ) {
    const { writeSync } = fs;
    this.#restore = () => {
      fs.writeSync = writeSync;
    };
    if (harm.file !== "full") return;
    fs.writeSync = ((descriptor: number, text: string) => {
      if (this.#lines <= harm.after) return writeSync(descriptor, text);
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    }) as typeof fs.writeSync;
  }

  /** The ledger of a process. */
  open(process: number): Ledger {
    if (this.harm.file === "unusable") return new Ledger(undefined, "", "the folder cannot be used");
    // A process takes longer to start than the operating system takes to tell the others that the file has changed.
    for (const log of this.#logs) log.problem;
    const log = new SharedLog("engine", undefined, this.folder);
    this.#logs.push(log);
    this.#logOf.set(process, log);
    const isAlive = log.isAlive.bind(log);
    log.isAlive = (by) => !this.#dead.some(({ me }) => me === by) && isAlive(by);
    const append = log.append.bind(log);
    log.append = (entry) => {
      append(entry);
      if (this.#lines++ === this.harm.after) this.#strike();
    };
    return new Ledger(log);
  }

  /** A process is no longer there: it writes no more, and its lines stay. */
  kill(process: number): void {
    const log = this.#logOf.get(process);
    if (log === undefined) return;
    this.#dead.push(log);
    log.append = () => undefined;
  }

  close(): void {
    for (const log of this.#logs) log.close();
    this.#restore();
  }

  #strike(): void {
    const [name] = existsSync(this.folder) ? readdirSync(this.folder) : [];
    if (name === undefined) return;
    if (this.harm.file === "removed") rmSync(join(this.folder, name));
    if (this.harm.file === "truncated") truncateSync(join(this.folder, name));
  }
}
