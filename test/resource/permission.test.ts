import * as pulumi from "@pulumi/pulumi";
import { expect } from "chai";
import { UsageError } from "../../provider/config";
import type { FaultyApiOptions } from "../../sandbox/api/faults";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { permissionInputs as inputs, permissionResource, scenario } from "../support/scenario";

describe("Permissions", function () {
  describe("check", function () {
    it("a permission's check accepts valid inputs and values that are not known yet", async function () {
      const { permission } = scenario();
      expect(await permission.check({}, inputs)).to.deep.equal({ inputs, failures: [] });
      const unknown = { ...inputs, projectId: pulumi.runtime.unknownValue };
      expect((await permission.check({}, unknown)).failures).to.deep.equal([]);
    });

    it("a permission's check reports every invalid input by its property", async function () {
      const { permission, requests } = scenario();
      const { failures } = await permission.check({}, { fineTunedModelCheckpoint: "", projectId: "web" });
      expect(failures.map(({ property }) => property)).to.deep.equal(["fineTunedModelCheckpoint", "projectId"]);
      expect(requests).to.deep.equal([]);
    });

    it("a preview names the permission that a create will adopt and the project's other permissions", async function () {
      const { permission, api, said } = scenario();
      const older = api.grant(checkpoint, "proj_a");
      const newer = api.grant(checkpoint, "proj_a");
      await permission.check({}, inputs);
      const ids = said.map((line) => /proj_a \((cp_\w+)/.exec(line)?.[1]).sort();
      expect(ids).to.deep.equal([older.id, newer.id].sort());
      expect(said[1]).to.match(/^proj_a \(cp_\w+\) also has access to .*; this stack leaves the permission alone/);
    });

    it("a check adds what a create will adopt to the inputs, and nothing for a resource that has it in state", async function () {
      const { permission, permissionInState } = scenario();
      const { id, state } = permissionInState();
      const date = new Date(state.createdAt * 1000).toISOString().slice(0, 10);
      const { inputs: checked } = await permission.check({}, inputs);
      expect(checked).to.deep.equal({ ...inputs, adopts: [`proj_a (${id}, granted ${date})`] });
      expect(await permission.diff(id, state, checked)).to.deep.equal({ changes: false });
      expect((await permission.check(checked, inputs)).inputs).to.deep.equal(inputs);
      // A forced replacement is checked a second time.
      expect((await permission.check({}, inputs)).inputs).to.deep.equal(inputs);
    });

    it("a preview counts projects that gain access and are secret", async function () {
      const { permission, said } = scenario();
      const secret = { ...inputs, adopts: null, __hints: { declaredCount: 1 } };
      expect(await permission.check({}, secret)).to.deep.equal({ inputs, failures: [] });
      expect(said).to.deep.equal([`A project whose ID is secret gains access to ${checkpoint}.`]);
    });

    it("the first check of a replacement names what the new permission adopts", async function () {
      const { permission, permissionInState, granted } = scenario();
      permissionInState();
      const { id } = granted("proj_b");
      const { inputs: checked } = await permission.check(inputs, { ...inputs, projectId: "proj_b" });
      expect(checked.adopts?.join()).to.include(`proj_b (${id}, granted`);
    });

    it("effects of the last run, as ignoreChanges hands them over, are no arguments", async function () {
      const { permission } = scenario();
      const olds = { ...inputs, adopts: ["proj_a (cp_1, granted 2026-01-01)"] };
      expect(await permission.check(olds, olds)).to.deep.equal({ inputs, failures: [] });
      const { failures } = await permission.check(olds, { ...inputs, adopts: ["proj_b (cp_2, granted 2026-01-01)"] });
      expect(failures.map(({ property }) => property)).to.deep.equal(["adopts"]);
    });

    it("effects that are to be secret and not known yet are no arguments", async function () {
      const { permission } = scenario();
      const unknown = pulumi.runtime.unknownValue;
      const news = { ...inputs, projectId: unknown, adopts: unknown as never };
      expect((await permission.check({}, news)).failures).to.deep.equal([]);
    });

    it("a check adds nothing that an up will not do", async function () {
      for (const config of ["adoptExisting", "driftDetection"]) {
        const { permission, permissionInState } = scenario({ [`openai:${config}`]: "false" });
        permissionInState();
        expect((await permission.check({}, inputs)).inputs).to.deep.equal(inputs);
      }
    });

    it("a preview that cannot look up existing permissions says once what `pulumi up` will do", async function () {
      const checkTwo = async ({ permission, said }: ReturnType<typeof scenario>) => {
        for (const projectId of ["proj_a", "proj_b"]) {
          expect((await permission.check({}, { ...inputs, projectId })).failures).to.deep.equal([]);
        }
        expect(said).to.have.lengthOf(1);
        return said[0];
      };
      expect(await checkTwo(scenario({}, { adminKey: "another" }))).to.match(
        /^Cannot check which permissions already exist: 401 .*[^.]\. `pulumi up` fails until this is mended\. Set an admin/,
      );
      expect(await checkTwo(scenario({ "openai:adminApiKey": "" }))).to.match(
        /^Cannot check which permissions already exist: No admin API key is set\. /,
      );
    });

    it("a preview during a fault of the API says that `pulumi up` looks again", async function () {
      const { permission, api, said } = scenario();
      api.fail({ times: Infinity, kind: { status: 503 } });
      await permission.check({}, inputs);
      expect(said).to.have.lengthOf(1);
      expect(said[0]).to.match(/: 503 .* `pulumi up` looks again before it grants, and adopts what exists by then\.$/);
    });

    it("invalid config is a failure of the check and an exception in every other operation", async function () {
      const broken = permissionResource(() => {
        throw new UsageError("openai:baseUrl is bad.", "Correct it.");
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
      it(`another ${name} replaces a permission, in an up without a request`, async function () {
        const { permission, context, requests } = scenario();
        context.isPreview = false;
        const result = await permission.diff("cp_1", { ...inputs, createdAt: 1 }, { ...inputs, [name]: "ft:other" });
        expect(result).to.deep.equal({ changes: true, replaces: [name] });
        expect(requests).to.deep.equal([]);
      });
    }

    it("a permission that exists is no change", async function () {
      const { permission, permissionInState, said } = scenario();
      const { id, state } = permissionInState();
      expect(await permission.diff(id, state, inputs)).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);
    });

    it("a missing permission is replaced, with a message saying what happened and when it was seen", async function () {
      const { permission, said } = scenario();
      const result = await permission.diff("cp_gone", { ...inputs, createdAt: 1 }, inputs);
      expect(result).to.deep.equal({ changes: true, replaces: ["projectId"] });
      expect(said).to.deep.equal([
        `Drift: proj_a lost its access to ${checkpoint}: cp_gone was revoked outside of Pulumi ` +
          `(seen 2026-01-01 00:00 UTC). It will be granted again.`,
      ]);
    });

    it("a diff prefers the permission in state to a newer permission of the project", async function () {
      const { permission, permissionInState, api } = scenario();
      const { id, state } = permissionInState();
      api.grant(checkpoint, "proj_a");
      expect(await permission.diff(id, state, inputs)).to.deep.equal({ changes: false });
    });

    it("a permission's diff makes no request with drift detection off", async function () {
      const { permission, requests } = scenario({ "openai:driftDetection": "false" });
      expect(await permission.diff("cp_gone", { ...inputs, createdAt: 1 }, inputs)).to.deep.equal({ changes: false });
      expect(requests).to.deep.equal([]);
    });

    it("a diff with another organization's key fails and calls no permission missing", async function () {
      const { permission } = scenario({}, { unknownCheckpoints: [checkpoint], organization: "other" });
      const error = await failureOf(permission.diff("cp_1", { ...inputs, createdAt: 1 }, inputs));
      expect(error.message).to.match(/^Cannot look up the access of proj_a to ft:.*: 404 /);
    });

    it("all permissions of a deleted checkpoint are replaced, with one request and one message", async function () {
      const { permission, said, requests } = scenario({}, { unknownCheckpoints: [checkpoint] });
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
    it("a create grants access and returns the permission's ID and time", async function () {
      const { permission, api, said } = scenario();
      const { id, outs } = await permission.create(inputs);
      const [row] = api.permissions(checkpoint);
      expect(id).to.equal(row!.id);
      expect(outs).to.deep.equal({ ...inputs, createdAt: row!.created_at });
      expect(said).to.deep.equal([`proj_a has access to ${checkpoint} now.`]);
    });

    it("concurrent creates each return their own project's permission", async function () {
      const { permission, api } = scenario();
      const results = await Promise.all(
        ["proj_a", "proj_b", "proj_c"].map((projectId) => permission.create({ ...inputs, projectId })),
      );
      const ids = Object.fromEntries(api.permissions(checkpoint).map((row) => [row.project_id, row.id]));
      expect(results.map(({ id }) => id)).to.deep.equal([ids["proj_a"], ids["proj_b"], ids["proj_c"]]);
    });

    it("a create adopts an existing permission and says so", async function () {
      const { permission, permissionInState, said, writes } = scenario();
      const { id } = permissionInState();
      expect((await permission.create(inputs)).id).to.equal(id);
      expect(said[0]).to.match(
        new RegExp(`^proj_a \\(${id}, granted \\d{4}-.*\\) already has access to ${checkpoint} and keeps it`),
      );
      expect(writes()).to.deep.equal([]);
    });

    it("a create with adoptExisting off rejects an existing permission unless it was recreated", async function () {
      const { permission, permissionInState, writes } = scenario({ "openai:adoptExisting": "false" });
      const { id, state } = permissionInState();
      expect((await failureOf(permission.create(inputs))).message)
        .to.include(id)
        .and.to.include("adoptExisting");
      await permission.diff("cp_gone", state, inputs);
      expect((await permission.create(inputs)).id).to.equal(id);
      expect(writes()).to.deep.equal([]);
    });

    it("a recreated permission that a diff has reported is not reported again by the check", async function () {
      const { permission, permissionInState, said } = scenario({ "openai:adoptExisting": "false" });
      const { state } = permissionInState();
      await permission.check(inputs, inputs);
      await permission.diff("cp_gone", state, inputs);
      await permission.check({}, inputs);
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^Drift: proj_a has another permission/);
    });

    it("a create waits for a delete of the same access", async function () {
      const { permission, permissionInState, api } = scenario();
      const { id, state } = permissionInState();
      const [, created] = await Promise.all([permission.delete(id, state), permission.create(inputs)]);
      expect(created.id).not.to.equal(id);
      expect(api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([created.id]);
    });

    const advice: [FaultyApiOptions, string][] = [
      [{ unknownCheckpoints: [checkpoint] }, "Correct fineTunedModelCheckpoint"],
      [{ unknownProjects: ["proj_a"] }, "Correct projectId: the key's organization has no such project"],
    ];
    for (const [options, remedy] of advice) {
      it(`a failed create says what to do: ${remedy}`, async function () {
        const { message } = await failureOf(scenario({}, options).permission.create(inputs));
        expect(message)
          .to.match(/^Cannot grant proj_a access to ft:/)
          .and.to.include(remedy);
      });
    }

    it("the error of a failed create has no id, which Pulumi would take for an existing resource", async function () {
      const error = await failureOf(scenario({}, { unknownProjects: ["proj_a"] }).permission.create(inputs));
      expect(error).not.to.have.property("id");
    });
  });

  describe("read", function () {
    it("a read finds the permission in state and returns its inputs, too", async function () {
      const { permission, permissionInState, api } = scenario();
      const { id, state } = permissionInState();
      api.grant(checkpoint, "proj_a");
      expect(await permission.read(id, state)).to.deep.equal({ id, props: state, inputs });
    });

    it("a read takes the newest permission if the permission in state is missing, and says so", async function () {
      const { permission, permissionInState, api, said } = scenario();
      const { state } = permissionInState();
      const newest = api.grant(checkpoint, "proj_a");
      expect((await permission.read("cp_gone", state)).id).to.equal(newest.id);
      expect(said[0]).to.include(`cp_gone`).and.to.include(`again as ${newest.id}`);
    });

    it("a read returns nothing when a complete list lacks the project", async function () {
      const { permission, said } = scenario();
      expect(await permission.read("cp_gone", { ...inputs, createdAt: 1 })).to.deep.equal({});
      expect(said[0]).to.include("cp_gone").and.to.include("was revoked outside of Pulumi");
    });

    it("a read and the diff that follows it cost one request", async function () {
      const { permission, permissionInState, requests } = scenario();
      const { id, state } = permissionInState();
      await permission.read(id, state);
      await permission.diff(id, state, inputs);
      expect(requests).to.have.length(1);
    });

    it("an API that denies the checkpoint and lists its permissions is an error after the second contradiction", async function () {
      const { permission, permissionInState, api, requests } = scenario();
      const { id, state } = permissionInState();
      const notFound = { status: 404, error: { code: "model_not_found", message: "The model does not exist." } };
      // A gateway's cache answers the filtered GET.
      const serve = api.serve.bind(api);
      api.serve = async (method, url, ...rest) => {
        if (url.searchParams.has("project_id")) api.fail({ method: "GET", kind: notFound });
        return serve(method, url, ...rest);
      };
      expect(await failureOf(permission.read(id, state)))
        .to.have.property("message")
        .that.includes("does not exist, and lists its permissions");
      expect(requests.length).to.be.below(10);
    });

    for (const message of ["The model does not exist.", "The model does not exist or you do not have access to it."]) {
      it(`a key of another organization that is told "${message}" forgets and revokes nothing`, async function () {
        const { permission, permissionInState, api, projects } = scenario();
        const { id, state } = permissionInState();
        const error = { code: "model_not_found", message };
        const refused = { status: 404, error, headers: { "openai-organization": "other" } };
        for (const method of ["GET", "POST", "DELETE"] as const) api.fail({ method, times: Infinity, kind: refused });
        for (const attempt of [permission.read(id, state), permission.delete(id, state)]) {
          expect(await failureOf(attempt))
            .to.have.property("message")
            .that.includes("Set an admin key of the checkpoint's own organization");
        }
        expect(projects()).to.deep.equal(["proj_a"]);
      });
    }

    it("a read by ID alone fails and says how to adopt a permission", async function () {
      const { permission, requests } = scenario();
      const error = await failureOf(permission.read("cp_1", {}));
      expect(error.message).to.include("lacks its fineTunedModelCheckpoint and projectId");
      expect(error.message).to.include("declare them and run `pulumi up`");
      expect(requests).to.deep.equal([]);
    });
  });

  describe("delete", function () {
    it("a delete revokes by the ID in state, and says what access remains", async function () {
      const { permission, permissionInState, api, requests, said } = scenario();
      const { id, state } = permissionInState();
      const other = api.grant(checkpoint, "proj_a");
      await permission.delete(id, state);
      expect(api.permissions(checkpoint)).to.deep.equal([other]);
      expect(requests.map(({ method }) => method)).to.deep.equal(["DELETE", "GET"]);
      expect(said).to.have.length(1);
      expect(said[0]).to.include(`proj_a (${other.id}) still has access to ${checkpoint} by a permission outside`);
    });

    it("a delete keeps what a create asked for in vain, though a policy made it another project than its check saw", async function () {
      const { permission, permissionInState, api } = scenario();
      const { id, state } = permissionInState();
      await permission.check({}, { ...inputs, projectId: "proj_b" });
      api.fail({ method: "GET", kind: { status: 403 } });
      await failureOf(permission.create(inputs));
      expect((await failureOf(permission.delete(id, state))).message).to.include("the program still declares it");
      expect(api.projects(checkpoint)).to.deep.equal(["proj_a"]);
    });

    it("a delete that gets a 404 succeeds once a lookup confirms it", async function () {
      const { permission, requests } = scenario();
      await permission.delete("cp_gone", { ...inputs, createdAt: 1 });
      expect(requests.map(({ method, status }) => [method, status])).to.deep.equal([
        ["DELETE", 404],
        ["GET", 200],
      ]);
    });

    it("a delete fails after a second 404 for a permission that is still listed", async function () {
      const { permission, permissionInState, api, requests } = scenario();
      const { id, state } = permissionInState();
      api.fail({ method: "DELETE", times: Infinity, kind: { status: 404, error: { message: "no" } } });
      expect((await failureOf(permission.delete(id, state))).message)
        .to.include("Cannot revoke")
        .and.to.include("404");
      expect(requests.filter(({ method }) => method === "DELETE")).to.have.length(2);
    });

    it("a delete fails on a 404 that only means a wrong base URL", async function () {
      const { permission, permissionInState } = scenario({ "openai:baseUrl": "https://api.openai.com/v1/fine_tuning" });
      const { id, state } = permissionInState();
      const error = await failureOf(permission.delete(id, state));
      expect(error.message).to.include("Invalid URL");
      expect(error.message).to.include("Check openai:baseUrl");
    });

    it("a 404 about a project, organization or URL does not mean that the checkpoint was deleted", async function () {
      for (const code of ["project_not_found", "organization_not_found", "unknown_url"]) {
        const { permission, api } = scenario();
        api.fail({ times: Infinity, kind: { status: 404, error: { message: "It was not found", code } } });
        const error = await failureOf(permission.delete("cp_1", { ...inputs, createdAt: 1 }));
        expect(error.message).to.include("Cannot revoke");
      }
    });

    it("a read after a DELETE with an unknown outcome looks again", async function () {
      const { permission, permissionInState, api } = scenario();
      const { id, state } = permissionInState();
      await permission.read(id, state);
      api.fail({ method: "DELETE", times: Infinity, kind: { status: 500 } });
      api.revoke(id);
      await failureOf(permission.delete(id, state));
      expect(await permission.read(id, state)).to.deep.equal({});
    });

    it("a delete for a deleted checkpoint succeeds and says so", async function () {
      const { permission, said } = scenario({}, { unknownCheckpoints: [checkpoint] });
      await permission.delete("cp_1", { ...inputs, createdAt: 1 });
      expect(said).to.deep.equal([
        `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it.`,
        `Asking again in 10 s about ${checkpoint}, before anything leaves state.`,
      ]);
    });

    it("a delete of a recreated permission says that the project still has access", async function () {
      const { permission, permissionInState, api, said } = scenario();
      const { id, state } = permissionInState();
      api.revoke(id);
      const recreated = api.grant(checkpoint, "proj_a");
      await permission.delete(id, state);
      expect(said[0]).to.include(`proj_a (${recreated.id}) still has access`);
      expect(api.permissions(checkpoint)).to.deep.equal([recreated]);
    });

    it("a delete succeeds if it cannot look up what access remains, and says so", async function () {
      const { permission, permissionInState, api, said } = scenario();
      const { id, state } = permissionInState();
      api.fail({ method: "GET", times: Infinity, kind: { status: 403 } });
      await permission.delete(id, state);
      expect(said[0]).to.match(/^Cannot check whether further permissions still give access .*403/);
    });

    it("a delete keeps a declared permission and says so, but says nothing of a missing permission", async function () {
      const { permission, permissionInState, requests, said, api } = scenario();
      const { id, state } = permissionInState();
      await permission.check({}, inputs);
      await permission.create(inputs);
      requests.length = said.length = 0;
      await permission.delete(id, state);
      expect(requests).to.deep.equal([]);
      expect(said).to.deep.equal([
        `Kept ${id}: the program still declares access to ${checkpoint} for proj_a; only the old resource is removed ` +
          "from state.",
      ]);

      api.revoke(id);
      await permission.diff(id, state, inputs);
      said.length = 0;
      await permission.delete(id, state);
      expect(said).to.deep.equal([]);
    });

    it("a checkpoint that the key may not see does not count as deleted", async function () {
      const { permission, api, said } = scenario();
      const message = "The model does not exist or you do not have access to it.";
      api.fail({ times: Infinity, kind: { status: 404, error: { message, code: "model_not_found" } } });
      const error = await failureOf(permission.delete("cp_1", { ...inputs, createdAt: 1 }));
      expect(error.message).to.include("Cannot revoke").and.to.include(message);
      expect(error.message).to.include("the checkpoint's own organization");
      expect(said).to.deep.equal([]);
    });

    it("a permission stays in state when the resource that was to adopt it failed", async function () {
      const { permission, permissionInState, api, requests } = scenario({ "openai:driftDetection": "false" });
      const { id, state } = permissionInState();
      await permission.check({}, inputs);
      api.fail({ method: "POST", kind: { status: 403, error: { message: "no" } } });
      api.fail({ method: "GET", kind: { status: 403, error: { message: "no" } } });
      await failureOf(permission.create(inputs));
      api.clearFaults();
      requests.length = 0;
      const error = await failureOf(permission.delete(id, state));
      expect(error).to.have.property("message").that.includes("the program still declares it");
      expect(error.message).to.include(id);
      expect(requests).to.deep.equal([]);

      await permission.create(inputs);
      await permission.delete(id, state);
      expect(api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([id]);
    });

    it("a delete revokes the permission of a project that the program has not adopted", async function () {
      const { permission, permissionInState, api, writes } = scenario();
      const { id, state } = permissionInState();
      const newer = api.grant(checkpoint, "proj_a");
      await permission.check({}, inputs);
      const created = await permission.create(inputs);
      expect(created.id).to.equal(newer.id);
      await permission.delete(id, state);
      expect(writes()).to.deep.equal(["DELETE"]);
      expect(api.permissions(checkpoint)).to.deep.equal([newer]);
    });

    it("a delete rejects incomplete state", async function () {
      const { permission, requests } = scenario();
      for (const state of [{}, { projectId: "proj_a" }, { fineTunedModelCheckpoint: checkpoint }]) {
        expect((await failureOf(permission.delete("cp_1", state))).message).to.include("lacks its");
      }
      expect((await failureOf(permission.delete("", inputs))).message).to.include("lacks its id");
      expect(requests).to.deep.equal([]);
    });
  });
});
