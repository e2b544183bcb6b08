import { expect } from "chai";
import { throughEachDoor } from "./engines";
import { checkpoint, texts, type Declared, type World } from "./world";

throughEachDoor("what the program still wants is never revoked", function (createWorld) {
  /** Changes the program, and tells what was written and whether state and server agree in the end. */
  async function change(before: Declared, after: Declared): Promise<{ world: World; writes: string[]; said: string }> {
    const world = await createWorld();
    await world.declare(before);
    await world.runs("up");
    world.api.takeRequests();
    await world.declare(after);
    const said = texts(await world.runs("up"));
    const writes = world.takeWrites();
    await agrees(world, after);
    return { world, writes, said };
  }

  async function agrees(world: World, declared: Declared): Promise<void> {
    const ids = Object.fromEntries(world.api.permissions(checkpoint).map((row) => [row.project_id, row.id]));
    const expected = Object.entries(declared).map(([name, value]) => {
      const project = typeof value === "string" ? value : value.project;
      return [name, { project, id: ids[project] }];
    });
    expect(await world.recorded()).to.deep.equal(Object.fromEntries(expected));
    expect(world.api.permissions(checkpoint)).to.have.length(expected.length);
  }

  it("keeps the permission of a renamed resource, and says so", async function () {
    const { writes, said } = await change({ old: "proj_web" }, { renamed: "proj_web" });
    expect(writes).to.deep.equal([]);
    expect(said).to.match(/Kept cp_\w+: the program still gives proj_web access/);
  });

  it("keeps it when the rename was interrupted between its two halves", async function () {
    const world = await createWorld();
    await world.declare({ old: "proj_web" });
    await world.runs("up");
    await world.program(
      `new CheckpointPermission("renamed", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: "proj_web" })
         .id.apply((id) => { if (id !== undefined && !pulumi.runtime.isDryRun()) throw new Error("interrupted"); });`,
    );
    expect((await world.run("up")).ok).to.equal(false);
    expect(await world.recorded()).to.have.keys(["old", "renamed"]);

    await world.declare({ renamed: "proj_web" });
    world.api.takeRequests();
    await world.runs("up");
    expect(world.api.takeRequests().filter(({ method }) => method !== "GET")).to.deep.equal([]);
    await agrees(world, { renamed: "proj_web" });
  });

  it("keeps both when two resources swap their projects", async function () {
    const { writes } = await change({ a: "proj_1", b: "proj_2" }, { a: "proj_2", b: "proj_1" });
    expect(writes).to.deep.equal([]);
  });

  it("grants and revokes one when an index moves in a list", async function () {
    const before = { p0: "proj_a", p1: "proj_b", p2: "proj_c" };
    const { writes, world } = await change(before, { p0: "proj_b", p1: "proj_c", p2: "proj_d" });
    expect(writes).to.deep.equal(["DELETE", "POST proj_d"]);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_b", "proj_c", "proj_d"]);
  });

  it("keeps the permission of a replacement whose create gives the same ID", async function () {
    const trigger = (value: number) => ({ project: "proj_web", options: `{ replacementTrigger: ${value} }` });
    const world = await createWorld();
    await world.declare({ web: "proj_web" });
    await world.runs("up");
    const { id } = (await world.recorded())["web"]!;
    await world.declare({ web: trigger(1) });
    await world.runs("up");
    await world.declare({ web: trigger(2) });
    world.api.takeRequests();
    await world.runs("up");
    expect(world.api.takeRequests().filter(({ method }) => method !== "GET")).to.deep.equal([]);
    expect((await world.recorded())["web"]!.id).to.equal(id);
    await agrees(world, { web: "proj_web" });
  });

  it("ends right when resources that are deleted before they are replaced swap their projects", async function () {
    // Only constructors know of deleteBeforeReplace: see the native plugin's own scenarios.
    if (createWorld.door === "native") this.skip();
    const first = (project: string) => ({ project, options: "{ deleteBeforeReplace: true }" });
    await change({ a: first("proj_1"), b: first("proj_2") }, { a: first("proj_2"), b: first("proj_1") });
  });

  it("revokes on destroy what two records name, once", async function () {
    const { world } = await change({ old: "proj_web" }, { renamed: "proj_web" });
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });
});
