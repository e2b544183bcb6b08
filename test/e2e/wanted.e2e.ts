import { expect } from "chai";
import { throughEachEntryPoint } from "./engines";
import { checkpoint, texts, type Declared, type Scenario } from "./scenario";

throughEachEntryPoint("access that the program still declares", function (createScenario) {
  /** Changes the program, checks that state and server agree in the end, and gives the writes and messages. */
  async function change(
    before: Declared,
    after: Declared,
  ): Promise<{ scenario: Scenario; writes: string[]; said: string }> {
    const scenario = await createScenario();
    await scenario.declare(before);
    await scenario.runs("up");
    scenario.api.takeRequests();
    await scenario.declare(after);
    const said = texts(await scenario.runs("up"));
    const writes = scenario.takeWrites();
    await agrees(scenario, after);
    return { scenario, writes, said };
  }

  async function agrees(scenario: Scenario, declared: Declared): Promise<void> {
    const ids = Object.fromEntries(scenario.api.permissions(checkpoint).map((row) => [row.project_id, row.id]));
    const expected = Object.entries(declared).map(([name, value]) => {
      const project = typeof value === "string" ? value : value.project;
      return [name, { project, id: ids[project] }];
    });
    expect(await scenario.recorded()).to.deep.equal(Object.fromEntries(expected));
    expect(scenario.api.permissions(checkpoint)).to.have.length(expected.length);
  }

  it("a rename keeps access, sends no write and is reported", async function () {
    const { writes, said } = await change({ old: "proj_web" }, { renamed: "proj_web" });
    expect(writes).to.deep.equal([]);
    expect(said).to.match(/Kept cp_\w+: the program still declares access to .* for proj_web/);
  });

  it("a rename interrupted halfway keeps access and is completed with no write", async function () {
    const scenario = await createScenario();
    await scenario.declare({ old: "proj_web" });
    await scenario.runs("up");
    await scenario.program(
      `new CheckpointPermission("renamed", { fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: "proj_web" })
         .id.apply((id) => { if (id !== undefined && !pulumi.runtime.isDryRun()) throw new Error("interrupted"); });`,
    );
    expect((await scenario.run("up")).ok).to.equal(false);
    expect(await scenario.recorded()).to.have.keys(["old", "renamed"]);

    await scenario.declare({ renamed: "proj_web" });
    scenario.api.takeRequests();
    await scenario.runs("up");
    expect(scenario.api.takeRequests().filter(({ method }) => method !== "GET")).to.deep.equal([]);
    await agrees(scenario, { renamed: "proj_web" });
  });

  it("a swap of two projects keeps both permissions with no write", async function () {
    const { writes } = await change({ a: "proj_1", b: "proj_2" }, { a: "proj_2", b: "proj_1" });
    expect(writes).to.deep.equal([]);
  });

  it("shifting a list by one grants one project and revokes one", async function () {
    const before = { p0: "proj_a", p1: "proj_b", p2: "proj_c" };
    const { writes, scenario } = await change(before, { p0: "proj_b", p1: "proj_c", p2: "proj_d" });
    expect(writes).to.deep.equal(["DELETE", "POST proj_d"]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_b", "proj_c", "proj_d"]);
  });

  it("a forced replacement keeps the permission's ID and sends no write", async function () {
    const trigger = (value: number) => ({ project: "proj_web", options: `{ replacementTrigger: ${value} }` });
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    const { id } = (await scenario.recorded())["web"]!;
    await scenario.declare({ web: trigger(1) });
    await scenario.runs("up");
    await scenario.declare({ web: trigger(2) });
    scenario.api.takeRequests();
    await scenario.runs("up");
    expect(scenario.api.takeRequests().filter(({ method }) => method !== "GET")).to.deep.equal([]);
    expect((await scenario.recorded())["web"]!.id).to.equal(id);
    await agrees(scenario, { web: "proj_web" });
  });

  it("a swap of two projects under deleteBeforeReplace ends as declared", async function () {
    // Only constructors know of deleteBeforeReplace: see the native plugin's own scenarios.
    if (createScenario.entryPoint === "native") this.skip();
    const first = (project: string) => ({ project, options: "{ deleteBeforeReplace: true }" });
    await change({ a: first("proj_1"), b: first("proj_2") }, { a: first("proj_2"), b: first("proj_1") });
  });

  it("destroy revokes a renamed resource's permission", async function () {
    const { scenario } = await change({ old: "proj_web" }, { renamed: "proj_web" });
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });
});
