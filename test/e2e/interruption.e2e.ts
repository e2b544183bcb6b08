import { expect } from "chai";
import { throughEachEntryPoint } from "./engines";
import { combined } from "./full";
import { InterruptedRun, interruptions } from "./interruption/interrupted";
import { checkpoint } from "./scenario";

const args = (project: string, rest = "") =>
  `{ fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}"${rest} }`;
const single = (name: string, project: string, options = "{}") =>
  `new CheckpointPermission("${name}", ${args(project)}, ${options})`;
const set = (name: string, projects: string[]) =>
  `new CheckpointPermissionSet("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ${JSON.stringify(projects)} })`;

const names = Array.from({ length: 12 }, (_, index) => `proj_${index}`);
const programs = {
  "single permissions": names.map((name, index) => `${single(`p${index}`, name)};`).join("\n"),
  "a set": `${set("all", names)};`,
};

throughEachEntryPoint("whatever is interrupted", function (createScenario) {
  for (const [manner, [what, program]] of combined(interruptions, Object.entries(programs))) {
    it(`ends as declared with the next up: ${manner} in the middle of granting ${what}`, async function () {
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

    it(`ends as declared with the next up: ${manner} in the middle of revoking ${what}`, async function () {
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

  const replaced = (trigger: number) => `const first = ${single("a", "proj_1", `{ replacementTrigger: ${trigger} }`)};`;
  const moves: Record<string, [before: string, after: string]> = {
    "a rename": [`const first = ${single("a", "proj_1")};`, `const first = ${single("b", "proj_1")};`],
    "a swap": [
      `const first = ${single("a", "proj_1")}; ${single("b", "proj_2")};`,
      `const first = ${single("a", "proj_2")}; ${single("b", "proj_1")};`,
    ],
    "a replacement by the same permission": [replaced(1), replaced(2)],
    "a move from single permissions to a set": [
      `const first = ${single("a", "proj_1")}; ${single("b", "proj_2")};`,
      `const first = ${set("all", ["proj_1", "proj_2"])};`,
    ],
    "a move from a set to single permissions": [
      `const first = ${set("all", ["proj_1", "proj_2"])};`,
      `const first = ${single("a", "proj_1")}; ${single("b", "proj_2")};`,
    ],
  };
  const ends = {
    "a program that fails": `throw new Error("interrupted")`,
    "a killed engine": `process.kill(Number(require("fs").readFileSync("engine.pid", "utf8")), "SIGKILL")`,
  };
  for (const [move, [before, after]] of Object.entries(moves)) {
    it(`leaves nothing granted: destroy after a program that fails between the two halves of ${move}`, async function () {
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
    it(`never takes access away: ${end} between the two halves of ${move}`, async function () {
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
