import { expect } from "chai";
import type { Fault } from "../../sandbox/api/faults";
import { throughEachEntryPoint } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

const three = { web: "proj_web", mobile: "proj_mobile", data: "proj_data" };
const notFound: Fault["kind"] = {
  status: 404,
  error: { message: "The model does not exist.", code: "model_not_found" },
};
const set = (projects: string[]) =>
  `new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} });`;

throughEachEntryPoint("answers that mislead", function (createScenario) {
  async function granted(): Promise<Scenario> {
    const scenario = await createScenario();
    await scenario.declare(three);
    await scenario.runs("up");
    scenario.api.takeRequests();
    return scenario;
  }

  it("a passing 404 for the checkpoint during a refresh leaves state as it is", async function () {
    const scenario = await granted();
    const before = await scenario.recorded();
    scenario.api.fail({ method: "GET", kind: notFound });
    await scenario.runs("refresh");
    expect(await scenario.recorded()).to.deep.equal(before);
    await scenario.assertAgrees(Object.values(three));
  });

  it("a passing 404 for the checkpoint during destroy leaves nothing granted", async function () {
    const scenario = await granted();
    scenario.api.fail({ method: "DELETE", times: 3, kind: notFound });
    scenario.api.fail({ method: "GET", kind: notFound });
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
    await scenario.assertAgrees([]);
  });

  it("an empty list to a key of another organization fails a refresh, with state as it was", async function () {
    const scenario = await granted();
    const before = await scenario.recorded();
    scenario.api.set({ organization: "other" });
    scenario.api.fail({
      method: "GET",
      times: Infinity,
      kind: { rewrite: (body) => ({ ...(body as object), data: [], has_more: false, last_id: null }) },
    });
    const refresh = await scenario.run("refresh");
    expect(refresh.ok, refresh.output).to.equal(false);
    expect(texts(refresh)).to.include('the key belongs to organization "other"');
    expect(await scenario.recorded()).to.deep.equal(before);
  });

  for (const message of ["The model does not exist.", "Not found", "No such resource for this key"])
    it(`"${message}" to a key of another organization is not taken for a deleted checkpoint`, async function () {
      const scenario = await granted();
      const before = await scenario.recorded();
      scenario.api.set({ organization: "other" });
      const kind = { status: 404, error: { message }, headers: { "openai-organization": "other" } };
      for (const method of ["GET", "POST", "DELETE"] as const) scenario.api.fail({ method, times: Infinity, kind });
      for (const command of ["refresh", "destroy"] as const) {
        const run = await scenario.run(command);
        expect(run.ok, run.output).to.equal(false);
        expect(texts(run)).to.include("Set an admin key of the checkpoint's own organization");
        expect(await scenario.recorded()).to.deep.equal(before);
      }
    });

  it("destroy succeeds where every DELETE is answered with 204", async function () {
    const scenario = await granted();
    scenario.api.fail({ method: "DELETE", times: Infinity, kind: "no content" });
    await scenario.runs("destroy");
    expect(scenario.takeWrites()).to.deep.equal(["DELETE", "DELETE", "DELETE"]);
    await scenario.assertAgrees([]);
  });

  it("permissions that a POST leaves out of its answer are not refused as those of others", async function () {
    const scenario = await createScenario();
    scenario.config["openai:adoptExisting"] = "false";
    scenario.api.fail({ method: "POST", kind: { rewrite: (body) => ({ ...(body as object), data: [] }) } });
    await scenario.declare(three);
    await scenario.runs("up");
    await scenario.assertAgrees(Object.values(three));
  });

  it("a project that leaves a set but has a second permission is said to keep its access", async function () {
    const scenario = await createScenario();
    await scenario.program(set(["proj_a", "proj_b"]));
    await scenario.runs("up");
    const second = scenario.api.grant(checkpoint, "proj_b");
    await scenario.program(set(["proj_a"]));
    const remains = `proj_b (${second.id}) still has access to ${checkpoint}`;
    expect(texts(await scenario.runs("preview")))
      .to.include(remains)
      .and.not.to.include("loses access");
    expect(texts(await scenario.runs("up"))).to.include(remains);
    expect(scenario.api.permissions(checkpoint).map(({ id }) => id)).to.include(second.id);
  });

  it("a recreated permission that leaves the program is said to give access still", async function () {
    const scenario = await granted();
    scenario.api.revoke((await scenario.recorded())["web"]!.id!);
    const recreated = scenario.api.grant(checkpoint, "proj_web");
    await scenario.declare({ mobile: three.mobile, data: three.data });
    const up = await scenario.runs("up");
    expect(texts(up)).to.include(`proj_web (${recreated.id}) still has access to ${checkpoint}`);
    const gets = scenario.api.takeRequests().filter(({ method }) => method === "GET");
    expect(gets.length, up.output).to.be.at.most(3);
  });

  it("a project that was created a moment ago is granted by the second try", async function () {
    const scenario = await createScenario({ unknownProjects: ["proj_web", "proj_data"] });
    let firstTry: number | undefined;
    const before = () => {
      firstTry ??= scenario.api.now();
      if (scenario.api.now() - firstTry > 9_000) scenario.api.set({ unknownProjects: [] });
    };
    scenario.api.fail({ method: "POST", times: Infinity, kind: { before } });
    await scenario.declare(three);
    const up = await scenario.runs("up");
    expect(texts(up)).to.match(/OpenAI does not know proj_\w+.* yet; trying again in 10 s/);
    await scenario.assertAgrees(Object.values(three));
  });
});
