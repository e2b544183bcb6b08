import { expect } from "chai";
import { inOwnProcesses } from "./engines";
import { checkpoint, stepsOf, texts, type Scenario } from "./scenario";

inOwnProcesses.throughEachEntryPoint("Pulumi's resource options", function (createScenario) {
  /** A scenario of an option that the miniature engine refuses by name. */
  async function cli(context: Mocha.Context): Promise<Scenario> {
    const scenario = await createScenario();
    if (scenario.engine.kind === "miniature") context.skip();
    return scenario;
  }

  async function declared(scenario: Scenario, project: string, options: string): Promise<void> {
    await scenario.declare({ web: { project, options } });
  }

  const idOf = async (scenario: Scenario, name = "web") => (await scenario.recorded())[name]!.id!;

  it("protect blocks the repair of a missing permission until a refresh, and blocks destroy", async function () {
    const scenario = await cli(this);
    await declared(scenario, "proj_web", "{ protect: true }");
    await scenario.runs("up");
    scenario.api.revoke(await idOf(scenario));
    expect((await scenario.run("up")).ok).to.equal(false);
    await scenario.runs("refresh");
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    expect((await scenario.run("destroy")).ok).to.equal(false);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("retainOnDelete leaves the permission granted", async function () {
    const scenario = await cli(this);
    await declared(scenario, "proj_web", "{ retainOnDelete: true }");
    await scenario.runs("up");
    await declared(scenario, "proj_shop", "{ retainOnDelete: true }");
    await scenario.runs("up");
    await scenario.runs("destroy");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_shop", "proj_web"]);
  });

  it("ignoreChanges keeps the old project until a missing permission is replaced by the new one", async function () {
    const scenario = await cli(this);
    await declared(scenario, "proj_web", "{}");
    await scenario.runs("up");
    await declared(scenario, "proj_shop", `{ ignoreChanges: ["projectId"] }`);
    expect(stepsOf(await scenario.runs("up"))).to.deep.equal(["same web"]);
    scenario.api.revoke(await idOf(scenario));
    const preview = await scenario.runs("preview");
    const replaced = preview.steps.find(({ op }) => op === "replace");
    expect(replaced?.changes).to.deep.equal([{ property: "projectId", old: "proj_web", new: "proj_shop" }]);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_shop"]);
    expect(await idOf(scenario)).to.equal(scenario.api.permissions(checkpoint)[0]!.id);
  });

  it("a project that one resource keeps by ignoreChanges and another takes is an error that names both", async function () {
    const scenario = await cli(this);
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    await scenario.declare({
      web: { project: "proj_shop", options: `{ ignoreChanges: ["projectId"] }` },
      other: "proj_web",
    });
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(texts(preview)).to.match(/"(web|other)" and "(web|other)" both give project proj_web access/);
  });

  it("`pulumi state move` takes a permission to another stack without a write", async function () {
    const scenario = await cli(this);
    // The other stack has no config.
    scenario.env = { OPENAI_BASE_URL: scenario.api.url, OPENAI_ADMIN_KEY: scenario.api.adminKey };
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    scenario.takeWrites();
    const { resources = [] } = (await scenario.export()).deployment;
    const { urn } = resources.find((one) => scenario.isOurs(one))!;
    await scenario.pulumi("stack", "init", "other");
    await scenario.pulumi("state", "move", "--source", "test", "--dest", "other", "--yes", urn);
    const preview = (stack: string) => scenario.pulumi("preview", "--expect-no-changes", "--stack", stack);
    await preview("other");
    await scenario.program("");
    await preview("test");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("aliases turn a rename into no change", async function () {
    const scenario = await cli(this);
    await scenario.declare({ old: "proj_web" });
    await scenario.runs("up");
    const id = await idOf(scenario, "old");
    scenario.api.takeRequests();
    await declared(scenario, "proj_web", `{ aliases: [{ name: "old" }] }`);
    expect(stepsOf(await scenario.runs("up"))).to.deep.equal(["same web"]);
    expect(await idOf(scenario)).to.equal(id);
    expect(new Set(scenario.api.takeRequests().map(({ method }) => method))).to.deep.equal(new Set(["GET"]));
  });

  it("moving a permission into a component keeps it", async function () {
    const scenario = await createScenario();
    const group = `class Group extends pulumi.ComponentResource { constructor(name) { super("test:index:Group", name); } }`;
    const web = (options: string) =>
      `new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" }, ${options});`;
    await scenario.program(web("{}"));
    await scenario.runs("up");
    const id = await idOf(scenario);
    await scenario.program(`${group} ${web(`{ parent: new Group("group") }`)}`);
    expect(texts(await scenario.runs("up"))).to.include(`Kept ${id}`);
    expect(scenario.api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([id]);
    expect(await idOf(scenario)).to.equal(id);
  });

  it("deleteBeforeReplace revokes first, and dependsOn orders the grants", async function () {
    const scenario = await createScenario();
    const program = (first: string, second: string) =>
      scenario.declare({
        first: { project: first, options: "{ deleteBeforeReplace: true }" },
        second: { project: second, options: "{ dependsOn: [first] }" },
      });
    await program("proj_1", "proj_2");
    await scenario.runs("up", { parallel: 1 });
    const grants = scenario.api.takeRequests().flatMap(({ projectIds }) => projectIds ?? []);
    expect(grants).to.deep.equal(["proj_1", "proj_2"]);
    await program("proj_3", "proj_2");
    await scenario.runs("up");
    const writes = scenario.api.takeRequests().filter(({ method }) => method !== "GET");
    expect(writes.slice(0, 2).map(({ method }) => method)).to.deep.equal(["DELETE", "POST"]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_2", "proj_3"]);
  });

  it("a project ID from another resource is granted once it is known", async function () {
    const scenario = await createScenario();
    await scenario.program(`
      class Project extends pulumi.dynamic.Resource {
        constructor(name) {
          super({ async create() { return { id: "made", outs: { projectId: "proj_made" } }; } }, name, { projectId: undefined });
        }
      }
      const projectId = new Project("project").projectId;
      new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId });
      new CheckpointPermissionSet("set", { fineTunedModelCheckpoint: "${checkpoint}:ckpt-step-2000", projectIds: [projectId] });`);
    await scenario.runs("preview");
    expect(scenario.api.requests).to.deep.equal([]);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_made"]);
    expect(scenario.api.projects(`${checkpoint}:ckpt-step-2000`)).to.deep.equal(["proj_made"]);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("ignoreChanges of everything does not stop an up after an adoption", async function () {
    const scenario = await cli(this);
    scenario.api.grant(checkpoint, "proj_web");
    await declared(scenario, "proj_web", `{ ignoreChanges: ["*"] }`);
    await scenario.runs("up");
    expect((await scenario.runs("up")).counts).to.deep.equal({ same: 1 });
    await scenario.assertAgrees(["proj_web"]);
  });

  it("what a check adds about secret projects is secret in state, too", async function () {
    const scenario = await cli(this);
    for (const project of ["proj_adopted", "proj_listed", "proj_other"]) scenario.api.grant(checkpoint, project);
    const args = `fineTunedModelCheckpoint: "${checkpoint}"`;
    await scenario.program(`new CheckpointPermission("web", { ${args}, projectId: pulumi.secret("proj_adopted") });`);
    await scenario.runs("up");
    const withoutSecrets = async () => JSON.stringify(await scenario.export());
    expect(await withoutSecrets())
      .to.include('"adopts"')
      .and.not.to.match(/proj_(adopted|listed|other)/);
    await scenario.program(
      `new CheckpointPermissionSet("set", { ${args}, projectIds: pulumi.secret(["proj_listed"]), exclusive: true });`,
    );
    await scenario.runs("up");
    expect(await withoutSecrets())
      .to.include('"revokes"')
      .and.not.to.match(/proj_(adopted|listed|other)/);
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 1 });
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_listed"]);
  });

  it("secret inputs stay secret in state and output", async function () {
    const scenario = await cli(this);
    await scenario.program(`
      const projectId = pulumi.secret("proj_unannounced");
      new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId });
      new CheckpointPermissionSet("set", { fineTunedModelCheckpoint: "${checkpoint}:ckpt-step-2000", projectIds: [projectId] });`);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_unannounced"]);
    await scenario.runs("preview");
    await scenario.runs("refresh");
    expect(JSON.stringify(await scenario.export()))
      .to.include("cp_")
      .and.not.to.include("proj_unannounced");
    expect(scenario.output).not.to.include("proj_unannounced");
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });
});
