import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { StackExport } from "../../sandbox/engines";
import { onEachEngine } from "./engines";
import { stepsOf, texts } from "./world";

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

// A state file that has once been written stays here, whatever the code becomes.
onEachEngine("state that an earlier version wrote", function (createWorld) {
  for (const { version, state } of states) {
    it(`${version} is read, compared, repaired and deleted`, async function () {
      const world = await createWorld();
      world.config = {};
      world.env = { OPENAI_ADMIN_KEY: world.api.adminKey, OPENAI_BASE_URL: world.api.url };
      for (const { id, outputs = {} } of state.deployment.resources ?? []) {
        const { fineTunedModelCheckpoint: of, projectId, permissions } = outputs;
        const rows = (permissions as Row[] | undefined) ?? (projectId ? [{ id, projectId } as Row] : []);
        for (const row of rows) world.api.grant(of as string, row.projectId, row.id);
      }
      await world.program(`
        new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" });
        new CheckpointPermissions("reviewed", {
          fineTunedModelCheckpoint: "${later}", projectIds: ["proj_web", "proj_data"], exclusive: true });`);
      await world.engine.importState({ ...world.project, config: world.config, env: world.env }, state);
      expect(stepsOf(await world.runs("preview"))).to.deep.equal(["same reviewed", "same web"]);
      expect((await world.runs("refresh")).counts).to.deep.equal({ refresh: 2 });

      const web = (await world.recorded())["web"]!.id!;
      world.api.revoke(web);
      world.api.revoke(world.api.permissions(later)[0]!.id);
      const preview = await world.runs("preview");
      expect(preview.counts).to.include({ replace: 1, update: 1 });
      expect(texts(preview)).to.include(web);
      await world.runs("up");
      expect(world.api.projects(checkpoint)).to.deep.equal(["proj_web"]);
      expect(world.api.projects(later)).to.deep.equal(["proj_data", "proj_web"]);
      await world.runs("destroy");
      for (const name of [checkpoint, later]) expect(world.api.permissions(name)).to.deep.equal([]);
    });
  }
});
