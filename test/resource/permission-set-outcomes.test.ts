import { expect } from "chai";
import { UsageError } from "../../provider/config";
import { unknownValue } from "../../provider/resource/ids";
import { PermissionSetResource } from "../../provider/resource/permission-set";
import type { SetOutputs } from "../../provider/resource/permission-set-inputs";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { declareElsewhere, scenario, setInputs, setResource } from "../support/scenario";

const urn = "urn:pulumi:test::test::test::team";
const other = "ft:gpt-4.1-mini-2025-04-14:acme::C8S0WkRe";
const unknown = unknownValue as never;
const down = { method: "GET", times: Infinity, kind: { status: 403, error: { message: "no" } } } as const;

/** A set as the native plugin calls it, which is told its URN. */
function native(config: Record<string, string> = {}) {
  const all = scenario(config);
  return { ...all, resource: new PermissionSetResource(() => all.context) };
}

const withoutOne = ({ permissions, ...rest }: SetOutputs) => ({ ...rest, permissions: permissions.slice(1) });

describe("A set's check", function () {
  it("a set is not exclusive unless it says so", async function () {
    const { exclusive, ...rest } = setInputs(["proj_a"]);
    expect(exclusive).to.equal(false);
    const { inputs } = await scenario().set.check({}, rest as never);
    expect(inputs).to.have.property("exclusive", false);
  });

  it("wrong config is a failure of the check", async function () {
    const set = setResource(() => {
      throw new UsageError("It is wrong.", "Correct it.");
    });
    const { failures } = await set.check({}, setInputs(["proj_a"]));
    expect(failures).to.deep.equal([{ property: "", reason: "It is wrong. Correct it." }]);
  });

  it("a set that conflicts with another resource is not looked up", async function () {
    const { set, access, requests } = scenario();
    declareElsewhere(access("proj_a"));
    const { failures } = await set.check({}, { ...setInputs(["proj_a"]), __hints: { urn } });
    expect(failures).to.have.length(1);
    expect(requests).to.deep.equal([]);
  });

  it("the gains of a set whose projects are secret name none of them, and those of another set do", async function () {
    for (const [adopts, words] of [
      [null, "A project whose ID is secret gains access"],
      [undefined, "proj_a gains access"],
    ] as const) {
      const { set, said } = scenario();
      await set.check({}, { ...setInputs(["proj_a"]), ...(adopts === undefined ? {} : { adopts }) });
      expect(said.join()).to.include(words);
    }
  });

  it("while a set's checkpoint is not known, nobody is said to lose access for certain", async function () {
    const { set, setInState, said } = scenario();
    await set.check({}, { ...setInputs(["proj_b"]), fineTunedModelCheckpoint: unknown });
    const olds = setInState(["proj_a", "proj_b"]);
    await set.check(olds, setInputs(["proj_b"]));
    await set.diff(checkpoint, olds, setInputs(["proj_b"]));
    expect(said.join()).to.include("may lose access");
  });
});

describe("A set's diff", function () {
  it("a failed lookup says what was looked up, for whom", async function () {
    const { set, setInState, api } = scenario();
    const olds = setInState(["proj_a"]);
    api.fail(down);
    const { message } = await failureOf(set.diff(checkpoint, olds, setInputs(["proj_a"])));
    expect(message).to.include(`Cannot look up the access of proj_a to ${checkpoint}`);
  });

  it("what a policy has made of its list since the check counts as declared", async function () {
    const { resource, setInState, access } = native();
    const olds = setInState(["proj_a"]);
    await resource.check(urn, olds, setInputs(["proj_a"]));
    await resource.diff(urn, checkpoint, olds, setInputs(["proj_a", "proj_policy"]));
    expect(access("proj_policy").isDeclared()).to.equal(true);
  });

  it("what a policy has made of its list counts in an update without a diff, too", async function () {
    const { resource, setInState, access } = native();
    const olds = setInState(["proj_a"]);
    await resource.check(urn, olds, setInputs(["proj_a"]));
    await resource.update(urn, checkpoint, olds, setInputs(["proj_a", "proj_policy"]));
    expect(access("proj_policy").isDeclared()).to.equal(true);
    expect(access("proj_a").isDeclared(urn)).to.equal(false);
  });

  it("a replacement says what is not known of an exclusive set only where the checkpoint is not", async function () {
    for (const [fineTunedModelCheckpoint, isSaid] of [
      [unknown as string, true],
      [other, false],
    ] as const) {
      const { set, setInState, said } = scenario();
      const olds = setInState(["proj_a"], true);
      expect(await set.diff(checkpoint, olds, { ...setInputs(["proj_a"], true), fineTunedModelCheckpoint })).to.include(
        {
          changes: true,
        },
      );
      expect(said.join().includes("The checkpoint of a set is not known yet")).to.equal(isSaid);
    }
  });

  it("without a program a set gives up nothing that it has in state", async function () {
    const { set, setInState } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    expect(await set.diff(checkpoint, olds, setInputs(["proj_a"]))).to.deep.equal({
      ...{ changes: true, gains: [], loses: [] },
    });
  });

  it("an unchanged set says nothing of gains, even of a project that has lost its permission", async function () {
    const { set, setInState, api, said } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    api.revoke(olds.permissions[0]!.id);
    await set.check(olds, setInputs(["proj_a", "proj_b"]));
    await set.diff(checkpoint, olds, setInputs(["proj_a", "proj_b"]));
    expect(said.join())
      .to.include("proj_a")
      .and.not.to.match(/ gains? /);
  });

  it("a project that lost its permission is not told as a gain beside one that is new", async function () {
    const { set, setInState, api, said } = scenario();
    const olds = setInState(["proj_a"]);
    await set.check(olds, setInputs(["proj_a", "proj_new"]));
    said.splice(0);
    api.revoke(olds.permissions[0]!.id);
    await set.diff(checkpoint, olds, setInputs(["proj_a", "proj_new"]));
    expect(said.filter((line) => line.includes("gain"))).to.deep.equal([`proj_new gains access to ${checkpoint}.`]);
  });

  for (const [exclusive, driftDetection, words] of [
    [true, "true", "loses access"],
    [false, "true", "still has access"],
  ] as const) {
    it(`a project with a second permission ${words} by ${exclusive ? "an exclusive" : "a"} set`, async function () {
      const { set, setInState, granted, said } = scenario({ "openai:driftDetection": driftDetection });
      const olds = setInState(["proj_a", "proj_b"], exclusive);
      granted("proj_b");
      const { inputs } = await set.check(olds, setInputs(["proj_a"], exclusive));
      said.splice(0);
      await set.diff(checkpoint, olds, inputs);
      expect(said.join()).to.include("proj_b (").and.to.include(words);
    });
  }

  it("what another resource still has to adopt is a change only once an update has left it in state", async function () {
    const { set, setInState, access, said } = scenario();
    const left = { ...setInState(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
    await set.check(left, setInputs(["proj_a"]));
    declareElsewhere(access("proj_b"));
    expect(await set.diff(checkpoint, left, setInputs(["proj_a"]))).to.deep.equal({
      ...{ changes: true, gains: [], loses: [] },
    });
    expect(said.join()).to.include("declared by another resource; once that has it in state, this set drops it");
  });

  it("a project on the list that is not in state is a change, but not with drift detection off", async function () {
    for (const driftDetection of [true, false]) {
      const { set, setInState } = scenario({ "openai:driftDetection": String(driftDetection) });
      const olds = withoutOne(setInState(["proj_a", "proj_b"]));
      const { changes } = await set.diff(checkpoint, olds, setInputs(["proj_a", "proj_b"]));
      expect(changes).to.equal(driftDetection);
    }
  });

  for (const [exclusive, requests] of [
    [true, [[false], [false]]],
    [false, [[true]]],
  ] as const) {
    it(`${exclusive ? "an exclusive set" : "a set"} of one project reads ${exclusive ? "the list alone" : "that project alone"}`, async function () {
      const { set, setInState, granted, requests: served } = scenario();
      const olds = setInState(["proj_a"], exclusive);
      for (let index = 0; index < 120; index++) granted(`proj_${index}`);
      await set.diff(checkpoint, olds, setInputs(["proj_a"], exclusive));
      expect(served.map(({ query }) => ["project_id" in query])).to.deep.equal(requests);
    });
  }

  it("an exclusive set of 150 projects is compared by reading the two pages of its list once", async function () {
    const { set, setInState, requests } = scenario();
    const projects = Array.from({ length: 150 }, (_, index) => `proj_${String(index).padStart(3, "0")}`);
    const olds = setInState(projects, true);
    await set.diff(checkpoint, olds, setInputs(projects, true));
    expect(requests.map(({ query }) => "project_id" in query)).to.deep.equal([false, false]);
  });

  for (const [title, projectIds, words] of [
    ["left the list", ["proj_b"], "The program no longer declares it"],
    ["may be on a list that is not known yet", ["proj_b", unknown as string], "It will be granted again"],
  ] as const) {
    it(`drift of a project that ${title} is told with what follows`, async function () {
      const { set, setInState, api, said } = scenario();
      const olds = setInState(["proj_a", "proj_b"]);
      api.revoke(olds.permissions[0]!.id);
      await set.check(olds, setInputs([...projectIds]));
      await set.diff(checkpoint, olds, setInputs([...projectIds]));
      expect(said.join("\n")).to.include(words);
    });
  }
});

describe("A set's refresh and import", function () {
  it("permissions are sorted by project, and what left the list is no input", async function () {
    const { set, setInState } = scenario();
    const { permissions, ...rest } = setInState(["proj_a", "proj_b", "proj_c"]);
    const state = { ...rest, projectIds: ["proj_a", "proj_b"], permissions: permissions.toReversed() };
    const { props, inputs } = await set.read(checkpoint, state);
    expect(props!.permissions).to.deep.equal(permissions);
    expect(inputs!.projectIds).to.deep.equal(["proj_a", "proj_b"]);
  });

  it("a project on the list without a permission stays out of a refresh", async function () {
    const { set, setInState, api } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    const state = { ...olds, permissions: olds.permissions.slice(0, 1) };
    api.revoke(olds.permissions[1]!.id);
    expect((await set.read(checkpoint, state)).inputs!.projectIds).to.deep.equal(["proj_a"]);
  });

  it("a refresh confirms that a checkpoint does not exist, and a diff does not", async function () {
    const notFound = { status: 404, error: { message: "The model does not exist.", code: "model_not_found" } };
    for (const [operation, waits] of [
      ["read", true],
      ["diff", false],
    ] as const) {
      const { set, setInState, api, clock } = scenario();
      const olds = setInState(["proj_a"]);
      api.fail({ method: "GET", times: Infinity, kind: notFound });
      if (operation === "read") await set.read(checkpoint, olds);
      else await set.diff(checkpoint, olds, setInputs(["proj_a"]));
      expect(clock.slept.length > 0).to.equal(waits);
    }
  });

  it("an import takes the projects that are asked for, or all", async function () {
    const { resource, granted } = native();
    for (const project of ["proj_b", "proj_a"]) granted(project);
    expect((await resource.import(checkpoint)).inputs?.projectIds).to.deep.equal(["proj_a", "proj_b"]);
    const only = await resource.import(checkpoint, new Set(["proj_b", "proj_c"]));
    expect(only.inputs?.projectIds).to.deep.equal(["proj_b"]);
  });

  it("a refresh says nothing of a permission that was recreated and whose project has left the list", async function () {
    const { set, setInState, api, granted, said } = scenario();
    const olds = { ...setInState(["proj_a", "proj_b"]), projectIds: ["proj_a"] };
    api.revoke(olds.permissions[1]!.id);
    granted("proj_b");
    await set.read(checkpoint, olds);
    expect(said).to.deep.equal([]);
  });

  for (const adoptExisting of [true, false]) {
    it(`a refresh ${adoptExisting ? "adopts" : "leaves"} what exists for the list${adoptExisting ? "" : " with adoptExisting off"}`, async function () {
      const { set, setInState, granted } = scenario({ "openai:adoptExisting": String(adoptExisting) });
      const olds = { ...setInState(["proj_a"]), projectIds: ["proj_a", "proj_b", "proj_c"] };
      granted("proj_b");
      const { props } = await set.read(checkpoint, olds);
      expect(props!.permissions.map(({ projectId }) => projectId)).to.deep.equal(
        adoptExisting ? ["proj_a", "proj_b"] : ["proj_a"],
      );
    });
  }

  it("an import says what was attempted, and takes nothing but a checkpoint", async function () {
    const { set, api } = scenario();
    expect((await failureOf(set.import("proj_a"))).message).to.match(/^Cannot import "proj_a": it "proj_a" must begin/);
    api.fail(down);
    expect((await failureOf(set.import(checkpoint))).message).to.include(`Cannot list who has access to ${checkpoint}`);
  });
});

describe("A set's update", function () {
  it("an update that gives up nothing does not wait for resources that come late", async function () {
    const { set, setInState, clock } = scenario();
    const olds = setInState(["proj_a"]);
    await set.check(olds, {
      ...setInputs(["proj_a"]),
      __hints: { urn, key: "p:0", others: {}, late: ["p:1"] },
    });
    await set.update(checkpoint, olds, setInputs(["proj_a"]));
    expect(clock.slept).to.not.include(5_000);
  });

  it("an update of a set that gives up much waits until all of it is adopted", async function () {
    const { set, setInState, access, clock, checkpoint: of, context } = scenario();
    const { ledger } = context;
    const olds = setInState(["proj_a", "proj_b", "proj_c"]);
    for (const project of ["proj_b", "proj_c"]) declareElsewhere(access(project));
    await set.check(olds, { ...setInputs(["proj_a"]), __hints: { urn } });
    const updating = set.update(checkpoint, olds, setInputs(["proj_a"]));
    for (const { id, projectId } of olds.permissions.slice(1)) {
      await clock.sleep(1_000);
      const keys = { checkpoint: of.key, access: ledger.accessKey(checkpoint, projectId) };
      ledger.append({ kind: "in state", ...keys, permission: ledger.permissionKey(id) });
    }
    expect(((await updating).outs as SetOutputs).permissions).to.deep.equal(olds.permissions.slice(0, 1));
  });

  it("an update says whose access it has ended, and not of what was missing before", async function () {
    const { set, setInState, api, said } = scenario();
    const olds = setInState(["proj_a", "proj_b", "proj_c"]);
    api.revoke(olds.permissions[2]!.id);
    const updated = await set.update(checkpoint, olds, setInputs(["proj_a"]));
    expect((updated.outs as SetOutputs).permissions).to.deep.equal(olds.permissions.slice(0, 1));
    expect(said).to.deep.equal([`Revoked for ${checkpoint}: ${olds.permissions[1]!.id}.`]);
  });

  it("an update names a project that still has access after what it had in state turned out missing", async function () {
    const { set, setInState, api, granted, said } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    api.revoke(olds.permissions[1]!.id);
    const { id } = granted("proj_b");
    await set.update(checkpoint, olds, setInputs(["proj_a"]));
    expect(said.join()).to.include(`proj_b (${id}) still has access`).and.not.to.include("Revoked for");
  });

  it("an exclusive set whose list cannot be read keeps what it was to keep, and says why", async function () {
    const { set, setInState, api, clock } = scenario();
    const olds = setInState(["proj_a"], true);
    await set.diff(checkpoint, olds, setInputs(["proj_a"], true));
    clock.pass(700_000);
    api.fail({ ...down, after: 1 });
    const failure = await failureOf<Error & { properties: SetOutputs }>(
      set.update(checkpoint, olds, setInputs(["proj_a"], true)),
    );
    expect(failure.message).to.include(`Access to ${checkpoint} is not as declared yet`);
    expect(failure.properties.permissions).to.deep.equal(olds.permissions);
  });
});

describe("A set's delete", function () {
  it("says what was kept, and what was revoked", async function () {
    const { set, setInState, access, said } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    declareElsewhere(access("proj_a"));
    await access("proj_a").grant(olds.permissions[0]);
    said.splice(0);
    await set.delete(checkpoint, olds);
    const [a, b] = olds.permissions.map(({ id }) => id);
    expect(said).to.deep.equal([
      `Kept ${a}: the program still declares access to ${checkpoint} for proj_a; only the old resource is removed from state.`,
      `Revoked for ${checkpoint}: ${b}.`,
    ]);
  });

  it("says nothing of what was missing already", async function () {
    const { set, setInState, api, said } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    for (const { id } of olds.permissions) api.revoke(id);
    await set.delete(checkpoint, olds);
    expect(said).to.deep.equal([]);
  });

  it("asks about projects on its list that are not in state, and about no others", async function () {
    const { set, setInState, granted, said } = scenario();
    const olds = setInState(["proj_a"]);
    granted("proj_outside");
    await set.delete(checkpoint, olds);
    expect(said.join()).to.equal(`Revoked for ${checkpoint}: ${olds.permissions[0]!.id}.`);
  });

  for (const [projects, subject] of [
    [["proj_a"], "proj_a"],
    [["proj_a", "proj_b"], "2 projects"],
  ] as const) {
    it(`what ${subject} still need stays in state, with the ways out`, async function () {
      const { set, setInState, access, writes } = scenario();
      const olds = setInState([...projects]);
      for (const project of projects) declareElsewhere(access(project));
      const { message } = await failureOf(set.delete(checkpoint, olds));
      expect(message).to.include(
        `Cannot revoke the access of ${subject} to ${checkpoint}: the program still declares it`,
      );
      for (const { id } of olds.permissions) expect(message).to.include(id);
      expect(message).to.include("Run the same command again; what is revoked already needs no further request.");
      expect(writes()).to.deep.equal([]);
    });
  }

  it("a failure that all others would share ends it, and says how many are done", async function () {
    const { set, setInState, api } = scenario();
    const olds = setInState(Array.from({ length: 30 }, (_, index) => `proj_${index}`));
    api.fail({ method: "DELETE", after: 2, times: Infinity, kind: { status: 401, error: { message: "no" } } });
    const { message } = await failureOf(set.delete(checkpoint, olds));
    expect(message).to.match(/Cannot revoke the access of .*; |\b2 of 30 are done; the rest was not tried\./);
    expect(message).to.include("2 of 30 are done; the rest was not tried.");
  });

  it("a refused lookup says that access was to be revoked", async function () {
    const { set, setInState, api } = scenario();
    const olds = setInState(["proj_a", "proj_b"]);
    api.fail(down);
    const { message } = await failureOf(set.delete(checkpoint, olds));
    expect(message).to.include("Cannot revoke");
  });
});
