import { expect } from "chai";
import { inOwnProcesses } from "./engines";
import { combined } from "./full";
import { InterruptedRun, interruptions } from "./interruption/interrupted";
import { checkpoint } from "./scenario";

const args = (project: string, rest = "") =>
  `{ fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}"${rest} }`;
const permission = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", ${args(project)}, ${options})`;
const set = (name: string, projects: string[]) =>
  `new CheckpointPermissionSet("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} })`;

const names = Array.from({ length: 12 }, (_, index) => `proj_${index}`);
const programs = {
  permissions: names.map((name, index) => `${permission(`p${index}`, name)};`).join("\n"),
  "a set": `${set("all", names)};`,
};

inOwnProcesses.throughEachEntryPoint("interrupted runs", function (createScenario) {
  for (const [manner, [what, program]] of combined(interruptions, Object.entries(programs))) {
    it(`the next up finishes after ${manner} in the middle of granting ${what}`, async function () {
      const scenario = await createScenario({ repeatedPost: "duplicate" });
      if (scenario.engine.kind === "miniature" && manner.startsWith("Ctrl-C")) this.skip();
      scenario.api.grant(checkpoint, "proj_other");
      await scenario.program(program);
      const run = new InterruptedRun(scenario);
      const after = what === "a set" ? 0 : 1;
      scenario.api.fail({ method: "POST", after, kind: { before: () => run.interrupt(manner) } });
      await run.run("up", { parallel: 4 });
      expect(scenario.api.requests.filter(({ method }) => method === "POST")).to.have.length.at.most(after + 1);

      await scenario.runs("up");
      await scenario.assertAgrees(names, ["proj_other"]);
      await scenario.runs("destroy");
      expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_other"]);
    });

    it(`the next up restores access after ${manner} in the middle of revoking ${what}`, async function () {
      const scenario = await createScenario({ repeatedPost: "duplicate" });
      if (scenario.engine.kind === "miniature" && manner.startsWith("Ctrl-C")) this.skip();
      scenario.api.grant(checkpoint, "proj_other");
      await scenario.program(program);
      await scenario.runs("up");
      const run = new InterruptedRun(scenario);
      scenario.api.fail({ method: "DELETE", after: 1, kind: { before: () => run.interrupt(manner) } });
      await run.run("destroy", { parallel: 4 });

      await scenario.runs("up");
      await scenario.assertAgrees(names, ["proj_other"]);
      await scenario.runs("destroy");
      expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_other"]);
    });
  }

  const replaced = (trigger: number) =>
    `const first = ${permission("a", "proj_1", `{ replacementTrigger: ${trigger} }`)};`;
  const moves: Record<string, [before: string, after: string]> = {
    "a rename": [`const first = ${permission("a", "proj_1")};`, `const first = ${permission("b", "proj_1")};`],
    "a swap": [
      `const first = ${permission("a", "proj_1")}; ${permission("b", "proj_2")};`,
      `const first = ${permission("a", "proj_2")}; ${permission("b", "proj_1")};`,
    ],
    "a forced replacement": [replaced(1), replaced(2)],
    "a move from permissions to a set": [
      `const first = ${permission("a", "proj_1")}; ${permission("b", "proj_2")};`,
      `const first = ${set("all", ["proj_1", "proj_2"])};`,
    ],
    "a move from a set to permissions": [
      `const first = ${set("all", ["proj_1", "proj_2"])};`,
      `const first = ${permission("a", "proj_1")}; ${permission("b", "proj_2")};`,
    ],
  };
  const ends = {
    "a program that fails": `throw new Error("interrupted")`,
    "a killed engine": `process.kill(Number(require("fs").readFileSync("engine.pid", "utf8")), "SIGKILL")`,
  };
  for (const [move, [before, after]] of Object.entries(moves)) {
    it(`destroy revokes everything after the program fails halfway through ${move}`, async function () {
      const scenario = await createScenario({ repeatedPost: "duplicate" });
      scenario.api.grant(checkpoint, "proj_other");
      await scenario.program(before);
      await scenario.runs("up");
      await scenario.program(
        `${after} first.id.apply(() => { if (!pulumi.runtime.isDryRun()) throw new Error("no"); });`,
      );
      expect((await scenario.run("up", { parallel: 1 })).ok).to.equal(false);
      await scenario.runs("destroy");
      expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_other"]);
    });
  }

  for (const [[move, [before, after]], [end, command]] of combined(Object.entries(moves), Object.entries(ends))) {
    it(`${end} halfway through ${move} takes no access away`, async function () {
      const scenario = await createScenario({ repeatedPost: "duplicate" });
      scenario.api.grant(checkpoint, "proj_other");
      await scenario.program(before);
      await scenario.runs("up");
      const granted = scenario.api.permissions(checkpoint);
      const projects = scenario.api.projects(checkpoint).filter((project) => project !== "proj_other");

      const run = new InterruptedRun(scenario);
      await scenario.program(`${after} first.id.apply((id) => { if (!pulumi.runtime.isDryRun()) ${command}; });`);
      await run.run("up");
      expect(scenario.api.permissions(checkpoint)).to.deep.equal(granted);

      await scenario.program(after);
      await scenario.runs("up");
      expect(scenario.api.permissions(checkpoint)).to.deep.equal(granted);
      await scenario.assertAgrees(projects, ["proj_other"]);
    });
  }
});
