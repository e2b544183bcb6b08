import { expect } from "chai";
import { inOwnProcesses, throughEachEntryPoint, type CreateScenario } from "./engines";
import { checkpoint, requestsOf, stepsOf, texts, type Scenario } from "./scenario";

const three = { web: "proj_web", mobile: "proj_mobile", data: "proj_data" };

/** The native plugin does not know ahead that more than one lookup will come. */
const lookups = ({ entryPoint }: CreateScenario) => (entryPoint === "native" ? ["GET", "GET"] : ["GET"]);

async function granted(
  createScenario: CreateScenario,
  declared: Parameters<Scenario["declare"]>[0] = three,
): Promise<Scenario> {
  const scenario = await createScenario();
  await scenario.declare(declared);
  await scenario.runs("up");
  scenario.api.takeRequests();
  return scenario;
}

inOwnProcesses.throughEachEntryPoint("a permission's lifecycle", function (createScenario) {
  it("the first up grants what is declared in one POST and records each permission's own ID", async function () {
    // Nor that more creates will come, which on a busy machine may be further apart than a batch waits.
    if (createScenario.entryPoint === "native") this.retries(2);
    const scenario = await createScenario();
    await scenario.declare(three);

    const preview = await scenario.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["create data", "create mobile", "create web"]);
    // It looks up whether they exist, as the up will.
    expect(scenario.api.takeRequests().map(({ method }) => method)).to.deep.equal(lookups(createScenario));

    const up = await scenario.runs("up");
    expect(stepsOf(up)).to.deep.equal(stepsOf(preview));
    const requests = requestsOf(scenario.api.takeRequests());
    expect(requests).to.include("POST proj_data,proj_mobile,proj_web").and.to.have.length.at.most(3);

    const ids = Object.fromEntries(scenario.api.permissions(checkpoint).map((row) => [row.project_id, row.id]));
    expect(await scenario.recorded()).to.deep.equal({
      data: { project: "proj_data", id: ids["proj_data"] },
      mobile: { project: "proj_mobile", id: ids["proj_mobile"] },
      web: { project: "proj_web", id: ids["proj_web"] },
    });
  });

  it("state has at most 1,100 bytes for a permission, and no provider code", async function () {
    const scenario = await granted(createScenario);
    for (const resource of await scenario.resources()) {
      // The SDK adds a stack trace, whose size is that of the program's paths.
      const ours = { ...resource, sourcePosition: "", stackTrace: [] };
      expect(JSON.stringify(ours).length).to.be.at.most(1100);
      expect(String(resource.inputs?.["__provider"]).length).to.be.at.most(100);
      expect(resource.outputs).to.have.keys(["__provider", "fineTunedModelCheckpoint", "projectId", "createdAt"]);
    }
  });

  it("a plain preview shows a revocation made outside of Pulumi, and up repairs it", async function () {
    const scenario = await granted(createScenario);
    const revoked = (await scenario.recorded())["web"]!.id!;
    const projects = ["web", "mobile", "data"].map((name) => ({ id: `proj_${name}`, name, archived_at: null }));
    scenario.api.set({ projects });
    const user = { id: "user-1", email: "alice@example.com" };
    scenario.api.revoke(revoked, { type: "session", session: { user, ip_address: "192.0.2.1" } });

    const preview = await scenario.runs("preview");
    expect(stepsOf(preview)).to.include("replace web").and.to.include("same data");
    expect(texts(preview)).to.match(
      new RegExp(
        `Drift: proj_web \\(web\\) .*${revoked} was revoked outside of Pulumi by alice@example\\.com, \\d{4}-`,
      ),
    );
    expect(scenario.api.organizationRequests).to.have.lengthOf(2);
    scenario.api.takeRequests();

    const up = await scenario.runs("up");
    expect(stepsOf(up)).to.deep.equal(stepsOf(preview));
    const requests = requestsOf(scenario.api.takeRequests());
    expect(requests.filter((request) => !request.startsWith("GET"))).to.deep.equal(["POST proj_web"]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_mobile", "proj_web"]);
    expect((await scenario.recorded())["web"]!.id).not.to.equal(revoked);
    expect(texts(up)).not.to.include("Kept");
    expect(stepsOf(await scenario.runs("preview"))).to.include("same web");
  });

  it("refresh drops missing permissions and records recreated ones; up then restores the rest", async function () {
    const scenario = await granted(createScenario);
    const before = await scenario.recorded();
    scenario.api.revoke(before["web"]!.id!);
    scenario.api.revoke(before["data"]!.id!);
    const recreated = scenario.api.grant(checkpoint, "proj_data");

    const refresh = await scenario.runs("refresh");
    expect(texts(refresh)).to.include(before["web"]!.id!).and.to.include(`again as ${recreated.id}`);
    expect(await scenario.recorded()).to.deep.equal({
      data: { project: "proj_data", id: recreated.id },
      mobile: before["mobile"],
    });
    expect(scenario.api.takeRequests().length).to.be.at.most(3);

    const up = await scenario.runs("up");
    expect(stepsOf(up)).to.deep.equal(["create web", "same data", "same mobile"]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_mobile", "proj_web"]);
  });

  it("destroy revokes what the stack granted and leaves unmanaged permissions alone", async function () {
    const scenario = await createScenario();
    scenario.api.grant(checkpoint, "proj_others");
    await scenario.declare(three);
    await scenario.runs("up");
    scenario.api.takeRequests();
    await scenario.runs("destroy");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_others"]);
    expect(requestsOf(scenario.api.takeRequests())).to.deep.equal(["DELETE", "DELETE", "DELETE", "GET page"]);
    expect(await scenario.recorded()).to.deep.equal({});
  });

  it("destroy with a wrong base URL fails and keeps state", async function () {
    const scenario = await createScenario();
    scenario.config = {};
    const right = { OPENAI_ADMIN_KEY: scenario.api.adminKey, OPENAI_BASE_URL: scenario.api.url };
    scenario.env = right;
    await scenario.declare(three);
    await scenario.runs("up");
    scenario.env = { ...right, OPENAI_BASE_URL: scenario.api.url.replace("/v1", "") };
    const destroy = await scenario.run("destroy");
    expect(destroy.ok).to.equal(false);
    expect(destroy.output).to.include("Invalid URL").and.to.include("Check OPENAI_BASE_URL");
    expect(Object.keys(await scenario.recorded())).to.have.members(["web", "mobile", "data"]);
    expect(scenario.api.permissions(checkpoint)).to.have.length(3);

    scenario.env = right;
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("destroy uses the config of the last up", async function () {
    const scenario = await granted(createScenario, { web: "proj_web" });
    scenario.config["openai:baseUrl"] = "https://127.0.0.1:9/v1";
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });
});

throughEachEntryPoint("less common steps of a permission's life", function (createScenario) {
  it("an unchanged program previews and applies without a change, in at most two GETs each", async function () {
    const scenario = await granted(createScenario);
    for (const command of ["preview", "up"] as const) {
      const run = await scenario.runs(command);
      expect(stepsOf(run)).to.deep.equal(["same data", "same mobile", "same web"]);
      expect(scenario.api.takeRequests().map(({ method }) => method)).to.deep.equal(lookups(createScenario));
    }
  });

  it("up puts a recreated permission in state with no write, even if adoptExisting is false", async function () {
    const scenario = await granted(createScenario);
    scenario.config["openai:adoptExisting"] = "false";
    scenario.api.revoke((await scenario.recorded())["web"]!.id!);
    const recreated = scenario.api.grant(checkpoint, "proj_web");

    const up = await scenario.runs("up");
    expect(stepsOf(up)).to.include("replace web");
    expect(texts(up)).to.include(`granted again as ${recreated.id}`).and.not.to.include("adopts");
    expect(new Set(scenario.api.takeRequests().map(({ method }) => method))).to.deep.equal(new Set(["GET"]));
    expect((await scenario.recorded())["web"]!.id).to.equal(recreated.id);
  });

  it("a preview sends no request if driftDetection is false", async function () {
    const scenario = await granted(createScenario);
    scenario.api.revoke((await scenario.recorded())["web"]!.id!);
    scenario.config = { "openai:driftDetection": "false" };
    const preview = await scenario.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["same data", "same mobile", "same web"]);
    expect(scenario.api.requests).to.deep.equal([]);
  });

  it("a changed project replaces the permission, granting before revoking", async function () {
    const scenario = await granted(createScenario);
    await scenario.declare({ ...three, web: "proj_shop" });
    const preview = await scenario.runs("preview");
    const replaced = preview.steps.find(({ op, name }) => op === "replace" && name === "web");
    expect(replaced?.changes).to.deep.equal([{ property: "projectId", old: "proj_web", new: "proj_shop" }]);

    scenario.api.takeRequests();
    await scenario.runs("up");
    const writes = scenario.api.takeRequests().filter(({ method }) => method !== "GET");
    expect(writes.map(({ method }) => method)).to.deep.equal(["POST", "DELETE"]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_mobile", "proj_shop"]);
  });

  it("a changed checkpoint replaces the permission", async function () {
    const scenario = await granted(createScenario, { web: "proj_web" });
    const later = `${checkpoint}:ckpt-step-2000`;
    await scenario.declare({ web: { project: "proj_web", checkpoint: later } });
    const up = await scenario.runs("up");
    const replaced = up.steps.find(({ op }) => op === "replace");
    expect(replaced?.changes).to.deep.equal([{ property: "fineTunedModelCheckpoint", old: checkpoint, new: later }]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal([]);
    expect(scenario.api.projects(later)).to.deep.equal(["proj_web"]);
  });

  it("up adopts an existing permission and says so; destroy revokes it", async function () {
    const scenario = await createScenario();
    const existing = scenario.api.grant(checkpoint, "proj_web");
    await scenario.declare({ web: "proj_web" });
    const up = await scenario.runs("up");
    expect(texts(up))
      .to.include(`proj_web (${existing.id}, granted `)
      .and.to.include("already has access")
      .and.to.include("and keeps it");
    expect((await scenario.recorded())["web"]!.id).to.equal(existing.id);
    expect(scenario.api.takeRequests().map(({ method }) => method)).to.deep.equal(["GET"]);

    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("up fails on an existing permission if adoptExisting is false, and names it", async function () {
    const scenario = await createScenario();
    const existing = scenario.api.grant(checkpoint, "proj_web");
    scenario.config["openai:adoptExisting"] = "false";
    await scenario.declare({ web: "proj_web", data: "proj_data" });
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include(existing.id).and.to.include(scenario.key("adoptExisting"));
    expect(await scenario.recorded()).to.have.keys(["data"]);
  });

  it("destroy succeeds if a permission is missing already", async function () {
    const scenario = await granted(createScenario);
    scenario.api.revoke((await scenario.recorded())["web"]!.id!);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
    expect(await scenario.recorded()).to.deep.equal({});
  });

  it("destroy succeeds with a message if the checkpoint is deleted", async function () {
    const scenario = await granted(createScenario, { web: "proj_web" });
    scenario.api.set({ unknownCheckpoints: [checkpoint] });
    const destroy = await scenario.runs("destroy");
    expect(texts(destroy)).to.include("OpenAI does not have").and.to.include(checkpoint);
    expect(await scenario.recorded()).to.deep.equal({});
  });
});
