import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { byNativePlugin } from "./engines";
import { checkpoint, stepsOf, texts, type World } from "./world";

const namespace = "openai-checkpoint-permissions:index:";
const args = (rest: string) => `{ fineTunedModelCheckpoint: "${checkpoint}", ${rest} }`;
const single = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", ${args(`projectId: "${project}"`)}, ${options});`;
const set = (name: string, projects: readonly string[], options = "{}") =>
  `new CheckpointPermissions("${name}", ${args(`projectIds: ${JSON.stringify(projects)}`)}, ${options});`;

byNativePlugin("what exists", function (createWorld) {
  const importing = ["--yes", "--skip-preview", "--generate-code=false", "--protect=false", "--stack", "test"];

  it("is imported one by one, and previews clean", async function () {
    const world = await createWorld();
    const { id } = world.api.grant(checkpoint, "proj_web");
    await world.pulumi("import", ...importing, `${namespace}CheckpointPermission`, "web", `${checkpoint}/proj_web`);
    expect(await world.permissions()).to.deep.equal([{ id, projectId: "proj_web" }]);
    await world.declare({ web: "proj_web" });
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["same web"]);
    expect(world.takeWrites()).to.deep.equal([]);
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("is imported as a set, and previews clean", async function () {
    const world = await createWorld();
    for (const project of ["proj_b", "proj_a"]) world.api.grant(checkpoint, project);
    await world.pulumi("import", ...importing, `${namespace}CheckpointPermissions`, "team", checkpoint);
    await world.program(set("team", ["proj_a", "proj_b"]));
    expect(stepsOf(await world.runs("preview"))).to.deep.equal(["same team"]);
    await world.assertAgrees(["proj_a", "proj_b"]);
  });

  it("is imported a hundred at a time from a file, with code that previews clean, in two GETs", async function () {
    const world = await createWorld();
    const projects = Array.from({ length: 100 }, (_, index) => `proj_${index}`);
    for (const project of projects) world.api.grant(checkpoint, project);
    const resources = projects.map((project, index) => ({
      type: `${namespace}CheckpointPermission`,
      name: `p${index}`,
      id: `${checkpoint}/${project}`,
    }));
    const file = join(world.folder, "import.json");
    writeFileSync(file, JSON.stringify({ resources }));
    await world.pulumi("import", ...importing, "--file", file);
    expect(world.api.takeRequests()).to.have.length.at.most(4);
    await world.program(projects.map((project, index) => single(`p${index}`, project)).join("\n"));
    expect((await world.runs("preview")).counts).to.deep.equal({ same: 100 });
    expect(world.api.takeRequests()).to.have.length(2);
  });

  it("is imported by the resource option, and got without being managed", async function () {
    const world = await createWorld();
    for (const project of ["proj_web", "proj_seen"]) world.api.grant(checkpoint, project);
    await world.program(`
      ${single("web", "proj_web", `{ import: "${checkpoint}/proj_web" }`)}
      exports.since = CheckpointPermission.get("seen", "${checkpoint}/proj_seen").createdAt;`);
    expect(stepsOf(await world.runs("up"))).to.include("import web");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.runs("refresh");
    await world.runs("destroy");
    expect(world.api.projects(checkpoint)).to.deep.equal(["proj_seen"]);
  });

  it("and what does not exist cannot be imported, which is said clearly", async function () {
    const world = await createWorld();
    const refused = (id: string) =>
      world.pulumi("import", ...importing, `${namespace}CheckpointPermission`, "web", id).then(
        () => "",
        (error: unknown) => (error as Error).message,
      );
    expect(await refused(`${checkpoint}/proj_web`)).to.include(`proj_web has no permission for ${checkpoint}`);
    expect(await refused("cp_123")).to.include("The ID to import is CHECKPOINT/PROJECT");
  });
});

byNativePlugin("a stack", function (createWorld) {
  it("moves from dynamic resources and back, with no change and no write", async function () {
    const world = await createWorld();
    world.door = "dynamic";
    const program =
      single("web", "proj_web") + set("team", ["proj_a", "proj_b"]).replaceAll(checkpoint, `${checkpoint}:1`);
    await world.program(program);
    await world.runs("up");
    world.takeWrites();
    const ids = async () => (await world.permissions()).map(({ id }) => id);
    const before = await ids();

    world.door = "native";
    await world.program(program);
    for (const command of ["preview", "up", "refresh"] as const) {
      const { counts, output } = await world.runs(command);
      expect(counts, output).to.deep.equal(command === "refresh" ? { refresh: 2 } : { same: 2 });
    }
    expect(await ids()).to.deep.equal(before);
    // What the plugin itself has written moves back as well.
    const grown = program + single("shop", "proj_shop");
    await world.program(grown);
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal(["POST proj_shop"]);

    world.door = "dynamic";
    await world.program(`
      pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
        const [, name] = /^pulumi-nodejs:dynamic\\/openai:(\\w+)$/.exec(type) ?? [];
        if (name === undefined) return undefined;
        const aliases = [{ type: "openai-checkpoint-permissions:index:" + name }];
        return { props, opts: pulumi.mergeOptions(opts, { aliases }) };
      });
      ${grown}`);
    for (const command of ["preview", "up", "refresh"] as const) {
      const { counts, output } = await world.runs(command);
      expect(counts, output).to.deep.equal(command === "refresh" ? { refresh: 3 } : { same: 3 });
    }
    expect(world.takeWrites()).to.deep.equal([]);
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("has several providers, each with a key and an API of its own", async function () {
    const [world, other] = [await createWorld(), await createWorld()];
    const provider = (name: string, { api }: World) => {
      world.env[`KEY_${name}`] = api.adminKey;
      return `new Provider("${name}", { adminApiKey: pulumi.secret(process.env.KEY_${name}), baseUrl: "${api.url}" })`;
    };
    world.config = {};
    await world.program(`
      const one = ${provider("one", world)};
      const two = ${provider("two", other)};
      ${single("web", "proj_web", "{ provider: one }")}
      ${single("shop", "proj_web", "{ provider: two }")}`);
    await world.runs("up");
    for (const { api } of [world, other]) expect(api.projects(checkpoint)).to.deep.equal(["proj_web"]);
    // In its debug messages the SDK itself tells what it registered.
    const all = (world.output + (await world.files())).replace(/^.*RegisterResource RPC finished.*$/gm, "");
    for (const { api } of [world, other]) expect(all).not.to.include(api.adminKey);
    await world.runs("destroy");
    for (const { api } of [world, other]) expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("keeps access when a set depends on the resource that a project moves to", async function () {
    const world = await createWorld();
    await world.program(set("team", ["proj_a", "proj_b"]));
    await world.runs("up");
    world.takeWrites();
    await world.program(`const b = ${single("b", "proj_b")} ${set("team", ["proj_a"], "{ dependsOn: [b] }")}`);
    await world.runs("up");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.assertAgrees(["proj_a", "proj_b"]);
  });

  it("loses nothing when a forced replacement is to delete first, which ends with an error that says the way out", async function () {
    const world = await createWorld();
    await world.program(single("web", "proj_web", "{ deleteBeforeReplace: true, replacementTrigger: 1 }"));
    await world.runs("up");
    world.takeWrites();
    await world.program(single("web", "proj_web", "{ deleteBeforeReplace: true, replacementTrigger: 2 }"));
    const up = await world.run("up");
    expect(up.ok).to.equal(false);
    expect(texts(up)).to.include("run it without either");
    expect(world.takeWrites()).to.deep.equal([]);
    await world.program(single("web", "proj_web", "{ replacementTrigger: 2 }"));
    await world.runs("up");
    await world.assertAgrees(["proj_web"]);
  });

  it("ends at once on Ctrl-C, whatever it waits for, and finishes with the next up", async function () {
    const world = await createWorld();
    world.api.fail({ method: "POST", times: 99, kind: { status: 429, headers: { "retry-after": "300" } } });
    await world.declare({ web: "proj_web" });
    let engine = 0;
    const up = await world.run("up", {
      onStart: (pid) => (engine = pid),
      onEvent: (event) => {
        if ("message" in event && event.message.text.includes("OpenAI throttles")) process.kill(engine, "SIGINT");
      },
    });
    expect(up.ok).to.equal(false);
    expect(up.seconds).to.be.below(30);
    expect(up.output).to.include("the run was cancelled");
    await world.engine.cancel(world.project);
    world.api.clearFaults();
    await world.runs("up");
    await world.assertAgrees(["proj_web"]);
  });

  it("runs with the plugin that is installed from its archive", async function () {
    this.timeout(180_000);
    const world = await createWorld();
    execFileSync("npm", ["run", "--silent", "plugin:pack"]);
    const { version } = JSON.parse(readFileSync("provider/package.json", "utf8")) as { version: string };
    const archive = `dist/pulumi-resource-openai-checkpoint-permissions-v${version}.tar.gz`;
    await world.pulumi(
      ...["plugin", "install", "resource", "openai-checkpoint-permissions", version],
      ...["--file", join(process.cwd(), archive)],
    );
    const project = join(world.project.folder, "Pulumi.yaml");
    writeFileSync(project, readFileSync(project, "utf8").replace(/plugins:[^]*$/, ""));
    await world.declare({ web: "proj_web" });
    await world.runs("up");
    await world.assertAgrees(["proj_web"]);
    await world.runs("destroy");
    expect(world.api.permissions(checkpoint)).to.deep.equal([]);
  });
});
