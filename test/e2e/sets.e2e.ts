import { expect } from "chai";
import { inOwnProcesses, throughEachEntryPoint } from "./engines";
import { checkpoint, stepsOf, texts, type EntryPoint, type Scenario } from "./scenario";

interface RecordedSet {
  projectIds: string[];
  permissions: { id: string; projectId: string }[];
}

const set = (projects: string[], options = "") =>
  `const team = new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)},
     projectIds: ${JSON.stringify(projects)}${options} });`;
const permission = (name: string, project: string) =>
  `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: "${project}" });`;
/** A project moves from the set to a permission; the native plugin must hear of the permission first. */
const moved = (entryPoint: EntryPoint, projects: string[], name: string, project: string) =>
  entryPoint === "native"
    ? `const next = ${permission(name, project)} ${set(projects).replace(/\);$/, ", { dependsOn: [next] });")}`
    : set(projects) + permission(name, project);

throughEachEntryPoint("sets", function (createScenario) {
  async function recordedSet(scenario: Scenario): Promise<RecordedSet | undefined> {
    const found = (await scenario.all()).find(({ type }) => type.endsWith("CheckpointPermissionSet"));
    return found?.outputs as RecordedSet | undefined;
  }

  it("a set is granted in one POST and updated by one POST and a DELETE per removed project", async function () {
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

  it("an exclusive set shows missing and unmanaged permissions, and up corrects both", async function () {
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

  it("the first preview of an exclusive set shows which projects lose access", async function () {
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

  it("a set that is not exclusive leaves unmanaged permissions alone, also on destroy", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a"]));
    await scenario.runs("up");
    scenario.api.grant(checkpoint, "proj_outside");
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same team"]);
    await scenario.runs("destroy");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_outside"]);
  });

  it("refresh records which permissions a set has, and the next up restores its list", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a", "proj_b"], ", exclusive: true"));
    await scenario.runs("up");
    scenario.api.revoke((await recordedSet(scenario))!.permissions[0]!.id);
    scenario.api.grant(checkpoint, "proj_outside");
    await scenario.runs("refresh");
    expect((await recordedSet(scenario))!.projectIds).to.deep.equal(["proj_b", "proj_outside"]);
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["update team"]);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
    await scenario.assertAgrees();
  });

  it("a set records what was granted if a project is refused, and the next up finishes", async function () {
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

  it("a set records what was revoked if a revocation fails, and the next up finishes", async function () {
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

  it("permissions move into a set and back with no write", async function () {
    const scenario = await createScenario();
    await scenario.program(permission("a", "proj_a") + permission("b", "proj_b"));
    await scenario.runs("up");
    const before = scenario.api.permissions(checkpoint);

    await scenario.program(set(["proj_a", "proj_b"]));
    scenario.api.takeRequests();
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees();

    await scenario.program(moved(createScenario.entryPoint, ["proj_a"], "b", "proj_b"));
    await scenario.runs("up");
    await scenario.program(permission("a", "proj_a") + permission("b", "proj_b"));
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    expect(scenario.api.permissions(checkpoint)).to.deep.equal(before);
  });

  it("a permission beside an exclusive set fails the preview", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a"], ", exclusive: true") + permission("b", "proj_b"));
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.include(`"team" is the exclusive set`).and.to.include(`"b" gives other projects access`);
    expect(scenario.api.requests.filter(({ method }) => method !== "GET")).to.deep.equal([]);
  });

  it("a changed checkpoint replaces a set and revokes only the set's own permissions", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a"]));
    await scenario.runs("up");
    scenario.api.grant(checkpoint, "proj_outside");
    await scenario.program(set(["proj_a"]).replaceAll(checkpoint, `${checkpoint}:ckpt-step-2000`));
    expect(stepsOf(await scenario.runs("up"))).to.include("replace team");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_outside"]);
    expect(scenario.api.projects(`${checkpoint}:ckpt-step-2000`)).to.deep.equal(["proj_a"]);
  });
});

inOwnProcesses.throughEachEntryPoint("programs with sets", function (createScenario) {
  it("a set keeps a permission in state until another resource adopts it, with --parallel 1", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_1", "proj_2"]));
    await scenario.runs("up");
    const granted = scenario.api.permissions(checkpoint);
    await scenario.program(moved(createScenario.entryPoint, ["proj_1"], "two", "proj_2"));
    for (let runs = 0; runs < 2; runs++) await scenario.runs("up", { parallel: 1 });
    expect(scenario.api.permissions(checkpoint)).to.deep.equal(granted);
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 2 });
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("a program can list permissions without declaring any", async function () {
    const scenario = await createScenario();
    scenario.api.grant(checkpoint, "proj_a");
    await scenario.program(
      `listCheckpointPermissionsOutput({ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)} })
         .permissions.apply((rows) => console.log("has access: " + rows.map((row) => row.projectId).join()));`,
    );
    expect(texts(await scenario.runs("preview"))).to.include("has access: proj_a");
  });

  async function example(name: string, config: Record<string, string>): Promise<Scenario> {
    const scenario = await createScenario.ofExample(name);
    for (const [key, value] of Object.entries(config)) scenario.config[`${name}:${key}`] = value;
    return scenario;
  }

  it("the many-projects example grants access to the projects of its config", async function () {
    const scenario = await example("many-projects", {
      checkpoint,
      projects: JSON.stringify(["proj_web", "proj_mobile"]),
    });
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_mobile", "proj_web"]);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("the access-review example grants by its policy and revokes unmanaged permissions", async function () {
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
