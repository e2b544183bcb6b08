import { join } from "node:path";
import { expect } from "chai";
import { byNativePlugin, onTheCli, type Suite } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

const team = (projects: string[], options = "") =>
  `new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)}, exclusive: true${options} });`;
const web = `new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" });`;

interface JsonStep {
  op: string;
  urn: string;
  newState?: { inputs?: Record<string, unknown> };
}

const suite: Suite = (createScenario) => {
  /** A stack with an exclusive set of `proj_a`. */
  async function exclusive(): Promise<Scenario> {
    const scenario = await createScenario();
    await scenario.program(team(["proj_a"]));
    await scenario.runs("up");
    return scenario;
  }

  /** The inputs of our resource, as `preview --json` has them. */
  async function inputsInJson(scenario: Scenario): Promise<Record<string, unknown>> {
    const output = await scenario.pulumi("preview", "--json", "--stack", "test", "--non-interactive");
    const { steps } = JSON.parse(output.slice(output.indexOf("{"))) as { steps: JsonStep[] };
    return steps.find(({ urn }) => urn.includes(":CheckpointPermission"))!.newState!.inputs!;
  }

  it("a preview's JSON and diff name every permission that an exclusive set revokes, and the next is clean", async function () {
    const scenario = await exclusive();
    const rogues = Array.from({ length: 120 }, (_, index) => scenario.api.grant(checkpoint, `proj_rogue_${index}`));
    const revokes = rogues.map(({ id, project_id }) => `${project_id} (${id})`).sort();
    expect((await inputsInJson(scenario))["revokes"]).to.deep.equal(revokes);
    const diff = await scenario.pulumi("preview", "--diff", "--stack", "test", "--non-interactive");
    expect(diff)
      .to.match(/\+ revokes/)
      .and.to.include(revokes.at(-1));
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_a"]);
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 1 });
    await scenario.runs("up");
    const [set] = (await scenario.all()).filter((resource) => scenario.isOurs(resource));
    expect(set!.inputs).not.to.have.property("revokes");
    expect(set!.outputs).not.to.have.property("revokes");
  });

  it("a preview's JSON names what a create adopts", async function () {
    const scenario = await createScenario();
    const { id, created_at } = scenario.api.grant(checkpoint, "proj_web");
    await scenario.program(web);
    const granted = new Date(created_at * 1000).toISOString().slice(0, 10);
    expect((await inputsInJson(scenario))["adopts"]).to.deep.equal([`proj_web (${id}, granted ${granted})`]);
    await scenario.runs("up");
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 1 });
  });

  it("a saved plan does not run once an exclusive set would revoke what the plan did not show", async function () {
    const scenario = await exclusive();
    await scenario.program(team(["proj_a", "proj_b"]));
    const plan = join(scenario.folder, "plan.json");
    await scenario.pulumi("preview", "--save-plan", plan, "--stack", "test", "--non-interactive");
    const { id } = scenario.api.grant(checkpoint, "proj_rogue");
    const running = scenario.pulumi("up", "--plan", plan, "--yes", "--stack", "test", "--non-interactive");
    const error = await running.catch((reason: unknown) => reason);
    expect(String(error))
      .to.match(/violates plan/)
      .and.to.include("revokes");
    expect(scenario.api.permissions(checkpoint).map((row) => row.id)).to.include(id);
  });

  for (const [title, happens, words] of [
    ["an unmanaged permission", (scenario: Scenario) => scenario.api.grant(checkpoint, "proj_rogue"), "proj_rogue"],
    [
      "a missing permission",
      async (scenario: Scenario) => scenario.api.revoke((await scenario.permissions())[0]!.id),
      "proj_a lost its access",
    ],
    [
      "a recreated permission",
      async (scenario: Scenario) => {
        scenario.api.revoke((await scenario.permissions())[0]!.id);
        scenario.api.grant(checkpoint, "proj_a");
      },
      "proj_a has another permission",
    ],
  ] as const) {
    it(`a refresh that expects no changes fails on ${title} of an exclusive set`, async function () {
      const scenario = await exclusive();
      const refresh = ["refresh", "--preview-only", "--expect-no-changes", "--stack", "test", "--non-interactive"];
      await scenario.pulumi(...refresh);
      await happens(scenario);
      const error = await scenario.pulumi(...refresh).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(Error);
      expect(String(error))
        .to.include(words)
        .and.to.match(/no changes were expected|unexpected changes|expected no changes/i);
    });
  }

  it("a refresh that expects no changes fails on a recreated permission, and the next up is clean", async function () {
    const scenario = await createScenario();
    await scenario.program(web);
    await scenario.runs("up");
    scenario.api.revoke((await scenario.permissions())[0]!.id);
    scenario.api.grant(checkpoint, "proj_web");
    const refresh = ["refresh", "--expect-no-changes", "--stack", "test", "--non-interactive"];
    const error = await scenario.pulumi(...refresh, "--preview-only").catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error);
    expect(String(error)).to.include("proj_web has another permission");
    await scenario.runs("refresh");
    expect((await scenario.runs("up", { refresh: true })).counts["same"]).to.equal(1);
    await scenario.pulumi(...refresh, "--preview-only");
    await scenario.assertAgrees(["proj_web"]);
  });

  it("what a refresh of an exclusive set has recorded shows in the next preview as a loss, and up revokes it", async function () {
    const scenario = await exclusive();
    const { id } = scenario.api.grant(checkpoint, "proj_rogue");
    await scenario.runs("refresh");
    await scenario.assertAgrees(["proj_a", "proj_rogue"]);
    const preview = await scenario.runs("preview");
    expect(texts(preview)).to.include(`proj_rogue (${id}) loses access to ${checkpoint}`);
    expect(preview.counts).to.deep.equal({ update: 1 });
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_a"]);
  });

  it("destroy after a refresh of an exclusive set revokes what the refresh has recorded", async function () {
    const scenario = await exclusive();
    scenario.api.grant(checkpoint, "proj_rogue");
    await scenario.runs("refresh");
    await scenario.runs("destroy");
    expect(scenario.api.projects(checkpoint)).to.deep.equal([]);
  });
};

onTheCli("what Pulumi itself sees", suite);
byNativePlugin("what Pulumi itself sees", suite);

const lineSuite: Suite = function (createScenario) {
  const twenty = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, `proj_${index}`]));

  it("twenty creates are one line that says who gains access", async function () {
    const scenario = await createScenario();
    await scenario.declare(twenty);
    const lines = texts(await scenario.runs("preview")).split("\n");
    expect(lines.filter((line) => line.includes("gain access to"))).to.have.length(1);
    expect(lines.join()).not.to.include("more gain");
  });

  it("twenty adoptions are one line, and so is what twenty deletes of older records keep", async function () {
    const scenario = await createScenario();
    await scenario.declare(twenty);
    await scenario.runs("up");
    const renamed = Object.fromEntries(Object.entries(twenty).map(([name, project]) => [`${name}_renamed`, project]));
    await scenario.declare(renamed);
    for (const command of ["preview", "up"] as const) {
      const run = await scenario.runs(command);
      const about = texts(run)
        .split("\n")
        .filter((line) => line.includes(checkpoint));
      expect(
        about.filter((line) => line.includes("and keep it")),
        run.output,
      ).to.have.length(1);
      expect(
        about.filter((line) => line.startsWith("Kept")),
        run.output,
      ).to.have.length(command === "preview" ? 0 : 1);
    }
    expect(scenario.api.takeRequests().filter(({ method }) => method === "DELETE")).to.deep.equal([]);
  });

  it("twenty permissions that were revoked outside of Pulumi are one line", async function () {
    const scenario = await createScenario();
    await scenario.declare(twenty);
    await scenario.runs("up");
    for (const { id } of scenario.api.permissions(checkpoint)) scenario.api.revoke(id);
    for (const command of ["preview", "refresh"] as const) {
      const run = await scenario.runs(command);
      const lines = texts(run).split("\n");
      const drift = lines.filter((line) => line.startsWith("Drift:"));
      expect(drift, run.output).to.have.length(1);
      for (const project of Object.values(twenty)) expect(drift[0]).to.match(new RegExp(`\\b${project}\\b`));
    }
  });

  it("a replacement says who loses access and who gains it, and a swap that nobody does", async function () {
    const scenario = await createScenario();
    await scenario.declare({ a: "proj_1", b: "proj_2" });
    await scenario.runs("up");
    await scenario.declare({ a: "proj_3", b: "proj_2" });
    const replaced = texts(await scenario.runs("preview"));
    expect(replaced)
      .to.match(/proj_1 \(cp_\w+\) loses access/)
      .and.to.include("proj_3 gains access");
    await scenario.declare({ a: "proj_2", b: "proj_1" });
    const swapped = texts(await scenario.runs("preview"));
    expect(swapped).not.to.match(/loses?|gains?/);
    expect(swapped).to.match(/and keeps? it/);
  });

  it("what is gathered is said, even if part of the program is left out", async function () {
    const scenario = await createScenario();
    await scenario.declare(twenty);
    const output = await scenario.pulumi("preview", "--target", "**::p3", "--stack", "test", "--non-interactive");
    expect(output).to.include(`proj_3 gains access to ${checkpoint}`);
  });
};

onTheCli("lines of a preview", lineSuite);
byNativePlugin("lines of a preview", lineSuite);
