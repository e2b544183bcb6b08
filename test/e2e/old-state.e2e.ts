import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { StackExport } from "../../sandbox/engines";
import { inOwnProcesses } from "./engines";
import { stepsOf, texts } from "./scenario";

const checkpoint = "ft:gpt-4o-mini-2024-07-18:acme::B7R9VjQd";
const later = `${checkpoint}:ckpt-step-2000`;
const folder = "test/fixtures";
const states = readdirSync(folder).map((file) => {
  const version = /state-(.*)\.json/.exec(file)![1]!;
  return { version, state: JSON.parse(readFileSync(join(folder, file), "utf8")) as StackExport };
});

interface Row {
  id: string;
  projectId: string;
}

// A state file stays here once a version has written it; current code must read it.
inOwnProcesses.onEachEngine("state of earlier versions", function (createScenario) {
  for (const { version, state } of states) {
    it(`state of version ${version} is read, compared, repaired and deleted`, async function () {
      const scenario = await createScenario();
      scenario.config = {};
      scenario.env = { OPENAI_ADMIN_KEY: scenario.api.adminKey, OPENAI_BASE_URL: scenario.api.url };
      for (const { id, outputs = {} } of state.deployment.resources ?? []) {
        const { fineTunedModelCheckpoint: of, projectId, permissions } = outputs;
        const rows = (permissions as Row[] | undefined) ?? (projectId ? [{ id, projectId } as Row] : []);
        for (const row of rows) scenario.api.grant(of as string, row.projectId, row.id);
      }
      await scenario.program(`
        new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" });
        new CheckpointPermissionSet("reviewed", {
          fineTunedModelCheckpoint: "${later}", projectIds: ["proj_web", "proj_data"], exclusive: true });`);
      await scenario.engine.importState({ ...scenario.project, config: scenario.config, env: scenario.env }, state);
      expect(stepsOf(await scenario.runs("preview"))).to.deep.equal(["same reviewed", "same web"]);
      expect((await scenario.runs("refresh")).counts).to.deep.equal({ refresh: 2 });

      const web = (await scenario.recorded())["web"]!.id!;
      scenario.api.revoke(web);
      scenario.api.revoke(scenario.api.permissions(later)[0]!.id);
      const preview = await scenario.runs("preview");
      expect(preview.counts).to.include({ replace: 1, update: 1 });
      expect(texts(preview)).to.include(web);
      await scenario.runs("up");
      expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
      expect(scenario.api.projects(later)).to.deep.equal(["proj_data", "proj_web"]);
      await scenario.runs("destroy");
      for (const name of [checkpoint, later]) expect(scenario.api.permissions(name)).to.deep.equal([]);
    });
  }
});
