import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { placeOf, readStacks } from "../../provider/cli/stack";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { exportOf, resourceOf, setOf, singleOf } from "../support/stack";

const mark = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

describe("a stack's export", function () {
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

  it("gives singles and sets, of either door, of many stacks", async function () {
    const permission = { id: "cp_2", projectId: "proj_b", createdAt: 2 };
    const native = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_c", createdAt: 3 };
    const recorded = await read(
      exportOf(
        { urn: "urn:pulumi:dev::acme::pulumi:pulumi:Stack::acme-dev", type: "pulumi:pulumi:Stack" },
        singleOf("web", "proj_a", "cp_1"),
        setOf("team", ["proj_b"], [permission]),
      ),
      exportOf(resourceOf("permission", "ios", native, { id: "cp_3" }, "native")),
    );
    expect(
      recorded.map(({ projectId, recorded: one, urn }) => [placeOf(urn).name, projectId, one?.id, one?.createdAt]),
    ).to.deep.equal([
      ["web", "proj_a", "cp_1", 1],
      ["team", "proj_b", "cp_2", 2],
      ["ios", "proj_c", "cp_3", 3],
    ]);
  });

  it("is empty for a stack that was never brought up", async function () {
    expect(await read(JSON.stringify({ version: 3, deployment: { manifest: {} } }))).to.deep.equal([]);
  });

  it("gives a project of a set that was not granted yet, and marks what is about to go", async function () {
    const leaving = { id: "cp_2", projectId: "proj_b", createdAt: 2 };
    const recorded = await read(
      exportOf(
        setOf("team", ["proj_a"], [leaving]),
        singleOf("old", "proj_c", "cp_3", { delete: true }),
        singleOf("seen", "proj_d", "cp_4", { external: true }),
        singleOf("deleted", "proj_e", "cp_5", { pendingReplacement: true }),
      ),
    );
    expect(recorded.map(({ projectId, recorded: one, isLeaving }) => [projectId, one?.id, isLeaving])).to.deep.equal([
      ["proj_a", undefined, false],
      ["proj_b", "cp_2", true],
      ["proj_c", "cp_3", true],
    ]);
  });

  it("reads secrets that it shows, and names what it hides", async function () {
    const outputs = { fineTunedModelCheckpoint: checkpoint, createdAt: 1 };
    const shown = { ...outputs, projectId: { ...mark, plaintext: '"proj_a"' } };
    expect(await read(exportOf(resourceOf("permission", "web", shown, { id: "cp_1" })))).to.have.length(1);
    const hidden = { ...outputs, projectId: { ...mark, ciphertext: "v1:abc" } };
    const error = await failureOf(read(exportOf(resourceOf("permission", "web", hidden, { id: "cp_1" }))));
    expect(error.message).to.match(/web in acme\/dev has secret inputs.*--show-secrets/);
  });

  it("is read as PowerShell writes it", async function () {
    const text = exportOf(singleOf("web", "proj_a", "cp_1"));
    expect(await read(`\uFEFF${text}`)).to.have.length(1);
    const file = join(folder, "utf16.json");
    writeFileSync(file, Buffer.from(`\uFEFF${text}`, "utf16le"));
    expect(await readStacks([file])).to.have.length(1);
  });

  for (const [what, text, why] of [
    ["an empty file", " ", "it is empty"],
    ["text", "nope", "it is not JSON"],
    ["other JSON", '{"resources": []}', "version is missing"],
    ["a list", "[]", "version is missing"],
  ] as const) {
    it(`is not taken for one: ${what}`, async function () {
      const error = await failureOf(read(text));
      expect(error.message)
        .to.match(/0\.json is not what `pulumi stack export` gives: /)
        .and.to.include(why);
    });
  }

  it("names a resource whose state is broken", async function () {
    const error = await failureOf(read(exportOf(resourceOf("permission", "web", { projectId: 7 }))));
    expect(error.message).to.match(/the state of web in acme\/dev cannot be read: fineTunedModelCheckpoint is missing/);
  });
});
