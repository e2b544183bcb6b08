import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { byNativePlugin } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

const args = (project: string) => `{ fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}" }`;
const permission = (name: string, project: string, options = "{}", from = "native") =>
  `new ${from}.CheckpointPermission("${name}", ${args(project)}, ${options});\n`;
const set = (projects: string[], more = "", from = "native") =>
  `new ${from}.CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)}${more} });\n`;

/** A program that has both entry points in scope. */
function program(scenario: Scenario, body: string): Promise<void> {
  return scenario.write(`
    const pulumi = require("@pulumi/pulumi");
    const dynamic = require("pulumi-openai-checkpoint-permissions");
    const native = require(${JSON.stringify(resolve("test/e2e/native-sdk.cjs"))});
    ${body}`);
}

byNativePlugin("several provider processes in one deployment", function (createScenario) {
  async function upWith(body: string): Promise<Scenario> {
    const scenario = await createScenario();
    await program(scenario, body);
    await scenario.runs("up");
    scenario.takeWrites();
    return scenario;
  }

  /** Runs an `up` that must not write. */
  async function movesWithoutWrite(scenario: Scenario, body: string): Promise<void> {
    const before = scenario.api.permissions(checkpoint);
    await program(scenario, body);
    const up = await scenario.runs("up");
    expect(scenario.takeWrites(), up.output).to.deep.equal([]);
    expect(scenario.api.permissions(checkpoint)).to.deep.equal(before);
    const inState = (await scenario.all()).flatMap(({ id, outputs }) => {
      const rows = outputs?.["permissions"] as { id: string }[] | undefined;
      return rows?.map((row) => row.id) ?? (id?.startsWith("cp_") ? [id] : []);
    });
    expect([...new Set(inState)].sort()).to.deep.equal(before.map(({ id }) => id).sort());
    // What a set kept for another resource may need one more update, which writes nothing either.
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect((await scenario.runs("preview", {})).counts).to.have.all.keys("same");
  }

  it("an SDK upgrade and a rename in one up send no write", async function () {
    const scenario = await upWith(permission("web", "proj_web", `{ version: "0.1.0" }`));
    await movesWithoutWrite(scenario, permission("site", "proj_web", `{ version: "0.2.0" }`));
  });

  for (const [harm, strike] of [
    ["is removed", "fs.rmSync(file)"],
    ["is truncated", "fs.truncateSync(file)"],
    ["cannot be written", "fs.chmodSync(file, 0o400)"],
  ] as const) {
    it(`an SDK upgrade and a rename in one up take no access away, although the shared file ${harm} meanwhile`, async function () {
      const scenario = await createScenario();
      scenario.env = { TMPDIR: join(scenario.folder, "tmp") };
      await mkdir(scenario.env["TMPDIR"]!);
      await program(scenario, permission("web", "proj_web", `{ version: "0.1.0" }`));
      await scenario.runs("up");
      const before = scenario.api.permissions(checkpoint);
      scenario.takeWrites();
      // The process that deletes for the older version starts after this.
      const harmer = `
        const site = ${permission("site", "proj_web", `{ version: "0.2.0" }`)}
        const create = async () => {
          const fs = require("node:fs");
          const { tmpdir } = require("node:os");
          for (const folder of fs.readdirSync(tmpdir()).filter((name) => name.startsWith("pulumi-openai-"))) {
            for (const name of fs.readdirSync(tmpdir() + "/" + folder)) {
              const file = tmpdir() + "/" + folder + "/" + name;
              ${strike};
            }
          }
          return { id: "done", outs: {} };
        };
        new (class extends pulumi.dynamic.Resource {})({ create }, "harmer", {}, { dependsOn: site });`;
      await program(scenario, harmer);
      const up = await scenario.run("up");
      expect(scenario.takeWrites(), up.output).to.deep.equal([]);
      expect(scenario.api.permissions(checkpoint)).to.deep.equal(before);
      if (harm === "cannot be written")
        expect(texts(up)).to.match(/Kept cp_|is not known, because the provider processes/);
      else expect(texts(up)).to.include("Kept cp_");
    });
  }

  it("two providers between which two permissions swap projects send no write", async function () {
    const providers = `
      const one = new native.Provider("one", { adminApiKey: pulumi.secret(process.env.KEY), baseUrl: process.env.URL });
      const two = new native.Provider("two", { adminApiKey: pulumi.secret(process.env.KEY), baseUrl: process.env.URL });`;
    const scenario = await createScenario();
    scenario.env = { KEY: scenario.api.adminKey, URL: scenario.api.url };
    const with_ = (first: string, second: string) =>
      providers + permission("a", first, "{ provider: one }") + permission("b", second, "{ provider: two }");
    await program(scenario, with_("proj_1", "proj_2"));
    await scenario.runs("up");
    scenario.takeWrites();
    await movesWithoutWrite(scenario, with_("proj_2", "proj_1"));
  });

  it("a permission that moves to another provider under another name sends no write", async function () {
    const scenario = await createScenario();
    scenario.env = { KEY: scenario.api.adminKey, URL: scenario.api.url };
    const provider = `const one = new native.Provider("one", { adminApiKey: pulumi.secret(process.env.KEY), baseUrl: process.env.URL });`;
    await program(scenario, provider + permission("web", "proj_web"));
    await scenario.runs("up");
    scenario.takeWrites();
    await movesWithoutWrite(scenario, provider + permission("site", "proj_web", "{ provider: one }"));
  });

  it("a move from dynamic to native with a rename sends no write", async function () {
    const scenario = await upWith(permission("web", "proj_web", "{}", "dynamic"));
    await movesWithoutWrite(scenario, permission("site", "proj_web"));
  });

  for (const order of ["before", "after"]) {
    it(`a dynamic set gives up what a native permission declared ${order} it adopts, without a write`, async function () {
      const scenario = await upWith(set(["proj_a", "proj_b"], "", "dynamic"));
      // The engine checks a resource once those that it depends on are there.
      const before = `const first = ${permission("b", "proj_b")} ${set(["proj_a"], "", "dynamic").replace(" });\n", ` }, { dependsOn: first });`)}`;
      const slow = `
        const create = async () => {
          await new Promise((resolve) => setTimeout(resolve, 3_000));
          return { id: "slow", outs: {} };
        };
        const slow = new (class extends pulumi.dynamic.Resource {})({ create }, "slow", {});`;
      const after = set(["proj_a"], "", "dynamic") + slow + permission("b", "proj_b", "{ dependsOn: slow }");
      await movesWithoutWrite(scenario, order === "before" ? before : after);
    });
  }

  it("the same access through both entry points is an error that names both resources", async function () {
    const scenario = await createScenario();
    await program(scenario, permission("web", "proj_web", "{}", "dynamic") + permission("site", "proj_web"));
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(texts(preview)).to.match(/"(web" and "site|site" and "web)" both give project proj_web access/);
  });

  it("an exclusive set beside a permission of the other entry point is an error that names both", async function () {
    const scenario = await createScenario();
    await program(scenario, set(["proj_a"], ", exclusive: true", "dynamic") + permission("web", "proj_web"));
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(texts(preview)).to.include(`"team" is the exclusive set`).and.to.include(`"web"`);
  });

  it("a failed create in one process keeps the permission that another process is to delete", async function () {
    const scenario = await upWith(permission("web", "proj_web", `{ version: "0.1.0" }`));
    const [row] = scenario.api.permissions(checkpoint);
    await program(scenario, permission("site", "proj_web", `{ version: "0.2.0" }`));
    scenario.config["openai:driftDetection"] = "false";
    scenario.api.fail({ method: "GET", times: Infinity, kind: { status: 403 } });
    const up = await scenario.run("up", { continueOnError: true });
    expect(up.ok).to.equal(false);
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([row]);
    expect((await scenario.all()).map(({ id }) => id)).to.include(row!.id);
  });
});
