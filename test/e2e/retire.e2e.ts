import { expect } from "chai";
import { throughEachDoor } from "./engines";
import { checkpoint, texts, type World } from "./world";

const gone = `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it.`;
const later = `${checkpoint}:ckpt-step-2000`;

throughEachDoor("when a model is retired", function (createWorld) {
  /** Forty permissions of a checkpoint that then vanishes, and one of another. */
  async function retired(organization = "acme"): Promise<World> {
    const world = await createWorld();
    await program(world, 40);
    await world.runs("up");
    world.api.set({ unknownCheckpoints: [checkpoint], organization });
    world.api.takeRequests();
    return world;
  }

  const program = (world: World, count: number) =>
    world.program(`
      for (let index = 0; index < ${count}; index++)
        new CheckpointPermission("p" + index, { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_" + index });
      ${count > 0 ? `new CheckpointPermissions("set", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ["proj_s", "proj_t"] });` : ""}
      new CheckpointPermission("other", { fineTunedModelCheckpoint: "${later}", projectId: "proj_a" });`);

  it("a preview shows its permissions as gone, in one line, and up says that it cannot grant them again", async function () {
    const world = await retired();
    const preview = await world.runs("preview");
    expect(preview.counts).to.include({ replace: 40, update: 1, same: 1 });
    expect(
      texts(preview)
        .split("\n")
        .filter((line) => /OpenAI does not have|Drift/.test(line)),
    ).to.deep.equal([gone]);
    expect(world.api.takeRequests().length).to.be.at.most(4);

    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.match(/Cannot grant (proj_\w+|2 projects) access to ft:.*: 404 /)
      .and.to.include("remove its resources from the program");
    // What to do is said once, however many fail.
    const remedies = up.messages.filter(({ text, severity }) => severity === "error" && text.includes("remove its"));
    expect(remedies.length).to.be.within(1, 2);
  });

  it("removing its resources ends well, with no request for each", async function () {
    const world = await retired();
    await program(world, 0);
    const up = await world.runs("up", { parallel: 4 });
    expect(texts(up)).to.include(gone);
    expect(world.api.takeRequests().length).to.be.at.most(10);
    expect(Object.keys(await world.recorded())).to.deep.equal(["other"]);
    expect(world.api.projects(later)).to.deep.equal(["proj_a"]);
  });

  it("destroy ends well, with no request for each", async function () {
    const world = await retired();
    const destroy = await world.runs("destroy", { parallel: 4 });
    expect(texts(destroy)).to.include(gone);
    expect(world.api.takeRequests().length).to.be.at.most(10);
    expect(await world.permissions()).to.deep.equal([]);
  });

  it("a refresh takes them out of state", async function () {
    const world = await retired();
    expect(texts(await world.runs("refresh")))
      .to.include(gone)
      .and.not.to.include("Drift");
    expect(Object.keys(await world.recorded())).to.deep.equal(["other"]);
  });

  it("a key of another organization, to which everything is missing, changes nothing, and the error names the ways out", async function () {
    const world = await retired("other");
    const before = await world.permissions();
    for (const command of ["preview", "refresh", "destroy"] as const) {
      const run = await world.run(command);
      expect(run.ok).to.equal(false);
      expect(texts(run))
        .to.include("Use an admin key of the checkpoint's own organization")
        .and.to.include("pulumi state delete");
    }
    const left = (await world.permissions()).filter(({ projectId }) => projectId !== "proj_a");
    expect(left).to.deep.equal(before.filter(({ projectId }) => projectId !== "proj_a"));
  });
});
