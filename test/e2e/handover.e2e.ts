import { expect } from "chai";
import { onEachEngine } from "./engines";
import { isFull } from "./full";
import { checkpoint, stepsOf, texts, type World } from "./world";

const args = (rest: string) => `{ fineTunedModelCheckpoint: "${checkpoint}", ${rest} }`;
const single = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", ${args(`projectId: "${project}"`)}, ${options});`;
const set = (name: string, projects: string, options = "") =>
  `new CheckpointPermissions("${name}", ${args(`projectIds: ${projects}${options}`)});`;

/**
 * A neighbour that takes a while, or fails, or is slow to compare. Its handler is plain text, since each run would take a
 * second to serialise it.
 */
const neighbour = `
  class Neighbour extends pulumi.CustomResource {
    constructor(name, { fails = false, createTakes = 0, diffTakes = 0 } = {}) {
      const __provider = \`
        const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
        exports.handler = () => ({
          async create() {
            await sleep(\${createTakes});
            if (\${fails}) throw new Error("the neighbour fails");
            return { id: "there", outs: { project: "proj_made" } };
          },
          async diff() { await sleep(\${diffTakes}); return { changes: false }; },
        });\`;
      super("pulumi-nodejs:dynamic:Resource", name, { project: undefined, __provider });
    }
  }
`;
const failing = `${neighbour} const failing = new Neighbour("failing", { fails: true });`;
const continueOnError = { continueOnError: true };

onEachEngine("what changes hands", function (createWorld) {
  async function declared(...programs: string[]): Promise<World> {
    const world = await createWorld({ repeatedPost: "duplicate" });
    for (const program of programs) {
      await world.program(program);
      await world.runs("up");
    }
    world.api.takeRequests();
    return world;
  }

  it("stays on record when the renamed resource depends on one that fails, and destroy revokes it", async function () {
    const world = await declared(single("old", "proj_web"));
    await world.program(failing + single("renamed", "proj_web", "{ dependsOn: [failing] }"));
    const up = await world.run("up", continueOnError);
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("The program still gives proj_web access").and.to.include("Fix that resource");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees(["proj_web"]);

    await world.program(neighbour + single("renamed", "proj_web"));
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal([]);
    expect(Object.keys(await world.recorded())).to.deep.equal(["renamed"]);
    await world.runs("destroy");
    await world.assertAgrees([]);
  });

  it("stays on record when two resources swap their projects and one of the creates fails", async function () {
    const world = await declared(single("a", "proj_1") + single("b", "proj_2"));
    await world.program(failing + single("a", "proj_2") + single("b", "proj_1", "{ dependsOn: [failing] }"));
    const up = await world.run("up", continueOnError);
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("The program still gives proj_1 access");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees(["proj_1", "proj_2"]);

    await world.program(single("a", "proj_2") + single("b", "proj_1"));
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal([]);
    expect((await world.runs("preview")).counts).to.deep.equal({ same: 2 });
    await world.assertAgrees(["proj_1", "proj_2"]);
  });

  it("is revoked at the latest in the next run when an ignored change and a forced replacement meet", async function () {
    const world = await createWorld();
    if (world.engine.kind === "miniature") this.skip();
    await world.program(single("web", "proj_old", "{ replacementTrigger: 1 }"));
    await world.runs("up");
    await world.program(single("web", "proj_new", `{ replacementTrigger: 2, ignoreChanges: ["projectId"] }`));
    await world.run("up");
    await world.runs("up");
    const [recorded] = Object.values(await world.recorded());
    await world.assertAgrees([String(recorded?.project)]);
    await world.runs("destroy");
    await world.assertAgrees([]);
  });

  it("loses nobody when a set is renamed while one element of its list has failed", async function () {
    const world = await declared(set("old", `["proj_a", "proj_b"]`));
    await world.program(failing + set("renamed", `[failing.project, "proj_b"]`));
    const up = await world.run("up", continueOnError);
    expect(up.ok).to.equal(false);
    expect(texts(up), up.output).to.include("still gives 2 projects access");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees(["proj_a", "proj_b"]);
  });

  it("stays, with no write, when a project moves from a set to a resource that comes late", async function () {
    const slow = Array.from({ length: 5 }, (_, index) => `new Neighbour("n${index}", { diffTakes: 250 });`).join("\n");
    const world = await declared(neighbour + slow + set("team", `["proj_a", "proj_b"]`));
    const moved =
      neighbour +
      set("team", `["proj_a"]`) +
      slow +
      `const late = new Neighbour("late", { createTakes: 1500 });` +
      single("b", "proj_b", "{ dependsOn: [late] }");
    await world.program(moved);
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees(["proj_a", "proj_b"]);
    const preview = await world.runs("preview");
    expect(Object.keys(preview.counts)).to.deep.equal(["same"]);
    expect(texts(preview)).not.to.include("proj_b");

    await world.program(neighbour + set("team", `["proj_a"]`) + slow);
    await world.runs("up");
    await world.assertAgrees(["proj_a"]);
    expect(Object.keys((await world.runs("preview")).counts)).to.deep.equal(["same"]);
  });

  it("stays on the set's record when what the single resource depends on fails", async function () {
    const world = await declared(set("team", `["proj_a", "proj_b"]`));
    await world.program(failing + set("team", `["proj_a"]`) + single("b", "proj_b", "{ dependsOn: [failing] }"));
    expect((await world.run("up", continueOnError)).ok).to.equal(false);
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees(["proj_a", "proj_b"]);
    await world.program(set("team", `["proj_a"]`));
    await world.runs("up");
    await world.assertAgrees(["proj_a"]);
  });

  for (const exclusive of isFull ? [false, true] : [true]) {
    it(`is reported truly, and revoked once, when three single resources become ${exclusive ? "an exclusive" : "a"} set of two, and back`, async function () {
      const three = ["a", "b", "c"].map((name) => single(name, `proj_${name}`)).join("");
      const world = await declared(three);
      const two = set("team", `["proj_a", "proj_b"]`, exclusive ? ", exclusive: true" : "");
      await world.program(two);
      const preview = texts(await world.runs("preview"));
      expect(preview).not.to.include("Drift").and.not.to.include("Adopted");
      if (exclusive) expect(preview).to.match(/proj_c \(cp_\w+\) has access to .* but is not on the exclusive list/);
      const up = await world.runs("up");
      expect(texts(up)).not.to.include("Drift");
      expect(world.takeWrites()).to.deep.equal(["DELETE"]);
      await world.assertAgrees(["proj_a", "proj_b"]);
      expect((await world.runs("preview")).counts).to.deep.equal({ same: 1 });

      await world.program(three);
      expect(texts(await world.runs("up"))).not.to.include("Drift");
      expect(world.takeWrites()).to.deep.equal(["POST proj_c"]);
      await world.assertAgrees(["proj_a", "proj_b", "proj_c"]);
    });
  }

  it("is kept by a forced replacement, in neutral words", async function () {
    const world = await declared(single("web", "proj_web", "{ replacementTrigger: 1 }"));
    const { id } = (await world.recorded())["web"]!;
    await world.program(single("web", "proj_web", "{ replacementTrigger: 2 }"));
    const said = texts(await world.runs("up"));
    expect(said).not.to.include("Adopted").and.not.to.include("from now on");
    expect(world.takeWrites()).to.deep.equal([]);
    expect((await world.recorded())["web"]!.id).to.equal(id);
  });

  it("is refused to whoever may adopt nothing, with the way out, and stays", async function () {
    const world = await declared(single("old", "proj_web"));
    world.config["openai-checkpoint-permissions:adoptExisting"] = "false";
    await world.program(single("renamed", "proj_web"));
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("a rename, a move or a forced").and.to.include("adoptExisting true");
    await world.assertAgrees(["proj_web"]);
    world.config["openai-checkpoint-permissions:adoptExisting"] = "true";
    await world.runs("up");
    await world.assertAgrees(["proj_web"]);
  });

  it("says in a set's preview who loses access and who gains it, whatever Pulumi's own diff shows", async function () {
    const world = await declared(set("team", `["proj_data", "proj_mobile"]`));
    await world.program(set("team", `["proj_data", "proj_web"]`));
    const preview = await world.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["update team"]);
    expect(texts(preview))
      .to.match(/^proj_mobile \(cp_\w+\) loses access to ft:/m)
      .and.to.match(/^proj_web gains access to ft:/m);
  });

  it("of a set is reported in one line when the set is renamed", async function () {
    const projects = JSON.stringify(Array.from({ length: 30 }, (_, index) => `proj_${index}`));
    const world = await declared(set("old", projects));
    await world.program(set("renamed", projects));
    const { messages } = await world.runs("up");
    expect(messages.filter(({ text }) => text.startsWith("Kept"))).to.have.length(1);
    expect(messages.find(({ text }) => text.startsWith("Kept"))!.text).to.match(/and 27 more: .* and 27 more access/);
    expect(world.takeWrites()).to.deep.equal([]);
  });
});
