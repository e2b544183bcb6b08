import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { byNativePlugin } from "./engines";
import { checkpoint, stepsOf, texts, type Scenario } from "./scenario";

const namespace = "openai-checkpoint-permissions:index:";
const args = (rest: string) => `{ fineTunedModelCheckpoint: "${checkpoint}", ${rest} }`;
const permission = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", ${args(`projectId: "${project}"`)}, ${options});`;
const set = (name: string, projects: readonly string[], options = "{}") =>
  `new CheckpointPermissionSet("${name}", ${args(`projectIds: ${JSON.stringify(projects)}`)}, ${options});`;

byNativePlugin("imports", function (createScenario) {
  const importing = ["--yes", "--skip-preview", "--generate-code=false", "--protect=false", "--stack", "test"];

  it("an imported permission previews clean", async function () {
    const scenario = await createScenario();
    const { id } = scenario.api.grant(checkpoint, "proj_web");
    await scenario.pulumi("import", ...importing, `${namespace}CheckpointPermission`, "web", `${checkpoint}/proj_web`);
    expect(await scenario.permissions()).to.deep.equal([{ id, projectId: "proj_web" }]);
    await scenario.declare({ web: "proj_web" });
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same web"]);
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("an imported set previews clean", async function () {
    const scenario = await createScenario();
    for (const project of ["proj_b", "proj_a"]) scenario.api.grant(checkpoint, project);
    await scenario.pulumi("import", ...importing, `${namespace}CheckpointPermissionSet`, "team", checkpoint);
    await scenario.program(set("team", ["proj_a", "proj_b"]));
    expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same team"]);
    await scenario.assertAgrees(["proj_a", "proj_b"]);
  });

  it("a hundred permissions imported from a file preview clean in two GETs", async function () {
    const scenario = await createScenario();
    const projects = Array.from({ length: 100 }, (_, index) => `proj_${index}`);
    for (const project of projects) scenario.api.grant(checkpoint, project);
    const resources = projects.map((project, index) => ({
      type: `${namespace}CheckpointPermission`,
      name: `p${index}`,
      id: `${checkpoint}/${project}`,
    }));
    const file = join(scenario.folder, "import.json");
    writeFileSync(file, JSON.stringify({ resources }));
    await scenario.pulumi("import", ...importing, "--file", file);
    expect(scenario.api.takeRequests()).to.have.length.at.most(4);
    await scenario.program(projects.map((project, index) => permission(`p${index}`, project)).join("\n"));
    expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 100 });
    expect(scenario.api.takeRequests()).to.have.length(2);
  });

  it("the import option adopts a permission, and get() reads another without managing it", async function () {
    const scenario = await createScenario();
    for (const project of ["proj_web", "proj_seen"]) scenario.api.grant(checkpoint, project);
    await scenario.program(`
      ${permission("web", "proj_web", `{ import: "${checkpoint}/proj_web" }`)}
      exports.since = CheckpointPermission.get("seen", "${checkpoint}/proj_seen").createdAt;`);
    expect(stepsOf(await scenario.runs("up"))).to.include("import web");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.runs("refresh");
    await scenario.runs("destroy");
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_seen"]);
  });

  it("importing a permission that does not exist, or a malformed ID, fails with a clear error", async function () {
    const scenario = await createScenario();
    const refused = (id: string) =>
      scenario.pulumi("import", ...importing, `${namespace}CheckpointPermission`, "web", id).then(
        () => "",
        (error: unknown) => (error as Error).message,
      );
    expect(await refused(`${checkpoint}/proj_web`)).to.include(`proj_web has no permission for ${checkpoint}`);
    expect(await refused("cp_123")).to.include("The ID to import is CHECKPOINT/PROJECT");
  });
});

byNativePlugin("stacks", function (createScenario) {
  it("a stack moves from dynamic to native resources and back with no change and no write", async function () {
    const scenario = await createScenario();
    scenario.entryPoint = "dynamic";
    const program =
      permission("web", "proj_web") + set("team", ["proj_a", "proj_b"]).replaceAll(checkpoint, `${checkpoint}:1`);
    await scenario.program(program);
    await scenario.runs("up");
    scenario.takeWrites();
    const ids = async () => (await scenario.permissions()).map(({ id }) => id);
    const before = await ids();

    scenario.entryPoint = "native";
    await scenario.program(program);
    for (const command of ["preview", "up", "refresh"] as const) {
      const { counts, output } = await scenario.runs(command);
      expect(counts, output).to.deep.equal(command === "refresh" ? { refresh: 2 } : { same: 2 });
    }
    expect(await ids()).to.deep.equal(before);
    // What the plugin itself has written moves back as well.
    const grown = program + permission("shop", "proj_shop");
    await scenario.program(grown);
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal(["POST proj_shop"]);

    scenario.entryPoint = "dynamic";
    await scenario.program(`
      pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
        const [, name] = /^pulumi-nodejs:dynamic\\/openai:(\\w+)$/.exec(type) ?? [];
        if (name === undefined) return undefined;
        const aliases = [{ type: "openai-checkpoint-permissions:index:" + name }];
        return { props, opts: pulumi.mergeOptions(opts, { aliases }) };
      });
      ${grown}`);
    for (const command of ["preview", "up", "refresh"] as const) {
      const { counts, output } = await scenario.runs(command);
      expect(counts, output).to.deep.equal(command === "refresh" ? { refresh: 3 } : { same: 3 });
    }
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("two providers in a stack each use their own key and API", async function () {
    const [scenario, other] = [await createScenario(), await createScenario()];
    const provider = (name: string, { api }: Scenario) => {
      scenario.env[`KEY_${name}`] = api.adminKey;
      return `new Provider("${name}", { adminApiKey: pulumi.secret(process.env.KEY_${name}), baseUrl: "${api.url}" })`;
    };
    scenario.config = {};
    await scenario.program(`
      const one = ${provider("one", scenario)};
      const two = ${provider("two", other)};
      ${permission("web", "proj_web", "{ provider: one }")}
      ${permission("shop", "proj_web", "{ provider: two }")}`);
    await scenario.runs("up");
    for (const { api } of [scenario, other]) expect(api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    // In its debug messages the SDK itself tells what it registered.
    const all = (scenario.output + (await scenario.files())).replace(/^.*RegisterResource RPC finished.*$/gm, "");
    for (const { api } of [scenario, other]) expect(all).not.to.include(api.adminKey);
    await scenario.runs("destroy");
    for (const { api } of [scenario, other]) expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("a provider's new base URL is not taken for a revocation", async function () {
    const [scenario, other] = [await createScenario(), await createScenario()];
    const program = (api: Scenario["api"], project = "proj_web") => `
      const api = new Provider("api", { adminApiKey: pulumi.secret("${api.adminKey}"), baseUrl: "${api.url}" });
      ${permission("web", project, "{ provider: api }")}`;
    await scenario.program(program(scenario.api));
    await scenario.runs("up");
    await scenario.program(program(other.api));
    const preview = await scenario.runs("preview");
    expect(texts(preview))
      .to.match(
        /^.*Drift: proj_web \(cp_\w+\): not listed for ft:\S+ at 127\S+, to which the provider's base URL has changed\./m,
      )
      .and.not.to.include("revoked outside of Pulumi");
    await scenario.runs("up");
    for (const { api } of [scenario, other]) expect(api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    other.api.revoke((await scenario.recorded())["web"]!.id!);
    expect(texts(await scenario.runs("preview"))).to.include("was revoked outside of Pulumi");
  });

  it("a provider that leaves the program with its resources uses its old key, and the error says the way out", async function () {
    const scenario = await createScenario();
    const program = (key: string, resource: string) => `
      const api = new Provider("api", { adminApiKey: pulumi.secret("${key}"), baseUrl: "${scenario.api.url}" });
      ${resource}`;
    await scenario.program(program(scenario.api.adminKey, permission("web", "proj_web", "{ provider: api }")));
    await scenario.runs("up");
    scenario.api.set({ adminKey: "sk-admin-rotated" });
    await scenario.program("");
    const removed = await scenario.run("up");
    expect(removed.ok).to.equal(false);
    expect(texts(removed)).to.include(
      "declare the provider again with a new key, run `pulumi up`, and remove it after",
    );
    const resource = permission("web", "proj_web", "{ provider: api }");
    for (const next of [program("sk-admin-rotated", resource), program("sk-admin-rotated", ""), ""]) {
      await scenario.program(next);
      await scenario.runs("up");
    }
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("a provider without a key says that it does not read the stack's config", async function () {
    const scenario = await createScenario();
    await scenario.program(`
      const api = new Provider("api", { baseUrl: "${scenario.api.url}" });
      ${permission("web", "proj_web", "{ provider: api }")}`);
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("A provider that the program declares does not read the stack's config: pass it");
    expect(scenario.api.takeRequests()).to.deep.equal([]);
  });

  it("a project keeps access when its set depends on the resource that it moves to", async function () {
    const scenario = await createScenario();
    await scenario.program(set("team", ["proj_a", "proj_b"]));
    await scenario.runs("up");
    scenario.takeWrites();
    await scenario.program(`const b = ${permission("b", "proj_b")} ${set("team", ["proj_a"], "{ dependsOn: [b] }")}`);
    await scenario.runs("up");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_a", "proj_b"]);
  });

  it("a forced replacement with deleteBeforeReplace fails, keeps access and says what to do", async function () {
    const scenario = await createScenario();
    await scenario.program(permission("web", "proj_web", "{ deleteBeforeReplace: true, replacementTrigger: 1 }"));
    await scenario.runs("up");
    scenario.takeWrites();
    await scenario.program(permission("web", "proj_web", "{ deleteBeforeReplace: true, replacementTrigger: 2 }"));
    const up = await scenario.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("run it without either");
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.program(permission("web", "proj_web", "{ replacementTrigger: 2 }"));
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_web"]);
  });

  it("Ctrl-C ends a rate-limited wait at once, and the next up finishes", async function () {
    const scenario = await createScenario();
    scenario.api.fail({ method: "POST", times: 99, kind: { status: 429, headers: { "retry-after": "300" } } });
    await scenario.declare({ web: "proj_web" });
    let engine = 0;
    const up = await scenario.run("up", {
      onStart: (pid) => (engine = pid),
      onEvent: (event) => {
        if ("message" in event && event.message.text.includes("OpenAI is rate-limiting"))
          process.kill(engine, "SIGINT");
      },
    });
    expect(up.ok).to.equal(false);
    expect(up.seconds).to.be.below(30);
    expect(up.output).to.include("the run was cancelled");
    await scenario.engine.cancel(scenario.project);
    scenario.api.clearFaults();
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_web"]);
  });

  it("the plugin leaves nothing in the temporary folder", async function () {
    const scenario = await createScenario();
    const TMPDIR = join(scenario.folder, "tmp");
    mkdirSync(TMPDIR);
    scenario.env = { TMPDIR };
    await scenario.declare({ web: "proj_web" });
    for (const command of ["preview", "up", "refresh", "destroy"] as const) {
      await scenario.runs(command);
      const folder = readdirSync(TMPDIR).find((name) => name.startsWith("pulumi-openai-checkpoint-permissions-"));
      expect(folder, command).to.be.a("string");
      expect(readdirSync(join(TMPDIR, folder!)), command).to.deep.equal([]);
    }
  });

  it("a stack runs with the plugin installed from its archive", async function () {
    this.timeout(180_000);
    const scenario = await createScenario();
    execFileSync("npm", ["run", "--silent", "dev:plugin-pack"]);
    const { version } = JSON.parse(readFileSync("provider/package.json", "utf8")) as { version: string };
    const archive = `dist/pulumi-resource-openai-checkpoint-permissions-v${version}.tar.gz`;
    await scenario.pulumi(
      ...["plugin", "install", "resource", "openai-checkpoint-permissions", version],
      ...["--file", join(process.cwd(), archive)],
    );
    const project = join(scenario.project.folder, "Pulumi.yaml");
    writeFileSync(project, readFileSync(project, "utf8").replace(/plugins:[^]*$/, ""));
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_web"]);
    await scenario.runs("destroy");
    expect(scenario.api.permissions(checkpoint)).to.deep.equal([]);
  });
});
