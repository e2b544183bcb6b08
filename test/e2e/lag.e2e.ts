import { expect } from "chai";
import type { RepeatedPost } from "../../sandbox/api/api";
import { throughEachDoor } from "./engines";
import { isFull } from "./full";
import { checkpoint, texts, type World } from "./world";

const later = `${checkpoint}:ckpt-step-2000`;
const program = `
  for (const name of ["a", "b"]) new CheckpointPermission(name, { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_" + name });
  new CheckpointPermissions("team", { fineTunedModelCheckpoint: "${later}", projectIds: ["proj_a", "proj_b"] });`;

throughEachDoor("a list that lags behind every write", function (createWorld) {
  async function assertAllThere(world: World): Promise<void> {
    for (const id of [checkpoint, later]) expect(world.api.projects(id)).to.deep.equal(["proj_a", "proj_b"]);
    const onServer = [checkpoint, later].flatMap((id) => world.api.permissions(id)).map(({ id }) => id);
    expect((await world.permissions()).map(({ id }) => id)).to.deep.equal(onServer.sort());
  }

  const answers: RepeatedPost[] = isFull ? ["return", "omit", "duplicate", "refuse"] : ["duplicate", "refuse"];
  for (const repeatedPost of answers) {
    it(`shows no drift, grants nothing twice, and leaves nothing granted (repeated POST: ${repeatedPost})`, async function () {
      const world = await createWorld({ age: 0, lag: 8, repeatedPost });
      await world.program(program);
      await world.runs("up");
      world.api.takeRequests();
      for (const [command, options] of [
        ["up", {}],
        ["refresh", {}],
        ["up", { refresh: true }],
      ] as const) {
        const run = await world.runs(command, options);
        expect(Object.keys(run.counts), run.output).to.have.members(
          command === "refresh" ? ["refresh"] : "refresh" in options ? ["refresh", "same"] : ["same"],
        );
        expect(texts(run)).not.to.include("Drift");
        expect(world.takeWrites()).to.deep.equal([]);
        await assertAllThere(world);
      }
      await world.runs("destroy", { refresh: true });
      for (const id of [checkpoint, later]) expect(world.api.permissions(id)).to.deep.equal([]);
      expect(await world.permissions()).to.deep.equal([]);
    });
  }

  it("says in one line what it does not show yet", async function () {
    const world = await createWorld({ age: 0, lag: 60 });
    await world.program(program);
    await world.runs("up");
    const { messages } = await world.runs("preview");
    const unlisted = messages.filter(({ text }) => text.includes("does not list"));
    expect(unlisted.length).to.be.within(3, 3);
  });

  it("hands nobody what this run has just revoked", async function () {
    // Only constructors know of deleteBeforeReplace: see the native plugin's own scenarios.
    if (createWorld.door === "native") this.skip();
    const world = await createWorld({ lag: 8 });
    const first = (project: string) =>
      `new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}" }, { deleteBeforeReplace: true, replacementTrigger: `;
    await world.program(`${first("proj_web")} 1 });`);
    await world.runs("up");
    await new Promise((resolve) => setTimeout(resolve, 8_500));
    await world.program(`${first("proj_web")} 2 });`);
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal(["DELETE", "POST proj_web", "POST proj_web"]);
    await world.assertAgrees(["proj_web"]);
  });
});
