import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "chai";
import type { RunOptions } from "../../sandbox/engines";
import { byNativePlugin, onTheCli, type Suite } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

const permission = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}" }, ${options});\n`;
const set = (name: string, projects: string[]) =>
  `new CheckpointPermissionSet("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} });\n`;

/** Makes the folder of a policy pack, which finds our packages. */
async function packFolder(scenario: Scenario, name: string): Promise<string> {
  const folder = join(scenario.folder, name);
  await mkdir(folder);
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Writes a policy pack; returns its folder. */
async function writePack(scenario: Scenario, name: string, program: string): Promise<string> {
  const folder = await packFolder(scenario, name);
  await writeFile(join(folder, "PulumiPolicy.yaml"), "runtime: nodejs\n");
  await writeFile(join(folder, "package.json"), `{ "name": "${name}", "version": "1.0.0", "main": "index.js" }`);
  await writeFile(join(folder, "index.js"), program);
  return folder;
}

/** Writes a policy pack that rewrites the inputs of resources; returns its folder. */
function remediation(scenario: Scenario, name: string, body: string): Promise<string> {
  return writePack(
    scenario,
    name,
    `const { PolicyPack } = require("@pulumi/policy");
     new PolicyPack("${name}", {
       policies: [{
         name: "rewrite",
         description: "rewrites inputs",
         enforcementLevel: "remediate",
         remediateResource: ({ type, props }) => {
           if (!/:CheckpointPermission(Set)?$/.test(type)) return;
           ${body}
         },
       }],
     });`,
  );
}

const suite: Suite = (createScenario) => {
  it("a rename keeps access that a remediation has given another project", async function () {
    const scenario = await createScenario();
    const policyPack = await remediation(scenario, "moves", `return { ...props, projectId: "proj_new" };`);
    await scenario.program(permission("web", "proj_old"));
    await scenario.runs("up", { policyPack });
    expect(scenario.takeWrites()).to.deep.equal(["POST proj_new"]);
    await scenario.program(permission("site", "proj_old"));
    await scenario.runs("up", { policyPack });
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_new"]);
  });

  it("a remediation that takes a project off a set shows in the preview, and up revokes it", async function () {
    const scenario = await createScenario();
    await scenario.program(set("team", ["proj_a", "proj_b"]));
    await scenario.runs("up");
    scenario.takeWrites();
    const removing = `return { ...props, projectIds: [...props.projectIds].filter((id) => id !== "proj_b") };`;
    const policyPack = await remediation(scenario, "removes", removing);
    expect(texts(await scenario.runs("preview", { policyPack }))).to.match(/proj_b \(cp_\w+\) loses access/);
    await scenario.runs("up", { policyPack });
    expect(scenario.takeWrites()).to.deep.equal(["DELETE"]);
    await scenario.assertAgrees(["proj_a"]);
    expect((await scenario.runs("preview", { policyPack })).counts).to.deep.equal({ same: 1 });
  });

  it("a project that a remediation adds to a set keeps its access when the set is renamed", async function () {
    const scenario = await createScenario();
    const adding = `return { ...props, projectIds: [...new Set([...props.projectIds, "proj_added"])].sort() };`;
    const policyPack = await remediation(scenario, "adds", adding);
    await scenario.program(set("team", ["proj_a"]));
    await scenario.runs("up", { policyPack });
    expect(scenario.takeWrites()).to.deep.equal(["POST proj_a,proj_added"]);
    await scenario.program(set("renamed", ["proj_a"]));
    await scenario.runs("up", { policyPack });
    expect(scenario.takeWrites()).to.deep.equal([]);
    await scenario.assertAgrees(["proj_a", "proj_added"]);
  });

  const transform = (name: string, project: string) =>
    `(async () => {
       pulumi.runtime.registerResourceTransform(({ name, props, opts }) =>
         name === "${name}" ? { props: { ...props, projectId: "${project}" }, opts } : undefined);
     })();\n`;

  it("a duplicate that only a transformation makes is an error", async function () {
    const scenario = await createScenario();
    await scenario.program(transform("site", "proj_a") + permission("web", "proj_a") + permission("site", "proj_b"));
    const preview = await scenario.run("preview");
    expect(preview.ok, preview.output).to.equal(false);
    expect(preview.output).to.match(/"(web" and "site|site" and "web)" both give project proj_a access/);
  });

  it("a duplicate that a transformation resolves is no error", async function () {
    const scenario = await createScenario();
    await scenario.program(transform("web", "proj_b") + permission("web", "proj_a") + permission("site", "proj_a"));
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_a", "proj_b"]);
  });

  it("ignoreChanges decides with its old value whether two resources declare the same access", async function () {
    const scenario = await createScenario();
    await scenario.program(permission("web", "proj_a"));
    await scenario.runs("up");
    const ignoring = permission("web", "proj_b", `{ ignoreChanges: ["projectId"] }`);
    await scenario.program(ignoring + permission("site", "proj_a"));
    const preview = await scenario.run("preview");
    expect(preview.ok, preview.output).to.equal(false);
    expect(preview.output).to.match(/"(web" and "site|site" and "web)" both give project proj_a access/);
    await scenario.program(ignoring + permission("site", "proj_b"));
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_a", "proj_b"]);
  });

  it("two resources of one name in nested components of one type are two resources", async function () {
    const scenario = await createScenario();
    await scenario.program(`
      class Team extends pulumi.ComponentResource {
        constructor(name, project, opts) {
          super("example:Team", name, {}, opts);
          new CheckpointPermission("access", { fineTunedModelCheckpoint: "${checkpoint}", projectId: project }, { parent: this });
        }
      }
      const outer = new Team("outer", "proj_outer");
      new Team("inner", "proj_inner", { parent: outer });`);
    await scenario.runs("up");
    await scenario.assertAgrees(["proj_inner", "proj_outer"]);
  });
};

/** The rules of examples/policy-pack, and one that names the class. */
const rules: Suite = (createScenario) => {
  async function withPack(config: object = {}): Promise<{ scenario: Scenario; pack: PolicyPack }> {
    const scenario = await createScenario();
    const folder = await packFolder(scenario, "pack");
    for (const file of ["PulumiPolicy.yaml", "package.json", "tsconfig.json", "index.ts"])
      await copyFile(join("examples/policy-pack", file), join(folder, file));
    const configFile = join(scenario.folder, "policy-config.json");
    await writeFile(configFile, JSON.stringify({ "exclusive-in-production": { stacks: ["test"] }, ...config }));
    return { scenario, pack: { policyPack: folder, policyPackConfig: configFile } };
  }
  type PolicyPack = Pick<RunOptions, "policyPack" | "policyPackConfig">;
  const exclusive = (projects: string[]) => set("team", projects).replace(" });", ", exclusive: true });");

  /** A preview and an up that the pack refuses, with these words and without a write. */
  async function isRefused(scenario: Scenario, pack: PolicyPack, words: string): Promise<void> {
    for (const command of ["preview", "up"] as const) {
      const run = await scenario.run(command, pack);
      expect(run.ok, run.output).to.equal(false);
      expect(run.output).to.include(words);
    }
    expect(scenario.takeWrites()).to.deep.equal([]);
  }

  it("the pack refuses an exclusive set that revokes more than a few permissions in one run", async function () {
    const { scenario, pack } = await withPack();
    for (const project of ["proj_1", "proj_2", "proj_3"]) scenario.api.grant(checkpoint, project);
    await scenario.program(exclusive(["proj_a"]));
    await scenario.runs("preview", pack);
    const { id } = scenario.api.grant(checkpoint, "proj_4");
    await isRefused(scenario, pack, `It would revoke 4, and at most 3 are allowed`);
    scenario.api.revoke(id);
    await scenario.runs("up", pack);
    await scenario.assertAgrees(["proj_a"]);
  });

  it("the pack refuses to adopt what others have granted", async function () {
    const { scenario, pack } = await withPack();
    const { id } = scenario.api.grant(checkpoint, "proj_web");
    await scenario.program(permission("web", "proj_web"));
    await isRefused(scenario, pack, `It would adopt proj_web (${id}, granted `);
    await scenario.program(exclusive(["proj_web"]));
    await isRefused(scenario, pack, `It would adopt proj_web (${id}, granted `);
  });

  it("the pack refuses a replacement that adopts what others have granted", async function () {
    const { scenario, pack } = await withPack();
    await scenario.program(permission("web", "proj_web"));
    await scenario.runs("up", pack);
    scenario.takeWrites();
    const { id } = scenario.api.grant(checkpoint, "proj_foreign");
    await scenario.program(permission("web", "proj_foreign"));
    await isRefused(scenario, pack, `It would adopt proj_foreign (${id}, granted `);
  });

  it("the pack refuses projects that are not allowed", async function () {
    const { scenario, pack } = await withPack({ "allowed-projects": { projects: ["proj_a"] } });
    await scenario.program(permission("web", "proj_web"));
    await isRefused(scenario, pack, "Not on the list of allowed projects: proj_web.");
    await scenario.program(exclusive(["proj_a", "proj_b"]));
    await isRefused(scenario, pack, "Not on the list of allowed projects: proj_b.");
    await scenario.program(exclusive(["proj_a"]));
    await scenario.runs("up", pack);
  });

  it("the pack refuses a set of production that is not exclusive", async function () {
    const { scenario, pack } = await withPack();
    await scenario.program(set("team", ["proj_a"]));
    await isRefused(scenario, pack, "Set exclusive: true.");
  });
};

onTheCli("policies and other changes after the check", suite);
onTheCli("the example's policies", rules);
byNativePlugin("the example's policies", rules);

onTheCli("a policy that names the class", function (createScenario) {
  it("a policy that names the class fires", async function () {
    const scenario = await createScenario();
    const policyPack = await writePack(
      scenario,
      "typed",
      `const { PolicyPack, validateResourceOfType } = require("@pulumi/policy");
       const { CheckpointPermission, CheckpointPermissionSet } = require("pulumi-openai-checkpoint-permissions");
       const refuse = (Class) => ({
         name: "no-" + Class.name,
         description: "refuses " + Class.name,
         enforcementLevel: "mandatory",
         validateResource: validateResourceOfType(Class, (props, args, report) => report("refused: " + props.fineTunedModelCheckpoint)),
       });
       new PolicyPack("typed", { policies: [refuse(CheckpointPermission), refuse(CheckpointPermissionSet)] });`,
    );
    for (const program of [permission("web", "proj_web"), set("team", ["proj_a"])]) {
      await scenario.program(program);
      const preview = await scenario.run("preview", { policyPack });
      expect(preview.ok, preview.output).to.equal(false);
      expect(preview.output).to.include(`refused: ${checkpoint}`);
    }
  });
});

byNativePlugin("policies and other changes after the check", suite);
