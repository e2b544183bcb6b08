import { announcedKey } from "../../provider/access/ledger";
import * as pulumi from "@pulumi/pulumi";
import { expect } from "chai";
import fc from "fast-check";
import type { SetInputs, SetOutputs } from "../../provider/resource/permission-set-inputs";
import { checkpoint } from "../support/api";
import { failureOf as failure } from "../support/failure";
import { declareElsewhere, scenario, setInputs as inputs } from "../support/scenario";

function outsOf({ outs }: pulumi.dynamic.UpdateResult): SetOutputs {
  return outs as SetOutputs;
}

interface PartialFailure extends Error {
  id: string;
  properties: SetOutputs;
  reasons: string[];
}

const failureOf = (operation: Promise<unknown>) => failure<PartialFailure>(operation);

describe("Sets", function () {
  describe("check", function () {
    it("a set's projects are sorted and deduplicated, so that neither makes a diff", async function () {
      const { set } = scenario();
      const { inputs: checked, failures } = await set.check({}, inputs(["proj_b", "proj_a", "proj_b"]));
      expect(failures).to.deep.equal([]);
      expect(checked.projectIds).to.deep.equal(["proj_a", "proj_b"]);
    });

    it("a repeated project does not make a list look shorter than declared", async function () {
      const { set, api, projects } = scenario();
      api.grant(checkpoint, "proj_outside");
      const given = { ...inputs(["proj_a", "proj_b", "proj_b"], true), __hints: { listLength: 3 } };
      const { inputs: checked } = await set.check({}, given);
      await set.create(checked);
      expect([...projects()].sort()).to.deep.equal(["proj_a", "proj_b"]);
    });

    it("a set's check reports each invalid project by its index", async function () {
      const { set } = scenario();
      const { failures } = await set.check({}, inputs(["proj_a", "web", "org-1"]));
      expect(failures.map(({ property }) => property)).to.deep.equal(["projectIds[1]", "projectIds[2]"]);
      expect(failures[0]!.reason).to.match(/^projectIds\[1\] "web" must begin with "proj_"/);
    });

    it("a set's check reports projectIds that are no list and an exclusive that is no boolean", async function () {
      const { set } = scenario();
      const wrong = { ...inputs([]), projectIds: "proj_a", exclusive: "yes" } as unknown as SetInputs;
      const { failures } = await set.check({}, wrong);
      expect(failures.map(({ property }) => property)).to.deep.equal(["exclusive", "projectIds"]);
    });

    it("a set's check reports any invalid input by its property, without a request", async function () {
      const { set, requests } = scenario();
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

    it("a set's check accepts values that are not known yet", async function () {
      const { set } = scenario();
      const { unknownValue } = pulumi.runtime;
      for (const projectIds of [unknownValue, ["proj_a", unknownValue]]) {
        const { failures } = await set.check({}, { ...inputs([]), projectIds: projectIds as string[] });
        expect(failures).to.deep.equal([]);
      }
    });

    it("a preview says when it cannot know which projects an exclusive set will revoke", async function () {
      const unknown = pulumi.runtime.unknownValue as never;
      const unknowns: [Partial<SetInputs>, string][] = [
        [{ projectIds: ["proj_a", unknown] }, "`pulumi up` will revoke the access of every project not on the list"],
        [{ projectIds: unknown }, "`pulumi up` will revoke the access of every project not on the list"],
        [{ fineTunedModelCheckpoint: unknown }, "The checkpoint of a set is not known yet"],
        [{ exclusive: unknown }, "`pulumi up` may revoke the access of every project not on the list"],
      ];
      for (const [news, words] of unknowns) {
        const { set, said, requests } = scenario();
        await set.check({}, { ...inputs([], true), ...news });
        expect(said.join()).to.include(words).and.not.to.include(pulumi.runtime.unknownValue);
        expect(requests).to.deep.equal([]);
      }
    });

    it("a preview without a key says that it cannot know which projects an exclusive set will revoke", async function () {
      const { set, said } = scenario({ "openai:adminApiKey": "" });
      expect((await set.check({}, inputs(["proj_a"], true))).failures).to.deep.equal([]);
      expect(said[0])
        .to.include("Without an admin key, this preview cannot show whose access")
        .and.to.include("`pulumi up` fails without one");
    });

    it("a preview with drift detection off announces no revocations, since none will be made", async function () {
      const { set, api, said } = scenario({ "openai:driftDetection": "false" });
      api.grant(checkpoint, "proj_outside");
      await set.check({}, inputs(["proj_a"], true));
      await set.check({}, { ...inputs([], true), projectIds: pulumi.runtime.unknownValue as never });
      expect(said).to.deep.equal([]);
    });

    it("a preview of a new set says what it will adopt, and works without a key", async function () {
      const { set, api, said, requests } = scenario();
      const { id } = api.grant(checkpoint, "proj_a");
      await set.check({}, inputs(["proj_a", "proj_b"]));
      expect(said[0]).to.match(new RegExp(`^proj_a \\(${id}, granted .*\\) already has access to .* and keeps it`));
      expect(requests).to.have.length(1);
      const keyless = scenario({ "openai:adminApiKey": "" });
      expect((await keyless.set.check({}, inputs(["proj_a"]))).failures).to.deep.equal([]);
      expect(keyless.said[0]).to.include(
        "Cannot check which permissions already exist: No admin API key is set. `pulumi up` fails until this is mended. Set it",
      );
    });

    it("a preview of a new set names further permissions of the projects it adopts", async function () {
      const { set, api, said } = scenario();
      for (const project of ["proj_a", "proj_b", "proj_a"]) api.grant(checkpoint, project);
      await set.check({}, inputs(["proj_a", "proj_b"]));
      expect(said[1]).to.match(/^proj_a \(cp_\w+\) also has access to .*; this stack leaves the permission alone/);
    });

    it("a preview of a new exclusive set names what it will revoke, and warns of an empty list", async function () {
      const { set, api, said } = scenario();
      const { id } = api.grant(checkpoint, "proj_outside");
      await set.check({}, inputs([], true));
      expect(said[0]).to.equal(
        `proj_outside (${id}) has access to ${checkpoint} but is not on the exclusive list; \`pulumi up\` revokes it.`,
      );
      expect(said[1]).to.match(/^The exclusive list for .* is empty: no project will have access/);
    });
  });

  describe("diff", function () {
    it("another checkpoint replaces a set; other projects or another exclusive update it", async function () {
      const { set, setInState } = scenario();
      const olds = setInState(["proj_a"]);
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

    it("a set's diff finds a revoked permission and names it", async function () {
      const { set, setInState, api, said } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      const { id } = olds.permissions[0]!;
      api.revoke(id);
      expect(await set.diff("x", olds, inputs(["proj_a", "proj_b"]))).to.deep.equal({
        changes: true,
        gains: ["proj_a"],
        loses: [],
      });
      expect(said).to.have.length(1);
      expect(said[0]).to.match(new RegExp(`^Drift: proj_a lost its access .*: ${id} was revoked outside of Pulumi`));
    });

    it("a set's diff finds unmanaged permissions only if the set is exclusive", async function () {
      const { set, setInState, api, said } = scenario();
      const olds = setInState(["proj_a"]);
      const { id } = api.grant(checkpoint, "proj_outside");
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
      const exclusive = { ...olds, exclusive: true };
      const checked = await set.check(inputs(["proj_a"], true), inputs(["proj_a"], true));
      expect(checked.inputs.revokes).to.deep.equal([`proj_outside (${id})`]);
      expect(await set.diff("x", exclusive, checked.inputs)).to.deep.equal({ changes: true, gains: [], loses: [] });
      expect(said[0]).to.include(`proj_outside (${id}) has access to ${checkpoint} but is not on the exclusive list`);
    });

    it("a permission that another resource is to adopt is no change of the set, and gets no message", async function () {
      const { set, setInState, api, said, access } = scenario();
      const olds = { ...setInState(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
      api.revoke(olds.permissions[1]!.id);
      declareElsewhere(access("proj_b"));
      await set.check(olds, inputs(["proj_a"]));
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);
    });

    it("a preview of a set's update says in one sentence what is not known yet", async function () {
      const { set, setInState, said } = scenario();
      const olds = setInState(["proj_a"]);
      const unknown = pulumi.runtime.unknownValue as never;
      await set.check(olds, { ...inputs([]), projectIds: ["proj_a", unknown], exclusive: unknown });
      await set.diff("x", olds, { ...inputs([]), projectIds: ["proj_a", unknown], exclusive: unknown });
      expect(said).to.have.length(1);
      expect(said[0]).to.include(`Not all projects of a set for ${checkpoint} are known yet.`);
    });

    it("a diff of a set of 1,000 projects reads ten pages", async function () {
      const { set, setInState, requests } = scenario();
      const projects = Array.from({ length: 1000 }, (_, index) => `proj_${String(index).padStart(4, "0")}`);
      const olds = setInState(projects);
      expect(await set.diff("x", olds, inputs(projects))).to.deep.equal({ changes: false });
      expect(requests).to.have.length(10);
    });

    it("a set's diff makes no request with drift detection off", async function () {
      const { set, setInState, requests } = scenario({ "openai:driftDetection": "false" });
      const olds = setInState(["proj_a"]);
      expect(await set.diff("x", olds, inputs(["proj_a"]))).to.deep.equal({ changes: false });
      expect(requests).to.deep.equal([]);
    });
  });

  describe("create", function () {
    it("a new set grants all projects in one POST and returns permissions sorted by project", async function () {
      const { set, writes, api } = scenario();
      const { id, outs } = await set.create(inputs(["proj_a", "proj_b", "proj_c"]));
      expect(id).to.equal(checkpoint);
      expect(writes()).to.deep.equal(["POST proj_a proj_b proj_c"]);
      const ids = Object.fromEntries(api.permissions(checkpoint).map((row) => [row.project_id, row.id]));
      expect(outs?.permissions.map((row) => [row.projectId, row.id])).to.deep.equal(
        ["proj_a", "proj_b", "proj_c"].map((project) => [project, ids[project]]),
      );
    });

    it("a new set of 1,000 projects costs one GET and one POST", async function () {
      const { set, requests } = scenario();
      await set.create(inputs(Array.from({ length: 1000 }, (_, index) => `proj_${index}`)));
      expect(requests.map(({ method }) => method)).to.deep.equal(["GET", "POST"]);
    });

    it("a new set adopts existing permissions with one message and leaves others alone", async function () {
      const { set, api, said, projects } = scenario();
      api.grant(checkpoint, "proj_a");
      api.grant(checkpoint, "proj_b");
      api.grant(checkpoint, "proj_outside");
      await set.create(inputs(["proj_a", "proj_b", "proj_c"]));
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^proj_a \(cp_\w+, granted .*\), proj_b \(cp_\w+, granted .*\) already have access to/);
      expect(projects()).to.deep.equal(["proj_a", "proj_b", "proj_c", "proj_outside"]);
    });

    it("a new set with adoptExisting off fails for an existing permission and records the others", async function () {
      const { set, api } = scenario({ "openai:adoptExisting": "false" });
      const { id } = api.grant(checkpoint, "proj_a");
      const error = await failureOf(set.create(inputs(["proj_a", "proj_b"])));
      expect(error.message).to.include(id).and.to.include("openai:adoptExisting");
      expect(error.properties.permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_b"]);
    });

    it("a new exclusive set revokes projects not on its list, and says so", async function () {
      const { set, api, said, projects } = scenario();
      api.grant(checkpoint, "proj_outside");
      const { inputs: checked } = await set.check({}, inputs(["proj_a"], true));
      const { outs } = await set.create(checked);
      expect(outs).not.to.have.property("revokes");
      expect(projects()).to.deep.equal(["proj_a"]);
      expect(said.join()).to.match(/Revoked, because not on the exclusive list: proj_outside/);
    });

    it("an exclusive set revokes what its check has named, and no more", async function () {
      const { set, api, said, projects, setInState, clock } = scenario();
      const olds = setInState(["proj_a"], true);
      api.grant(checkpoint, "proj_outside");
      const { inputs: checked } = await set.check(inputs(["proj_a"], true), inputs(["proj_a"], true));
      const { id } = api.grant(checkpoint, "proj_later");
      // A write looks at nothing that is older than ten minutes.
      clock.pass(601_000);
      // Its ID decides, and not the words of the effect.
      const reworded = checked.revokes!.map((effect) =>
        effect.replace("proj_outside", "Outside").replace(")", ", old)"),
      );
      await set.update(checkpoint, olds, { ...checked, revokes: reworded });
      expect(projects()).to.deep.equal(["proj_a", "proj_later"]);
      expect(said.at(-2)).to.match(
        new RegExp(`^proj_later \\(${id}\\) has access .* not on the exclusive list; this run does not revoke it`),
      );
    });

    it("a new set names every permission that it adopts, and every one that it revokes", async function () {
      const { set, granted } = scenario();
      const adopted = granted("proj_a");
      const outside = Array.from({ length: 150 }, (_, index) => granted(`proj_outside_${index}`));
      const { inputs: checked } = await set.check({}, inputs(["proj_a", "proj_b"], true));
      const date = new Date(adopted.createdAt * 1000).toISOString().slice(0, 10);
      expect(checked.adopts).to.deep.equal([`proj_a (${adopted.id}, granted ${date})`]);
      expect(checked.revokes).to.deep.equal(outside.map(({ id, projectId }) => `${projectId} (${id})`).sort());
    });

    it("effects that a user gives are an error that names them", async function () {
      const { set } = scenario();
      const { failures } = await set.check({}, { ...inputs(["proj_a"]), revokes: ["proj_b"] });
      expect(failures.map(({ property }) => property)).to.deep.equal(["revokes"]);
    });

    it("a new exclusive set with drift detection off revokes nothing, as no preview could show it", async function () {
      const { set, api, projects } = scenario({ "openai:driftDetection": "false" });
      api.grant(checkpoint, "proj_outside");
      await set.create(inputs(["proj_a"], true));
      expect(projects()).to.deep.equal(["proj_a", "proj_outside"]);
    });

    it("a rejection that hits all projects of a set is reported once", async function () {
      const { set, api } = scenario();
      api.fail({ method: "POST", kind: { status: 403 } });
      const { message } = await failureOf(
        set.create(inputs(Array.from({ length: 20 }, (_, index) => `proj_${index}`))),
      );
      expect(message.match(/Cannot grant/g)).to.have.length(1);
      expect(message).to.include("proj_0, proj_1, proj_2 and 17 more");
    });

    it("a new set that could grant nothing fails with a plain error", async function () {
      const { set } = scenario({}, { unknownProjects: ["proj_a"] });
      const error = await failureOf(set.create(inputs(["proj_a"])));
      expect(error).not.to.have.property("id");
      expect(error.message).to.include("Cannot grant proj_a").and.to.include("run `pulumi up` again");
    });
  });

  describe("update", function () {
    it("a set's update grants added projects in one POST and revokes removed projects", async function () {
      const { set, setInState, writes, projects } = scenario();
      const olds = setInState(["proj_a", "proj_b", "proj_c"]);
      const outs = outsOf(await set.update(checkpoint, olds, inputs(["proj_a", "proj_d", "proj_e"])));
      expect(writes()).to.deep.equal(["POST proj_d proj_e", "DELETE", "DELETE"]);
      expect(projects()).to.deep.equal(["proj_a", "proj_d", "proj_e"]);
      const { permissions } = outs;
      expect(permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_a", "proj_d", "proj_e"]);
      expect(permissions[0]).to.deep.equal(olds.permissions[0]);
    });

    it("a project removed from an exclusive set loses its recreated permission, too", async function () {
      const { set, setInState, api, projects } = scenario();
      const olds = setInState(["proj_a", "proj_b"], true);
      api.revoke(olds.permissions[0]!.id);
      api.grant(checkpoint, "proj_a");
      const { inputs: checked } = await set.check(inputs(["proj_a", "proj_b"], true), inputs(["proj_b"], true));
      await set.update(checkpoint, olds, checked);
      expect(projects()).to.deep.equal(["proj_b"]);
    });

    it("a set silently keeps a permission until another resource adopts it, then drops it", async function () {
      const { set, access, setInState, writes, projects, said } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      declareElsewhere(access("proj_b"));
      const news = inputs(["proj_a"]);
      const outs = outsOf(await set.update(checkpoint, olds, news));
      expect(outs.permissions).to.deep.equal(olds.permissions);
      expect(await set.diff(checkpoint, outs, news)).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);

      await access("proj_b").grant();
      expect(outsOf(await set.update(checkpoint, outs, news)).permissions).to.deep.equal([olds.permissions[0]]);
      expect(writes()).to.deep.equal([]);
      expect(projects()).to.deep.equal(["proj_a", "proj_b"]);
    });

    it("a set's next update revokes a kept permission that no resource declares any more", async function () {
      const { set, setInState, projects, said } = scenario();
      const olds = { ...setInState(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
      const news = inputs(["proj_a"]);
      await set.check(olds, news);
      expect(await set.diff(checkpoint, olds, news)).to.deep.equal({ changes: true, gains: [], loses: ["proj_b"] });
      expect(said[0]).to.include(`If none declares it, \`pulumi up\` revokes it`);
      await set.update(checkpoint, olds, news);
      expect(projects()).to.deep.equal(["proj_a"]);
    });

    it("a set keeps a permission if the constructors say that another resource declares it", async function () {
      const { set, setInState, writes, said } = scenario();
      const olds = setInState(["proj_a", "proj_b", "proj_c"]);
      const news = inputs(["proj_a"]);
      const { inputs: checked } = await set.check(olds, {
        ...news,
        __hints: { others: { 1: [announcedKey(checkpoint, "proj_b")] }, listLength: 1 },
      });
      expect(checked).to.deep.equal(news);
      await set.diff(checkpoint, olds, news);
      expect(said).to.have.length(1);
      expect(said[0]).to.match(/^proj_c \(cp_\w+\) loses access to /);
      const { permissions } = outsOf(await set.update(checkpoint, olds, news));
      expect(permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_a", "proj_b"]);
      expect(writes()).to.deep.equal(["DELETE"]);
    });

    it("a refresh says nothing about permissions that a set still has to give up", async function () {
      const { set, setInState, said } = scenario();
      const olds = { ...setInState(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
      const { props, inputs: read } = await set.read(checkpoint, olds);
      expect(await set.diff(checkpoint, props!, read!)).to.deep.equal({ changes: false });
      expect(said).to.deep.equal([]);
    });

    it("a set reports no losses while its list arrives shorter than declared", async function () {
      const { set, setInState, said } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      await set.check(olds, { ...inputs(["proj_b"]), __hints: { listLength: 2 } });
      await set.diff(checkpoint, olds, inputs(["proj_b"]));
      expect(said).to.deep.equal([]);
    });

    it("a set revokes nothing while its list arrives shorter than declared", async function () {
      const { set, setInState, writes } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      await set.check({}, { ...inputs(["proj_b"]), __hints: { others: {}, listLength: 2 } });
      const { permissions } = outsOf(await set.update(checkpoint, olds, inputs(["proj_b"])));
      expect(permissions).to.deep.equal(olds.permissions);
      const error = await failureOf(set.delete(checkpoint, { ...olds, permissions: olds.permissions.slice(0, 1) }));
      expect(error.message).to.include("the program still declares it");
      expect(writes()).to.deep.equal([]);
    });

    it("a set keeps its own permission if the project has another", async function () {
      const { set, setInState, api, said } = scenario();
      const olds = setInState(["proj_a"]);
      api.grant(checkpoint, "proj_a");
      await set.diff("x", olds, inputs(["proj_a", "proj_b"]));
      const { permissions } = outsOf(await set.update(checkpoint, olds, inputs(["proj_a", "proj_b"])));
      expect(permissions[0]).to.deep.equal(olds.permissions[0]);
      expect(said).to.deep.equal([`proj_b gains access to ${checkpoint}.`]);
    });

    const faults: [failing: string, method: "POST" | "DELETE", after: number][] = [
      ["POST", "POST", 0],
      ["first DELETE", "DELETE", 0],
      ["second DELETE", "DELETE", 1],
    ];
    for (const [failing, method, after] of faults) {
      it(`a set's update whose ${failing} fails records what is granted and finishes the next time`, async function () {
        const { set, setInState, api, projects } = scenario();
        const olds = setInState(["proj_a", "proj_b", "proj_c"]);
        const wanted = inputs(["proj_a", "proj_d"]);
        const times = method === "POST" ? Infinity : 1;
        api.fail({ method, after, times, kind: { status: 403, error: { message: "no" } } });
        const error = await failureOf(set.update(checkpoint, olds, wanted));
        expect(error.id).to.equal(checkpoint);
        expect(error.reasons[0]).to.include("403").and.to.include("run `pulumi up` again");
        expect(error.properties.permissions.map(({ projectId }) => projectId)).to.deep.equal(projects());
        expect(error.properties).to.include({ fineTunedModelCheckpoint: checkpoint, exclusive: false });

        api.clearFaults();
        const outs = outsOf(await set.update(checkpoint, error.properties, wanted));
        expect(projects()).to.deep.equal(["proj_a", "proj_d"]);
        expect(outs.permissions).to.have.length(2);
      });
    }
  });

  describe("read", function () {
    it("a set's refresh returns the projects that still have access, so that a loss shows as a change", async function () {
      const { set, setInState, api, said } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      api.revoke(olds.permissions[0]!.id);
      api.grant(checkpoint, "proj_outside");
      const { id, props, inputs: read } = await set.read(checkpoint, olds);
      expect(id).to.equal(checkpoint);
      expect(read).to.deep.equal(inputs(["proj_b"]));
      expect(props?.permissions).to.deep.equal([olds.permissions[1]]);
      expect(said[0]).to.include("proj_a").and.to.include("revoked outside of Pulumi");
    });

    it("a set's refresh adopts an existing permission only with adoptExisting on, and says so", async function () {
      for (const adoptExisting of ["true", "false"]) {
        const { set, setInState, api, said } = scenario({ "openai:adoptExisting": adoptExisting });
        const olds = { ...setInState(["proj_a"]), projectIds: ["proj_a", "proj_b"] };
        const existing = api.grant(checkpoint, "proj_b");
        const { props } = await set.read(checkpoint, olds);
        const ids = props!.permissions.map(({ id }) => id);
        expect(ids.includes(existing.id)).to.equal(adoptExisting === "true");
        expect(said.some((line) => line.startsWith(`proj_b (${existing.id}, granted`))).to.equal(
          adoptExisting === "true",
        );
      }
    });

    it("a refresh of an exclusive set records unmanaged permissions, and the next update revokes them", async function () {
      const { set, setInState, api, said, projects } = scenario();
      const olds = setInState(["proj_a"], true);
      const { id } = api.grant(checkpoint, "proj_outside");
      const { props, inputs: read } = await set.read(checkpoint, olds);
      expect(read).to.deep.equal(inputs(["proj_a", "proj_outside"], true));
      expect(props!.permissions.map((permission) => permission.id)).to.deep.equal([olds.permissions[0]!.id, id]);
      expect(said[0]).to.include("proj_outside");
      const { inputs: checked } = await set.check(read!, inputs(["proj_a"], true));
      expect(await set.diff(checkpoint, props!, checked)).to.deep.equal({
        ...{ changes: true, gains: [], loses: ["proj_outside"] },
      });
      await set.update(checkpoint, props!, checked);
      expect(projects()).to.deep.equal(["proj_a"]);
    });

    it("a refresh records one permission of an unmanaged project, and the next update revokes all of them", async function () {
      const { set, setInState, api, projects } = scenario();
      const olds = setInState(["proj_a"], true);
      api.grant(checkpoint, "proj_outside");
      const { id } = api.grant(checkpoint, "proj_outside");
      const { props, inputs: read } = await set.read(checkpoint, olds);
      expect(props!.permissions.map((permission) => permission.id)).to.deep.equal([olds.permissions[0]!.id, id]);
      const { inputs: checked } = await set.check(read!, inputs(["proj_a"], true));
      const outs = outsOf(await set.update(checkpoint, props!, checked));
      expect(projects()).to.deep.equal(["proj_a"]);
      expect(outs.permissions).to.deep.equal(olds.permissions);
    });

    it("a check names the projects that get access again, for Pulumi's own machinery, and the next one does not", async function () {
      const { set, setInState, api, requests } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      api.revoke(olds.permissions[0]!.id);
      const news = inputs(["proj_a", "proj_b", "proj_new"]);
      const { inputs: checked } = await set.check(inputs(["proj_a", "proj_b"]), news);
      expect(checked).to.deep.equal({ ...news, restores: ["proj_a"] });
      await set.diff(checkpoint, olds, checked);
      // The diff finds in memory what the check has read.
      expect(requests).to.have.length(2);
      await set.update(checkpoint, olds, checked);
      expect((await set.check(checked, news)).inputs).to.deep.equal(news);
    });

    it("two sets that a refresh leaves empty are told apart", async function () {
      const { set, setInState, api } = scenario();
      const emptied = setInState(["proj_a"]);
      const empty = { ...emptied, projectIds: [], permissions: [] };
      api.revoke(emptied.permissions[0]!.id);
      const reads = [await set.read(checkpoint, emptied), await set.read(checkpoint, empty)];
      const diffs = await Promise.all(
        [emptied, empty].map((before, index) => set.diff(checkpoint, reads[index]!.props as SetOutputs, before)),
      );
      expect(diffs).to.deep.equal([{ changes: true }, { changes: false }]);
    });

    it("the destroy of a set names projects on its list that have access and are not in state", async function () {
      const { set, setInState, granted, said } = scenario();
      // A provider that was killed had granted it.
      const killed = setInState(["proj_a"]);
      const { id } = granted("proj_b");
      await set.delete(checkpoint, { ...killed, projectIds: ["proj_a", "proj_b"] });
      expect(said.join("\n")).to.include(`proj_b (${id}) still has access`);
    });

    it("the diff that follows a refresh tells whether it has changed anything, and says nothing", async function () {
      const { set, setInState, api, said, requests } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      api.revoke(olds.permissions[0]!.id);
      api.grant(checkpoint, "proj_a");
      const { props } = await set.read(checkpoint, olds);
      const [lines, asked] = [said.length, requests.length];
      expect(await set.diff(checkpoint, props!, inputs(["proj_a", "proj_b"]))).to.deep.equal({ changes: true });
      expect([said.length, requests.length]).to.deep.equal([lines, asked]);
    });

    for (const [title, exclusive, driftDetection] of [
      ["with drift detection off", true, "false"],
      ["of a set that is not exclusive", false, "true"],
    ] as const) {
      it(`a refresh ${title} records no unmanaged permission`, async function () {
        const { set, setInState, api } = scenario({ "openai:driftDetection": driftDetection });
        const olds = setInState(["proj_a"], exclusive);
        api.grant(checkpoint, "proj_outside");
        expect((await set.read(checkpoint, olds)).props!.permissions).to.deep.equal(olds.permissions);
      });
    }

    it("a set's refresh rejects incomplete state", async function () {
      const { set } = scenario();
      expect((await failureOf(set.read(checkpoint, {}))).message).to.include(
        "it has no valid fineTunedModelCheckpoint, projectIds, permissions,",
      );
    });
  });

  describe("delete", function () {
    it("a set's delete revokes the permissions in state and no unmanaged permission", async function () {
      const { set, setInState, api, projects } = scenario();
      const olds = setInState(["proj_a", "proj_b"], true);
      api.grant(checkpoint, "proj_outside");
      await set.delete(checkpoint, olds);
      expect(projects()).to.deep.equal(["proj_outside"]);
    });

    it("a set's delete says what could not be revoked, and finishes the next time", async function () {
      const { set, setInState, api, projects } = scenario();
      const olds = setInState(["proj_a", "proj_b", "proj_c"]);
      api.fail({ method: "DELETE", kind: { status: 403, error: { message: "no" } } });
      const error = await failureOf(set.delete(checkpoint, olds));
      expect(error.message).to.match(
        /^Cannot revoke all permissions for ft:.*: Cannot revoke the access of proj_\w to/,
      );
      expect(projects()).to.have.length(1);
      await set.delete(checkpoint, olds);
      expect(projects()).to.deep.equal([]);
    });
  });
});
