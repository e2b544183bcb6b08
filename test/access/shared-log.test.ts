import { spawnSync } from "node:child_process";
import fs, {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { EventEmitter, once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { SharedLog } from "../../provider/access/shared-log";
import { fillDisk } from "../support/full-disk";

const engine = "127.0.0.1:4711";

describe("The file that provider processes share", function () {
  let base: string;
  let folder: string;
  let opened: SharedLog[];
  beforeEach(function () {
    base = mkdtempSync(join(tmpdir(), "checkpoint-permissions-log-"));
    folder = join(base, "logs");
    opened = [];
  });
  afterEach(function () {
    for (const log of opened) log.close();
    rmSync(base, { recursive: true, force: true });
  });

  function open(): SharedLog {
    const log = new SharedLog(engine, undefined, folder);
    opened.push(log);
    return log;
  }
  const path = () => join(folder, readdirSync(folder)[0]!);
  const kinds = (log: SharedLog) => log.read().map(({ kind }) => kind);
  const setAge = (file: string, minutes: number) => {
    const time = Date.now() / 1000 - 60 * minutes;
    utimesSync(file, time, time);
  };
  /** As if a process that has written were another one, which has ended. */
  const endWriters = () => {
    const ended = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(path(), readFileSync(path(), "utf8").replaceAll(`"pid":${process.pid}`, `"pid":${ended}`));
  };

  it("a process reads what others have written, before it came and since, each line once", function () {
    const first = open();
    first.append({ kind: "one" });
    const second = open();
    expect(kinds(second)).to.deep.equal(["one"]);
    first.append({ kind: "two" });
    expect(kinds(second)).to.deep.equal(["two"]);
    expect(kinds(second)).to.deep.equal([]);
    expect(kinds(first)).to.deep.equal([]);
  });

  it("lines that are written anew are not read twice", function () {
    const [first, second] = [open(), open()];
    first.append({ kind: "one" });
    expect(kinds(second)).to.deep.equal(["one"]);
    rmSync(path());
    first.append({ kind: "two" });
    expect(kinds(second)).to.deep.equal(["two"]);
    expect(kinds(open())).to.have.members(["one", "two"]);
  });

  it("lines that are torn or of another form are skipped", function () {
    const [first, second] = [open(), open()];
    appendFileSync(path(), "nonsense\n{}\nnull\n[]\n");
    first.append({ kind: "one" });
    appendFileSync(path(), '{"by":"x","number":0,"kind":"two"');
    expect(kinds(second)).to.deep.equal(["one"]);
  });

  it("a file whose writers have ended counts for nothing, and a process that finds it cannot know all", function () {
    open().append({ kind: "one" });
    endWriters();
    const late = open();
    expect(kinds(late)).to.deep.equal([]);
    expect(late.problem).to.include("have ended");
    // It has no part in what follows.
    expect(open().problem).to.equal(undefined);
  });

  for (const [state, mode] of [
    ["complete", 0o600],
    ["marked as incomplete", 0o400],
  ] as const) {
    it(`a file, ${state}, that an earlier engine at the same address has left is nothing to worry about`, async function () {
      // Only Linux tells one engine from the other.
      if (process.platform !== "linux") this.skip();
      const listen = async (port: number) => {
        const server = createServer().listen(port, "127.0.0.1");
        await once(server, "listening");
        return server;
      };
      const earlier = await listen(0);
      const { port } = earlier.address() as AddressInfo;
      const openLog = () => {
        const log = new SharedLog(`127.0.0.1:${port}`, undefined, folder);
        opened.push(log);
        return log;
      };
      openLog().append({ kind: "old" });
      endWriters();
      earlier.close();
      await once(earlier, "close");
      const later = await listen(port);
      chmodSync(path(), mode);
      const log = openLog();
      later.close();
      expect(log.problem).to.equal(undefined);
      expect(kinds(log)).to.deep.equal([]);
    });
  }

  it("a file that is opened anew after a full disk has all lines, or is marked", function () {
    const log = open();
    const full = fillDisk();
    log.append({ kind: "one" });
    rmSync(path());
    log.append({ kind: "two" });
    expect(open().problem).to.include("could not write");
    full.end();
    rmSync(path());
    log.append({ kind: "three" });
    const late = open();
    expect(kinds(late)).to.deep.equal(["one", "two", "three"]);
    expect(late.problem).to.equal(undefined);
  });

  it("lines that are asked for nowhere but in `problem` are written anew, too", function () {
    const log = open();
    log.append({ kind: "one" });
    rmSync(path());
    expect(log.problem).to.include("it was removed");
    expect(kinds(open())).to.deep.equal(["one"]);
  });

  it("a file that was truncated and has grown again is noticed by the lines that are missing", function () {
    const [first, second] = [open(), open()];
    second.read();
    writeFileSync(path(), "");
    first.append({ kind: "one" });
    first.append({ kind: "x".repeat(1_000) });
    expect(kinds(second)).not.to.include("one");
    expect(second.problem).to.include("lines are missing");
  });

  it("files of other engines stay for a day, since their processes may be those of another container", function () {
    mkdirSync(folder, { mode: 0o700 });
    for (const [name, hours] of [
      ["old.jsonl", 25],
      ["new.jsonl", 23],
    ] as const) {
      writeFileSync(join(folder, name), "");
      setAge(join(folder, name), hours * 60);
    }
    open().close();
    expect(readdirSync(folder)).to.deep.equal(["new.jsonl"]);
  });

  it("the last process to end removes the file", function () {
    open().close();
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  for (const hasClosed of [false, true]) {
    it(`a process that ends ${hasClosed ? "removes the file if another, which still runs, has ended its own lines" : "leaves the file to another that runs"}`, function () {
      const log = open();
      const line = (number: number, rest: object) => `\n${JSON.stringify({ by: "other", number, ...rest })}\n`;
      appendFileSync(path(), line(0, { kind: "writer", pid: process.ppid }));
      if (hasClosed) appendFileSync(path(), line(1, { kind: "closed" }));
      log.close();
      expect(readdirSync(folder)).to.have.length(hasClosed ? 0 : 1);
    });
  }

  it("nothing throws once the folder has become a file", function () {
    const log = open();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    log.append({ kind: "one" });
    expect(log.read()).to.deep.equal([]);
    expect(log.problem).to.be.a("string");
    log.close();
  });

  it("a process is told when another has written", async function () {
    const [first, second] = [open(), open()];
    const told = new Promise<void>((resolve) => (second.onLines = resolve));
    first.append({ kind: "one" });
    await told;
    expect(kinds(second)).to.deep.equal(["one"]);
  });

  it("where the operating system cannot tell of changes, or stops doing so, a process still finds them", function () {
    const watcher = Object.assign(new EventEmitter(), { close: () => undefined });
    const { watch } = fs;
    const logs = [
      () => {
        throw new Error("ENOSPC: System limit for number of file watchers reached");
      },
      () => watcher,
    ].map((failing) => {
      fs.watch = failing as unknown as typeof fs.watch;
      try {
        return open();
      } finally {
        fs.watch = watch;
      }
    });
    watcher.emit("error", new Error("EPERM"));
    open().append({ kind: "one" });
    for (const log of logs) {
      expect(kinds(log)).to.deep.equal(["one"]);
      expect(log.problem).to.equal(undefined);
    }
  });

  it("a process knows which others run, and that it is not alone", function () {
    const first = open();
    expect(first.mayHaveOthers).to.equal(false);
    const second = open();
    first.read();
    expect(first.mayHaveOthers).to.equal(true);
    expect(first.isAlive(second.me)).to.equal(true);
    expect(first.isAlive("never seen")).to.equal(false);
    second.close();
    first.read();
    expect(first.isAlive(second.me)).to.equal(false);
    expect(first.mayHaveOthers).to.equal(true);
  });

  it("a process that cannot tell whether it is alone may not be", function () {
    const first = open();
    const full = fillDisk();
    first.append({ kind: "one" });
    full.end();
    expect(first.mayHaveOthers).to.equal(true);
  });

  it("a file that was closed is not closed again, since its number may be another file's by then", function () {
    const log = open();
    log.close();
    writeFileSync(join(base, "other"), "");
    const other = fs.openSync(join(base, "other"), "r");
    log.close();
    expect(fs.fstatSync(other).size).to.equal(0);
    fs.closeSync(other);
  });

  for (const [code, isUsed] of [
    ["EACCES", true],
    ["ENOSPC", false],
  ] as const) {
    it(`a file that cannot be opened for writing (${code}) is ${isUsed ? "read all the same" : "not used"}`, function () {
      open().append({ kind: "one" });
      const { openSync } = fs;
      fs.openSync = ((path: string, flags: string, mode: number) => {
        if (flags !== "r") throw Object.assign(new Error(code), { code });
        return openSync(path, flags, mode);
      }) as typeof fs.openSync;
      try {
        if (isUsed) expect(kinds(open())).to.deep.equal(["one"]);
        else expect(() => open()).to.throw(code);
      } finally {
        fs.openSync = openSync;
      }
    });
  }

  it("a process that starts after another has failed to write is told so", function () {
    if (process.platform === "win32") this.skip();
    open();
    chmodSync(path(), 0o400);
    expect(open().problem).to.include("could not write");
  });

  it("a folder that other users can write to is not used", function () {
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    if (process.platform !== "win32") expect(() => open()).to.throw("other users have access to");
    writeFileSync(join(base, "file"), "");
    expect(() => new SharedLog(engine, undefined, join(base, "file"))).to.throw();
    expect(existsSync(join(base, "file"))).to.equal(true);
  });
});
