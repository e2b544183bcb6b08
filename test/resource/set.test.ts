import * as pulumi from "@pulumi/pulumi";
import { expect } from "chai";
import fc from "fast-check";
import { SetResource } from "../../provider/resource/set";
import type { SetInputs, SetOutputs } from "../../provider/resource/set-inputs";
import type { FaultyApiOptions } from "../../sandbox/api/faults";
import { failureOf as failure } from "../support/failure";
import { checkpoint, deploymentWith, fakeApi } from "../support/api";

function inputs(projectIds: string[], exclusive = false): SetInputs {
  return { fineTunedModelCheckpoint: checkpoint, projectIds, exclusive };
}

function start(config: Record<string, string> = {}, options: FaultyApiOptions = {}) {
  const emulator = fakeApi(options);
  const { requests } = emulator;
  const { deployment, said } = deploymentWith(config);
  const set = new SetResource(() => deployment);
  const writes = () =>
    requests.flatMap(({ method, projectIds }) => (method === "GET" ? [] : [[method, ...(projectIds ?? [])].join(" ")]));
  /** A set as an earlier deployment left it. */
  const recorded = (projectIds: string[], exclusive = false): SetOutputs => ({
    ...inputs(projectIds, exclusive),
    permissions: projectIds.map((projectId) => {
      const { id, created_at: createdAt } = emulator.grant(checkpoint, projectId);
      return { id, projectId, createdAt };
    }),
  });
  const granted = () => emulator.projects(checkpoint);
  const access = (projectId: string) => deployment.checkpoint(checkpoint).access(projectId);
  return { emulator, requests, access, deployment, set, said, writes, recorded, granted };
}

function outsOf({ outs }: pulumi.dynamic.UpdateResult): SetOutputs {
  return outs as SetOutputs;
}

interface HalfDone extends Error {
  id: string;
  properties: SetOutputs;
  reasons: string[];
}

const failureOf = (operation: Promise<unknown>) => failure<HalfDone>(operation);

describe("the lifecycle of a set of permissions", function () {
  describe("check", function () {
    it("sorts the projects and drops repeats, so that neither makes a diff", async function () {
      const { set } = start();
      const { inputs: checked, failures } = await set.check({}, inputs(["proj_b", "proj_a", "proj_b"]));
      expect(failures).to.deep.equal([]);
      expect(checked.projectIds).to.deep.equal(["proj_a", "proj_b"]);
    });

    it("names each bad project by its place", async function () {
      const { set } = start();
      const { failures } = await set.check({}, inputs(["proj_a", "web", "org-1"]));
      expect(failures.map(({ property }) => property)).to.deep.equal(["projectIds[1]", "projectIds[2]"]);
      expect(failures[0]!.reason).to.match(/^projectIds\[1\] "web" must begin with "proj_"/);
    });

    it("reports what is not a list, and an exclusive that is neither true nor false", async function () {
      const { set } = start();
      const wrong = { ...inputs([]), projectIds: "proj_a", exclusive: "yes" } as unknown as SetInputs;
      const { failures } = await set.check({}, wrong);
      expect(failures.map(({ property }) => property)).to.deep.equal(["exclusive", "projectIds"]);
    });

    it("refuses whatever is not as it should be, names its property, and makes no request for it", async function () {
      const { set, requests } = start();
      const id = fc.oneof(fc.constantFrom("proj_a", "proj_b", checkpoint), fc.jsonValue());
      const anything = fc.record(
        { fineTunedModelCheckpoint: id, projectIds: fc.oneof(fc.array(id), id), exclusive: fc.jsonValue() },
        { requiredKeys: [] },
      );
      await fc.assert(
        fc.asyncProperty(anything, async (news) => {
          const { inputs: checked, failures } = await set.check({}, news as unknown as SetInputs);
          for (const { property, reason } of failures) {
            expect(property).to.match(/^(fineTunedModelCheckpoint|projectIds(\[\d+\])?|exclusive)$/);
            expect(reason.startsWith(property), reason).to.equal(true);
          }
          if (failures.length > 0) expect(requests).to.deep.equal([]);
          else for (const projectId of checked.projectIds) expect(projectId).to.match(/^proj_[\w.:-]+$/);
          requests.splice(0);
        }),
        { examples: [[{ projectIds: [{ toString: "" }, ""] }]] },
      );
    });

    it("passes what a preview does not know yet", async function () {
      const { set } = start();
      const { unknownValue } = pulumi.runtime;
      for (const projectIds of [unknownValue, ["proj_a", unknownValue]]) {
        const { failures } = await set.check({}, { ...inputs([]), projectIds: projectIds as string[] });
        expect(failures).to.deep.equal([]);
      }
    });

    it("says so when a preview cannot know whom an exclusive list will lock out", async function () {
      const unknown = pulumi.runtime.unknownValue as never;
      const unknowns: [Partial<SetInputs>, string][] = [
        [
          { projectIds: ["proj_a", unknown] },
          `for ${checkpoint}: a project on it is not known yet; \`pulumi up\` revokes`,
        ],
        [{ projectIds: unknown }, `for ${checkpoint}: a project on it is not known yet; \`pulumi up\` revokes`],
        [{ fineTunedModelCheckpoint: unknown }, "permissions: its checkpoint is not known yet; `pulumi up` revokes"],
        [{ exclusive: unknown }, "whether it is exclusive is not known yet; `pulumi up` may revoke"],
      ];
      for (const [news, words] of unknowns) {
        const { set, said, requests } = start();
        await set.check({}, { ...inputs([], true), ...news });
        expect(said.join()).to.include(words).and.not.to.include(pulumi.runtime.unknownValue);
        expect(requests).to.deep.equal([]);
      }
    });

    it("says that it cannot know whom an exclusive list locks out without a key", async function () {
      const { set, said } = start({ "openai:adminApiKey": "" });
      expect((await set.check({}, inputs(["proj_a"], true))).failures).to.deep.equal([]);
      expect(said[0]).to.include("without an admin key this preview cannot say whom");
    });

    it("announces no revocation that will not be made, since drift detection is off", async function () {
      const { set, emulator, said } = start({ "openai:driftDetection": "false" });
      emulator.grant(checkpoint, "proj_outside");
      await set.check({}, inputs(["proj_a"], true));
      await set.check({}, { ...inputs([], true), projectIds: pulumi.runtime.unknownValue as never });
      expect(said).to.deep.equal([]);
    });

    it("says what a create will take over, and needs no key for a preview of one", async function () {
      const { set, emulator, said, requests } = start();
      const { id } = emulator.grant(checkpoint, "proj_a");
      await set.check({}, inputs(["proj_a", "proj_b"]));
      expect(said[0]).to.match(new RegExp(`^proj_a \\(${id}, granted .*\\) already has access to .* takes it over`));
      expect(requests).to.have.length(1);
      const keyless = start({ "openai:adminApiKey": "" });
      expect((await keyless.set.check({}, inputs(["proj_a"]))).failures).to.deep.equal([]);
      expect(keyless.said[0]).to.include("Cannot look up which permissions exist already: No admin API key is set.");
    });

    it("names what projects have besides the permissions that a create will take over", async function () {
      const { set, emulator, said } = start();
      for (const project of ["proj_a", "proj_b", "proj_a"]) emulator.grant(checkpoint, project);
      await set.check({}, inputs(["proj_a", "proj_b"]));
      expect(said[1]).to.match(/^proj_a \(cp_\w+\) also has access to .*: this stack leaves it alone/);
    });

    it("shows what a new exclusive list will revoke, and that an empty one means nobody", async function () {
      const { set, emulator, said } = start();
      const { id } = emulator.grant(checkpoint, "proj_outside");
      await set.check({}, inputs([], true));
      expect(said[0]).to.equal(
        `proj_outside (${id}) has access to ${checkpoint} but is not on the exclusive list; \`pulumi up\` revokes it.`,
      );
      expect(said[1]).to.match(/^Nobody: /);
    });
  });

  describe("diff", function () {
    it("replaces for another checkpoint, and updates for other projects or another exclusive", async function () {
      const { set, recorded } = start();
      const olds = recorded(["proj_a"]);
      const other = { ...inputs(["proj_a"]), fineTunedModelCheckpoint: "ft:other" };
      expect(await set.diff("x", olds, other)).to.deep.equal({ changes: true, replaces: ["fineTunedModelCheckpoint"] });
      expect(await set.diff("x", olds, inputs(["proj_a", "proj_b"]))).to.deep.equal({
        changes: true,
        gains: ["proj_b"],
        loses: [],
      });
      expect(await set.diff("x", olds, inputs(["proj_a"], true))).to.deep.equal({
        changes: true,
        gains: [],
        loses: [],
      });
      const unknown = { ...inputs([]), projectIds: pulumi.runtime.unknownValue as unknown as string[] };
      expect(await set.diff("x", olds, unknown)).to.deep.equal({ changes: true });
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
    });

    it("finds what was revoked, and says which", async function () {
      const { set, recorded, emulator, said } = start();
      const olds = recorded(["proj_a", "proj_b"]);
      const { id } = olds.permissions[0]!;
      emulator.revoke(id);
      expect(await set.diff("x", olds, inputs(["proj_a", "proj_b"]))).to.deep.equal({
        changes: true,
        gains: ["proj_a"],
        loses: [],
      });
      expect(said).to.have.length(1);
      expect(said[0]).to.include(`proj_a (${id}) was revoked outside of Pulumi`);
    });

    it("finds what others granted when it is exclusive, and only then", async function () {
      const { set, recorded, emulator, said } = start();
      const olds = recorded(["proj_a"]);
      const { id } = emulator.grant(checkpoint, "proj_outside");
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
      const exclusive = { ...olds, exclusive: true };
      expect(await set.diff("x", exclusive, inputs(["proj_a"], true))).to.deep.equal({
        changes: true,
        gains: [],
        loses: [],
      });
      expect(said[0]).to.include(`proj_outside (${id}) has access to ${checkpoint} but is not on the exclusive list`);
    });

    it("says nothing of what is to move to another resource, and shows it as no change", async function () {
      const { set, recorded, emulator, said, access } = start();
      const olds = { ...recorded(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
      emulator.revoke(olds.permissions[1]!.id);
      access("proj_b").want();
      await set.check(olds, inputs(["proj_a"]));
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);
    });

    it("says what a preview of an update cannot know, in one sentence", async function () {
      const { set, recorded, said } = start();
      const olds = recorded(["proj_a"]);
      const unknown = pulumi.runtime.unknownValue as never;
      await set.check(olds, { ...inputs([]), projectIds: ["proj_a", unknown], exclusive: unknown });
      await set.diff("x", olds, { ...inputs([]), projectIds: ["proj_a", unknown], exclusive: unknown });
      expect(said).to.deep.equal([
        `The list of permissions for ${checkpoint}: a project on it and whether it is exclusive are not known yet; ` +
          "`pulumi up` may revoke whoever the list does not name, and this preview cannot say who that is.",
      ]);
    });

    it("looks a thousand up in ten pages", async function () {
      const { set, recorded, requests } = start();
      const projects = Array.from({ length: 1000 }, (_, index) => `proj_${String(index).padStart(4, "0")}`);
      const olds = recorded(projects);
      expect(await set.diff("x", olds, inputs(projects))).to.deep.equal({ changes: false });
      expect(requests).to.have.length(10);
    });

    it("looks nothing up when drift detection is off", async function () {
      const { set, recorded, requests } = start({ "openai:driftDetection": "false" });
      const olds = recorded(["proj_a"]);
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
      expect(requests).to.deep.equal([]);
    });
  });

  describe("create", function () {
    it("grants to all in one POST, and gives the permissions sorted by project", async function () {
      const { set, writes, emulator } = start();
      const { id, outs } = await set.create(inputs(["proj_a", "proj_b", "proj_c"]));
      expect(id).to.equal(checkpoint);
      expect(writes()).to.deep.equal(["POST proj_a proj_b proj_c"]);
      const ids = Object.fromEntries(emulator.permissions(checkpoint).map((row) => [row.project_id, row.id]));
      expect(outs?.permissions.map((row) => [row.projectId, row.id])).to.deep.equal(
        ["proj_a", "proj_b", "proj_c"].map((project) => [project, ids[project]]),
      );
    });

    it("grants to a thousand in one GET and one POST", async function () {
      const { set, requests } = start();
      await set.create(inputs(Array.from({ length: 1000 }, (_, index) => `proj_${index}`)));
      expect(requests.map(({ method }) => method)).to.deep.equal(["GET", "POST"]);
    });

    it("adopts what exists in one line, and leaves others alone", async function () {
      const { set, emulator, said, granted } = start();
      emulator.grant(checkpoint, "proj_a");
      emulator.grant(checkpoint, "proj_b");
      emulator.grant(checkpoint, "proj_outside");
      await set.create(inputs(["proj_a", "proj_b", "proj_c"]));
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^proj_a \(cp_\w+, granted .*\), proj_b \(cp_\w+, granted .*\) already have access to/);
      expect(granted()).to.deep.equal(["proj_a", "proj_b", "proj_c", "proj_outside"]);
    });

    it("refuses to adopt if adoptExisting is false, and records the others", async function () {
      const { set, emulator } = start({ "openai:adoptExisting": "false" });
      const { id } = emulator.grant(checkpoint, "proj_a");
      const error = await failureOf(set.create(inputs(["proj_a", "proj_b"])));
      expect(error.message).to.include(id).and.to.include("openai:adoptExisting");
      expect(error.properties.permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_b"]);
    });

    it("revokes what an exclusive list does not name, and says so", async function () {
      const { set, emulator, said, granted } = start();
      emulator.grant(checkpoint, "proj_outside");
      await set.create(inputs(["proj_a"], true));
      expect(granted()).to.deep.equal(["proj_a"]);
      expect(said.join()).to.match(/Revoked what the list does not name: proj_outside/);
    });

    it("revokes nothing that no preview could show", async function () {
      const { set, emulator, granted } = start({ "openai:driftDetection": "false" });
      emulator.grant(checkpoint, "proj_outside");
      await set.create(inputs(["proj_a"], true));
      expect(granted()).to.deep.equal(["proj_a", "proj_outside"]);
    });

    it("says once what the API refused to all", async function () {
      const { set, emulator } = start();
      emulator.fail({ method: "POST", kind: { status: 403 } });
      const { message } = await failureOf(
        set.create(inputs(Array.from({ length: 20 }, (_, index) => `proj_${index}`))),
      );
      expect(message.match(/Cannot grant/g)).to.have.length(1);
      expect(message).to.include("proj_0, proj_1, proj_2 and 17 more");
    });

    it("gives a plain error when nothing landed", async function () {
      const { set } = start({}, { unknownProjects: ["proj_a"] });
      const error = await failureOf(set.create(inputs(["proj_a"])));
      expect(error).not.to.have.property("id");
      expect(error.message).to.include("Cannot grant proj_a").and.to.include("run `pulumi up` again");
    });
  });

  describe("update", function () {
    it("grants what came in one POST, and revokes each that left", async function () {
      const { set, recorded, writes, granted } = start();
      const olds = recorded(["proj_a", "proj_b", "proj_c"]);
      const outs = outsOf(await set.update(checkpoint, olds, inputs(["proj_a", "proj_d", "proj_e"])));
      expect(writes()).to.deep.equal(["POST proj_d proj_e", "DELETE", "DELETE"]);
      expect(granted()).to.deep.equal(["proj_a", "proj_d", "proj_e"]);
      const { permissions } = outs;
      expect(permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_a", "proj_d", "proj_e"]);
      expect(permissions[0]).to.deep.equal(olds.permissions[0]);
    });

    it("revokes what was re-made for a project that leaves an exclusive list, too", async function () {
      const { set, recorded, emulator, granted } = start();
      const olds = recorded(["proj_a", "proj_b"], true);
      emulator.revoke(olds.permissions[0]!.id);
      emulator.grant(checkpoint, "proj_a");
      await set.update(checkpoint, olds, inputs(["proj_b"], true));
      expect(granted()).to.deep.equal(["proj_b"]);
    });

    it("keeps on record, in silence, what another resource is yet to take over, and gives it up in the update after", async function () {
      const { set, access, recorded, writes, granted, said } = start();
      const olds = recorded(["proj_a", "proj_b"]);
      access("proj_b").want();
      const news = inputs(["proj_a"]);
      const outs = outsOf(await set.update(checkpoint, olds, news));
      expect(outs.permissions).to.deep.equal(olds.permissions);
      expect(await set.diff(checkpoint, outs, news)).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);

      await access("proj_b").grant();
      expect(outsOf(await set.update(checkpoint, outs, news)).permissions).to.deep.equal([olds.permissions[0]]);
      expect(writes()).to.deep.equal([]);
      expect(granted()).to.deep.equal(["proj_a", "proj_b"]);
    });

    it("gives up in the next update what nothing else declares any more", async function () {
      const { set, recorded, granted, said } = start();
      const olds = { ...recorded(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
      const news = inputs(["proj_a"]);
      await set.check(olds, news);
      expect(await set.diff(checkpoint, olds, news)).to.deep.equal({ changes: true, gains: [], loses: ["proj_b"] });
      expect(said[0]).to.match(/^proj_b \(cp_\w+\) loses access to /);
      await set.update(checkpoint, olds, news);
      expect(granted()).to.deep.equal(["proj_a"]);
    });

    it("keeps what the constructors say that another resource of the program declares", async function () {
      const { set, recorded, writes, said } = start();
      const olds = recorded(["proj_a", "proj_b", "proj_c"]);
      const news = inputs(["proj_a"]);
      const { inputs: checked } = await set.check(olds, { ...news, __program: { others: ["proj_b"], listLength: 1 } });
      expect(checked).to.deep.equal(news);
      await set.diff(checkpoint, olds, news);
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^proj_c \(cp_\w+\) loses access to /);
      const { permissions } = outsOf(await set.update(checkpoint, olds, news));
      expect(permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_a", "proj_b"]);
      expect(writes()).to.deep.equal(["DELETE"]);
    });

    it("says in a refresh, where no program declares anything, nothing of what is to be", async function () {
      const { set, recorded, said } = start();
      const olds = { ...recorded(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
      const { props, inputs: read } = await set.read(checkpoint, olds);
      expect(await set.diff(checkpoint, props!, read!)).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);
    });

    it("says of nobody that it loses access while a list is shorter than the program gave it", async function () {
      const { set, recorded, said } = start();
      const olds = recorded(["proj_a", "proj_b"]);
      await set.check(olds, { ...inputs(["proj_b"]), __program: { listLength: 2 } });
      await set.diff(checkpoint, olds, inputs(["proj_b"]));
      expect(said).to.deep.equal([]);
    });

    it("acts on no list that arrives shorter than the program gave it", async function () {
      const { set, recorded, writes } = start();
      const olds = recorded(["proj_a", "proj_b"]);
      await set.check({}, { ...inputs(["proj_b"]), __program: { others: [], listLength: 2 } });
      const { permissions } = outsOf(await set.update(checkpoint, olds, inputs(["proj_b"])));
      expect(permissions).to.deep.equal(olds.permissions);
      const error = await failureOf(set.delete(checkpoint, { ...olds, permissions: olds.permissions.slice(0, 1) }));
      expect(error.message).to.include("still gives proj_a access");
      expect(writes()).to.deep.equal([]);
    });

    it("keeps its own permission where a project has a second one", async function () {
      const { set, recorded, emulator, said } = start();
      const olds = recorded(["proj_a"]);
      emulator.grant(checkpoint, "proj_a");
      await set.diff("x", olds, inputs(["proj_a", "proj_b"]));
      const { permissions } = outsOf(await set.update(checkpoint, olds, inputs(["proj_a", "proj_b"])));
      expect(permissions[0]).to.deep.equal(olds.permissions[0]);
      expect(said).to.deep.equal([`proj_b gains access to ${checkpoint}.`]);
    });

    for (const failing of ["POST", "first DELETE", "second DELETE"]) {
      it(`loses nothing when the ${failing} fails, and finishes the next time`, async function () {
        const { set, recorded, emulator, granted } = start();
        const olds = recorded(["proj_a", "proj_b", "proj_c"]);
        const wanted = inputs(["proj_a", "proj_d"]);
        const answer = emulator.answer.bind(emulator);
        let deletes = 0;
        emulator.answer = (method, ...rest) => {
          if (method === "DELETE") deletes++;
          const hit =
            failing === "POST"
              ? method === "POST"
              : method === "DELETE" && deletes === (failing === "first DELETE" ? 1 : 2);
          return hit ? { status: 403, body: { error: { message: "no" } } } : answer(method, ...rest);
        };
        const error = await failureOf(set.update(checkpoint, olds, wanted));
        expect(error.id).to.equal(checkpoint);
        expect(error.reasons[0]).to.include("403").and.to.include("run `pulumi up` again");
        expect(error.properties.permissions.map(({ projectId }) => projectId)).to.deep.equal(granted());
        expect(error.properties).to.include({ fineTunedModelCheckpoint: checkpoint, exclusive: false });

        emulator.answer = answer;
        const outs = outsOf(await set.update(checkpoint, error.properties, wanted));
        expect(granted()).to.deep.equal(["proj_a", "proj_d"]);
        expect(outs.permissions).to.have.length(2);
      });
    }
  });

  describe("read", function () {
    it("gives what is there as inputs, so that a revoked grant shows as a change back", async function () {
      const { set, recorded, emulator, said } = start();
      const olds = recorded(["proj_a", "proj_b"]);
      emulator.revoke(olds.permissions[0]!.id);
      emulator.grant(checkpoint, "proj_outside");
      const { id, props, inputs: read } = await set.read(checkpoint, olds);
      expect(id).to.equal(checkpoint);
      expect(read).to.deep.equal(inputs(["proj_b"]));
      expect(props?.permissions).to.deep.equal([olds.permissions[1]]);
      expect(said[0]).to.include("proj_a").and.to.include("revoked outside of Pulumi");
    });

    it("takes over nothing that it was refused, and says what it takes over", async function () {
      for (const adoptExisting of ["true", "false"]) {
        const { set, recorded, emulator, said } = start({ "openai:adoptExisting": adoptExisting });
        const olds = { ...recorded(["proj_a"]), projectIds: ["proj_a", "proj_b"] };
        const others = emulator.grant(checkpoint, "proj_b");
        const { props } = await set.read(checkpoint, olds);
        const ids = props!.permissions.map(({ id }) => id);
        expect(ids.includes(others.id)).to.equal(adoptExisting === "true");
        expect(said.some((line) => line.startsWith(`proj_b (${others.id}, granted`))).to.equal(
          adoptExisting === "true",
        );
      }
    });

    it("says what others granted when it is exclusive, and leaves it to the next diff, which no destroy precedes", async function () {
      const { set, recorded, emulator, said } = start();
      const olds = recorded(["proj_a"], true);
      emulator.grant(checkpoint, "proj_outside");
      const { props, inputs: read } = await set.read(checkpoint, olds);
      expect(read).to.deep.equal(inputs(["proj_a"], true));
      expect(await set.diff("x", props!, inputs(["proj_a"], true))).to.deep.equal({
        changes: true,
        gains: [],
        loses: [],
      });
      expect(said[0]).to.include("proj_outside");
    });

    it("refuses state that is incomplete", async function () {
      const { set } = start();
      expect((await failureOf(set.read(checkpoint, {}))).message).to.include("is incomplete");
    });
  });

  describe("delete", function () {
    it("revokes what state holds, exclusive or not, and nothing of others", async function () {
      const { set, recorded, emulator, granted } = start();
      const olds = recorded(["proj_a", "proj_b"], true);
      emulator.grant(checkpoint, "proj_outside");
      await set.delete(checkpoint, olds);
      expect(granted()).to.deep.equal(["proj_outside"]);
    });

    it("says what could not be revoked, and goes on from there the next time", async function () {
      const { set, recorded, emulator, granted } = start();
      const olds = recorded(["proj_a", "proj_b", "proj_c"]);
      const answer = emulator.answer.bind(emulator);
      let refusals = 1;
      emulator.answer = (method, ...rest) =>
        method === "DELETE" && refusals-- > 0
          ? { status: 403, body: { error: { message: "no" } } }
          : answer(method, ...rest);
      const error = await failureOf(set.delete(checkpoint, olds));
      expect(error.message).to.match(/Not all .* could be revoked: Cannot revoke the access of proj_\w to/);
      expect(granted()).to.have.length(1);
      await set.delete(checkpoint, olds);
      expect(granted()).to.deep.equal([]);
    });
  });
});
