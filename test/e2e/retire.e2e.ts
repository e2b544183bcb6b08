import { expect } from "chai";
import { throughEachEntryPoint } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

const notFound = `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it`;
const later = `${checkpoint}:ckpt-step-2000`;

throughEachEntryPoint("deleted checkpoints", function (createScenario) {
  /** Forty permissions and a set of a checkpoint that is then deleted, and one permission of another. */
  async function retired(organization = "acme"): Promise<Scenario> {
    const scenario = await createScenario();
    await program(scenario, 40);
    await scenario.runs("up");
    scenario.api.set({ unknownCheckpoints: [checkpoint], organization });
    scenario.api.takeRequests();
    return scenario;
  }

  const program = (scenario: Scenario, count: number) =>
    scenario.program(`
      for (let index = 0; index < ${count}; index++)
        new CheckpointPermission("p" + index, { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_" + index });
      ${count > 0 ? `new CheckpointPermissionSet("set", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ["proj_s", "proj_t"] });` : ""}
      new CheckpointPermission("other", { fineTunedModelCheckpoint: "${later}", projectId: "proj_a" });`);

  it("a preview reports a deleted checkpoint in one line, and up fails and says what to do", async function () {
    const scenario = await retired();
    const preview = await scenario.runs("preview");
    expect(preview.counts).to.include({ replace: 40, update: 1, same: 1 });
    expect(
      texts(preview)
        .split("\n")
        .filter((line) => /OpenAI does not have|Drift/.test(line)),
    ).to.satisfy(([line = "", ...more]: string[]) => line.startsWith(notFound) && more.length === 0);
    expect(scenario.api.takeRequests().length).to.be.at.most(4);

    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.match(/Cannot grant (proj_\w+|2 projects) access to ft:.*: 404 /)
      .and.to.include("remove its resources from the program");
    const errors = up.messages.filter(({ text, severity }) => severity === "error" && text.startsWith("Cannot grant"));
    expect(errors).not.to.deep.equal([]);
    for (const { text } of errors) expect(text).to.include("remove its resources from the program");
  });

  it("removing a deleted checkpoint's resources succeeds in at most 10 requests", async function () {
    const scenario = await retired();
    await program(scenario, 0);
    const up = await scenario.runs("up", { parallel: 4 });
    expect(texts(up)).to.include(notFound);
    expect(scenario.api.takeRequests().length).to.be.at.most(10);
    expect(Object.keys(await scenario.recorded())).to.deep.equal(["other"]);
    expect(scenario.api.projects(later)).to.deep.equal(["proj_a"]);
  });

  it("destroy succeeds for a deleted checkpoint in at most 10 requests", async function () {
    const scenario = await retired();
    const destroy = await scenario.runs("destroy", { parallel: 4 });
    expect(texts(destroy)).to.include(notFound);
    expect(scenario.api.takeRequests().length).to.be.at.most(10);
    expect(await scenario.permissions()).to.deep.equal([]);
  });

  it("refresh drops a deleted checkpoint's permissions from state", async function () {
    const scenario = await retired();
    expect(texts(await scenario.runs("refresh")))
      .to.include(notFound)
      .and.not.to.include("Drift");
    expect(Object.keys(await scenario.recorded())).to.deep.equal(["other"]);
  });

  it("a key of another organization changes no state, and the error says what to do", async function () {
    const scenario = await retired("other");
    const before = await scenario.permissions();
    for (const command of ["preview", "refresh", "destroy"] as const) {
      const run = await scenario.run(command);
      expect(run.ok).to.equal(false);
      expect(texts(run))
        .to.include("Set an admin key of the checkpoint's own organization")
        .and.to.include("pulumi state delete");
    }
    const left = (await scenario.permissions()).filter(({ projectId }) => projectId !== "proj_a");
    expect(left).to.deep.equal(before.filter(({ projectId }) => projectId !== "proj_a"));
  });
});
