import { rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import type { ConfigValue, Run, StackExport } from "../../sandbox/engines";
import { onEachEngine } from "../e2e/engines";
import { stepsOf, type Scenario } from "../e2e/scenario";

/** A program, written once, for the package's resources and for the naive ones. */
interface Program {
  title: string;
  /** What the program's module exports; given the classes. */
  program?: (scope: object) => unknown;
  /** Or its files, which import the classes from `./permissions.cjs`. */
  files?: Record<string, string>;
  /** The projects with access after `up`, if that is certain. */
  projects?: string[];
  /** Those with access to the earlier checkpoint. */
  earlier?: string[];
  /** Those that `destroy` leaves. */
  left?: string[];
  /** How many of them, one after the other, need the one before. Default: none does. */
  waves?: number;
  config?: Record<string, ConfigValue>;
  /** What another stack, `other`, exports. */
  otherStack?: Record<string, unknown>;
  /** Whether preview and `up` fail; `early`: before what they have begun is certain to be reported. */
  fails?: true | "early";
  /** Whether `destroy` fails. */
  stays?: true;
  /** Why the miniature engine does not run it in one process. */
  cli?: string;
}

const load = createRequire(__filename);
const { checkpoint, earlier } = load("./access.cjs") as { checkpoint: string; earlier: string };

const naive = resolve(__dirname, "naive.cjs");
const modules = { ours: "pulumi-openai-checkpoint-permissions", naive };

/**
 * Long enough for a busy machine; what waits for itself waits forever. Pulumi's SDK alone takes a minute to print some
 * errors of a program.
 */
const deadline = { miniature: 10_000, pulumi: 250_000 };

/** What must be equal, whosever the resources are. */
interface Observed {
  runs: Record<string, { ok: boolean; steps: string[]; errors: string[] }>;
  state: unknown;
}

/** Runs the programs of a file here as they are, and with naive resources. */
export function runPrograms(theme: string): void {
  const programs = load(`./${theme}.cjs`) as Program[];
  onEachEngine(`ordinary programs (${theme})`, function (createScenario) {
    for (const [index, program] of programs.entries()) {
      it(`${program.title}: as with naive resources`, async function () {
        const first = await createScenario();
        if (first.engine.kind === "pulumi") this.timeout(3 * deadline.pulumi);
        if (program.cli !== undefined && first.engine.kind === "miniature") this.skip();
        const observe = (whose: keyof typeof modules, scenario: Scenario) =>
          observed(scenario, program, whose, `${theme}.cjs`, index);
        // The CLI has processes of its own, and two of them take little longer than one.
        if (first.engine.kind === "pulumi") {
          const both = [observe("naive", first), observe("ours", await createScenario())] as const;
          await Promise.allSettled(both);
          expect(await both[1]).to.deep.equal(await both[0]);
        } else {
          const expected = await observe("naive", first);
          expect(await observe("ours", await createScenario())).to.deep.equal(expected);
        }
      });
    }
  });
}

async function observed(
  scenario: Scenario,
  program: Program,
  whose: keyof typeof modules,
  file: string,
  index: number,
): Promise<Observed> {
  const { api } = scenario;
  await write(scenario, program, whose, file, index);
  const ends = program.fails === undefined;
  const runs: Record<string, Run> = {};
  const run = async (title: string, command: "preview" | "up" | "destroy", ok: boolean) => {
    runs[title] = await inTime(scenario, command, `${command} of the program with ${whose}`);
    expect(runs[title].ok, `${whose}: ${title}\n${runs[title].output}`).to.equal(ok);
  };

  await run("preview", "preview", ends);
  api.takeRequests();
  await run("up", "up", ends);
  const seen = Object.fromEntries(Object.entries(runs).map(([title, one]) => [title, shownBy(one)]));
  const state = await scenario.export();
  const isEarly = program.fails === "early";
  if (isEarly) for (const one of Object.values(seen)) one.steps = [];
  const result = { runs: seen, state: isEarly ? undefined : comparable(state) };
  if (whose === "naive") return result;

  if (program.projects !== undefined) assertFewRequests(program, api.takeRequests());
  assertGranted(scenario, state, program);
  if (program.fails === undefined) {
    await run("second preview", "preview", true);
    const changes = runs["second preview"]!.steps.filter(({ op }) => op !== "same" && op !== "read");
    expect(changes, "second preview").to.deep.equal([]);
  }
  await run("destroy", "destroy", program.stays !== true);
  if (program.projects !== undefined) {
    expect(api.projects(checkpoint).sort(), "after destroy").to.deep.equal(program.left ?? []);
    expect(api.projects(earlier), "after destroy").to.deep.equal([]);
  }
  return result;
}

async function write(
  scenario: Scenario,
  { files, config = {}, otherStack }: Program,
  whose: keyof typeof modules,
  file: string,
  index: number,
): Promise<void> {
  const { folder } = scenario.project;
  // To put these into the stack's config would be a command more.
  scenario.env = { OPENAI_BASE_URL: scenario.api.url, OPENAI_ADMIN_KEY: scenario.api.adminKey };
  scenario.config = config;
  const module = JSON.stringify(modules[whose]);
  const project = `require(${JSON.stringify(naive)}).Project`;
  const scope = `module.exports = { ...require(${module}), file: require.resolve(${module}), Project: ${project} };\n`;
  await writeFile(join(folder, "permissions.cjs"), scope);
  await writeFile(join(folder, "permissions.d.cts"), `export * from "pulumi-openai-checkpoint-permissions";\n`);
  if (files !== undefined) {
    await rm(join(folder, "index.js"));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  } else {
    const programs = JSON.stringify(resolve(__dirname, file));
    await scenario.write(`module.exports = require(${programs})[${index}].program(require("./permissions.cjs"));\n`);
  }
  if (otherStack === undefined) return;
  await scenario.pulumi("stack", "init", "other");
  const outputs = {
    urn: "urn:pulumi:other::scenario::pulumi:pulumi:Stack::scenario-other",
    type: "pulumi:pulumi:Stack",
  };
  const other = { ...scenario.project, stack: "other" };
  await scenario.engine.importState(other, {
    version: 3,
    deployment: { resources: [{ ...outputs, custom: false, outputs: otherStack }] },
  });
}

function inTime(scenario: Scenario, command: "preview" | "up" | "destroy", what: string): Promise<Run> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`The ${what} does not end.`));
    }, deadline[scenario.engine.kind]);
  });
  return Promise.race([scenario.run(command), late]).finally(() => {
    clearTimeout(timer);
  });
}

/** State and API agree, and say what the program declares. */
function assertGranted(scenario: Scenario, state: StackExport, { projects, earlier: before = [] }: Program): void {
  if (projects === undefined) return;
  const { api } = scenario;
  expect(api.projects(checkpoint).sort()).to.deep.equal([...projects].sort());
  expect(api.projects(earlier).sort()).to.deep.equal([...before].sort());
  const ours = (state.deployment.resources ?? []).filter((resource) => scenario.isOurs(resource));
  const inState = ours.flatMap(({ id, outputs = {} }) => {
    const permissions = outputs["permissions"];
    if (permissions === undefined) return [id];
    return Array.isArray(permissions) ? permissions.map((row: { id: string }) => row.id) : [];
  });
  const isSecret = ours.some(({ outputs = {} }) => isSecretValue(outputs["permissions"]));
  const granted = [...api.permissions(checkpoint), ...api.permissions(earlier)].map(({ id }) => id);
  if (!isSecret) expect(inState.sort()).to.deep.equal(granted.sort());
}

/** An `up` costs what it costs with all IDs written as strings, and one request more at most. */
function assertFewRequests(
  { projects = [], earlier: before = [], waves = 1 }: Program,
  requests: readonly { method: string }[],
): void {
  const count = (method: string) => requests.filter((one) => one.method === method).length;
  const lists = [projects, before].filter((list) => list.length > 0);
  // The engine runs so many creates at a time, of all checkpoints together.
  const rounds = Math.ceil(lists.flat().length / (4 * availableParallelism()));
  const posts = lists.reduce((sum, list) => sum + Math.min(list.length, rounds), 0);
  expect(count("POST"), "POSTs").to.be.at.most(Math.max(posts, waves) + 1);
  expect(count("GET"), "GETs").to.be.at.most(lists.length + 1);
  expect(count("DELETE"), "DELETEs").to.equal(0);
}

function shownBy(run: Run): { ok: boolean; steps: string[]; errors: string[] } {
  const errors = run.messages.filter(({ severity }) => severity === "error");
  // What follows is a stack of the runtime's own.
  const lines = errors.map(({ text, name = "" }) => plain(`${name}: ${text.split("\n")[0]!}`));
  return { ok: run.ok, steps: stepsOf(run), errors: [...new Set(lines)].sort() };
}

/** Without what differs between any two runs of one program. */
function plain(text: string): string {
  return text
    .replaceAll("dynamic/openai:", "dynamic/naive:")
    .replaceAll(/\bcp_\w+/g, "cp_")
    .replaceAll(/\b\d{10}\b/g, "1700000000")
    .replaceAll(/checkpoint-permissions-e2e-\w+/g, "(folder)")
    .replaceAll(/"ciphertext":"[^"]*"/g, `"ciphertext":""`);
}

/** The inputs that programs write. */
const written = ["fineTunedModelCheckpoint", "projectId", "projectIds", "exclusive", "name", "note", "notes"];

/** What state says of the program: everything but what the provider adds. */
function comparable({ deployment }: StackExport): unknown {
  const resources = (deployment.resources ?? []).filter(({ type }) => type !== "pulumi:providers:pulumi-nodejs");
  const fields = resources.map((resource) => {
    const { inputs = {}, outputs = {}, dependencies, propertyDependencies, provider } = resource;
    const options = [
      "protect",
      "retainOnDelete",
      "deletedWith",
      "customTimeouts",
      "aliases",
      "additionalSecretOutputs",
    ];
    const urnsByInput = (propertyDependencies ?? {}) as Record<string, string[] | null>;
    return {
      urn: resource.urn,
      parent: resource["parent"],
      dependencies: sorted(dependencies),
      propertyDependencies: Object.fromEntries(
        written.filter((name) => name in urnsByInput).map((name) => [name, sorted(urnsByInput[name])]),
      ),
      provider: typeof provider === "string" ? provider.split("::").slice(0, -1).join("::") : undefined,
      options: Object.fromEntries(options.map((name) => [name, resource[name]])),
      secretInputs: written.filter((name) => isSecretValue(inputs[name])),
      secretOutputs: written.filter((name) => isSecretValue(outputs[name])),
      // What a component or the stack exports.
      outputs: resource.custom ? undefined : outputs,
    };
  });
  return (JSON.parse(plain(JSON.stringify(fields))) as { urn: string }[]).sort((a, b) => (a.urn < b.urn ? -1 : 1));
}

function sorted(urns: unknown): string[] {
  return ((urns as string[] | null | undefined) ?? []).map(plain).sort();
}

function isSecretValue(value: unknown): boolean {
  return JSON.stringify(value ?? null).includes("4dabf18193072939515e22adb298388d");
}
