import { statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { MiniatureEngine } from "../../sandbox/miniature";
import { findPulumi } from "../../sandbox/pulumi";
import type { Engine } from "../../sandbox/engines";
import { inOwnProcesses } from "./engines";
import { checkpoint, stepsOf, texts, Scenario } from "./scenario";

const args = (project: string) => `{ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: ${project} }`;

/** A dynamic provider as a tutorial would write it, which may create its resource only partially. */
const flaky = `
  class Flaky extends pulumi.dynamic.Resource {
    constructor(name, fails, opts) {
      super({
        async create({ fails }) {
          if (!fails) return { id: "made", outs: { fails } };
          throw Object.assign(new Error("half made"), { id: "half", properties: { fails }, reasons: ["it is half made"] });
        },
        async diff() { return { changes: false }; },
        async update(id, olds, { fails }) { return { outs: { fails, updated: true } }; },
      }, name, { fails }, opts);
    }
  }`;

inOwnProcesses.onEachEngine("engine behavior", function (createScenario) {
  it("a partially created resource is recorded, and the next up updates it", async function () {
    const scenario = await createScenario();
    await scenario.program(`${flaky} new Flaky("flaky", true);`);
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    const recorded = async () => (await scenario.all()).find(({ type }) => type === "pulumi-nodejs:dynamic:Resource");
    expect(await recorded()).to.deep.include({ id: "half", initErrors: ["it is half made"] });

    await scenario.program(`${flaky} new Flaky("flaky", false);`);
    expect(stepsOf(await scenario.runs("up"))).to.deep.equal(["update flaky"]);
    expect((await recorded())?.outputs).to.include({ updated: true });
    expect((await recorded())?.initErrors ?? []).to.deep.equal([]);
  });

  it("a failed step and a forced replacement cause the same provider calls on each engine", async function () {
    const scenario = await createScenario();
    // One trigger is in state, the other changes.
    const program = (trigger: number, fails: boolean) =>
      scenario.program(`
        class Logged extends pulumi.dynamic.Resource {
          constructor(name, fails, opts) {
            const log = (call, text = "") => console.log("[" + call + " " + name + text + "]");
            super({
              async check(olds, news) { log("check", olds.__provider ? " again" : ""); return { inputs: news }; },
              async diff() { log("diff"); return { changes: false }; },
              async create({ fails }) { log("create"); if (fails) throw new Error("it fails"); return { id: name, outs: {} }; },
              async delete() { log("delete"); },
            }, name, { fails, list: opts.list }, opts);
          }
        }
        const failing = new Logged("failing", ${String(fails)}, { replacementTrigger: ${trigger} });
        new Logged("dependent", false, { dependsOn: [failing], list: [failing.id, "b"] });
        new Logged("forced", false, { replacementTrigger: ${trigger} });`);
    const calls = async (options = {}) => {
      return [...texts(await scenario.run("up", options)).matchAll(/\[((?:check|diff|create|delete) [\w ]+)\]/g)]
        .map(([, call]) => call)
        .sort();
    };
    await program(1, false);
    expect(await calls()).to.deep.equal([
      ...["check dependent", "check failing", "check forced"],
      ...["create dependent", "create failing", "create forced"],
    ]);
    await program(2, true);
    expect(await calls({ continueOnError: true })).to.deep.equal([
      ...["check dependent again", "check failing", "check failing again", "check forced", "check forced again"],
      ...["create failing", "create forced", "delete forced", "diff dependent"],
    ]);
  });

  it("dependents are deleted first, and components together with their children", async function () {
    const scenario = await createScenario();
    await scenario.program(`
      class Group extends pulumi.ComponentResource { constructor(name) { super("test:index:Group", name); } }
      const group = new Group("group");
      const first = new CheckpointPermission("first", ${args(`"proj_1"`)}, { parent: group });
      new CheckpointPermission("second", ${args(`"proj_2"`)}, { dependsOn: [first] });`);
    await scenario.runs("up");
    const ids = await scenario.recorded();
    scenario.api.takeRequests();
    await scenario.program("");
    const up = await scenario.runs("up");
    expect(up.counts).to.include({ delete: 3 });
    const deletes = scenario.api.takeRequests().filter(({ method }) => method === "DELETE");
    expect(deletes.map(({ path }) => path.split("/").at(-1))).to.deep.equal([ids["second"]!.id, ids["first"]!.id]);
  });

  it("the program gets its config, and no secret of it is stored in plain text", async function () {
    const scenario = await createScenario();
    scenario.config["scenario:project"] = "proj_from_config";
    scenario.config["scenario:token"] = { secret: "a-secret-of-the-program" };
    await scenario.program(`
      const config = new pulumi.Config();
      if (!config.require("token").endsWith("of-the-program")) throw new Error("no token");
      new CheckpointPermission("web", ${args('config.require("project")')});`);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_from_config"]);
    expect(await scenario.files()).not.to.include("a-secret-of-the-program");
  });

  it("a hundred permissions take at most 20 POSTs, and a preview of them one GET", async function () {
    const scenario = await createScenario();
    const declared = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`p${index}`, `proj_${index}`]));
    await scenario.declare(declared);
    await scenario.runs("up", { parallel: 20 });
    const methods = scenario.api.takeRequests().map(({ method }) => method);
    // Five where nothing else is running; on a busy machine they come with longer gaps.
    expect(methods.filter((method) => method === "POST").length).to.be.at.most(20);
    expect(methods.filter((method) => method === "GET").length).to.be.at.most(2);
    await scenario.runs("preview");
    expect(scenario.api.takeRequests()).to.have.length(1);
  });
});

describe("the miniature engine", function () {
  const scenarios: Scenario[] = [];
  async function createScenario(engine: Engine = new MiniatureEngine()): Promise<Scenario> {
    const scenario = await Scenario.create(engine);
    scenarios.push(scenario);
    return scenario;
  }
  afterEach(async function () {
    for (const scenario of scenarios.splice(0)) await scenario.remove();
  });

  const refused: Record<string, string> = {
    aliases: `{ aliases: [{ name: "old" }] }`,
    protect: `{ protect: true }`,
    retainOnDelete: `{ retainOnDelete: true }`,
    ignoreChanges: `{ ignoreChanges: ["projectId"] }`,
    transforms: `{ transforms: [({ props, opts }) => ({ props, opts })] }`,
    customTimeouts: `{ customTimeouts: { create: "5m" } }`,
  };
  it("the miniature engine refuses unsupported features by name before it changes anything", async function () {
    const scenario = await createScenario();
    for (const [option, options] of Object.entries(refused)) {
      await scenario.declare({ first: "proj_1", second: { project: "proj_2", options } });
      const up = await scenario.run("up", { skipPreview: false });
      expect(up.ok, option).to.equal(false);
      expect(texts(up)).to.include(
        `The miniature engine does not do ${option}; the Pulumi CLI does. Nothing was changed.`,
      );
    }
    const programs: Record<string, string> = {
      "other providers (random:index:Id)": `new pulumi.CustomResource("random:index:Id", "r", {});`,
      import: `new pulumi.CustomResource("pulumi-nodejs:dynamic:Resource", "r", {}, { import: "an ID" });`,
      "secrets in inputs": `new CheckpointPermission("web", ${args('pulumi.secret("proj_2")')});`,
      "invokes (functions of providers)": `pulumi.runtime.invoke("random:index:get", {});`,
    };
    for (const [what, program] of Object.entries(programs)) {
      await scenario.program(`new CheckpointPermission("first", ${args(`"proj_1"`)});\n${program}`);
      const up = await scenario.run("up", { skipPreview: false });
      expect(up.ok, what).to.equal(false);
      expect(texts(up)).to.include(`does not do ${what};`);
    }
    expect(scenario.api.requests).to.deep.equal([]);
    expect(await scenario.all()).to.deep.equal([]);
  });

  it("the miniature engine's state file is readable by its owner only", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    expect(statSync(join(scenario.project.stateFolder, "test.json")).mode & 0o777).to.equal(0o600);
  });

  it("each engine imports the other's state and finds nothing to change", async function () {
    const pulumi = await findPulumi();
    if ("reason" in pulumi) this.skip();
    for (const [from, to] of [
      [new MiniatureEngine(), pulumi],
      [pulumi, new MiniatureEngine()],
    ] as const) {
      const source = await createScenario(from);
      const declared = { web: "proj_web", data: "proj_data" };
      await source.declare(declared);
      await source.runs("up");
      const target = await createScenario(to);
      target.config = source.config;
      await target.declare(declared);
      await target.engine.importState({ ...target.project, config: target.config }, await source.export());
      expect(stepsOf(await target.runs("preview"))).to.deep.equal(["same data", "same web"]);
      // Only the engine that encrypted a secret can decrypt it; an up brings the other engine's.
      await target.runs("up");
      await target.runs("destroy");
      expect(source.api.permissions(checkpoint)).to.deep.equal([]);
    }
  });
});
