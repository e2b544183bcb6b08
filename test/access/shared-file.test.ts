import { once } from "node:events";
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
  defaultFolder,
  hashOf,
  isRunning,
  lineOf,
  listenerAt,
  machine,
  makeOwnFolder,
  pathOf,
  reasonOf,
  whoLeft,
} from "../../provider/access/shared-file";

const onLinux = process.platform === "linux";
/** No operating system gives a process such an ID. */
const noPid = 2 ** 30;

describe("The file of the provider processes", function () {
  let folder: string;
  beforeEach(function () {
    folder = mkdtempSync(join(tmpdir(), "checkpoint-permissions-file-"));
  });
  afterEach(function () {
    rmSync(folder, { recursive: true, force: true });
  });

  it("is found by the engine and the machine, in a folder of the user's own", function () {
    expect(pathOf(folder, "127.0.0.1:1")).to.equal(pathOf(folder, "127.0.0.1:1"));
    expect(pathOf(folder, "127.0.0.1:1")).not.to.equal(pathOf(folder, "127.0.0.1:2"));
    expect(defaultFolder()).to.equal(
      join(tmpdir(), `pulumi-openai-checkpoint-permissions-${process.getuid?.() ?? "user"}`),
    );
    if (!onLinux) return;
    expect(machine()).to.deep.equal([
      hostname(),
      readFileSync("/proc/sys/kernel/random/boot_id", "utf8"),
      readlinkSync("/proc/self/ns/pid"),
      readlinkSync("/proc/self/ns/net"),
    ]);
  });

  it("hashes tell apart where one part ends and the next begins", function () {
    expect(hashOf("a", "bc")).not.to.equal(hashOf("ab", "c"));
    expect(hashOf("a")).to.match(/^[\da-f]{16}$/);
  });

  it("a line is read if it has a process, a number and a kind, and nothing else is", function () {
    const line = { by: "one", number: 1, kind: "ours", access: "key" };
    expect(lineOf(JSON.stringify(line))).to.deep.equal(line);
    for (const name of ["by", "number", "kind"]) {
      expect(lineOf(JSON.stringify({ ...line, [name]: undefined })), name).to.equal(undefined);
      expect(lineOf(JSON.stringify({ ...line, [name]: ["other"] })), name).to.equal(undefined);
    }
    for (const text of ["", "null", "[]", "1", JSON.stringify(line).slice(0, -1)]) {
      expect(lineOf(text), text).to.equal(undefined);
    }
  });

  it("a reason is what an error says, or what else was thrown", function () {
    expect(reasonOf(new Error("no space"))).to.equal("no space");
    expect(reasonOf("no space")).to.equal("no space");
  });

  describe("as a new process finds it", function () {
    const mine = "socket 1";
    const cases: [what: string, writers: { pid: number; engine?: string }[], outcome: ReturnType<typeof whoLeft>][] = [
      ["nobody wrote to it", [], undefined],
      ["a process wrote to it that runs", [{ pid: process.pid }], undefined],
      ["a process of this engine wrote to it that runs", [{ pid: process.pid, engine: mine }], undefined],
      ["of two processes that wrote to it, one runs", [{ pid: noPid }, { pid: process.pid }], undefined],
      ["all processes that wrote to it have ended", [{ pid: noPid }, { pid: noPid }], "unknown"],
      ["the process of this engine that wrote to it has ended", [{ pid: noPid, engine: mine }], "unknown"],
      ["a process of another engine wrote to it", [{ pid: process.pid, engine: "socket 2" }], "another engine"],
      [
        "processes of this engine and of another wrote to it",
        [
          { pid: process.pid, engine: mine },
          { pid: process.pid, engine: "socket 2" },
        ],
        "another engine",
      ],
    ];
    const write = (writers: readonly object[], mode = 0o600) => {
      const path = join(folder, "log.jsonl");
      const lines = writers.map((writer, index) =>
        JSON.stringify({ by: `${index}`, number: 0, kind: "writer", ...writer }),
      );
      // What else they have written says nothing of who they are.
      lines.push(JSON.stringify({ by: "0", number: 1, kind: "ours", engine: "socket 3" }));
      writeFileSync(path, lines.join("\n\n"), { mode });
      return path;
    };
    for (const [what, writers, outcome] of cases) {
      it(`${what}: ${outcome === undefined ? "it is in use" : `it was left by ${outcome}`}`, function () {
        expect(whoLeft(write(writers), mine)).to.equal(outcome);
      });
    }

    it("where the operating system does not tell engines apart, all are taken to be the same", function () {
      expect(whoLeft(write([{ pid: process.pid, engine: "socket 2" }]), undefined)).to.equal(undefined);
    });

    it("one that is marked as incomplete may lack a process that runs, so it is in use", function () {
      if (process.platform === "win32") this.skip();
      expect(whoLeft(write([{ pid: noPid }], 0o400), mine)).to.equal(undefined);
    });

    it("there may be none", function () {
      expect(whoLeft(join(folder, "none.jsonl"), mine)).to.equal(undefined);
    });
  });

  describe("and the engine's socket", function () {
    const servers: Server[] = [];
    afterEach(function () {
      for (const server of servers.splice(0)) server.close();
    });
    const listen = async (host: string) => {
      const server = createServer().listen(0, host);
      servers.push(server);
      await once(server, "listening");
      return (server.address() as AddressInfo).port;
    };

    it("is told apart from every other that listens, and from none", async function () {
      if (!onLinux) this.skip();
      const [one, other] = [await listen("127.0.0.1"), await listen("127.0.0.1")];
      const sockets = [one, other].map((port) => listenerAt(`127.0.0.1:${port}`));
      expect(sockets[0]).to.match(/^\d+$/);
      expect(sockets[1]).to.match(/^\d+$/).and.not.to.equal(sockets[0]);
      servers[0]!.close();
      await once(servers[0]!, "close");
      expect(listenerAt(`127.0.0.1:${one}`)).to.equal(undefined);
      expect(listenerAt("127.0.0.1:1")).to.equal(undefined);
    });

    it("is found by an address of IPv6, too", async function () {
      if (!onLinux) this.skip();
      const port = await listen("::1").catch(() => this.skip());
      expect(listenerAt(`[::1]:${port}`)).to.match(/^\d+$/);
    });
  });

  describe("and its folder", function () {
    it("is made for its user alone", function () {
      makeOwnFolder(join(folder, "a", "b"));
      makeOwnFolder(join(folder, "a", "b"));
      if (process.platform === "win32") return;
      mkdirSync(join(folder, "open"), { mode: 0o755 });
      expect(() => makeOwnFolder(join(folder, "open"))).to.throw("other users have access to");
    });

    it("is no link to a place that another user may own", function () {
      if (process.platform === "win32") this.skip();
      symlinkSync(folder, join(folder, "link"));
      expect(() => makeOwnFolder(join(folder, "link"))).to.throw("is not a folder");
    });

    it("does not belong to another user", function () {
      if (process.getuid?.() !== 0) this.skip();
      chownSync(folder, 12_345, 12_345);
      expect(() => makeOwnFolder(folder)).to.throw("belongs to another user");
    });
  });

  it("a process runs until it has ended", function () {
    expect(isRunning(process.pid)).to.equal(true);
    expect(isRunning(noPid)).to.equal(false);
  });
});
