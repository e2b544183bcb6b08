import { readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { onTheCli } from "./engines";
import { checkpoint, type Scenario } from "./scenario";

/** What a stack had, what its program declares now, and how Pulumi is asked to make the one the other. */
interface Row {
  command: string;
  before: string;
  after: string;
  /** What was done outside of Pulumi in between. */
  revoked?: true;
  /** The calls, as `CALL OLD>NEW`, sorted where resources are several, since Pulumi interleaves those. */
  calls: string[];
  /** What the error says, if the provider refuses what is asked for. */
  refused?: string;
}

const web = (project: string, options = "{}") => declare("web", project, options);
const declare = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_${project}" }, ${options});`;
const urn = (name: string) => `**${name}`;

/** Each order in which Pulumi calls a provider's resource, as a provider that does nothing has noted it. */
const table: Row[] = [
  { command: "up", before: "", after: web("a"), calls: ["check ->a", "create a"] },
  { command: "up", before: web("a"), after: web("a"), calls: ["check a>a", "diff a>a"] },
  {
    command: "up",
    before: web("a"),
    after: web("b"),
    calls: ["check a>b", "diff a>b", "check ->b", "create b", "delete a"],
  },
  {
    command: "up",
    before: web("a"),
    after: web("b", "{ deleteBeforeReplace: true }"),
    calls: ["check a>b", "diff a>b", "check ->b", "delete a", "create b"],
  },
  {
    command: "up",
    before: web("a"),
    after: web("b", `{ ignoreChanges: ["projectId"] }`),
    calls: ["check a>a", "diff a>a"],
  },
  {
    command: "up",
    before: web("a"),
    after: web("b", `{ protect: true }`),
    calls: ["check a>b", "diff a>b", "check ->b", "create b", "delete a"],
  },
  { command: "up", before: web("a"), after: "", calls: ["delete a"] },
  { command: "up", before: web("a"), after: declare("site", "a"), calls: ["check ->a", "create a", "delete a"] },
  {
    command: "up",
    before: web("a"),
    after: declare("site", "a", `{ aliases: [{ name: "web" }] }`),
    calls: ["check a>a", "diff a>a"],
  },
  {
    command: "up",
    before: web("a") + declare("shop", "b"),
    after: web("b") + declare("shop", "a"),
    calls: [
      "check ->a",
      "check ->b",
      "check a>b",
      "check b>a",
      "create a",
      "create b",
      "delete a",
      "delete b",
      "diff a>b",
      "diff b>a",
    ],
  },
  {
    command: `up --replace ${urn("web")}`,
    before: web("a"),
    after: web("a"),
    calls: ["check ->a", "create a", "delete a"],
  },
  {
    command: `up --replace ${urn("web")}`,
    before: web("a"),
    after: web("b"),
    calls: ["check ->b", "create b", "delete a"],
  },
  {
    command: `up --replace ${urn("web")}`,
    before: web("a"),
    after: web("a", "{ deleteBeforeReplace: true }"),
    calls: ["check ->a", "delete a", "create a"],
    // Its one check looks like that of a new resource, to which another resource's access may move.
    refused: "run it without either",
  },
  {
    command: `up --target ${urn("web")}`,
    before: web("a") + declare("shop", "b"),
    after: web("c") + declare("shop", "d"),
    calls: ["check ->c", "check a>c", "create c", "delete a", "diff a>c"],
  },
  {
    command: `up --exclude ${urn("web")}`,
    before: web("a") + declare("shop", "b"),
    after: web("c") + declare("shop", "d"),
    calls: ["check ->d", "check b>d", "create d", "delete b", "diff b>d"],
  },
  {
    command: "up --refresh",
    before: web("a"),
    after: web("b"),
    calls: ["read a", "diff a>a", "check a>b", "diff a>b", "check ->b", "create b", "delete a"],
  },
  { command: "up --refresh", before: web("a"), after: "", calls: ["read a", "diff a>a", "delete a"] },
  {
    command: "up --refresh",
    before: web("a"),
    after: web("a"),
    revoked: true,
    calls: ["read a", "check ->a", "create a"],
  },
  {
    command: "up --refresh --run-program",
    before: web("a"),
    after: web("a"),
    calls: ["read a", "diff a>a", "check a>a", "diff a>a"],
  },
  {
    command: "up --refresh --run-program",
    before: web("a"),
    after: web("b"),
    calls: ["read a", "diff a>a", "check a>b", "diff a>b", "check ->b", "create b", "delete a"],
  },
  {
    command: "up --refresh --run-program",
    before: web("a"),
    after: declare("site", "a"),
    calls: ["check ->a", "create a", "delete a"],
  },
  {
    command: "up --refresh --run-program",
    before: web("a") + declare("shop", "b"),
    after: web("b") + declare("shop", "a"),
    calls: [
      "check ->a",
      "check ->b",
      "check a>b",
      "check b>a",
      "create a",
      "create b",
      "delete a",
      "delete b",
      "diff a>a",
      "diff a>b",
      "diff b>a",
      "diff b>b",
      "read a",
      "read b",
    ],
  },
  {
    command: "up --refresh --run-program",
    before: web("a"),
    after: web("a"),
    revoked: true,
    calls: ["read a", "check ->a", "create a"],
  },
  { command: "refresh", before: web("a"), after: web("b"), calls: ["read a", "diff a>a"] },
  { command: "refresh", before: web("a"), after: web("a"), revoked: true, calls: ["read a"] },
  { command: "refresh --run-program", before: web("a"), after: web("b"), calls: ["read a", "diff a>a"] },
  { command: "refresh --run-program", before: web("a"), after: declare("site", "a"), calls: ["diff a>a", "read a"] },
  { command: "destroy", before: web("a"), after: web("b"), calls: ["delete a"] },
  { command: "destroy --run-program", before: web("a"), after: web("b"), calls: ["delete a"] },
  { command: "destroy --refresh", before: web("a"), after: web("a"), calls: ["read a", "diff a>a", "delete a"] },
];

onTheCli("the orders in which Pulumi calls a resource", function (createScenario) {
  const naive = `const { CheckpointPermission } = require(${JSON.stringify(resolve("test/e2e/calls.cjs"))});\n`;

  async function run(scenario: Scenario, command: string): Promise<void> {
    const [verb, ...options] = command.split(" ");
    await scenario.pulumi(verb!, ...options, "--yes", "--skip-preview", "--non-interactive", "--parallel", "1");
  }

  for (const { command, before, after, revoked = false, calls, refused } of table) {
    const title = `${command}: ${short(before)} → ${short(after)}${revoked ? ", revoked outside of Pulumi" : ""}`;

    it(`${title}: Pulumi calls as the table says`, async function () {
      const scenario = await createScenario();
      const log = join(scenario.folder, "calls.log");
      scenario.env = { CALLS: log };
      await scenario.write(naive + before);
      await scenario.runs("up");
      await rm(log, { force: true });
      await scenario.write(naive + after);
      if (revoked) scenario.env = { CALLS: log, MISSING: "1" };
      await run(scenario, command);
      const made = (await readFile(log, "utf8").catch(() => "")).split("\n").slice(0, -1);
      const isOne = new Set(`${before}${after}`.match(/"(?:web|site|shop)"/g)).size === 1;
      if (process.env["SHOW_CALLS"] !== undefined) console.log(`CALLS ${JSON.stringify(isOne ? made : made.sort())}`);
      else expect(isOne ? made : made.sort()).to.deep.equal(calls);
    });

    it(`${title}: state and API agree, and then the program is reached`, async function () {
      const scenario = await createScenario();
      await scenario.program(before);
      await scenario.runs("up");
      await scenario.program(after);
      if (revoked) for (const { id } of scenario.api.permissions(checkpoint)) scenario.api.revoke(id);
      const declared = projectsOf(after.includes("ignoreChanges") ? before : after);
      const kept = projectsOf(before).filter((project) => !revoked && declared.includes(project));
      const failure = await run(scenario, command).then(
        () => undefined,
        (error: unknown) => String(error),
      );
      if (refused === undefined) expect(failure).to.equal(undefined);
      else expect(failure).to.include(refused);
      await scenario.assertAgrees();
      if (!command.startsWith("destroy")) expect(scenario.api.projects(checkpoint)).to.include.members(kept);
      await scenario.runs("up");
      await scenario.assertAgrees(declared);
      expect((await scenario.runs("preview")).counts).to.satisfy((counts: Record<string, number>) =>
        Object.keys(counts).every((op) => op === "same"),
      );
    });
  }
});

const projectsOf = (program: string) =>
  [...program.matchAll(/projectId: "(\w+)"/g)].map(([, project]) => project!).sort();

/** A program in a few words. */
function short(program: string): string {
  const words = program
    .replaceAll(
      /new CheckpointPermission\("(\w+)", \{ fineTunedModelCheckpoint: "[^"]*", projectId: "proj_(\w+)" \}, /g,
      " $1=$2 ",
    )
    .replaceAll(/ \{\}\);|\);/g, "")
    .trim();
  return words === "" ? "nothing" : words;
}
