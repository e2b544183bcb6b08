import { expect } from "chai";
import { inOwnProcesses, onEachEngine, type CreateScenario } from "./engines";
import { isFull } from "./full";
import { checkpoint, stepsOf, texts, type Scenario } from "./scenario";

const args = (rest: string) => `{ fineTunedModelCheckpoint: "${checkpoint}", ${rest} }`;
const permission = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", ${args(`projectId: "${project}"`)}, ${options});`;
const set = (name: string, projects: string, options = "") =>
  `new CheckpointPermissionSet("${name}", ${args(`projectIds: ${projects}${options}`)});`;

/**
 * Another resource, which takes a while, or fails, or is slow to compare. Its handler is plain text, because serialising it
 * would cost each run a second.
 */
const otherResource = `
  class Other extends pulumi.CustomResource {
    constructor(name, { fails = false, createTakes = 0, diffTakes = 0 } = {}) {
      const __provider = \`
        const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
        exports.handler = () => ({
          async create() {
            await sleep(\${createTakes});
            if (\${fails}) throw new Error("the other resource fails");
            return { id: "there", outs: { project: "proj_made" } };
          },
          async diff() { await sleep(\${diffTakes}); return { changes: false }; },
        });\`;
      super("pulumi-nodejs:dynamic:Resource", name, { project: undefined, __provider });
    }
  }
`;
const failing = `${otherResource} const failing = new Other("failing", { fails: true });`;
const continueOnError = { continueOnError: true };

async function declared(createScenario: CreateScenario, program: string): Promise<Scenario> {
  const scenario = await createScenario({ repeatedPost: "duplicate" });
  await scenario.program(program);
  await scenario.runs("up");
  scenario.api.takeRequests();
  return scenario;
}

inOwnProcesses.onEachEngine("adoption beside other resources", function (createScenario) {
  it("the old resource and its access stay if the renamed one is skipped after a failure", async function () {
    const scenario = await declared(createScenario, permission("old", "proj_web"));
    await scenario.program(failing + permission("renamed", "proj_web", "{ dependsOn: [failing] }"));
    const up = await scenario.run("up", continueOnError);
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.include("Cannot revoke the access of proj_web")
      .and.to.include("the program still declares it");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_web"]);

    await scenario.program(otherResource + permission("renamed", "proj_web"));
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect(Object.keys(await scenario.recorded())).to.deep.equal(["renamed"]);
    await scenario.runs("destroy");
    await scenario.assertAgrees([]);
  });

  it("a swap of two projects keeps both permissions if one of the creates is skipped", async function () {
    const scenario = await declared(createScenario, permission("a", "proj_1") + permission("b", "proj_2"));
    await scenario.program(failing + permission("a", "proj_2") + permission("b", "proj_1", "{ dependsOn: [failing] }"));
    const up = await scenario.run("up", continueOnError);
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("Cannot revoke the access of proj_1");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_1", "proj_2"]);

    await scenario.program(permission("a", "proj_2") + permission("b", "proj_1"));
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 2 });
    await scenario.assertAgrees(["proj_1", "proj_2"]);
  });

  it("the next up after ignoreChanges plus a forced replacement leaves only what is in state", async function () {
    const scenario = await createScenario();
    if (scenario.engine.kind === "miniature") this.skip();
    await scenario.program(permission("web", "proj_old", "{ replacementTrigger: 1 }"));
    await scenario.runs("up");
    await scenario.program(permission("web", "proj_new", `{ replacementTrigger: 2, ignoreChanges: ["projectId"] }`));
    await scenario.run("up");
    await scenario.runs("up");
    const [recorded] = Object.values(await scenario.recorded());
    await scenario.assertAgrees([String(recorded?.project)]);
    await scenario.runs("destroy");
    await scenario.assertAgrees([]);
  });

  it("no project loses access if a set is renamed while an element of its list has failed", async function () {
    const scenario = await declared(createScenario, set("old", `["proj_a", "proj_b"]`));
    await scenario.program(failing + set("renamed", `[failing.project, "proj_b"]`));
    const up = await scenario.run("up", continueOnError);
    expect(up.ok).to.equal(false);
    expect(texts(up), up.output).to.include("Cannot revoke the access of 2 projects");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_a", "proj_b"]);
  });

  it("a project that moves from a set to a permission created late keeps access with no write", async function () {
    const slow = Array.from({ length: 5 }, (_, index) => `new Other("n${index}", { diffTakes: 250 });`).join("\n");
    const scenario = await declared(createScenario, otherResource + slow + set("team", `["proj_a", "proj_b"]`));
    const moved =
      otherResource +
      set("team", `["proj_a"]`) +
      slow +
      `const late = new Other("late", { createTakes: 1500 });` +
      permission("b", "proj_b", "{ dependsOn: [late] }");
    await scenario.program(moved);
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_a", "proj_b"]);
    const preview = await scenario.runs("preview");
    expect(Object.keys(preview.counts)).to.deep.equal(["same"]);
    expect(texts(preview)).not.to.include("proj_b");

    await scenario.program(otherResource + set("team", `["proj_a"]`) + slow);
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_a"]);
    expect(Object.keys((await scenario.runs("preview")).counts)).to.deep.equal(["same"]);
  });

  it("two copies of the package in one program know what each declares", async function () {
    const scenario = await declared(createScenario, set("team", `["proj_a", "proj_b"]`));
    // Each copy has modules of its own, as where a component package brings it along.
    const inOtherCopy = (body: string) => `{
      for (const file of Object.keys(require.cache)) if (file.includes("/provider/dist/")) delete require.cache[file];
      const { CheckpointPermission } = require("pulumi-openai-checkpoint-permissions");
      ${body}
    }`;
    await scenario.program(
      otherResource +
        set("team", `["proj_a"]`) +
        inOtherCopy(
          `const late = new Other("late", { createTakes: 1500 });` + permission("b", "proj_b", "{ dependsOn: [late] }"),
        ),
    );
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_a", "proj_b"]);
  });

  it("a set keeps a permission in state if the resource that is to adopt it is skipped", async function () {
    const scenario = await declared(createScenario, set("team", `["proj_a", "proj_b"]`));
    await scenario.program(failing + set("team", `["proj_a"]`) + permission("b", "proj_b", "{ dependsOn: [failing] }"));
    expect((await scenario.run("up", continueOnError)).ok).to.equal(false);
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_a", "proj_b"]);
    await scenario.program(set("team", `["proj_a"]`));
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_a"]);
  });
});

onEachEngine("adoption", function (createScenario) {
  for (const exclusive of isFull ? [false, true] : [true]) {
    it(`moving three permissions to ${exclusive ? "an exclusive" : "a"} set of two and back shows no drift and revokes once`, async function () {
      const three = ["a", "b", "c"].map((name) => permission(name, `proj_${name}`)).join("");
      const scenario = await declared(createScenario, three);
      const two = set("team", `["proj_a", "proj_b"]`, exclusive ? ", exclusive: true" : "");
      await scenario.program(two);
      const preview = texts(await scenario.runs("preview"));
      expect(preview).not.to.include("Drift").and.not.to.include("Adopted");
      if (exclusive) expect(preview).to.match(/proj_c \(cp_\w+\) has access to .* but is not on the exclusive list/);
      const up = await scenario.runs("up");
      expect(texts(up)).not.to.include("Drift");
      expect(scenario.takeWrites()).to.deep.equal(["DELETE"]);
      await scenario.assertAgrees(["proj_a", "proj_b"]);
      expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 1 });

      await scenario.program(three);
      expect(texts(await scenario.runs("up"))).not.to.include("Drift");
      expect(scenario.takeWrites()).to.deep.equal(["POST proj_c"]);
      await scenario.assertAgrees(["proj_a", "proj_b", "proj_c"]);
    });
  }

  it("a forced replacement keeps the permission and reports no adoption", async function () {
    const scenario = await declared(createScenario, permission("web", "proj_web", "{ replacementTrigger: 1 }"));
    const { id } = (await scenario.recorded())["web"]!;
    await scenario.program(permission("web", "proj_web", "{ replacementTrigger: 2 }"));
    const said = texts(await scenario.runs("up"));
    expect(said).not.to.include("Adopted").and.not.to.include("from now on");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect((await scenario.recorded())["web"]!.id).to.equal(id);
  });

  it("a rename with adoptExisting false fails, keeps access and says what to do", async function () {
    const scenario = await declared(createScenario, permission("old", "proj_web"));
    scenario.config["openai-checkpoint-permissions:adoptExisting"] = "false";
    await scenario.program(permission("renamed", "proj_web"));
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("a rename or a forced replacement").and.to.include("adoptExisting true");
    await scenario.assertAgrees(["proj_web"]);
    scenario.config["openai-checkpoint-permissions:adoptExisting"] = "true";
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_web"]);
  });

  it("a preview of a set says which projects gain and lose access", async function () {
    const scenario = await declared(createScenario, set("team", `["proj_data", "proj_mobile"]`));
    await scenario.program(set("team", `["proj_data", "proj_web"]`));
    const preview = await scenario.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["update team"]);
    expect(texts(preview))
      .to.match(/^proj_mobile \(cp_\w+\) loses access to ft:/m)
      .and.to.match(/^proj_web gains access to ft:/m);
  });

  it("renaming a set of 30 projects reports the kept permissions in one line", async function () {
    const projects = JSON.stringify(Array.from({ length: 30 }, (_, index) => `proj_${index}`));
    const scenario = await declared(createScenario, set("old", projects));
    await scenario.program(set("renamed", projects));
    const { messages } = await scenario.runs("up");
    expect(messages.filter(({ text }) => text.startsWith("Kept"))).to.have.length(1);
    expect(messages.find(({ text }) => text.startsWith("Kept"))!.text).to.match(/and 27 more: .* and 27 more;/);
    expect(scenario.takeWrites()).to.deep.equal([]);
  });
});
