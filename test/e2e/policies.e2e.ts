import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { byNativePlugin, onTheCli, type Suite } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

const permission = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}" }, ${options});\n`;
const set = (name: string, projects: string[]) =>
  `new CheckpointPermissionSet("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} });\n`;

/** Writes a policy pack that rewrites the inputs of resources; returns its folder. */
async function remediation(scenario: Scenario, name: string, body: string): Promise<string> {
  const folder = join(scenario.folder, name);
  await mkdir(folder);
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "PulumiPolicy.yaml"), "runtime: nodejs\n");
  await writeFile(join(folder, "package.json"), `{ "name": "${name}", "version": "1.0.0", "main": "index.js" }`);
  await writeFile(
    join(folder, "index.js"),
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
  return folder;
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

onTheCli("policies and other changes after the check", suite);
byNativePlugin("policies and other changes after the check", suite);
