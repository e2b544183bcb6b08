import { expect } from "chai";
import { throughEachDoor } from "./engines";
import { checkpoint, stepsOf, texts, type World } from "./world";

throughEachDoor("Pulumi's resource options", function (createWorld) {
  /** The options that the miniature engine refuses by name are tried where they exist. */
  async function cli(context: Mocha.Context): Promise<World> {
    const world = await createWorld();
    if (world.engine.kind === "miniature") context.skip();
    return world;
  }

  async function declared(world: World, project: string, options: string): Promise<void> {
    await world.declare({ web: { project, options } });
  }

  const idOf = async (world: World, name = "web") => (await world.recorded())[name]!.id!;

  it("protect keeps a vanished permission from being repaired until a refresh, and says what to do", async function () {
    const world = await cli(this);
    await declared(world, "proj_web", "{ protect: true }");
    await world.runs("up");
    world.api.revoke(await idOf(world));
    expect((await world.run("up")).ok).to.equal(false);
    await world.runs("refresh");
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    expect((await world.run("destroy")).ok).to.equal(false);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("retainOnDelete leaves the permission granted", async function () {
    const world = await cli(this);
    await declared(world, "proj_web", "{ retainOnDelete: true }");
    await world.runs("up");
    await declared(world, "proj_shop", "{ retainOnDelete: true }");
    await world.runs("up");
    await world.runs("destroy");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_shop", "proj_web"]);
  });

  it("ignoreChanges keeps the project, until a vanished permission is replaced: then the program's counts", async function () {
    const world = await cli(this);
    await declared(world, "proj_web", "{}");
    await world.runs("up");
    await declared(world, "proj_shop", `{ ignoreChanges: ["projectId"] }`);
    expect(stepsOf(await world.runs("up"))).to.deep.equal(["same web"]);
    world.api.revoke(await idOf(world));
    const preview = await world.runs("preview");
    const replaced = preview.steps.find(({ op }) => op === "replace");
    expect(replaced?.changes).to.deep.equal([{ property: "projectId", old: "proj_web", new: "proj_shop" }]);
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_shop"]);
    expect(await idOf(world)).to.equal(world.api.permissions(checkpoint)[0]!.id);
  });

  it("aliases make a rename no change at all", async function () {
    const world = await cli(this);
    await world.declare({ old: "proj_web" });
    await world.runs("up");
    const id = await idOf(world, "old");
    world.api.takeRequests();
    await declared(world, "proj_web", `{ aliases: [{ name: "old" }] }`);
    expect(stepsOf(await world.runs("up"))).to.deep.equal(["same web"]);
    expect(await idOf(world)).to.equal(id);
    expect(new Set(world.api.takeRequests().map(({ method }) => method))).to.deep.equal(new Set(["GET"]));
  });

  it("a component as parent moves a permission, which is kept", async function () {
    const world = await createWorld();
    const group = `class Group extends pulumi.ComponentResource { constructor(name) { super("test:index:Group", name); } }`;
    const web = (options: string) =>
      `new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" }, ${options});`;
    await world.program(web("{}"));
    await world.runs("up");
    const id = await idOf(world);
    await world.program(`${group} ${web(`{ parent: new Group("group") }`)}`);
    expect(texts(await world.runs("up"))).to.include(`Kept ${id}`);
    expect(world.api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([id]);
    expect(await idOf(world)).to.equal(id);
  });

  it("deleteBeforeReplace revokes first, and dependsOn keeps its order both ways", async function () {
    const world = await createWorld();
    const program = (first: string, second: string) =>
      world.declare({
        first: { project: first, options: "{ deleteBeforeReplace: true }" },
        second: { project: second, options: "{ dependsOn: [first] }" },
      });
    await program("proj_1", "proj_2");
    await world.runs("up", { parallel: 1 });
    const grants = world.api.takeRequests().flatMap(({ projectIds }) => projectIds ?? []);
    expect(grants).to.deep.equal(["proj_1", "proj_2"]);
    await program("proj_3", "proj_2");
    await world.runs("up");
    const writes = world.api.takeRequests().filter(({ method }) => method !== "GET");
    expect(writes.slice(0, 2).map(({ method }) => method)).to.deep.equal(["DELETE", "POST"]);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_2", "proj_3"]);
  });

  it("inputs that are outputs of other resources are granted once they are known", async function () {
    const world = await createWorld();
    await world.program(`
      class Project extends pulumi.dynamic.Resource {
        constructor(name) {
          super({ async create() { return { id: "made", outs: { projectId: "proj_made" } }; } }, name, { projectId: undefined });
        }
      }
      const projectId = new Project("project").projectId;
      new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId });
      new CheckpointPermissions("set", { fineTunedModelCheckpoint: "${checkpoint}:ckpt-step-2000", projectIds: [projectId] });`);
    await world.runs("preview");
    expect(world.api.requests).to.deep.equal([]);
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_made"]);
    expect(world.api.projects(`${checkpoint}:ckpt-step-2000`)).to.deep.equal(["proj_made"]);
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("inputs that are secret stay secret in state and on the screen", async function () {
    const world = await cli(this);
    await world.program(`
      const projectId = pulumi.secret("proj_unannounced");
      new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId });
      new CheckpointPermissions("set", { fineTunedModelCheckpoint: "${checkpoint}:ckpt-step-2000", projectIds: [projectId] });`);
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_unannounced"]);
    await world.runs("preview");
    await world.runs("refresh");
    expect(JSON.stringify(await world.export()))
      .to.include("cp_")
      .and.not.to.include("proj_unannounced");
    expect(world.output).not.to.include("proj_unannounced");
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });
});
