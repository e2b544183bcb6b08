import { expect } from "chai";
import { throughEachDoor } from "./engines";
import { checkpoint, requestsOf, stepsOf, texts, type World } from "./world";

const three = { web: "proj_web", mobile: "proj_mobile", data: "proj_data" };

throughEachDoor("a permission's life", function (createWorld) {
  async function granted(declared: Parameters<World["declare"]>[0] = three): Promise<World> {
    const world = await createWorld();
    await world.declare(declared);
    await world.runs("up");
    world.api.takeRequests();
    return world;
  }

  it("grants what is declared, in one POST, and records each permission's own ID", async function () {
    // On a machine that is busy the engine's creates may come further apart than a batch waits.
    this.retries(2);
    const world = await createWorld();
    await world.declare(three);

    const preview = await world.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["create data", "create mobile", "create web"]);
    // It looks whether they exist, as the up will.
    expect(world.api.takeRequests().map(({ method }) => method)).to.deep.equal(["GET", "GET"]);

    const up = await world.runs("up");
    expect(stepsOf(up)).to.deep.equal(stepsOf(preview));
    const requests = requestsOf(world.api.takeRequests());
    expect(requests).to.include("POST proj_data,proj_mobile,proj_web").and.to.have.length.at.most(3);

    const ids = Object.fromEntries(world.api.permissions(checkpoint).map((row) => [row.project_id, row.id]));
    expect(await world.recorded()).to.deep.equal({
      data: { project: "proj_data", id: ids["proj_data"] },
      mobile: { project: "proj_mobile", id: ids["proj_mobile"] },
      web: { project: "proj_web", id: ids["proj_web"] },
    });
  });

  it("stores little of a permission, and no code", async function () {
    const world = await granted();
    for (const resource of await world.resources()) {
      // The SDK adds a stack trace, whose size is that of the program's paths.
      const ours = { ...resource, sourcePosition: "", stackTrace: [] };
      expect(JSON.stringify(ours).length).to.be.at.most(1100);
      expect(String(resource.inputs?.["__provider"]).length).to.be.at.most(100);
      expect(resource.outputs).to.have.keys(["__provider", "fineTunedModelCheckpoint", "projectId", "createdAt"]);
    }
  });

  it("previews and repeats without a change, in two GETs", async function () {
    const world = await granted();
    for (const command of ["preview", "up"] as const) {
      const run = await world.runs(command);
      expect(stepsOf(run)).to.deep.equal(["same data", "same mobile", "same web"]);
      expect(world.api.takeRequests().map(({ method }) => method)).to.deep.equal(["GET", "GET"]);
    }
  });

  it("shows a revocation behind its back in a plain preview, and up repairs it", async function () {
    const world = await granted();
    const revoked = (await world.recorded())["web"]!.id!;
    world.api.revoke(revoked);

    const preview = await world.runs("preview");
    expect(stepsOf(preview)).to.include("replace web").and.to.include("same data");
    expect(texts(preview)).to.match(
      new RegExp(`Drift: proj_web .*${revoked} was revoked outside of Pulumi.*seen \\d{4}-`),
    );
    world.api.takeRequests();

    const up = await world.runs("up");
    expect(stepsOf(up)).to.deep.equal(stepsOf(preview));
    const requests = requestsOf(world.api.takeRequests());
    expect(requests.filter((request) => !request.startsWith("GET"))).to.deep.equal(["POST proj_web"]);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_mobile", "proj_web"]);
    expect((await world.recorded())["web"]!.id).not.to.equal(revoked);
    expect(texts(up)).not.to.include("Kept");
    expect(stepsOf(await world.runs("preview"))).to.include("same web");
  });

  it("takes a permission that was re-made behind its back in place of its own, without a grant or a revocation", async function () {
    const world = await granted();
    world.config["openai:adoptExisting"] = "false";
    world.api.revoke((await world.recorded())["web"]!.id!);
    const remade = world.api.grant(checkpoint, "proj_web");

    const up = await world.runs("up");
    expect(stepsOf(up)).to.include("replace web");
    expect(texts(up)).to.include(`granted again as ${remade.id}`).and.not.to.include("takes it over");
    expect(new Set(world.api.takeRequests().map(({ method }) => method))).to.deep.equal(new Set(["GET"]));
    expect((await world.recorded())["web"]!.id).to.equal(remade.id);
  });

  it("leaves the look-up out of previews when drift detection is off", async function () {
    const world = await granted();
    world.api.revoke((await world.recorded())["web"]!.id!);
    world.config = { "openai:driftDetection": "false" };
    const preview = await world.runs("preview");
    expect(stepsOf(preview)).to.deep.equal(["same data", "same mobile", "same web"]);
    expect(world.api.requests).to.deep.equal([]);
  });

  it("forgets on refresh what is gone, records what was re-made, and up restores what is declared", async function () {
    const world = await granted();
    const before = await world.recorded();
    world.api.revoke(before["web"]!.id!);
    world.api.revoke(before["data"]!.id!);
    const remade = world.api.grant(checkpoint, "proj_data");

    const refresh = await world.runs("refresh");
    expect(texts(refresh)).to.include(before["web"]!.id!).and.to.include(`again as ${remade.id}`);
    expect(await world.recorded()).to.deep.equal({
      data: { project: "proj_data", id: remade.id },
      mobile: before["mobile"],
    });
    expect(world.api.takeRequests().length).to.be.at.most(3);

    const up = await world.runs("up");
    expect(stepsOf(up)).to.deep.equal(["create web", "same data", "same mobile"]);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_mobile", "proj_web"]);
  });

  it("replaces a permission whose project changes, granting before it revokes", async function () {
    const world = await granted();
    await world.declare({ ...three, web: "proj_shop" });
    const preview = await world.runs("preview");
    const replaced = preview.steps.find(({ op, name }) => op === "replace" && name === "web");
    expect(replaced?.changes).to.deep.equal([{ property: "projectId", old: "proj_web", new: "proj_shop" }]);

    world.api.takeRequests();
    await world.runs("up");
    const writes = world.api.takeRequests().filter(({ method }) => method !== "GET");
    expect(writes.map(({ method }) => method)).to.deep.equal(["POST", "DELETE"]);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_mobile", "proj_shop"]);
  });

  it("replaces a permission whose checkpoint changes", async function () {
    const world = await granted({ web: "proj_web" });
    const later = `${checkpoint}:ckpt-step-2000`;
    await world.declare({ web: { project: "proj_web", checkpoint: later } });
    const up = await world.runs("up");
    const replaced = up.steps.find(({ op }) => op === "replace");
    expect(replaced?.changes).to.deep.equal([{ property: "fineTunedModelCheckpoint", old: checkpoint, new: later }]);
    expect(world.api.projects(checkpoint)).to.deep.equal([]);
    expect(world.api.projects(later)).to.deep.equal(["proj_web"]);
  });

  it("adopts a permission that exists, says so, and revokes it in the end", async function () {
    const world = await createWorld();
    const existing = world.api.grant(checkpoint, "proj_web");
    await world.declare({ web: "proj_web" });
    const up = await world.runs("up");
    expect(texts(up)).to.include(`proj_web (${existing.id}, granted `).and.to.include("this stack takes it over");
    expect((await world.recorded())["web"]!.id).to.equal(existing.id);
    expect(world.api.takeRequests().map(({ method }) => method)).to.deep.equal(["GET"]);

    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("refuses to adopt if adoptExisting is false, naming the permission", async function () {
    const world = await createWorld();
    const existing = world.api.grant(checkpoint, "proj_web");
    world.config["openai:adoptExisting"] = "false";
    await world.declare({ web: "proj_web", data: "proj_data" });
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include(existing.id).and.to.include(world.key("adoptExisting"));
    expect(await world.recorded()).to.have.keys(["data"]);
  });

  it("revokes what it granted on destroy, and nothing of others", async function () {
    const world = await createWorld();
    world.api.grant(checkpoint, "proj_others");
    await world.declare(three);
    await world.runs("up");
    world.api.takeRequests();
    await world.runs("destroy");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_others"]);
    expect(requestsOf(world.api.takeRequests())).to.deep.equal(["DELETE", "DELETE", "DELETE"]);
    expect(await world.recorded()).to.deep.equal({});
  });

  it("destroys what is gone already, after a look", async function () {
    const world = await granted();
    world.api.revoke((await world.recorded())["web"]!.id!);
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
    expect(await world.recorded()).to.deep.equal({});
  });

  it("forgets nothing when destroy goes to a wrong base URL", async function () {
    const world = await createWorld();
    world.config = {};
    const right = { OPENAI_ADMIN_KEY: world.api.adminKey, OPENAI_BASE_URL: world.api.url };
    world.env = right;
    await world.declare(three);
    await world.runs("up");
    world.env = { ...right, OPENAI_BASE_URL: world.api.url.replace("/v1", "") };
    const destroy = await world.run("destroy");
    expect(destroy.ok).to.equal(false);
    expect(destroy.output)
      .to.include("Invalid URL")
      .and.to.include(`Check ${world.key("baseUrl")}`);
    expect(Object.keys(await world.recorded())).to.have.members(["web", "mobile", "data"]);
    expect(world.api.permissions(checkpoint)).to.have.length(3);

    world.env = right;
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("destroys with the config of the last up, as Pulumi has it, and with the environment as it is now", async function () {
    const world = await granted({ web: "proj_web" });
    world.config["openai:baseUrl"] = "https://127.0.0.1:9/v1";
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("destroys with a warning what hung on a checkpoint that no longer exists", async function () {
    const world = await granted({ web: "proj_web" });
    world.api.set({ unknownCheckpoints: [checkpoint] });
    const destroy = await world.runs("destroy");
    expect(texts(destroy)).to.include("OpenAI does not have").and.to.include(checkpoint);
    expect(await world.recorded()).to.deep.equal({});
  });
});
