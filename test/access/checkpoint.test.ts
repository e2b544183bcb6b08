import { expect } from "chai";
import type { Access } from "../../provider/access/checkpoint";
import { ConfigError } from "../../provider/config";
import type { FaultyApiOptions } from "../../sandbox/api/faults";
import { checkpoint, deploymentWith, fakeApi } from "../support/api";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";

function start(config: Record<string, string> = {}, options: FaultyApiOptions = {}) {
  const clock = new TestClock();
  const api = fakeApi({ now: () => clock.date(), ...options });
  const { deployment, said } = deploymentWith(config, clock);
  const access = (projectId: string) => deployment.checkpoint(checkpoint).access(projectId);
  const granted = (projectId: string) => {
    const { id, created_at: createdAt } = api.grant(checkpoint, projectId);
    return { id, projectId, createdAt };
  };
  const writes = () => api.requests.filter(({ method }) => method !== "GET").map(({ method }) => method);
  return { api, deployment, access, granted, writes, said, clock, of: deployment.checkpoint(checkpoint) };
}

/** A resource of the program that has the access in state, and is to have others now. */
const live = (accesses: Access[], deleteBeforeReplace = false) => ({
  accesses: new Set(accesses),
  deleteBeforeReplace,
});

describe("a permission that is given up", function () {
  it("is revoked when the program does not want the access", async function () {
    const { access, granted, writes, api } = start();
    const { id } = granted("proj_a");
    expect(await access("proj_a").release(id, "delete")).to.equal("revoked");
    expect(writes()).to.deep.equal(["DELETE"]);
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("is revoked once, whoever else has it on record", async function () {
    const { access, granted, writes } = start();
    const { id } = granted("proj_a");
    await access("proj_a").release(id, "update");
    expect(await access("proj_a").release(id, "delete")).to.equal("gone");
    expect(writes()).to.deep.equal(["DELETE"]);
  });

  it("is revoked when another permission is on record for the access: it is one too many", async function () {
    const { access, granted, api } = start();
    const [old, newer] = [granted("proj_a"), granted("proj_a")];
    access("proj_a").want();
    expect((await access("proj_a").grant()).permission.id).to.equal(newer.id);
    expect(await access("proj_a").release(old.id, "delete")).to.equal("revoked");
    expect(api.permissions(checkpoint).map(({ id }) => id)).to.deep.equal([newer.id]);
  });

  it("is not revoked when a list showed that it is gone, and it is not young", async function () {
    const { access, granted, writes } = start();
    const newer = granted("proj_a");
    access("proj_a").want();
    expect((await access("proj_a").look({ id: "cp_gone", createdAt: 1 })).isGone).to.equal(true);
    expect((await access("proj_a").grant()).permission.id).to.equal(newer.id);
    expect(await access("proj_a").release("cp_gone", "delete")).to.equal("gone");
    expect(writes()).to.deep.equal([]);
  });

  it("is kept when it is on record already: by a grant, or by a diff of a live resource", async function () {
    for (const by of ["grant", "diff"]) {
      const { access, granted, writes } = start();
      const { id } = granted("proj_a");
      access("proj_a").want();
      if (by === "grant") await access("proj_a").grant();
      else {
        access("proj_a").addLive(live([access("proj_a")]));
        access("proj_a").keep(id);
      }
      expect(await access("proj_a").release(id, "delete")).to.equal("kept");
      expect(writes()).to.deep.equal([]);
    }
  });

  it("is not on record by a diff of what has left the program, or is to have something else", async function () {
    const { access, granted } = start();
    const { id } = granted("proj_a");
    access("proj_a").want();
    access("proj_a").keep(id);
    access("proj_a").addLive(live([access("proj_b")]));
    access("proj_a").keep(id);
    expect(await access("proj_a").release(id, "delete")).to.equal("awaited");
  });

  it("is revoked when delete-before-replace asks for it: its resource has nothing yet of what it is to have", async function () {
    const { access, granted } = start();
    const { id } = granted("proj_a");
    access("proj_a").want();
    access("proj_a").addLive(live([access("proj_a")], true));
    expect(await access("proj_a").release(id, "delete")).to.equal("revoked");
  });

  it("is awaited when delete-before-replace asked for it, and its resource has what it is to have", async function () {
    const { access, granted } = start();
    const [a] = [granted("proj_a"), granted("proj_b")];
    access("proj_a").want();
    access("proj_a").addLive(live([access("proj_b")], true));
    await access("proj_b").grant();
    expect(await access("proj_a").release(a.id, "delete")).to.equal("awaited");
  });

  it("is awaited when whoever is to take it over failed, was skipped, or never came", async function () {
    const { access, granted, writes } = start();
    const { id } = granted("proj_a");
    access("proj_a").want();
    expect(await access("proj_a").release(id, "delete")).to.equal("awaited");
    expect(writes()).to.deep.equal([]);
  });

  it("is awaited by an update when a constructor announced the access, and by that alone", async function () {
    const { access, granted } = start();
    const { id } = granted("proj_a");
    access("proj_a").announce();
    expect(await access("proj_a").release(id, "update")).to.equal("awaited");
    expect(await access("proj_a").release(id, "delete")).to.equal("revoked");
  });

  it("is no outsider's where something else in the program declares the access", async function () {
    const { access, granted, of } = start();
    for (const project of ["proj_listed", "proj_wanted", "proj_announced", "proj_outside"]) granted(project);
    access("proj_wanted").want();
    access("proj_announced").announce();
    const outsiders = await of.outsiders(["proj_listed"]);
    expect(outsiders.map(({ projectId }) => projectId)).to.deep.equal(["proj_outside"]);
  });

  it("is awaited while the program wants access for projects that no check could name", async function () {
    const { access, granted, of } = start();
    const { id } = granted("proj_a");
    of.hasUnnamedWants = true;
    expect(await access("proj_a").release(id, "delete")).to.equal("awaited");
    expect(await of.outsiders([])).to.deep.equal([]);
  });

  it("takes turns with a grant of the same access", async function () {
    const { access, granted, api } = start();
    const { id } = granted("proj_a");
    const [, { permission }] = await Promise.all([access("proj_a").release(id, "delete"), access("proj_a").grant()]);
    expect(permission.id).not.to.equal(id);
    expect(api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([permission.id]);
  });

  it("is not gone because a DELETE says so that names the checkpoint", async function () {
    const { access, granted, api, writes } = start();
    const rows = ["proj_a", "proj_b"].map((projectId) => granted(projectId));
    const error = { message: `No permission for checkpoint ${checkpoint}`, code: null };
    api.fail({ method: "DELETE", times: 2, kind: { status: 404, error } });
    expect((await failureOf(access("proj_a").release(rows[0]!.id, "delete"))).message).to.include("No permission");
    expect(await access("proj_b").release(rows[1]!.id, "delete")).to.equal("revoked");
    expect(writes()).to.deep.equal(["DELETE", "DELETE", "DELETE"]);
    expect(api.projects(checkpoint)).to.deep.equal(["proj_a"]);
  });

  it("keeps a release waiting until a grant that came before has taken it over", async function () {
    const { access, granted, writes } = start();
    const { id } = granted("proj_a");
    access("proj_a").want();
    const [, outcome] = await Promise.all([access("proj_a").grant(), access("proj_a").release(id, "delete")]);
    expect(outcome).to.equal("kept");
    expect(writes()).to.deep.equal([]);
  });

  it("is not taken over again in the same run, even if the list still shows it", async function () {
    const { access, granted, clock } = start({}, { lag: 8 });
    const { id } = granted("proj_a");
    clock.pass(10_000);
    expect((await access("proj_a").look()).permission?.id).to.equal(id);
    await access("proj_a").release(id, "delete");
    const { permission } = await access("proj_a").grant();
    expect(permission.id).not.to.equal(id);
  });
});

describe("a permission that a list does not show", function () {
  it("is not gone while it is young, by the API's own clock", async function () {
    for (const [age, isGone] of [
      [29, false],
      [31, true],
    ] as const) {
      const { access, clock } = start();
      const createdAt = clock.date() / 1000 - age;
      const look = await access("proj_a").look({ id: "cp_young", createdAt });
      expect(look).to.include({ isGone, isUnlisted: !isGone });
    }
  });

  it("never satisfies a grant, is revoked all the same, and is gone once we have revoked it", async function () {
    const { access, granted, writes, api } = start({}, { age: 0, lag: 60 });
    const { id, createdAt } = granted("proj_a");
    expect((await access("proj_a").look({ id, createdAt })).isUnlisted).to.equal(true);
    // A repeated POST gives it back.
    expect(await access("proj_a").grant()).to.deep.include({ isTakenOver: false });
    expect(writes()).to.deep.equal(["POST"]);
    expect(await access("proj_a").release(id, "delete")).to.equal("revoked");
    expect((await access("proj_a").look({ id, createdAt })).isGone).to.equal(true);
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("stays as it is in an update of the set that has it", async function () {
    const { access, granted, writes } = start({}, { age: 0, lag: 60, repeatedPost: "duplicate" });
    const recorded = granted("proj_a");
    expect((await access("proj_a").grant(recorded)).permission).to.deep.equal(recorded);
    expect(writes()).to.deep.equal([]);
  });
});

describe("a grant", function () {
  it("takes ours of two, though the first page shows the other", async function () {
    const { access, granted, api } = start();
    const ours = granted("proj_a");
    for (let index = 0; index < 120; index++) api.grant(checkpoint, `proj_${index}`);
    granted("proj_a");
    for (const project of ["proj_1", "proj_2"]) await access(project).look();
    expect((await access("proj_a").grant(ours)).permission.id).to.equal(ours.id);
    access("proj_a").own(ours.id);
    expect((await access("proj_a").grant()).permission.id).to.equal(ours.id);
  });

  it("is refused, naming the permission and the ways out, where nothing is to be adopted", async function () {
    const { access, granted } = start({ "openai-checkpoint-permissions:adoptExisting": "false" });
    const { id } = granted("proj_a");
    const error = await failureOf<ConfigError>(access("proj_a").grant());
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.include(id).and.to.include("openai-checkpoint-permissions:adoptExisting is false");
    expect(error.remedy).to.include("a rename, a move or a forced replacement").and.to.include("revoke it first");
  });
});

describe("many permissions that are given up", function () {
  const thousand = Array.from({ length: 1000 }, (_, index) => `proj_${index}`);

  it("are looked up before they are revoked, and not revoked again after an interruption", async function () {
    const { of, granted, api } = start();
    const permissions = thousand.map((projectId) => granted(projectId));
    for (const { id } of permissions.slice(0, 900)) api.revoke(id);
    const outcomes = await of.releaseAll(permissions, "delete");
    expect([...outcomes.values()].filter((outcome) => outcome === "gone")).to.have.length(900);
    const count = (method: string) => api.requests.filter((request) => request.method === method).length;
    expect([count("GET"), count("DELETE")]).to.deep.equal([1, 100]);
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  for (const [what, kind] of [
    ["a refused key", { status: 401 }],
    ["an API that does not answer", "reset"],
  ] as const) {
    it(`stop at the first failure that is everybody's: ${what}`, async function () {
      const { of, granted, api } = start();
      const permissions = thousand.map((projectId) => granted(projectId));
      api.fail({ method: "DELETE", after: 20, times: Infinity, kind });
      const outcomes = await of.releaseAll(permissions, "update");
      expect(api.requests.length).to.be.below(60);
      const failed = [...outcomes.values()].filter((outcome) => outcome instanceof Error);
      expect(failed.length).to.be.within(1, 8);
      expect(api.permissions(checkpoint)).to.have.length(980);
    });
  }

  it("stop, too, where a key of another organization sees nothing", async function () {
    const { of, granted, api } = start({}, { organization: "other" });
    const permissions = thousand.map((projectId) => granted(projectId));
    api.set({ unknownCheckpoints: [checkpoint] });
    await of.releaseAll(permissions, "update");
    expect(api.requests.length).to.be.below(30);
    expect(api.permissions(checkpoint)).to.have.length(1000);
  });

  it("go on after one that the API refuses for its own sake", async function () {
    const { of, granted, api } = start();
    const permissions = thousand.slice(0, 20).map((projectId) => granted(projectId));
    api.fail({ method: "DELETE", kind: { status: 409 } });
    await of.releaseAll(permissions, "update");
    expect(api.permissions(checkpoint)).to.have.length(1);
  });

  it("cost no request each when their checkpoint is gone", async function () {
    const { of, granted, api, said } = start();
    const permissions = thousand.map((projectId) => granted(projectId));
    api.set({ unknownCheckpoints: [checkpoint] });
    await of.releaseAll(permissions, "delete");
    expect(api.requests).to.have.length(1);
    expect(said).to.deep.equal([
      `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it.`,
    ]);
  });
});
