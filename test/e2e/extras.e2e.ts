import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { inOwnProcesses } from "./engines";
import { checkpoint, texts, type Scenario } from "./scenario";

interface Harm {
  title: string;
  /** What the program does before all else. */
  program?: string;
  strike?: (scenario: Scenario) => Promise<void> | void;
  /** Whether nothing is revoked that another process may declare, until the extra is back. */
  keepsMore?: boolean;
}

const hints = (expression: string) => `
  pulumi.runtime.registerStackTransformation(({ props: { __hints: hints, ...props }, opts }) => ({
    props: hints === undefined ? props : { ...props, __hints: ${expression} },
    opts,
  }));`;

const fullAfter = (lines: number): Harm => ({
  title: `the disk is full after ${lines} lines`,
  strike: (scenario) => {
    scenario.env["NODE_OPTIONS"] = `--require ${resolve("test/e2e/full-disk.cjs")}`;
    scenario.env["TEST_LINES"] = String(lines);
  },
  keepsMore: true,
});

const harms: Harm[] = [
  { title: "hints are missing", program: hints("undefined") },
  { title: "hints come late", program: hints("new Promise((resolve) => setTimeout(() => resolve(hints), 1_000))") },
  { title: "hints are of another form", program: hints(`{ urn: 1, accesses: "all", counts: null }`) },
  ...[0, 3].map(fullAfter),
  {
    title: "the folder for the shared file is a file",
    strike: async (scenario) => {
      const folder = (scenario.env["TMPDIR"] = join(scenario.folder, "tmp"));
      await mkdir(folder);
      await writeFile(join(folder, `pulumi-openai-checkpoint-permissions-${process.getuid?.() ?? "user"}`), "");
    },
    keepsMore: true,
  },
  ...(["projects", "audit_logs"] as const).flatMap((endpoint) =>
    (["wrong shape", "reset"] as const).map((kind) => ({
      title: `the API answers for ${endpoint} with ${JSON.stringify(kind)}`,
      strike: (scenario: Scenario) => {
        scenario.api.fail({ endpoint, times: Infinity, kind });
      },
    })),
  ),
];

inOwnProcesses.throughEachEntryPoint("extras that fail", function (createScenario) {
  for (const { title, program = "", strike, keepsMore = false } of harms)
    it(`a rename, a revocation by hand and a shorter list end alike where ${title}`, async function () {
      const scenario = await createScenario();
      await strike?.(scenario);
      const declare = (names: Record<string, string>, projects: string[]) =>
        scenario.program(
          [
            program,
            ...Object.entries(names).map(
              ([name, projectId]) =>
                `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "${projectId}" });`,
            ),
            `new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} });`,
          ].join("\n"),
        );
      await declare({ web: "proj_web", mobile: "proj_mobile" }, ["proj_a", "proj_b"]);
      await scenario.runs("up");
      const [web, mobile] = ["proj_web", "proj_mobile"].map((project) => idOf(scenario, project)!);
      scenario.api.revoke(mobile!);

      await declare({ site: "proj_web", mobile: "proj_mobile" }, ["proj_a"]);
      await scenario.runs("preview");
      if (keepsMore) {
        const up = await scenario.run("up");
        expect(idOf(scenario, "proj_web")).to.equal(web);
        if (!up.ok) {
          expect(texts(up)).to.include("whether the program still declares it is not known");
          expect(idOf(scenario, "proj_b")).to.be.a("string");
          scenario.env = {};
        }
      }
      await scenario.runs("up");
      await scenario.assertAgrees(["proj_web", "proj_mobile", "proj_a"]);
      expect(idOf(scenario, "proj_web")).to.equal(web);

      await scenario.runs("refresh");
      await scenario.runs("destroy");
      await scenario.assertAgrees([]);
    });
});

function idOf(scenario: Scenario, project: string): string | undefined {
  return scenario.api.permissions(checkpoint).find(({ project_id }) => project_id === project)?.id;
}
