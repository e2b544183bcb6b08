import { expect } from "chai";
import type { Command, StackExport } from "../../sandbox/engines";
import { refusals } from "../support/refusals";
import { runCommand } from "./command";
import { inOwnProcesses, throughEachEntryPoint } from "./engines";
import { checkpoint, stepsOf, texts } from "./scenario";

throughEachEntryPoint("failures", function (createScenario) {
  it("a project's key is an error before any request", async function () {
    const scenario = await createScenario();
    scenario.config["openai:adminApiKey"] = { secret: "sk-proj-ordinary" };
    await scenario.declare({ web: "proj_web" });
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output)
      .to.include(`${scenario.key("adminApiKey")} holds a project's key`)
      .and.to.include("admin-keys");
    expect(scenario.api.takeRequests()).to.deep.equal([]);
    expect(scenario.output + (await scenario.files())).not.to.include("sk-proj-ordinary");
  });

  it("a key that lacks permissions gives an error that says what to do, with no stack trace", async function () {
    const scenario = await createScenario();
    const error = { message: "You have insufficient permissions for this operation." };
    scenario.api.fail({ times: Infinity, kind: { status: 403, error } });
    await scenario.declare({ web: "proj_web" });
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.match(/Cannot .*proj_web.*: 403 ".*" \(request req_\w+\)/)
      .and.to.include("admin-keys");
    expect(up.output).not.to.match(/^\s+at .*\.[jt]s:\d+/m);
    expect(await scenario.recorded()).to.deep.equal({});
  });

  it("each kind of refusal ends in its own next step, in an up and on the command line", async function () {
    const scenario = await createScenario();
    await scenario.program(`
      new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" });
      new CheckpointPermissionSet("all", {
        fineTunedModelCheckpoint: "${checkpoint}:ckpt-step-2000",
        projectIds: ["proj_a", "proj_b"],
      });`);
    const env = { OPENAI_ADMIN_KEY: scenario.api.adminKey, OPENAI_BASE_URL: scenario.api.url };
    for (const { what, kind, remedy, remedyOfList = remedy } of refusals) {
      scenario.api.fail({ times: Infinity, kind });
      const up = await scenario.run("up");
      expect(up.ok, what).to.equal(false);
      const errors = texts(up).split("Cannot grant").slice(1);
      expect(errors, what).not.to.deep.equal([]);
      for (const error of errors) expect(error, what).to.match(remedy);
      // One look before each of the two, and one to grant.
      expect(scenario.api.takeRequests().length, what).to.be.at.most(4);
      const { code, stderr } = await runCommand(["list", checkpoint], { env });
      expect([code, stderr.split("\n").length - 1], what).to.deep.equal([1, 1]);
      expect(stderr, what).to.match(remedyOfList);
      scenario.api.clearFaults();
      scenario.api.takeRequests();
    }
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("an archived project fails alone, with what to do, and its permission can be removed", async function () {
    const scenario = await createScenario();
    await scenario.declare({ old: "proj_old" });
    await scenario.runs("up");
    const project = (id: string, archived_at: number | null = null) => ({ id, name: null, archived_at });
    const projects = [project("proj_old", 1_760_000_000), project("proj_older", 1_760_000_000), project("proj_web")];
    scenario.api.set({ projects });
    await scenario.declare({ old: "proj_old", older: "proj_older", web: "proj_web" });
    const up = await scenario.run("up", { parallel: 8 });
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.match(/Cannot grant proj_older .*is archived.*Remove the project from the program/);
    expect(scenario.api.projects(checkpoint)).to.include("proj_old");
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("a missing key fails up, not preview, and the error names both ways to set one", async function () {
    const scenario = await createScenario();
    delete scenario.config["openai:adminApiKey"];
    await scenario.declare({ web: "proj_web" });
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["create web"]);
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.include(`pulumi config set --secret ${scenario.key("adminApiKey")}`)
      .and.to.include("export OPENAI_ADMIN_KEY=");
  });

  it("a key from the stack ignores the shell's base URL and organization, with a message", async function () {
    const scenario = await createScenario();
    scenario.env = { OPENAI_BASE_URL: "http://127.0.0.1:9/v1", OPENAI_ORG_ID: "org-other" };
    await scenario.declare({ web: "proj_web" });
    const up = await scenario.runs("up");
    expect(texts(up)).to.include("OPENAI_ORG_ID is ignored");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("each command fails clearly and keeps state if nothing answers", async function () {
    const scenario = await createScenario();
    const checkpoints = { web: checkpoint, all: `${checkpoint}:ckpt-step-2000` };
    const program = (projects: string[]) =>
      scenario.program(`
        new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoints.web}", projectId: "${projects[0]!}" });
        new CheckpointPermissionSet("all", { fineTunedModelCheckpoint: "${checkpoints.all}", projectIds: ${JSON.stringify(projects)} });`);
    const failing = async (command: Command) => {
      const before = await scenario.export();
      const run = await scenario.api.whileDown(() => scenario.run(command));
      expect(run.ok).to.equal(false);
      expect(texts(run))
        .to.match(/Cannot (grant|look up|revoke) .*: 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)/)
        .and.not.to.match(/^\s+at /m);
      const ids = ({ deployment }: StackExport) => deployment.resources?.map(({ id }) => id);
      if (command !== "up") expect(ids(await scenario.export())).to.deep.equal(ids(before));
    };
    await program(["proj_1", "proj_2"]);
    await failing("up");
    await scenario.runs("up");
    for (const command of ["preview", "refresh", "destroy"] as const) await failing(command);
    await program(["proj_1", "proj_3"]);
    await failing("up");
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoints.web)).to.deep.equal(["proj_1"]);
    expect(scenario.api.projects(checkpoints.all)).to.deep.equal(["proj_1", "proj_3"]);
    await scenario.runs("destroy");
    for (const name of Object.values(checkpoints)) expect(scenario.api.permissions(name)).to.deep.equal([]);
  });

  it("a rate-limited up waits, says so and completes every grant", async function () {
    const scenario = await createScenario({ throttle: { perMinute: 120, burst: 1 } });
    const declared = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`p${index}`, `proj_${index}`]));
    await scenario.declare(declared);
    const up = await scenario.runs("up", { parallel: 1 });
    expect(texts(up)).to.match(/OpenAI is rate-limiting grants \(POST\): \d+ of \d+ permissions done/);
    expect(scenario.api.permissions(checkpoint)).to.have.length(6);
    expect(await scenario.recorded()).to.have.keys(Object.keys(declared));
  });

  it("a wait beyond maxWaitSeconds fails and says what is done and what to run", async function () {
    const scenario = await createScenario();
    scenario.config["openai:maxWaitSeconds"] = "2";
    scenario.api.fail({ method: "POST", times: 99, kind: { status: 429, headers: { "retry-after": "60" } } });
    await scenario.declare({ web: "proj_web" });
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.include(`2 s (${scenario.key("maxWaitSeconds")}); 0 of 1 permissions done`)
      .and.to.include("run the same command");
    scenario.api.clearFaults();
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
  });

  it("invalid input fails before any request, with its property and a remedy", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: { project: "My project", checkpoint: "ftjob-abc123" } });
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(texts(preview))
      .to.include("projectId may hold letters")
      .and.to.include("fineTunedModelCheckpoint must not be a fine-tuning job's ID")
      .and.to.include("fine_tuned_model");
    expect(scenario.api.requests).to.deep.equal([]);
  });

  it("invalid config fails before any request, with its key and a remedy", async function () {
    const scenario = await createScenario();
    scenario.config["openai:timeoutSeconds"] = "soon";
    await scenario.declare({ web: "proj_web" });
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include(`${scenario.key("timeoutSeconds")} must be a number above 0, but is "soon"`);
    expect(scenario.api.requests).to.deep.equal([]);
  });

  it("a misspelled setting fails before any request and suggests the right one", async function () {
    const scenario = await createScenario();
    scenario.config["openai-checkpoint-permissions:requestPerMinute"] = "7";
    await scenario.declare({ web: "proj_web" });
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.include('There is no setting "requestPerMinute". Did you mean requestsPerMinute?');
    expect(scenario.api.requests).to.deep.equal([]);
  });

  it("a key in plain text gives a warning that says how to encrypt it", async function () {
    const scenario = await createScenario();
    scenario.config["openai:adminApiKey"] = scenario.api.adminKey;
    await scenario.declare({ web: "proj_web" });
    expect(texts(await scenario.runs("preview")))
      .to.include(`${scenario.key("adminApiKey")} is in plain text`)
      .and.to.include(`pulumi config set --secret ${scenario.key("adminApiKey")}`);
    scenario.config["openai:adminApiKey"] = { secret: scenario.api.adminKey };
    expect(texts(await scenario.runs("preview"))).not.to.include("plain text");
  });

  it("two resources for the same checkpoint and project fail, and the error names both", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web", shop: "proj_web" });
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.match(/"(web" and "shop|shop" and "web)" both give project proj_web access to/);
    expect(preview.output).not.to.match(/^\s+at .*\.[jt]s:\d+/m);
  });

  it("two resources for the same access fail even if the project is an output", async function () {
    const scenario = await createScenario();
    const args = `{ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: pulumi.output("proj_web") }`;
    await scenario.program(`new CheckpointPermission("web", ${args}); new CheckpointPermission("shop", ${args});`);
    const preview = await scenario.run("preview");
    expect(preview.ok).to.equal(false);
    expect(preview.output).to.match(/"(web" and "shop|shop" and "web)" both give project proj_web access/);
  });

  it("an input from another permission is previewed as unknown and granted once it is known", async function () {
    const scenario = await createScenario();
    const args = (project: string) =>
      `{ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)}, projectId: ${project} }`;
    await scenario.program(
      `const web = new CheckpointPermission("web", ${args(`"proj_web"`)});
       new CheckpointPermission("shop", ${args("web.createdAt.apply((at) => at > 0 ? 'proj_shop' : 'proj_never')")});`,
    );
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["create shop", "create web"]);
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_shop", "proj_web"]);
  });

  it("state records the grants that succeed when another is refused", async function () {
    const scenario = await createScenario({ unknownProjects: ["proj_wrong"] });
    await scenario.declare({ web: "proj_web", wrong: "proj_wrong", data: "proj_data" });
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up))
      .to.match(/Cannot grant proj_wrong access to/)
      .and.to.include("Correct");
    expect(await scenario.recorded()).to.have.keys(["web", "data"]);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_data", "proj_web"]);
  });

  it("a grant whose answer is cut off creates one permission", async function () {
    const scenario = await createScenario({ repeatedPost: "duplicate" });
    scenario.api.fail({ method: "POST", kind: "lost answer" });
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    expect(scenario.api.permissions(checkpoint)).to.have.length(1);
    expect((await scenario.recorded())["web"]!.id).to.equal(scenario.api.permissions(checkpoint)[0]!.id);
  });
});

inOwnProcesses.throughEachEntryPoint("the admin key", function (createScenario) {
  it("a wrong key that the API repeats appears in no output and in no file", async function () {
    const scenario = await createScenario();
    scenario.config["openai:adminApiKey"] = { secret: "sk-admin-mistyped-123" };
    await scenario.declare({ web: "proj_web" });
    const up = await scenario.run("up");
    expect(texts(up)).to.include("Incorrect API key provided");
    expect(scenario.output + (await scenario.files())).not.to.include("sk-admin-mistyped-123");
  });

  it("the environment supplies key and base URL if the stack does not", async function () {
    const scenario = await createScenario();
    scenario.config = {};
    scenario.env = { OPENAI_ADMIN_KEY: scenario.api.adminKey, OPENAI_BASE_URL: scenario.api.url };
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    expect(scenario.output + (await scenario.files())).not.to.include(scenario.api.adminKey);
  });

  for (const where of ["the stack's config", "the environment"]) {
    it(`a key from ${where} appears in no state, output or verbose log`, async function () {
      const scenario = await createScenario();
      if (where === "the environment") {
        scenario.config = {};
        scenario.env = { OPENAI_ADMIN_KEY: scenario.api.adminKey, OPENAI_BASE_URL: scenario.api.url };
      }
      const verbose = true;
      await scenario.declare({ web: "proj_web" });
      await scenario.runs("up", { verbose });
      scenario.api.revoke((await scenario.recorded())["web"]!.id!);
      await scenario.runs("preview", { verbose });
      scenario.api.fail({ method: "GET", kind: { status: 401 } });
      await scenario.run("refresh", { verbose });
      await scenario.runs("destroy", { verbose });
      if (scenario.engine.kind === "pulumi") expect(scenario.output).to.match(/^{"time":.*"level":/m);
      // At that level the CLI itself logs the config that it hands to any provider, and a plugin's environment.
      const ofTheCli =
        /^.*([mM]arshaling property for RPC\[Provider\[\w+\]\.(Configure|CheckConfig)|Constructed NodeJS command to run).*$/gm;
      for (const text of [scenario.output, await scenario.files()].map((all) => all.replace(ofTheCli, ""))) {
        expect(text)
          .not.to.include(scenario.api.adminKey)
          .and.not.to.include("Bearer ")
          .and.not.to.include("Authorization:");
      }
    });
  }
});
