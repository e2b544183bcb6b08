import { expect } from "chai";
import { throughEachDoor } from "./engines";
import { checkpoint, stepsOf, texts, type World } from "./world";

interface RecordedSet {
  projectIds: string[];
  permissions: { id: string; projectId: string }[];
}

throughEachDoor("a set of permissions", function (createWorld) {
  const set = (projects: string[], options = "") =>
    `const team = new CheckpointPermissions("team", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)},
       projectIds: ${JSON.stringify(projects)}${options} });`;
  const single = (name: string, project: string) =>
    `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: "${project}" });`;
  /** A project leaves the set for a single resource, which the native plugin has to be asked about first. */
  const moved = (projects: string[], name: string, project: string) =>
    createWorld.door === "native"
      ? `const next = ${single(name, project)} ${set(projects).replace(/\);$/, ", { dependsOn: [next] });")}`
      : set(projects) + single(name, project);

  async function recordedSet(world: World): Promise<RecordedSet | undefined> {
    const found = (await world.all()).find(({ type }) => type.endsWith("CheckpointPermissions"));
    return found?.outputs as RecordedSet | undefined;
  }

  it("is granted in one POST, and changed in place by one POST and a DELETE for each that left", async function () {
    const world = await createWorld();
    await world.program(set(["proj_b", "proj_a", "proj_b"]));
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal(["POST proj_a,proj_b"]);
    await world.assertAgrees();

    await world.program(set(["proj_a", "proj_b"]));
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["same team"]);

    await world.program(set(["proj_c", "proj_a", "proj_d"]));
    expect(stepsOf(await world.runs("up"))).to.deep.equal(["update team"]);
    expect(world.takeWrites()).to.deep.equal(["DELETE", "POST proj_c,proj_d"]);
    await world.assertAgrees();

    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("shows what was revoked and what others granted, and up puts both right when it is exclusive", async function () {
    const world = await createWorld();
    await world.program(set(["proj_a", "proj_b"], ", exclusive: true"));
    await world.runs("up");
    const revoked = (await recordedSet(world))!.permissions[0]!;
    world.api.revoke(revoked.id);
    const outside = world.api.grant(checkpoint, "proj_outside");

    const preview = await world.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["update team"]);
    expect(texts(preview)).to.include(`proj_a (${revoked.id})`).and.to.include(`proj_outside (${outside.id})`);
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
    await world.assertAgrees();
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["same team"]);
  });

  it("shows in the first preview already whom an exclusive list will lock out", async function () {
    const world = await createWorld();
    const outside = world.api.grant(checkpoint, "proj_outside");
    await world.program(set([], ", exclusive: true"));
    const preview = await world.runs("preview");
    expect(texts(preview)).to.include(`proj_outside (${outside.id})`).and.to.include("Nobody: ");
    await world.runs("up");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("leaves others alone when it is not exclusive, and on destroy in any case", async function () {
    const world = await createWorld();
    await world.program(set(["proj_a"]));
    await world.runs("up");
    world.api.grant(checkpoint, "proj_outside");
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["same team"]);
    await world.runs("destroy");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_outside"]);
  });

  it("takes on refresh what is there, which then shows as a change back to the program", async function () {
    const world = await createWorld();
    await world.program(set(["proj_a", "proj_b"], ", exclusive: true"));
    await world.runs("up");
    world.api.revoke((await recordedSet(world))!.permissions[0]!.id);
    world.api.grant(checkpoint, "proj_outside");
    await world.runs("refresh");
    expect((await recordedSet(world))!.projectIds).to.deep.equal(["proj_b"]);
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["update team"]);
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
    await world.assertAgrees();
  });

  it("records what landed when one project is refused, and finishes with the next up", async function () {
    const world = await createWorld({ unknownProjects: ["proj_b"] });
    await world.program(set(["proj_a", "proj_b", "proj_c"]));
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("Cannot grant proj_b").and.to.include("run `pulumi up` again");
    await world.assertAgrees();

    world.api.set({ unknownProjects: [] });
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b", "proj_c"]);
    await world.assertAgrees();
  });

  it("records what was revoked when a revocation fails, and finishes with the next up", async function () {
    const world = await createWorld();
    await world.program(set(["proj_a", "proj_b", "proj_c"]));
    await world.runs("up");
    world.api.fail({ method: "DELETE", kind: { status: 403 } });
    await world.program(set(["proj_a"]));
    expect((await world.run("up")).ok).to.equal(false);
    expect(world.api.permissions(checkpoint)).to.have.length(2);
    await world.assertAgrees();
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_a"]);
    await world.assertAgrees();
  });

  it("takes permissions over from single resources and gives them back, without a moment's lapse", async function () {
    const world = await createWorld();
    await world.program(single("a", "proj_a") + single("b", "proj_b"));
    await world.runs("up");
    const before = world.api.permissions(checkpoint);

    await world.program(set(["proj_a", "proj_b"]));
    world.api.takeRequests();
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees();

    await world.program(moved(["proj_a"], "b", "proj_b"));
    await world.runs("up");
    await world.program(single("a", "proj_a") + single("b", "proj_b"));
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal([]);
    expect(world.api.permissions(checkpoint)).to.deep.equal(before);
  });

  it("keeps on record what a single resource is to take over, until it has, at one operation at a time", async function () {
    const world = await createWorld();
    await world.program(set(["proj_1", "proj_2"]));
    await world.runs("up");
    const granted = world.api.permissions(checkpoint);
    await world.program(moved(["proj_1"], "two", "proj_2"));
    for (let runs = 0; runs < 2; runs++) await world.runs("up", { parallel: 1 });
    expect(world.api.permissions(checkpoint)).to.deep.equal(granted);
    expect((await world.runs("preview")).counts).to.deep.equal({ same: 2 });
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("refuses a single resource beside an exclusive set", async function () {
    const world = await createWorld();
    await world.program(set(["proj_a"], ", exclusive: true") + single("b", "proj_b"));
    const preview = await world.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.include(`"team" is the exclusive list`).and.to.include(`"b" gives proj_b access`);
    expect(world.api.requests.filter(({ method }) => method !== "GET")).to.deep.equal([]);
  });

  it("replaces for another checkpoint, revoking only what it held", async function () {
    const world = await createWorld();
    await world.program(set(["proj_a"]));
    await world.runs("up");
    world.api.grant(checkpoint, "proj_outside");
    await world.program(set(["proj_a"]).replaceAll(checkpoint, `${checkpoint}:ckpt-step-2000`));
    expect(stepsOf(await world.runs("up"))).to.include("replace team");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_outside"]);
    expect(world.api.projects(`${checkpoint}:ckpt-step-2000`)).to.deep.equal(["proj_a"]);
  });

  it("can be asked for by a program that only reads", async function () {
    const world = await createWorld();
    world.api.grant(checkpoint, "proj_a");
    await world.program(
      `listCheckpointPermissionsOutput({ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)} })
         .apply((rows) => console.log("has access: " + rows.map((row) => row.projectId).join()));`,
    );
    expect(texts(await world.runs("preview"))).to.include("has access: proj_a");
  });
});

throughEachDoor("the example", function (createWorld) {
  async function example(name: string, config: Record<string, string>): Promise<World> {
    const world = await createWorld.ofExample(name);
    for (const [key, value] of Object.entries(config)) world.config[`${name}:${key}`] = value;
    return world;
  }

  it("many-projects shares a checkpoint with the projects of its config", async function () {
    const world = await example("many-projects", { checkpoint, projects: JSON.stringify(["proj_web", "proj_mobile"]) });
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_mobile", "proj_web"]);
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
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
    const world = await example("access-review", config);
    world.api.grant(checkpoint, "proj_by_hand");
    expect(texts(await world.runs("preview"))).to.include("proj_by_hand");
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    await world.runs("destroy");
  });
});
