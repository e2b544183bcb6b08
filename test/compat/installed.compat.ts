/**
 * `npm run test:compat`: the packed package in projects of every supported kind, installed from the registry and run by
 * the Pulumi CLI, outside this repository. When all of them have run, docs/compatibility.md is written from what they did.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { format, resolveConfig } from "prettier";
import { packageName } from "../../provider/resource/reference";
import { Emulator } from "../../sandbox/api/server";
import type { Command, Project, Run } from "../../sandbox/engines";
import { findPulumi, type PulumiEngine } from "../../sandbox/pulumi";
import { foundOrSkip } from "../e2e/engines";
import { checkpoint } from "../e2e/scenario";
import {
  component,
  languages,
  managers,
  nodes,
  oldestSdk,
  sdks,
  twoSdks,
  typescripts,
  type Language,
  type Manager,
} from "./kinds";
import { compatibilityPage, type Seen } from "./page";

const run = promisify(execFile);
const seen: Seen[] = [];

let folder: string | undefined;
let tools: string;
let packed: string;
let pulumi: PulumiEngine;

before("the packed package, Node.js of each version, and pnpm", async function () {
  pulumi = foundOrSkip(await findPulumi(), this);
  folder = await mkdtemp(join(tmpdir(), "checkpoint-permissions-compat-"));
  tools = join(folder, "tools");
  await mkdir(tools);
  await writeFile(join(tools, "package.json"), `{ "private": true }`);
  const versions = nodes.map((node) => `node${node}@npm:node@${node}`);
  // npm 12 runs no install scripts of its own accord.
  await run("npm", ["install", "--no-audit", "--no-fund", ...versions, "npm12@npm:npm@12", "pnpm@latest"], {
    cwd: tools,
  });
  const { stdout } = await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: resolve("provider") });
  packed = join(folder, stdout.trim());
});

after(async function () {
  if (folder !== undefined) await rm(folder, { recursive: true });
});

for (const [language, kind] of Object.entries(languages)) {
  for (const manager of managers) {
    for (const [title, { range, nodes: nodesOfSdk }] of Object.entries(sdks)) {
      describe(`${language}, installed by ${manager}, with ${title}`, function () {
        let project: string;
        let sdk: string;

        before(async function () {
          project = await createProject(kind, range === oldestSdk ? kind.oldestSdkNeeds : undefined);
          sdk = await install(manager, project, [`@pulumi/pulumi@${range}`, ...kind.dependencies, packed]);
        });

        after(() => rm(project, { recursive: true }));

        for (const node of nodesOfSdk) {
          it(`the package previews, grants, shows drift, lists and revokes on Node.js ${node}`, async function () {
            await withStack(project, node, async ({ api, granted, pulumiRuns }) => {
              expect((await pulumiRuns("preview")).counts).to.deep.equal({ create: 2 });
              expect(granted()).to.deep.equal([]);

              await pulumiRuns("up");
              expect(granted()).to.deep.equal(["proj_mobile", "proj_search", "proj_web"]);

              api.revoke(api.permissions(checkpoint).find(({ project_id }) => project_id === "proj_mobile")!.id);
              expect((await pulumiRuns("preview")).counts).to.deep.equal({ same: 1, update: 1 });
              expect(await list(project, node, api)).to.match(/proj_search[^]*proj_web/);

              await pulumiRuns("destroy");
              expect(granted()).to.deep.equal([]);
            });
            seen.push({ language, manager, node, sdk });
          });
        }
      });
    }
  }
}

describe("the package's types", function () {
  let project: string;

  before(async function () {
    project = await createProject(languages["TypeScript, ES modules"]!);
    const compilers = typescripts.map((version) => `typescript-${version}@npm:typescript@~${version}.0`);
    await install("npm", project, ["@pulumi/pulumi@latest", "@types/node@20", ...compilers, packed]);
  });

  for (const version of typescripts) {
    it(`TypeScript ${version} reads the package's types and those of all dependencies`, async function () {
      const compiler = join(project, "node_modules", `typescript-${version}`, "bin/tsc");
      const options = ["--noEmit", "--skipLibCheck", "false"];
      await run(process.execPath, [compiler, ...options], { cwd: project }).catch((error: unknown) => {
        throw new Error((error as { stdout: string }).stdout);
      });
    });
  }
});

describe("a package uninstalled together with its resources", function () {
  it("up without the package fails and keeps access, and revokes once it is installed again", async function () {
    const kind = languages["JavaScript, CommonJS"]!;
    const project = await createProject(kind);
    await install("npm", project, ["@pulumi/pulumi@latest", packed]);
    await withStack(project, 24, async ({ granted, pulumiRuns, pulumiRun }) => {
      await pulumiRuns("up");
      await writeFile(join(project, kind.main), "");
      await run("npm", ["uninstall", packageName], { cwd: project });

      const { ok, output } = await pulumiRun("up");
      expect(ok).to.equal(false);
      expect(output).to.contain(`Cannot find module '${packageName}/dynamic'`);
      expect(granted()).to.deep.equal(["proj_mobile", "proj_search", "proj_web"]);

      await install("npm", project, [packed]);
      await pulumiRuns("up");
      expect(granted()).to.deep.equal([]);
    });
  });
});

describe("a monorepo with two versions of the SDK", function () {
  it("a component of one package works in the program of another", async function () {
    const project = await createProject({ ...languages["JavaScript, CommonJS"]!, program: twoSdks });
    await writeFile(
      join(project, "package.json"),
      JSON.stringify({ name: "app", main: "index.js", workspaces: ["lib"] }),
    );
    const lib = join(project, "lib");
    await mkdir(lib);
    const dependencies = { "@pulumi/pulumi": oldestSdk, [packageName]: `file:${packed}` };
    await writeFile(join(lib, "package.json"), JSON.stringify({ name: "lib", version: "1.0.0", dependencies }));
    await writeFile(join(lib, "index.js"), component);
    await install("npm", project, ["@pulumi/pulumi@latest", "lib@1.0.0"]);
    await withStack(project, 24, async ({ granted, pulumiRuns }) => {
      await pulumiRuns("up");
      expect(granted()).to.deep.equal(["proj_mobile", "proj_web"]);
      expect((await pulumiRuns("preview")).counts).to.deep.equal({ same: 3 });
      await pulumiRuns("destroy");
      expect(granted()).to.deep.equal([]);
    });
  });
});

after("docs/compatibility.md", async function () {
  const pairs = Object.values(sdks).flatMap((sdk) => sdk.nodes).length;
  if (seen.length < pairs * managers.length * Object.keys(languages).length) return;
  // What was tried by hand stays.
  const before = await readFile("docs/compatibility.md", "utf8");
  const byHand = before.slice(before.indexOf("## Other ways"));
  const page = `${compatibilityPage(seen, pulumi.version, new Date())}\n\n${byHand}`;
  const config = (await resolveConfig("docs/compatibility.md")) ?? {};
  await writeFile("docs/compatibility.md", await format(page, { ...config, parser: "markdown" }));
});

async function createProject(
  { main, type, program, files, runtimeOptions }: Language,
  nodeargs?: string,
): Promise<string> {
  const project = await mkdtemp(join(folder!, "project-"));
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "acme", main, type }));
  const options = { ...runtimeOptions, ...(nodeargs === undefined ? {} : { nodeargs }) };
  const runtime = { name: "nodejs", options };
  await writeFile(join(project, "Pulumi.yaml"), JSON.stringify({ name: "acme", runtime }));
  await writeFile(join(project, main), program);
  for (const [file, text] of Object.entries(files)) await writeFile(join(project, file), text);
  return project;
}

/** Installs as a user would, from the registry of npm's own settings; gives the SDK's version. */
async function install(manager: Manager, project: string, dependencies: readonly string[]): Promise<string> {
  const options = { cwd: project, env: { ...process.env, PATH: pathWith(24) } };
  if (manager === "npm") {
    const npm = join(tools, "node_modules/npm12/bin/npm-cli.js");
    await run(nodeOf(24), [npm, "install", "--no-audit", "--no-fund", ...dependencies], options);
  } else {
    // No package sees what it does not depend on.
    await writeFile(join(project, "pnpm-workspace.yaml"), "hoist: false\n");
    const pnpm = join(tools, "node_modules/pnpm/bin/pnpm.mjs");
    // pnpm ends with an error where a package has a script that was not approved; protobufjs of the SDK has one.
    await run(process.execPath, [pnpm, "add", "--ignore-scripts", ...dependencies], options);
  }
  const sdk = await readFile(join(project, "node_modules/@pulumi/pulumi/package.json"), "utf8");
  return (JSON.parse(sdk) as { version: string }).version;
}

function nodeOf(version: number): string {
  return join(tools, "node_modules", `node${version}`, "bin/node");
}

/** Node.js of that version comes first. */
function pathWith(node: number): string {
  return [dirname(nodeOf(node)), process.env["PATH"]].join(delimiter);
}

interface Stack {
  api: Emulator;
  /** The projects that have access. */
  granted: () => string[];
  pulumiRun: (command: Command) => Promise<Run>;
  /** The same for a command that must succeed. */
  pulumiRuns: (command: Command) => Promise<Run>;
}

/** A new stack of the project, and an API of its own. */
async function withStack(project: string, node: number, work: (stack: Stack) => Promise<void>): Promise<void> {
  // A permission that was granted a moment ago is never treated as missing.
  const api = await Emulator.start({ age: 3600 });
  const stack: Project = {
    folder: project,
    stateFolder: await mkdtemp(join(folder!, "state-")),
    stack: "test",
    config: { "openai:baseUrl": api.url, "openai:adminApiKey": { secret: api.adminKey } },
    env: { PATH: pathWith(node) },
  };
  const pulumiRun = (command: Command) => pulumi.run(stack, command);
  const pulumiRuns = async (command: Command) => {
    const done = await pulumiRun(command);
    expect(done.ok, done.output).to.equal(true);
    return done;
  };
  const granted = () => api.projects(checkpoint);
  try {
    await work({ api, granted, pulumiRun, pulumiRuns });
  } finally {
    await pulumi.remove(stack);
    await api.stop();
  }
}

/** What the command line prints, as the package manager installed it. */
async function list(project: string, node: number, api: Emulator): Promise<string> {
  const command = join(project, "node_modules/.bin/checkpoint-permissions");
  const env = { PATH: pathWith(node), OPENAI_ADMIN_KEY: api.adminKey, OPENAI_BASE_URL: api.url };
  const { stdout } = await run(command, ["list", checkpoint, "--format", "csv"], { env });
  return stdout;
}
