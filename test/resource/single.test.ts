import * as pulumi from "@pulumi/pulumi";
import { expect } from "chai";
import { ConfigError } from "../../provider/config";
import { SingleResource, type PermissionInputs } from "../../provider/resource/single";
import { checkpoint, deploymentWith, fakeApi } from "../support/api";
import type { FaultyApiOptions } from "../../sandbox/api/faults";
import { failureOf } from "../support/failure";

const inputs: PermissionInputs = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" };

function start(config: Record<string, string> = {}, options: FaultyApiOptions = {}) {
  const emulator = fakeApi(options);
  const { requests } = emulator;
  const { deployment, said, clock } = deploymentWith(config);
  const permission = new SingleResource(() => deployment);
  const writes = () => requests.filter(({ method }) => method !== "GET").map(({ method }) => method);
  /** A permission as an earlier deployment left it. */
  const recorded = () => {
    const row = emulator.grant(checkpoint, "proj_a");
    return { id: row.id, state: { ...inputs, createdAt: row.created_at } };
  };
  return { emulator, requests, deployment, permission, said, clock, writes, recorded };
}

describe("the lifecycle of a permission", function () {
  describe("check", function () {
    it("passes what is good, and what a preview does not know yet", async function () {
      const { permission } = start();
      expect(await permission.check({}, inputs)).to.deep.equal({ inputs, failures: [] });
      const unknown = { ...inputs, projectId: pulumi.runtime.unknownValue };
      expect((await permission.check({}, unknown)).failures).to.deep.equal([]);
    });

    it("reports every bad input with its property", async function () {
      const { permission, requests } = start();
      const { failures } = await permission.check({}, { fineTunedModelCheckpoint: "", projectId: "web" });
      expect(failures.map(({ property }) => property)).to.deep.equal(["fineTunedModelCheckpoint", "projectId"]);
      expect(requests).to.deep.equal([]);
    });

    it("names the permission that a create will take over, and what the project has besides", async function () {
      const { permission, emulator, said } = start();
      const older = emulator.grant(checkpoint, "proj_a");
      const newer = emulator.grant(checkpoint, "proj_a");
      await permission.check({}, inputs);
      const ids = said.map((line) => /proj_a \((cp_\w+)/.exec(line)?.[1]).sort();
      expect(ids).to.deep.equal([older.id, newer.id].sort());
      expect(said[1]).to.match(
        /^proj_a \(cp_\w+\) also has access to .*: this stack leaves it alone, and it gives access/,
      );
    });

    it("says once, and fails nothing, when it cannot know what a create will find", async function () {
      const refused = start({}, { adminKey: "another" });
      const keyless = start({ "openai:adminApiKey": "" });
      for (const { permission } of [refused, keyless]) {
        for (const projectId of ["proj_a", "proj_b"]) {
          expect((await permission.check({}, { ...inputs, projectId })).failures).to.deep.equal([]);
        }
      }
      expect(refused.said).to.have.lengthOf(1);
      expect(refused.said[0]).to.match(
        /^Cannot look up which permissions exist already: 401 .*[^.]\. `pulumi up` will have to/,
      );
      expect(keyless.said).to.have.lengthOf(1);
      expect(keyless.said[0]).to.match(/^Cannot look up which permissions exist already: No admin API key is set\. /);
    });

    it("reports bad config, which every other operation throws", async function () {
      const broken = new SingleResource(() => {
        throw new ConfigError("openai:baseUrl is bad.", "Correct it.");
      });
      const { failures } = await broken.check({}, inputs);
      expect(failures).to.deep.equal([{ property: "", reason: "openai:baseUrl is bad. Correct it." }]);
      const state = { ...inputs, createdAt: 1 };
      const operations = [
        broken.create(inputs),
        broken.diff("cp_1", state, inputs),
        broken.read("cp_1", state),
        broken.delete("cp_1", state),
      ];
      for (const operation of operations) expect((await failureOf(operation)).message).to.include("is bad");
    });
  });

  describe("diff", function () {
    for (const name of ["fineTunedModelCheckpoint", "projectId"] as const) {
      it(`replaces for another ${name}, without a request`, async function () {
        const { permission, requests } = start();
        const result = await permission.diff("cp_1", { ...inputs, createdAt: 1 }, { ...inputs, [name]: "ft:other" });
        expect(result).to.deep.equal({ changes: true, replaces: [name] });
        expect(requests).to.deep.equal([]);
      });
    }

    it("finds no change while the permission is there", async function () {
      const { permission, recorded, said } = start();
      const { id, state } = recorded();
      expect(await permission.diff(id, state, inputs)).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);
    });

    it("replaces what has vanished, and says what happened and when it was seen", async function () {
      const { permission, said } = start();
      const result = await permission.diff("cp_gone", { ...inputs, createdAt: 1 }, inputs);
      expect(result).to.deep.equal({ changes: true, replaces: ["projectId"] });
      expect(said).to.deep.equal([
        `Drift: proj_a lost its access to ${checkpoint}: cp_gone was revoked outside of Pulumi ` +
          `(seen 2026-01-01T00:00:00.000Z); \`pulumi up\` grants it again.`,
      ]);
    });

    it("prefers its own permission to a newer one of the same project", async function () {
      const { permission, recorded, emulator } = start();
      const { id, state } = recorded();
      emulator.grant(checkpoint, "proj_a");
      expect(await permission.diff(id, state, inputs)).to.deep.equal({ changes: false });
    });

    it("looks nothing up when drift detection is off", async function () {
      const { permission, requests } = start({ "openai:driftDetection": "false" });
      expect(await permission.diff("cp_gone", { ...inputs, createdAt: 1 }, inputs)).to.deep.equal({ changes: false });
      expect(requests).to.deep.equal([]);
    });

    it("fails, and calls nothing gone, when the key is another organization's", async function () {
      const { permission } = start({}, { unknownCheckpoints: [checkpoint], organization: "other" });
      const error = await failureOf(permission.diff("cp_1", { ...inputs, createdAt: 1 }, inputs));
      expect(error.message).to.match(/^Cannot look up the access of proj_a to ft:.*: 404 /);
    });

    it("shows what is gone with its checkpoint as gone, in one line for all, and asks no more", async function () {
      const { permission, said, requests } = start({}, { unknownCheckpoints: [checkpoint] });
      for (const projectId of ["proj_a", "proj_b", "proj_c"]) {
        const own = { ...inputs, projectId };
        const diff = await permission.diff("cp_1", { ...own, createdAt: 1 }, own);
        expect(diff).to.deep.equal({ changes: true, replaces: ["projectId"] });
      }
      expect(said).to.deep.equal([
        `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it.`,
      ]);
      expect(requests).to.have.length(1);
    });
  });

  describe("create", function () {
    it("grants, and gives the permission's own ID and time", async function () {
      const { permission, emulator, said } = start();
      const { id, outs } = await permission.create(inputs);
      const [row] = emulator.permissions(checkpoint);
      expect(id).to.equal(row!.id);
      expect(outs).to.deep.equal({ ...inputs, createdAt: row!.created_at });
      expect(said).to.deep.equal([]);
    });

    it("takes the row that is for its project, never one by position", async function () {
      const { permission, emulator } = start();
      const results = await Promise.all(
        ["proj_a", "proj_b", "proj_c"].map((projectId) => permission.create({ ...inputs, projectId })),
      );
      const ids = Object.fromEntries(emulator.permissions(checkpoint).map((row) => [row.project_id, row.id]));
      expect(results.map(({ id }) => id)).to.deep.equal([ids["proj_a"], ids["proj_b"], ids["proj_c"]]);
    });

    it("adopts what exists, and says so", async function () {
      const { permission, recorded, said, writes } = start();
      const { id } = recorded();
      expect((await permission.create(inputs)).id).to.equal(id);
      expect(said[0]).to.match(
        new RegExp(
          `^proj_a \\(${id}, granted \\d{4}-.*\\) already has access to ${checkpoint}: this stack takes it over`,
        ),
      );
      expect(writes()).to.deep.equal([]);
    });

    it("refuses what exists when it is not to adopt, but repairs what was re-made", async function () {
      const { permission, recorded, writes } = start({ "openai:adoptExisting": "false" });
      const { id, state } = recorded();
      expect((await failureOf(permission.create(inputs))).message)
        .to.include(id)
        .and.to.include("adoptExisting");
      await permission.diff("cp_gone", state, inputs);
      expect((await permission.create(inputs)).id).to.equal(id);
      expect(writes()).to.deep.equal([]);
    });

    it("reports nothing new when a preview has found it re-made, whatever is to be adopted", async function () {
      const { permission, recorded, said } = start({ "openai:adoptExisting": "false" });
      const { state } = recorded();
      await permission.check(inputs, inputs);
      await permission.diff("cp_gone", state, inputs);
      await permission.check({}, inputs);
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^Drift: proj_a has another permission/);
    });

    it("waits for a revocation of the same access that is under way", async function () {
      const { permission, recorded, emulator } = start();
      const { id, state } = recorded();
      const [, created] = await Promise.all([permission.delete(id, state), permission.create(inputs)]);
      expect(created.id).not.to.equal(id);
      expect(emulator.permissions(checkpoint).map((row) => row.id)).to.deep.equal([created.id]);
    });

    const advice: [FaultyApiOptions, string][] = [
      [{ unknownCheckpoints: [checkpoint] }, "Correct fineTunedModelCheckpoint"],
      [{ unknownProjects: ["proj_a"] }, "Correct projectId: the key's organization has no such project"],
    ];
    for (const [options, remedy] of advice) {
      it(`says what to do: ${remedy}`, async function () {
        const { message } = await failureOf(start({}, options).permission.create(inputs));
        expect(message)
          .to.match(/^Cannot grant proj_a access to ft:/)
          .and.to.include(remedy);
      });
    }

    it("never gives an error an id, which Pulumi would take for a resource that exists", async function () {
      const error = await failureOf(start({}, { unknownProjects: ["proj_a"] }).permission.create(inputs));
      expect(error).not.to.have.property("id");
    });
  });

  describe("read", function () {
    it("finds the permission whose ID is in state, and gives its inputs too", async function () {
      const { permission, recorded, emulator } = start();
      const { id, state } = recorded();
      emulator.grant(checkpoint, "proj_a");
      expect(await permission.read(id, state)).to.deep.equal({ id, props: state, inputs });
    });

    it("takes the newest when its own is gone, and says so", async function () {
      const { permission, recorded, emulator, said } = start();
      const { state } = recorded();
      const newest = emulator.grant(checkpoint, "proj_a");
      expect((await permission.read("cp_gone", state)).id).to.equal(newest.id);
      expect(said[0]).to.include(`cp_gone`).and.to.include(`again as ${newest.id}`);
    });

    it("gives nothing when a complete list lacks the project", async function () {
      const { permission, said } = start();
      expect(await permission.read("cp_gone", { ...inputs, createdAt: 1 })).to.deep.equal({});
      expect(said[0]).to.include("cp_gone").and.to.include("was revoked outside of Pulumi");
    });

    it("asks once for a read and the diff that follows it", async function () {
      const { permission, recorded, requests } = start();
      const { id, state } = recorded();
      await permission.read(id, state);
      await permission.diff(id, state, inputs);
      expect(requests).to.have.length(1);
    });

    it("says how to bring a permission in, when it is asked by the ID alone", async function () {
      const { permission, requests } = start();
      const error = await failureOf(permission.read("cp_1", {}));
      expect(error.message).to.include("lacks its fineTunedModelCheckpoint and projectId");
      expect(error.message).to.include("declare it and run `pulumi up`");
      expect(requests).to.deep.equal([]);
    });
  });

  describe("delete", function () {
    it("revokes by the ID in state, without a look", async function () {
      const { permission, recorded, emulator, requests } = start();
      const { id, state } = recorded();
      const other = emulator.grant(checkpoint, "proj_a");
      await permission.delete(id, state);
      expect(emulator.permissions(checkpoint)).to.deep.equal([other]);
      expect(requests.map(({ method }) => method)).to.deep.equal(["DELETE"]);
    });

    it("takes a 404 for done once a look confirms it", async function () {
      const { permission, requests } = start();
      await permission.delete("cp_gone", { ...inputs, createdAt: 1 });
      expect(requests.map(({ method, status }) => [method, status])).to.deep.equal([
        ["DELETE", 404],
        ["GET", 200],
      ]);
    });

    it("fails after a second 404 for a permission that is still listed", async function () {
      const { permission, recorded, emulator, requests } = start();
      const { id, state } = recorded();
      const answer = emulator.answer.bind(emulator);
      emulator.answer = (method, ...rest) =>
        method === "DELETE" ? { status: 404, body: { error: { message: "no" } } } : answer(method, ...rest);
      expect((await failureOf(permission.delete(id, state))).message)
        .to.include("Cannot revoke")
        .and.to.include("404");
      expect(requests.filter(({ method }) => method === "DELETE")).to.have.length(2);
    });

    it("fails on a 404 that only means a wrong base URL", async function () {
      const { permission, recorded } = start({ "openai:baseUrl": "https://api.openai.com/v1/fine_tuning" });
      const { id, state } = recorded();
      const error = await failureOf(permission.delete(id, state));
      expect(error.message).to.include("Invalid URL");
      expect(error.message).to.include("Check openai:baseUrl");
    });

    it("does not take a project or an organization that is not found for a checkpoint that is gone", async function () {
      for (const code of ["project_not_found", "organization_not_found", "unknown_url"]) {
        const { permission, emulator } = start();
        emulator.answer = () => ({ status: 404, body: { error: { message: "It was not found", code, param: null } } });
        const error = await failureOf(permission.delete("cp_1", { ...inputs, createdAt: 1 }));
        expect(error.message).to.include("Cannot revoke");
      }
    });

    it("looks anew after a DELETE whose outcome is not known", async function () {
      const { permission, recorded, emulator } = start();
      const { id, state } = recorded();
      await permission.read(id, state);
      const answer = emulator.answer.bind(emulator);
      emulator.answer = (method, ...rest) => {
        if (method !== "DELETE") return answer(method, ...rest);
        answer(method, ...rest);
        return { status: 500, body: {} };
      };
      emulator.revoke(id);
      await failureOf(permission.delete(id, state)).catch(() => undefined);
      emulator.answer = answer;
      expect(await permission.read(id, state)).to.deep.equal({});
    });

    it("takes a checkpoint that no longer exists for done, and says so", async function () {
      const { permission, said } = start({}, { unknownCheckpoints: [checkpoint] });
      await permission.delete("cp_1", { ...inputs, createdAt: 1 });
      expect(said).to.deep.equal([
        `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it.`,
      ]);
    });

    it("keeps what the program still wants, and says so, but not of what had vanished", async function () {
      const { permission, recorded, requests, said, emulator } = start();
      const { id, state } = recorded();
      await permission.check({}, inputs);
      await permission.create(inputs);
      requests.length = said.length = 0;
      await permission.delete(id, state);
      expect(requests).to.deep.equal([]);
      expect(said).to.deep.equal([
        `Kept ${id}: the program still gives proj_a access to ${checkpoint}, so only the old record goes.`,
      ]);

      emulator.revoke(id);
      await permission.diff(id, state, inputs);
      said.length = 0;
      await permission.delete(id, state);
      expect(said).to.deep.equal([]);
    });

    it("does not take a checkpoint that the key may not see for one that is gone", async function () {
      const { permission, emulator, said } = start();
      const message = "The model does not exist or you do not have access to it.";
      emulator.answer = () => ({ status: 404, body: { error: { message, code: "model_not_found", param: null } } });
      const error = await failureOf(permission.delete("cp_1", { ...inputs, createdAt: 1 }));
      expect(error.message).to.include("Cannot revoke").and.to.include(message);
      expect(error.message).to.include("the checkpoint's own organization");
      expect(said).to.deep.equal([]);
    });

    it("stays on record when the resource that was to take the permission over failed", async function () {
      const { permission, recorded, emulator, requests } = start({ "openai:driftDetection": "false" });
      const { id, state } = recorded();
      await permission.check({}, inputs);
      const answer = emulator.answer.bind(emulator);
      emulator.answer = () => ({ status: 403, body: { error: { message: "no", code: null, param: null } } });
      await failureOf(permission.create(inputs));
      emulator.answer = answer;
      requests.length = 0;
      const error = await failureOf(permission.delete(id, state));
      expect(error.message).to.include("The program still gives proj_a access").and.to.include(id);
      expect(requests).to.deep.equal([]);

      await permission.create(inputs);
      await permission.delete(id, state);
      expect(emulator.permissions(checkpoint).map((row) => row.id)).to.deep.equal([id]);
    });

    it("revokes the one of two permissions for a project that the program does not take over", async function () {
      const { permission, recorded, emulator, writes } = start();
      const { id, state } = recorded();
      const newer = emulator.grant(checkpoint, "proj_a");
      await permission.check({}, inputs);
      const created = await permission.create(inputs);
      expect(created.id).to.equal(newer.id);
      await permission.delete(id, state);
      expect(writes()).to.deep.equal(["DELETE"]);
      expect(emulator.permissions(checkpoint)).to.deep.equal([newer]);
    });

    it("refuses state that is incomplete", async function () {
      const { permission, requests } = start();
      for (const state of [{}, { projectId: "proj_a" }, { fineTunedModelCheckpoint: checkpoint }]) {
        expect((await failureOf(permission.delete("cp_1", state))).message).to.include("lacks its");
      }
      expect((await failureOf(permission.delete("", inputs))).message).to.include("lacks its id");
      expect(requests).to.deep.equal([]);
    });
  });
});
