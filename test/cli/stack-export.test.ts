import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { assertNoneEmpty, placeOf, readStacks } from "../../provider/cli/stack-export";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { exportOf, resourceOf, setOf, permissionOf } from "../support/stack";

const mark = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

describe("Stack exports", function () {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "checkpoint-permissions-export-"))));
  after(() => rmSync(folder, { recursive: true }));

  async function read(...texts: string[]) {
    const files = texts.map((text, index) => {
      const file = join(folder, `${index}.json`);
      writeFileSync(file, text);
      return file;
    });
    return readStacks(files);
  }

  it("exports of several stacks yield dynamic and native permissions and sets", async function () {
    const permission = { id: "cp_2", projectId: "proj_b", createdAt: 2 };
    const native = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_c", createdAt: 3 };
    const { recorded } = await read(
      exportOf(
        { urn: "urn:pulumi:dev::acme::pulumi:pulumi:Stack::acme-dev", type: "pulumi:pulumi:Stack" },
        permissionOf("web", "proj_a", "cp_1"),
        setOf("team", ["proj_b"], [permission]),
      ),
      exportOf(resourceOf("permission", "ios", native, { id: "cp_3" }, "native")),
    );
    expect(
      recorded.map(({ id, projectId, createdAt, urn: of }) => [placeOf(of).name, projectId, id, createdAt]),
    ).to.deep.equal([
      ["web", "proj_a", "cp_1", 1],
      ["team", "proj_b", "cp_2", 2],
      ["ios", "proj_c", "cp_3", 3],
    ]);
  });

  it("the export of a stack that was never deployed yields nothing", async function () {
    const { recorded, pending, stacks } = await read(JSON.stringify({ version: 3, deployment: { manifest: {} } }));
    expect([recorded, pending]).to.deep.equal([[], []]);
    // Named by its file, since nothing in it names it.
    expect(stacks).to.have.lengthOf(1);
  });

  for (const [time, writtenAt] of [
    ["2026-11-27T01:39:51.386213069+01:00", "2026-11-27T00:39:51Z"],
    ["0001-01-01T00:00:00Z", null],
    ["yesterday", null],
    [undefined, null],
  ] as const) {
    it(`an export of ${time ?? "no time"} says ${writtenAt ?? "not"} when its state was written`, async function () {
      const { stacks } = await read(JSON.stringify({ version: 3, deployment: { manifest: { time } } }));
      expect(stacks.map((one) => one.writtenAt)).to.deep.equal([writtenAt]);
    });
  }

  it("an export yields a set's ungranted projects as pending, and marks what is about to leave state", async function () {
    const leaving = { id: "cp_2", projectId: "proj_b", createdAt: 2 };
    const { recorded, pending } = await read(
      exportOf(
        setOf("team", ["proj_a"], [leaving]),
        permissionOf("old", "proj_c", "cp_3", { delete: true }),
        permissionOf("seen", "proj_d", "cp_4", { external: true }),
        permissionOf("deleted", "proj_e", "cp_5", { pendingReplacement: true }),
      ),
    );
    expect(pending.map(({ projectId }) => projectId)).to.deep.equal(["proj_a"]);
    expect(recorded.map(({ projectId, id, isLeaving }) => [projectId, id, isLeaving])).to.deep.equal([
      ["proj_b", "cp_2", true],
      ["proj_c", "cp_3", true],
    ]);
  });

  it("an export with plain secrets is read; hidden secrets are an error naming the resource", async function () {
    const outputs = { fineTunedModelCheckpoint: checkpoint, createdAt: 1 };
    const shown = { ...outputs, projectId: { ...mark, plaintext: '"proj_a"' } };
    expect((await read(exportOf(resourceOf("permission", "web", shown, { id: "cp_1" })))).recorded).to.have.length(1);
    const hidden = { ...outputs, projectId: { ...mark, ciphertext: "v1:abc" } };
    const error = await failureOf(read(exportOf(resourceOf("permission", "web", hidden, { id: "cp_1" }))));
    expect(error.message).to.match(/web in acme\/dev has secret inputs.*--show-secrets/);
  });

  it("an export written by PowerShell is read", async function () {
    const text = exportOf(permissionOf("web", "proj_a", "cp_1"));
    expect((await read(`\uFEFF${text}`)).recorded).to.have.length(1);
    const file = join(folder, "utf16.json");
    for (const mark of ["\uFEFF", ""]) {
      const bytes = Buffer.from(`${mark}${text}`, "utf16le");
      writeFileSync(file, bytes);
      expect((await readStacks([file])).recorded).to.have.length(1);
      writeFileSync(file, bytes.swap16());
      expect((await readStacks([file])).recorded).to.have.length(1);
    }
  });

  it("a stack among several that has none of our permissions is an error naming its file", async function () {
    const bucket = { urn: "urn:pulumi:dev::acme::aws:s3/bucket:Bucket::logs", type: "aws:s3/bucket:Bucket" };
    const none = exportOf(bucket);
    const right = exportOf(permissionOf("web", "proj_a", "cp_1"));
    const pending = exportOf(setOf("team", ["proj_b"], []));
    for (const [texts, isNamed, error] of [
      [
        [right, none],
        false,
        /^No checkpoint permission is in the state of 1 stack: \S+1\.json\. Name the right stack; .*--allow-empty\.$/,
      ],
      [[none, right, none], false, /of 2 stacks: \S+0\.json, \S+2\.json\. /],
      [[right, none], true, /of 1 stack: /],
      [[none], false, /of 1 stack: \S+0\.json\. Name the right stack, or a checkpoint with --checkpoint;/],
      [[none], true, undefined],
      [[right, pending], false, undefined],
    ] as const) {
      const records = await read(...texts);
      const check = () => {
        assertNoneEmpty(records, isNamed);
      };
      if (error === undefined) check();
      else expect(check).to.throw(error);
    }
  });

  for (const [what, outputs] of [
    ["an ID", { projectId: "DEEP" }],
    ["a list of IDs", { projectIds: "DEEP" }],
    ["a time", { createdAt: "DEEP" }],
    ["what is not ours", { other: "DEEP" }],
  ] as const) {
    it(`a state nested 100,000 levels deep in ${what} is read, or refused by name`, async function () {
      const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
      const all = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a", projectIds: [], permissions: [] };
      const kind = "projectIds" in outputs ? "permissionSet" : "permission";
      const text = exportOf(resourceOf(kind, "web", { ...all, ...outputs }, { id: "cp_1" })).replace('"DEEP"', deep);
      const records = await read(text).catch((error: unknown) => error as Error);
      if (records instanceof Error)
        expect(records.message).to.match(/0\.json: the state of web in acme\/dev cannot be read: /);
      else expect(records.recorded).to.have.length(1);
    });
  }

  it("a time that no calendar has is refused by name", async function () {
    const error = await failureOf(
      read(exportOf(permissionOf("web", "proj_a", "cp_1", { outputs: { createdAt: 1e300 } }))),
    );
    expect(error.message).to.match(/the state of web in acme\/dev cannot be read: /);
  });

  it("a folder, a file that gives an error and a file that is not there are refused in a sentence", async function () {
    if (process.platform !== "linux") this.skip();
    for (const [file, why] of [
      [folder, /^Cannot read \S+: illegal operation on a directory\.$/],
      [join(folder, "none"), /: no such file or directory\.$/],
      ["/proc/self/mem", /^Cannot read \/proc\/self\/mem: i\/o error\.$/],
    ] as const) {
      expect((await failureOf(readStacks([file]))).message).to.match(why);
    }
  });

  for (const [what, text, why] of [
    ["an empty file", " ", "it is empty"],
    ["plain text", "nope", "it is not JSON"],
    ["garbage", "\u0000\u001b\ufffd\u0007PK\u0003", "it is not JSON"],
    ["half a file", exportOf(permissionOf("web", "proj_a", "cp_1")).slice(0, -5), "it is not JSON"],
    ["a list without end", "[".repeat(100_000), "it is not JSON"],
    ["a deep list", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "version is missing"],
    ["other JSON", '{"resources": []}', "version is missing"],
    ["a JSON list", "[]", "version is missing"],
  ] as const) {
    it(`${what} is rejected as an export`, async function () {
      const error = await failureOf(read(text));
      expect(error.message)
        .to.match(/0\.json is not what `pulumi stack export` gives: /)
        .and.to.include(why);
    });
  }

  it("the error for broken state names the resource", async function () {
    const error = await failureOf(read(exportOf(resourceOf("permission", "web", { projectId: 7 }))));
    expect(error.message).to.match(/the state of web in acme\/dev cannot be read: fineTunedModelCheckpoint is missing/);
  });
});
