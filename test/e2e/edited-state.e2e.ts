import { expect } from "chai";
import { nameOf } from "../../sandbox/engines";
import { throughEachEntryPoint } from "./engines";
import { checkpoint, texts } from "./scenario";

const permission = (name: string) =>
  `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_${name}" });`;
const set = (projects: string[]) =>
  `new CheckpointPermissionSet("team", {
    fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} });`;

throughEachEntryPoint("state that somebody has edited", function (createScenario) {
  it("a record with the ID of another project's permission does not revoke that one", async function () {
    const scenario = await createScenario();
    await scenario.program(permission("web") + permission("data"));
    await scenario.runs("up");
    const { data } = await scenario.recorded();
    await scenario.editState((resource) => {
      if (nameOf(resource.urn) === "web") resource.id = data!.id!;
    });

    await scenario.program(permission("data"));
    const up = await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_web"]);
    expect(texts(up)).to.include("proj_web").and.to.include("still has access");
    expect((await scenario.runs("preview")).counts).to.have.all.keys("same");
  });

  it("a record with the ID of another project's permission heals", async function () {
    const scenario = await createScenario();
    const both = permission("web") + permission("data");
    await scenario.program(both);
    await scenario.runs("up");
    const { data } = await scenario.recorded();
    await scenario.editState((resource) => {
      if (nameOf(resource.urn) === "web") resource.id = data!.id!;
    });

    await scenario.runs("up");
    await scenario.assertAgrees(["proj_data", "proj_web"]);
    expect((await scenario.runs("preview")).counts).to.have.all.keys("same");
  });

  it("a set without its permissions fails each operation, with a way out and nothing sent", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_web", "proj_data"]));
    await scenario.runs("up");
    await scenario.editState((resource) => delete resource.outputs!["permissions"]);
    scenario.takeWrites();

    for (const command of ["preview", "up", "refresh", "destroy"] as const) {
      const run = await scenario.run(command);
      expect(run.ok, command).to.equal(false);
      expect(texts(run), command).to.include("it has no valid permissions").and.to.include("pulumi state delete");
    }
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.editState((resource) => (resource.outputs!["permissions"] = [{ id: "cp_1" }]));
    expect(texts(await scenario.run("preview"))).to.include("it has no valid permissions.0.projectId");
  });
});
