import { expect } from "chai";
import { throughEachEntryPoint } from "./engines";
import { checkpoint, stepsOf, texts, type Scenario } from "./scenario";

interface RecordedSet {
  projectIds: string[];
  permissions: { id: string; projectId: string }[];
}

throughEachEntryPoint("a set of permissions", function (createScenario) {
  const set = (projects: string[], options = "") =>
    `const team = new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)},
       projectIds: ${JSON.stringify(projects)}${options} });`;
  const single = (name: string, project: string) =>
    `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: "${project}" });`;
  /** A project leaves the set for a single resource, which the native plugin has to be asked about first. */
  const moved = (projects: string[], name: string, project: string) =>
    createScenario.entryPoint === "native"
      ? `const next = ${single(name, project)} ${set(projects).replace(/\);$/, ", { dependsOn: [next] });")}`
      : set(projects) + single(name, project);

  async function recordedSet(scenario: Scenario): Promise<RecordedSet | undefined> {
    const found = (await scenario.all()).find(({ type }) => type.endsWith("CheckpointPermissionSet"));
    return found?.outputs as RecordedSet | undefined;
  }

  it("is granted in one POST, and changed in place by one POST and a DELETE for each that left", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_b", "proj_a", "proj_b"]));
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal(["POST proj_a,proj_b"]);
    await scenario.assertAgrees();

    await scenario.program(set(["proj_a", "proj_b"]));
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same team"]);

    await scenario.program(set(["proj_c", "proj_a", "proj_d"]));
    expect(stepsOf(await scenario.runs("up"))).to.deep.equal(["update team"]);
    expect(scenario.takeWrites()).to.deep.equal(["DELETE", "POST proj_c,proj_d"]);
    await scenario.assertAgrees();

    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("shows what was revoked and what others granted, and up puts both right when it is exclusive", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a", "proj_b"], ", exclusive: true"));
    await scenario.runs("up");
    const revoked = (await recordedSet(scenario))!.permissions[0]!;
    scenario.api.revoke(revoked.id);
    const outside = scenario.api.grant(checkpoint, "proj_outside");

    const preview = await scenario.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["update team"]);
    expect(texts(preview))
      .to.include(`proj_a lost its access`)
      .and.to.include(revoked.id)
      .and.to.include(`proj_outside (${outside.id})`);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
    await scenario.assertAgrees();
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same team"]);
  });

  it("shows in the first preview already whom an exclusive list will lock out", async function () {
    const scenario = await createScenario();
    const outside = scenario.api.grant(checkpoint, "proj_outside");
    await scenario.program(set([], ", exclusive: true"));
    const preview = await scenario.runs("preview");
    expect(texts(preview))
      .to.include(`proj_outside (${outside.id})`)
      .and.to.include("is empty: no project will have access");
    await scenario.runs("up");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("leaves others alone when it is not exclusive, and on destroy in any case", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a"]));
    await scenario.runs("up");
    scenario.api.grant(checkpoint, "proj_outside");
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same team"]);
    await scenario.runs("destroy");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_outside"]);
  });

  it("takes on refresh what is there, which then shows as a change back to the program", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a", "proj_b"], ", exclusive: true"));
    await scenario.runs("up");
    scenario.api.revoke((await recordedSet(scenario))!.permissions[0]!.id);
    scenario.api.grant(checkpoint, "proj_outside");
    await scenario.runs("refresh");
    expect((await recordedSet(scenario))!.projectIds).to.deep.equal(["proj_b"]);
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["update team"]);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
    await scenario.assertAgrees();
  });

  it("records what landed when one project is refused, and finishes with the next up", async function () {
    const scenario = await createScenario({ unknownProjects: ["proj_b"] });
    await scenario.program(set(["proj_a", "proj_b", "proj_c"]));
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("Cannot grant proj_b").and.to.include("run `pulumi up` again");
    await scenario.assertAgrees();

    scenario.api.set({ unknownProjects: [] });
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b", "proj_c"]);
    await scenario.assertAgrees();
  });

  it("records what was revoked when a revocation fails, and finishes with the next up", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a", "proj_b", "proj_c"]));
    await scenario.runs("up");
    scenario.api.fail({ method: "DELETE", kind: { status: 403 } });
    await scenario.program(set(["proj_a"]));
    expect((await scenario.run("up")).ok).to.equal(false);
    expect(scenario.api.permissions(checkpoint)).to.have.length(2);
    await scenario.assertAgrees();
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_a"]);
    await scenario.assertAgrees();
  });

  it("takes permissions over from single resources and gives them back, without a moment's lapse", async function () {
    const scenario = await createScenario();
    await scenario.program(single("a", "proj_a") + single("b", "proj_b"));
    await scenario.runs("up");
    const before = scenario.api.permissions(checkpoint);

    await scenario.program(set(["proj_a", "proj_b"]));
    scenario.api.takeRequests();
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees();

    await scenario.program(moved(["proj_a"], "b", "proj_b"));
    await scenario.runs("up");
    await scenario.program(single("a", "proj_a") + single("b", "proj_b"));
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect(scenario.api.permissions(checkpoint)).to.deep.equal(before);
  });

  it("keeps on record what a single resource is to take over, until it has, at one operation at a time", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_1", "proj_2"]));
    await scenario.runs("up");
    const granted = scenario.api.permissions(checkpoint);
    await scenario.program(moved(["proj_1"], "two", "proj_2"));
    for (let runs = 0; runs < 2; runs++) await scenario.runs("up", { parallel: 1 });
    expect(scenario.api.permissions(checkpoint)).to.deep.equal(granted);
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 2 });
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("refuses a single resource beside an exclusive set", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a"], ", exclusive: true") + single("b", "proj_b"));
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.include(`"team" is the exclusive set`).and.to.include(`"b" gives proj_b access`);
    expect(scenario.api.requests.filter(({ method }) => method !== "GET")).to.deep.equal([]);
  });

  it("replaces for another checkpoint, revoking only what it held", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a"]));
    await scenario.runs("up");
    scenario.api.grant(checkpoint, "proj_outside");
    await scenario.program(set(["proj_a"]).replaceAll(checkpoint, `${checkpoint}:ckpt-step-2000`));
    expect(stepsOf(await scenario.runs("up"))).to.include("replace team");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_outside"]);
    expect(scenario.api.projects(`${checkpoint}:ckpt-step-2000`)).to.deep.equal(["proj_a"]);
  });

  it("can be asked for by a program that only reads", async function () {
    const scenario = await createScenario();
    scenario.api.grant(checkpoint, "proj_a");
    await scenario.program(
      `listCheckpointPermissionsOutput({ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)} })
         .apply((rows) => console.log("has access: " + rows.map((row) => row.projectId).join()));`,
    );
    expect(texts(await scenario.runs("preview"))).to.include("has access: proj_a");
  });
});

throughEachEntryPoint("the example", function (createScenario) {
  async function example(name: string, config: Record<string, string>): Promise<Scenario> {
    const scenario = await createScenario.ofExample(name);
    for (const [key, value] of Object.entries(config)) scenario.config[`${name}:${key}`] = value;
    return scenario;
  }

  it("many-projects shares a checkpoint with the projects of its config", async function () {
    const scenario = await example("many-projects", {
      checkpoint,
      projects: JSON.stringify(["proj_web", "proj_mobile"]),
    });
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_mobile", "proj_web"]);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("access-review grants by its policy, and revokes what others granted", async function () {
    const applicant = (projectId: string, reviewed: string, handlesCustomerData: boolean) => {
      return { projectId, owner: "ada", reviewed, handlesCustomerData };
    };
    const applicants = [
      applicant("proj_web", "2026-11-02", false),
      applicant("proj_old", "2024-01-01", false),
      applicant("proj_crm", "2026-11-02", true),
    ];
    const config = { checkpoint, reviewedSince: "2026-06-01", applicants: JSON.stringify(applicants) };
    const scenario = await example("access-review", config);
    scenario.api.grant(checkpoint, "proj_by_hand");
    expect(texts(await scenario.runs("preview"))).to.include("proj_by_hand");
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    await scenario.runs("destroy");
  });
});
