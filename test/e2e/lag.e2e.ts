import { expect } from "chai";
import type { RepeatedPost } from "../../sandbox/api/api";
import { throughEachEntryPoint } from "./engines";
import { isFull } from "./full";
import { checkpoint, texts, type Scenario } from "./scenario";

const later = `${checkpoint}:ckpt-step-2000`;
const program = `
  for (const name of ["a", "b"]) new CheckpointPermission(name, { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_" + name });
  new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${later}", projectIds: ["proj_a", "proj_b"] });`;

throughEachEntryPoint("lists that lag behind writes", function (createScenario) {
  async function assertAllThere(scenario: Scenario): Promise<void> {
    for (const id of [checkpoint, later]) expect(scenario.api.projects(id)).to.deep.equal(["proj_a", "proj_b"]);
    const onServer = [checkpoint, later].flatMap((id) => scenario.api.permissions(id)).map(({ id }) => id);
    expect((await scenario.permissions()).map(({ id }) => id)).to.deep.equal(onServer.sort());
  }

  const answers: RepeatedPost[] = isFull ? ["return", "omit", "duplicate", "refuse"] : ["duplicate", "refuse"];
  for (const repeatedPost of answers) {
    it(`a lagging list causes no drift, no second grant and no leftover (repeated POST: ${repeatedPost})`, async function () {
      const scenario = await createScenario({ age: 0, lag: 8, repeatedPost });
      await scenario.program(program);
      await scenario.runs("up");
      scenario.api.takeRequests();
      for (const [command, options] of [
        ["up", {}],
        ["refresh", {}],
        ["up", { refresh: true }],
      ] as const) {
        const run = await scenario.runs(command, options);
        expect(Object.keys(run.counts), run.output).to.have.members(
          command === "refresh" ? ["refresh"] : "refresh" in options ? ["refresh", "same"] : ["same"],
        );
        expect(texts(run)).not.to.include("Drift");
        expect(scenario.takeWrites()).to.deep.equal([]);
        await assertAllThere(scenario);
      }
      await scenario.runs("destroy", { refresh: true });
      for (const id of [checkpoint, later]) expect(scenario.api.permissions(id)).to.deep.equal([]);
      expect(await scenario.permissions()).to.deep.equal([]);
    });
  }

  it("a preview has one line for each resource that a lagging list does not show yet", async function () {
    const scenario = await createScenario({ age: 0, lag: 60 });
    await scenario.program(program);
    await scenario.runs("up");
    const { messages } = await scenario.runs("preview");
    const unlisted = messages.filter(({ text }) => text.includes("not listed by the API"));
    expect(unlisted.length).to.be.within(3, 3);
  });

  it("a create does not adopt a permission that this run revoked", async function () {
    // Only constructors know of deleteBeforeReplace: see the native plugin's own scenarios.
    if (createScenario.entryPoint === "native") this.skip();
    const scenario = await createScenario({ lag: 8 });
    const first = (project: string) =>
      `new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}" }, { deleteBeforeReplace: true, replacementTrigger: `;
    await scenario.program(`${first("proj_web")} 1 });`);
    await scenario.runs("up");
    scenario.api.pass(8_500);
    await scenario.program(`${first("proj_web")} 2 });`);
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal(["DELETE", "POST proj_web", "POST proj_web"]);
    await scenario.assertAgrees(["proj_web"]);
  });
});
