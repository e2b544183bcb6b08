import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect } from "chai";
import { assertWritable, writeAll } from "../../provider/cli/write-files";

describe("The files that a command writes", function () {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const textOf = (name: string) => readFileSync(at(name), "utf8");

  beforeEach(function () {
    folder = mkdtempSync(join(tmpdir(), "checkpoint-permissions-write-"));
    writeFileSync(at("state.json"), "state");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const check = (path: string, { inputs = ["state.json"], force = true } = {}) =>
    assertWritable([{ option: "--evidence", path }], inputs.map(at), force);

  const names: [what: string, make: () => string][] = [
    ["the same path", () => at("state.json")],
    ["a relative path", () => relative(process.cwd(), at("state.json"))],
    ["a path with a detour", () => `${folder}/../${folder.split("/").at(-1)!}/./state.json`],
    [
      "a symbolic link",
      () => {
        symlinkSync("state.json", at("link"));
        return at("link");
      },
    ],
    [
      "a hard link",
      () => {
        linkSync(at("state.json"), at("hard"));
        return at("hard");
      },
    ],
    [
      "a linked folder",
      () => {
        symlinkSync(".", at("here"));
        return at("here/state.json");
      },
    ],
  ];
  for (const [what, make] of names) {
    it(`a file that is read is not overwritten, though named by ${what}`, function () {
      const path = make();
      expect(() => {
        check(path);
      }).to.throw(/^--evidence would overwrite what is read: .*state\.json\. Name another file\.$/);
    });
  }

  it("an input that is a link to the output is found as well, and an input that is not there is not", function () {
    symlinkSync("state.json", at("link"));
    expect(() => {
      check(at("state.json"), { inputs: ["link"] });
    }).to.throw(/would overwrite what is read/);
    check(at("new.json"), { inputs: ["none.json"] });
  });

  it("two outputs are not one file, even before it is there", function () {
    symlinkSync(".", at("here"));
    const outputs = [
      { option: "--file", path: at("new") },
      { option: "--program", path: at("here/new") },
    ];
    expect(() => {
      assertWritable(outputs, [], false);
    }).to.throw("--file and --program name the same file.");
  });

  for (const force of [false, true]) {
    it(`what cannot be written is refused at once ${force ? "with" : "without"} --force`, function () {
      mkdirSync(at("folder"));
      symlinkSync("nowhere/x", at("dangling"));
      const cases: [path: string, why: RegExp][] = [
        [at("folder"), /^Cannot write .*: it is a folder\.$/],
        [at("new/"), /: it is a folder\.$/],
        ["", /^Cannot write : it is a folder\.$/],
        [at("none/new.json"), /: no such file or directory\.$/],
        [at("state.json/new.json"), /: not a directory\.$/],
        [at("dangling"), /: it is a link that leads nowhere\.$/],
        [at("x".repeat(300)), /: name too long\.$/],
      ];
      // Even the superuser makes no file there.
      if (process.platform === "linux") cases.push(["/proc/new.json", /^Cannot write \/proc\/new\.json: /]);
      for (const [path, why] of cases) {
        expect(() => {
          check(path, { force });
        }, path).to.throw(why);
      }
    });
  }

  it("a file or a folder that may not be written is refused at once", function () {
    if (process.getuid?.() === 0) this.skip();
    writeFileSync(at("locked"), "x", { mode: 0o400 });
    mkdirSync(at("closed"), { mode: 0o500 });
    for (const path of ["locked", "closed/new"]) {
      expect(() => {
        check(at(path));
      }).to.throw(/: permission denied\.$/);
    }
  });

  it("a check leaves everything as it is", function () {
    writeFileSync(at("old.json"), "old");
    check(at("old.json"));
    check(at("new.json"), { force: false });
    expect(readdirSync(folder).sort()).to.deep.equal(["old.json", "state.json"]);
    expect(textOf("old.json")).to.equal("old");
  });

  it("what is there is overwritten only with --force", function () {
    expect(() => {
      check(at("state.json"), { inputs: [], force: false });
    }).to.throw(/state\.json exists\. Name another file, or overwrite it with --force\.$/);
    expect(() => {
      writeAll([{ path: at("state.json"), text: "new" }], false);
    }).to.throw(/exists/);
    expect(textOf("state.json")).to.equal("state");
    writeAll([{ path: at("state.json"), text: "new" }], true);
    expect(textOf("state.json")).to.equal("new");
  });

  it("an overwritten file keeps its permissions, and a link to it leads to the new content", function () {
    chmodSync(at("state.json"), 0o600);
    symlinkSync("state.json", at("link"));
    writeAll([{ path: at("link"), text: "new" }], true);
    expect([textOf("state.json"), statSync(at("state.json")).mode & 0o777]).to.deep.equal(["new", 0o600]);
    expect(readdirSync(folder).sort()).to.deep.equal(["link", "state.json"]);
  });

  for (const [what, block] of [
    ["is a folder by now", (path: string) => mkdirSync(path)],
    ["is in a folder that is not there any more", undefined],
  ] as const) {
    it(`nothing is written, and nothing overwritten, if the last file ${what}`, function () {
      const last = block === undefined ? at("gone/last") : at("last");
      block?.(last);
      const files = ["state.json", "new.json"].map((name) => ({ path: at(name), text: "new" }));
      const before = readdirSync(folder).sort();
      expect(() => {
        writeAll([...files, { path: last, text: "new" }], true);
      }).to.throw(/^Cannot write .*last: /);
      expect(textOf("state.json")).to.equal("state");
      expect(readdirSync(folder).sort()).to.deep.equal(before);
    });
  }

  it("what is overwritten first is put back if a later file fails only when it is its turn", function () {
    if (!existsSync("/dev/full")) this.skip();
    chmodSync(at("state.json"), 0o640);
    const files = ["state.json", "new.json"].map((name) => ({ path: at(name), text: "new" }));
    expect(() => {
      writeAll([...files, { path: "/dev/full", text: "new" }], true);
    }).to.throw("Cannot write /dev/full: no space left on device.");
    expect([textOf("state.json"), statSync(at("state.json")).mode & 0o777]).to.deep.equal(["state", 0o640]);
    expect(readdirSync(folder)).to.deep.equal(["state.json"]);
  });

  it("a device is written to, and not replaced", function () {
    if (process.platform === "win32") this.skip();
    assertWritable([{ option: "--evidence", path: "/dev/null" }], ["/dev/null"], true);
    writeAll([{ path: "/dev/null", text: "x" }], true);
    expect(statSync("/dev/null").isCharacterDevice()).to.equal(true);
  });
});
