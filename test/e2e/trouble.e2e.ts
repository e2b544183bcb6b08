import { expect } from "chai";
import type { Command, StackExport } from "../../sandbox/engines";
import { throughEachDoor } from "./engines";
import { checkpoint, stepsOf, texts } from "./world";

throughEachDoor("when something is wrong", function (createWorld) {
  it("says what to do about a key that is not an admin key, and shows no stack trace", async function () {
    const world = await createWorld();
    world.config["openai:adminApiKey"] = { secret: "sk-proj-ordinary" };
    await world.declare({ web: "proj_web" });
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.match(/Cannot .*proj_web.*: 403 ".*" \(request req_\w+\)/)
      .and.to.include("admin-keys");
    expect(up.output).not.to.match(/^\s+at .*\.[jt]s:\d+/m);
    expect(await world.recorded()).to.deep.equal({});
  });

  it("does not repeat the wrong key that the API repeats", async function () {
    const world = await createWorld();
    world.config["openai:adminApiKey"] = { secret: "sk-admin-mistyped-123" };
    await world.declare({ web: "proj_web" });
    const up = await world.run("up");
    expect(texts(up)).to.include("Incorrect API key provided");
    expect(world.output + (await world.files())).not.to.include("sk-admin-mistyped-123");
  });

  it("says both ways to set a key that is missing, when a request is about to be made and not before", async function () {
    const world = await createWorld();
    delete world.config["openai:adminApiKey"];
    await world.declare({ web: "proj_web" });
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["create web"]);
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.include(`pulumi config set --secret ${world.key("adminApiKey")}`)
      .and.to.include("export OPENAI_ADMIN_KEY=");
  });

  it("takes key and base URL from the environment", async function () {
    const world = await createWorld();
    world.config = {};
    world.env = { OPENAI_ADMIN_KEY: world.api.adminKey, OPENAI_BASE_URL: world.api.url };
    await world.declare({ web: "proj_web" });
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    expect(world.output + (await world.files())).not.to.include(world.api.adminKey);
  });

  it("does not mix a key from the stack with what shell variables say, and says so", async function () {
    const world = await createWorld();
    world.env = { OPENAI_BASE_URL: "http://127.0.0.1:9/v1", OPENAI_ORG_ID: "org-other" };
    await world.declare({ web: "proj_web" });
    const up = await world.runs("up");
    expect(texts(up)).to.include("OPENAI_ORG_ID is ignored");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  for (const where of ["the stack's config", "the environment"]) {
    it(`keeps the key out of state, output and the most verbose logs when it comes from ${where}`, async function () {
      const world = await createWorld();
      if (where === "the environment") {
        world.config = {};
        world.env = { OPENAI_ADMIN_KEY: world.api.adminKey, OPENAI_BASE_URL: world.api.url };
      }
      const verbose = true;
      await world.declare({ web: "proj_web" });
      await world.runs("up", { verbose });
      world.api.revoke((await world.recorded())["web"]!.id!);
      await world.runs("preview", { verbose });
      world.api.fail({ method: "GET", kind: { status: 401 } });
      await world.run("refresh", { verbose });
      await world.runs("destroy", { verbose });
      if (world.engine.kind === "pulumi") expect(world.output).to.match(/^{"time":.*"level":/m);
      // At that level the CLI itself logs the config that it hands to any provider, and a plugin's environment.
      const ofTheCli =
        /^.*([mM]arshaling property for RPC\[Provider\[\w+\]\.(Configure|CheckConfig)|Constructed NodeJS command to run).*$/gm;
      for (const text of [world.output, await world.files()].map((all) => all.replace(ofTheCli, ""))) {
        expect(text)
          .not.to.include(world.api.adminKey)
          .and.not.to.include("Bearer ")
          .and.not.to.include("Authorization:");
      }
    });
  }

  it("fails clearly and loses nothing where nobody answers, whatever it is about to do", async function () {
    const world = await createWorld();
    const checkpoints = { web: checkpoint, all: `${checkpoint}:ckpt-step-2000` };
    const program = (projects: string[]) =>
      world.program(`
        new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoints.web}", projectId: "${projects[0]!}" });
        new CheckpointPermissions("all", { fineTunedModelCheckpoint: "${checkpoints.all}", projectIds: ${JSON.stringify(projects)} });`);
    const failing = async (command: Command) => {
      const before = await world.export();
      const run = await world.api.whileDown(() => world.run(command));
      expect(run.ok).to.equal(false);
      expect(texts(run))
        .to.match(/Cannot (grant|look up|revoke) .*: 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)/)
        .and.not.to.match(/^\s+at /m);
      const ids = ({ deployment }: StackExport) => deployment.resources?.map(({ id }) => id);
      if (command !== "up") expect(ids(await world.export())).to.deep.equal(ids(before));
    };
    await program(["proj_1", "proj_2"]);
    await failing("up");
    await world.runs("up");
    for (const command of ["preview", "refresh", "destroy"] as const) await failing(command);
    await program(["proj_1", "proj_3"]);
    await failing("up");
    await world.runs("up");
    expect(world.api.projects(checkpoints.web)).to.deep.equal(["proj_1"]);
    expect(world.api.projects(checkpoints.all)).to.deep.equal(["proj_1", "proj_3"]);
    await world.runs("destroy");
    for (const name of Object.values(checkpoints)) expect(world.api.permissions(name)).to.deep.equal([]);
  });

  it("waits out a throttle, says so, and lands every grant", async function () {
    const world = await createWorld({ throttle: { perMinute: 120, burst: 1 } });
    const declared = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`p${index}`, `proj_${index}`]));
    await world.declare(declared);
    const up = await world.runs("up", { parallel: 1 });
    expect(texts(up)).to.match(/OpenAI throttles granting \(POST\): \d+ of \d+ permissions done/);
    expect(world.api.permissions(checkpoint)).to.have.length(6);
    expect(await world.recorded()).to.have.keys(Object.keys(declared));
  });

  it("gives up a wait that is longer than allowed, saying what was done and what to run", async function () {
    const world = await createWorld();
    world.config["openai:maxWaitSeconds"] = "2";
    world.api.fail({ method: "POST", times: 99, kind: { status: 429, headers: { "retry-after": "60" } } });
    await world.declare({ web: "proj_web" });
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.include(`2 s (${world.key("maxWaitSeconds")}); 0 of 1 permissions done`)
      .and.to.include("run the same command");
    world.api.clearFaults();
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("reports bad input with its property and the remedy, before any request", async function () {
    const world = await createWorld();
    await world.declare({ web: { project: "My project", checkpoint: "ftjob-abc123" } });
    const preview = await world.run("preview");
    expect(preview.ok).to.equal(false);
    expect(texts(preview))
      .to.include("projectId may hold letters")
      .and.to.include("fineTunedModelCheckpoint must not be a fine-tuning job's ID")
      .and.to.include("fine_tuned_model");
    expect(world.api.requests).to.deep.equal([]);
  });

  it("reports bad config with its key and the remedy, before any request", async function () {
    const world = await createWorld();
    world.config["openai:timeoutSeconds"] = "soon";
    await world.declare({ web: "proj_web" });
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include(`${world.key("timeoutSeconds")} must be a number above 0, but is "soon"`);
    expect(world.api.requests).to.deep.equal([]);
  });

  it("refuses a setting that is mistyped, and names the near one, before any request", async function () {
    const world = await createWorld();
    world.config["openai-checkpoint-permissions:requestPerMinute"] = "7";
    await world.declare({ web: "proj_web" });
    const preview = await world.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.include('There is no setting "requestPerMinute". Did you mean requestsPerMinute?');
    expect(world.api.requests).to.deep.equal([]);
  });

  it("warns of a key in plain text, and says how to mend it", async function () {
    const world = await createWorld();
    world.config["openai:adminApiKey"] = world.api.adminKey;
    await world.declare({ web: "proj_web" });
    expect(texts(await world.runs("preview")))
      .to.include(`${world.key("adminApiKey")} is in plain text`)
      .and.to.include(`pulumi config set --secret ${world.key("adminApiKey")}`);
    world.config["openai:adminApiKey"] = { secret: world.api.adminKey };
    expect(texts(await world.runs("preview"))).not.to.include("plain text");
  });

  it("refuses two resources for the same checkpoint and project, naming both", async function () {
    const world = await createWorld();
    await world.declare({ web: "proj_web", shop: "proj_web" });
    const preview = await world.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.match(/"(web" and "shop|shop" and "web)" both give project proj_web access to/);
    expect(preview.output).not.to.match(/^\s+at .*\.[jt]s:\d+/m);
  });

  it("refuses them when the project is an output, too", async function () {
    const world = await createWorld();
    const args = `{ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: pulumi.output("proj_web") }`;
    await world.program(`new CheckpointPermission("web", ${args}); new CheckpointPermission("shop", ${args});`);
    const preview = await world.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.match(/"(web" and "shop|shop" and "web)" both give project proj_web access/);
  });

  it("previews inputs that are not known yet, and grants once they are", async function () {
    const world = await createWorld();
    const args = (project: string) =>
      `{ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: ${project} }`;
    await world.program(
      `const web = new CheckpointPermission("web", ${args(`"proj_web"`)});
       new CheckpointPermission("shop", ${args("web.createdAt.apply((at) => at > 0 ? 'proj_shop' : 'proj_never')")});`,
    );
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["create shop", "create web"]);
    await world.runs("up");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_shop", "proj_web"]);
  });

  it("records what was granted when another grant is refused", async function () {
    const world = await createWorld({ unknownProjects: ["proj_wrong"] });
    await world.declare({ web: "proj_web", wrong: "proj_wrong", data: "proj_data" });
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.match(/Cannot grant proj_wrong access to/)
      .and.to.include("Correct");
    expect(await world.recorded()).to.have.keys(["web", "data"]);
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_web"]);
  });

  it("grants once when the answer to a grant is lost", async function () {
    const world = await createWorld({ repeatedPost: "duplicate" });
    world.api.fail({ method: "POST", kind: "lost answer" });
    await world.declare({ web: "proj_web" });
    await world.runs("up");
    expect(world.api.permissions(checkpoint)).to.have.length(1);
    expect((await world.recorded())["web"]!.id).to.equal(world.api.permissions(checkpoint)[0]!.id);
  });
});
