import { expect } from "chai";
import type { Access, Look } from "../../provider/access/access";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { declareElsewhere, permissionInputs, scenario } from "../support/scenario";

/** The answer for a model that exists, and that the API does not find for a while. */
const notFound = { status: 404, error: { message: "The model does not exist.", code: "model_not_found" } };

/** A resource of the program has one access in state, and is to have another now, or none. */
function live(had: Access, declared: Access | undefined, { deleteBeforeReplace = false } = {}): void {
  const urn = "urn:pulumi:test::test::test::live";
  const { id, shared } = had.checkpoint;
  const declarationOf = (...accesses: Access[]) => {
    const projectIds = new Set(accesses.map(({ projectId }) => projectId));
    return { urn, checkpoint: id, projectIds, exclusive: false };
  };
  shared.declarations.set(declared === undefined ? declarationOf() : declarationOf(declared));
  shared.declarations.setHad(declarationOf(had), { deleteBeforeReplace });
}

describe("Releases of a permission", function () {
  it("a permission is revoked when the program does not declare its access", async function () {
    const { access, granted, writes, api } = scenario();
    const { id } = granted("proj_a");
    expect(await access("proj_a").release(id)).to.equal("revoked");
    expect(writes()).to.deep.equal(["DELETE"]);
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("a permission that is in state twice is revoked once", async function () {
    const { access, granted, writes } = scenario();
    const { id } = granted("proj_a");
    await access("proj_a").release(id);
    expect(await access("proj_a").release(id)).to.equal("missing");
    expect(writes()).to.deep.equal(["DELETE"]);
  });

  it("a permission is revoked when another permission for the same access is in state", async function () {
    const { access, granted, api } = scenario();
    const [old, newer] = [granted("proj_a"), granted("proj_a")];
    declareElsewhere(access("proj_a"));
    expect((await access("proj_a").grant()).permission.id).to.equal(newer.id);
    expect(await access("proj_a").release(old.id)).to.equal("revoked");
    expect(api.permissions(checkpoint).map(({ id }) => id)).to.deep.equal([newer.id]);
  });

  it("releasing a permission that a list has shown to be missing sends no DELETE", async function () {
    const { access, granted, writes } = scenario();
    const newer = granted("proj_a");
    declareElsewhere(access("proj_a"));
    expect((await access("proj_a").look({ id: "cp_missing", projectId: "proj_a", createdAt: 1 })).is).to.equal(
      "recreated",
    );
    expect((await access("proj_a").grant()).permission.id).to.equal(newer.id);
    expect(await access("proj_a").release("cp_missing")).to.equal("missing");
    expect(writes()).to.deep.equal([]);
  });

  it("a permission is kept once a grant or a diff of a live resource has put it in state", async function () {
    for (const by of ["grant", "diff"]) {
      const { access, granted, writes } = scenario();
      const { id } = granted("proj_a");
      declareElsewhere(access("proj_a"));
      if (by === "grant") await access("proj_a").grant();
      else {
        live(access("proj_a"), access("proj_a"));
        access("proj_a").markInState(id);
      }
      expect(await access("proj_a").release(id)).to.equal("kept");
      expect(writes()).to.deep.equal([]);
    }
  });

  it("a diff of a resource that has left the program or gets other access puts nothing in state", async function () {
    const { access, granted } = scenario();
    const { id } = granted("proj_a");
    declareElsewhere(access("proj_a"));
    access("proj_a").markInState(id);
    live(access("proj_a"), access("proj_b"));
    access("proj_a").markInState(id);
    expect(await access("proj_a").release(id)).to.equal("stillDeclared");
  });

  it("a permission is revoked first under deleteBeforeReplace", async function () {
    const { access, granted } = scenario();
    const { id } = granted("proj_a");
    declareElsewhere(access("proj_a"));
    live(access("proj_a"), access("proj_a"), { deleteBeforeReplace: true });
    expect(await access("proj_a").release(id)).to.equal("revoked");
  });

  it("a set that gives up all its projects is not one that deleteBeforeReplace deletes first", async function () {
    const { access, granted, writes } = scenario();
    const { id } = granted("proj_a");
    declareElsewhere(access("proj_a"));
    live(access("proj_a"), undefined, { deleteBeforeReplace: true });
    expect(await access("proj_a").release(id)).to.equal("stillDeclared");
    expect(writes()).to.deep.equal([]);
  });

  it("a replacement that comes from a wrong answer deletes nothing first", async function () {
    const { access, granted, api, writes } = scenario();
    const recorded = granted("proj_a");
    live(access("proj_a"), access("proj_a"), { deleteBeforeReplace: true });
    api.fail({ method: "GET", kind: notFound });
    expect((await access("proj_a").look(recorded)).is).to.equal("missing");
    expect(await access("proj_a").release(recorded.id)).to.equal("stillDeclared");
    expect(writes()).to.deep.equal([]);
  });

  it("a diff that finds a permission which is just being revoked waits, and finds it missing", async function () {
    const { access, granted, api } = scenario();
    const recorded = granted("proj_a");
    await access("proj_a").look(recorded);
    const looking = new Promise<Look>((resolve, reject) => {
      const before = () => void access("proj_a").look(recorded).then(resolve, reject);
      api.fail({ method: "DELETE", kind: { before } });
    });
    expect(await access("proj_a").release(recorded.id)).to.equal("revoked");
    expect((await looking).is).to.equal("missing");
  });

  it("an ID that is in state for another project is not revoked for this one", async function () {
    const { access, granted, writes } = scenario();
    const { id } = granted("proj_b");
    await access("proj_b").grant();
    expect(await access("proj_a").release(id)).to.equal("missing");
    expect(writes()).to.deep.equal([]);
  });

  it("a declared permission is not revoked under deleteBeforeReplace once its resource has its new access", async function () {
    const { access, granted } = scenario();
    const [a] = [granted("proj_a"), granted("proj_b")];
    declareElsewhere(access("proj_a"));
    live(access("proj_a"), access("proj_b"), { deleteBeforeReplace: true });
    await access("proj_b").grant();
    expect(await access("proj_a").release(a.id)).to.equal("stillDeclared");
  });

  it("a declared permission that no resource has adopted is not revoked", async function () {
    const { access, granted, writes } = scenario();
    const { id } = granted("proj_a");
    declareElsewhere(access("proj_a"));
    expect(await access("proj_a").release(id)).to.equal("stillDeclared");
    expect(writes()).to.deep.equal([]);
  });

  it("a permission is not unmanaged if another resource declares its access", async function () {
    const { access, granted, checkpoint: of } = scenario();
    for (const project of ["proj_listed", "proj_wanted", "proj_announced", "proj_outside"]) granted(project);
    declareElsewhere(access("proj_wanted"));
    declareElsewhere(access("proj_announced"));
    const unmanaged = await of.unmanaged(["proj_listed"]);
    expect(unmanaged.map(({ projectId }) => projectId)).to.deep.equal(["proj_outside"]);
  });

  it("no permission is revoked or unmanaged while the program declares projects not known yet", async function () {
    const { access, granted, checkpoint: of } = scenario();
    const { id } = granted("proj_a");
    of.markUnknownProjects();
    expect(await access("proj_a").release(id)).to.equal("stillDeclared");
    expect(await of.unmanaged([])).to.deep.equal([]);
  });

  it("a grant waits for an earlier release of the same access", async function () {
    const { access, granted, api } = scenario();
    const { id } = granted("proj_a");
    const [, { permission }] = await Promise.all([access("proj_a").release(id), access("proj_a").grant()]);
    expect(permission.id).not.to.equal(id);
    expect(api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([permission.id]);
  });

  it("a 404 about a permission does not mark the checkpoint that it names as deleted", async function () {
    const { access, granted, api, writes } = scenario();
    const rows = ["proj_a", "proj_b"].map((projectId) => granted(projectId));
    const error = { message: `No permission for checkpoint ${checkpoint}`, code: null };
    api.fail({ method: "DELETE", times: 2, kind: { status: 404, error } });
    expect((await failureOf(access("proj_a").release(rows[0]!.id))).message).to.include("No permission");
    expect(await access("proj_b").release(rows[1]!.id)).to.equal("revoked");
    expect(writes()).to.deep.equal(["DELETE", "DELETE", "DELETE"]);
    expect(api.projects(checkpoint)).to.deep.equal(["proj_a"]);
  });

  it("a release waits for an earlier grant that adopts the permission, and keeps it", async function () {
    const { access, granted, writes } = scenario();
    const { id } = granted("proj_a");
    declareElsewhere(access("proj_a"));
    const [, outcome] = await Promise.all([access("proj_a").grant(), access("proj_a").release(id)]);
    expect(outcome).to.equal("kept");
    expect(writes()).to.deep.equal([]);
  });

  it("a permission revoked in this run is not adopted again, even if a list still shows it", async function () {
    const { access, granted, clock } = scenario({}, { lag: 8, age: 0 });
    const { id } = granted("proj_a");
    clock.pass(10_000);
    expect(await access("proj_a").look()).to.have.nested.property("permission.id", id);
    await access("proj_a").release(id);
    const { permission } = await access("proj_a").grant();
    expect(permission.id).not.to.equal(id);
  });
});

describe("Permissions that a list lacks", function () {
  it("an unlisted permission is missing only if it is older than 30 s by the API's own clock", async function () {
    for (const [age, is] of [
      [29, "tooYoung"],
      [30, "missing"],
    ] as const) {
      const { access, clock } = scenario();
      const createdAt = clock.date() / 1000 - age;
      const look = await access("proj_a").look({ id: "cp_young", projectId: "proj_a", createdAt });
      expect(look.is).to.equal(is);
    }
  });

  it("a permission not listed yet satisfies no grant", async function () {
    const { access, granted, writes } = scenario({}, { age: 0, lag: 60 });
    const { id, createdAt } = granted("proj_a");
    expect((await access("proj_a").look({ id, projectId: "proj_a", createdAt })).is).to.equal("tooYoung");
    // A repeated POST gives it back.
    expect(await access("proj_a").grant()).to.deep.include({ isAdopted: false });
    expect(writes()).to.deep.equal(["POST proj_a"]);
  });

  it("a permission not listed yet can be revoked, and is missing after that", async function () {
    const { access, granted, api } = scenario({}, { age: 0, lag: 60 });
    const { id, createdAt } = granted("proj_a");
    expect(await access("proj_a").release(id)).to.equal("revoked");
    expect((await access("proj_a").look({ id, projectId: "proj_a", createdAt })).is).to.equal("missing");
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("a permission whose revocation failed is missing once a list lacks it, however young it is", async function () {
    const { access, granted, api, clock } = scenario();
    const { id, projectId } = granted("proj_a");
    api.fail({ method: "DELETE", times: Infinity, kind: "reset" });
    await failureOf(access("proj_a").release(id));
    api.revoke(id);
    const recorded = { id, projectId, createdAt: clock.date() / 1000 };
    expect((await access("proj_a").look(recorded)).is).to.equal("missing");
  });

  it("a grant keeps the permission in state if it is not listed yet", async function () {
    const { access, granted, writes } = scenario({}, { age: 0, lag: 60, repeatedPost: "duplicate" });
    const recorded = granted("proj_a");
    expect((await access("proj_a").grant(recorded)).permission).to.deep.equal(recorded);
    expect(writes()).to.deep.equal([]);
  });
});

describe("Grants of one access", function () {
  it("a grant takes our permission even if the first page of the list shows only another", async function () {
    const { access, granted, api } = scenario();
    const ours = granted("proj_a");
    for (let index = 0; index < 120; index++) api.grant(checkpoint, `proj_${index}`);
    granted("proj_a");
    for (const project of ["proj_1", "proj_2"]) await access(project).look();
    expect((await access("proj_a").grant(ours)).permission.id).to.equal(ours.id);
    access("proj_a").markOurs(ours.id);
    expect((await access("proj_a").grant()).permission.id).to.equal(ours.id);
  });

  it("with adoptExisting off, a grant fails, naming the existing permission and the ways out", async function () {
    const { permission, granted } = scenario({ "openai-checkpoint-permissions:adoptExisting": "false" });
    const { id } = granted("proj_a");
    const { message } = await failureOf(permission.create(permissionInputs));
    expect(message).to.include(id).and.to.include("openai-checkpoint-permissions:adoptExisting is false");
    expect(message).to.include("a rename or a forced replacement").and.to.include("revoke it first");
  });
});

describe("Releases of many permissions", function () {
  const thousand = Array.from({ length: 1000 }, (_, index) => `proj_${index}`);

  it("many releases look first and revoke only the permissions that still exist", async function () {
    const { checkpoint: of, granted, api } = scenario();
    const permissions = thousand.map((projectId) => granted(projectId));
    for (const { id } of permissions.slice(0, 900)) api.revoke(id);
    const outcomes = await of.releaseAll(permissions);
    expect([...outcomes.values()].filter((outcome) => outcome === "missing")).to.have.length(900);
    const count = (method: string) => api.requests.filter((request) => request.method === method).length;
    expect([count("GET"), count("DELETE")]).to.deep.equal([1, 100]);
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  for (const [what, kind] of [
    ["a rejected key", { status: 401 }],
    ["an API that does not answer", "reset"],
  ] as const) {
    it(`revocations stop at the first error that would hit every request: ${what}`, async function () {
      const { checkpoint: of, granted, api } = scenario();
      const permissions = thousand.map((projectId) => granted(projectId));
      api.fail({ method: "DELETE", after: 20, times: Infinity, kind });
      const outcomes = await of.releaseAll(permissions);
      expect(api.requests.length).to.be.below(80);
      const failed = [...outcomes.values()].filter((outcome) => outcome instanceof Error);
      expect(failed.length).to.be.within(1, 8);
      expect(api.permissions(checkpoint)).to.have.length(980);
    });
  }

  it("revocations stop if the key belongs to another organization and sees no permissions", async function () {
    const { checkpoint: of, granted, api } = scenario({}, { organization: "other" });
    const permissions = thousand.map((projectId) => granted(projectId));
    api.set({ unknownCheckpoints: [checkpoint] });
    await of.releaseAll(permissions);
    expect(api.requests.length).to.be.below(30);
    expect(api.permissions(checkpoint)).to.have.length(1000);
  });

  it("one release looks nothing up", async function () {
    const { checkpoint: of, granted, requests } = scenario();
    await of.releaseAll([granted("proj_a")]);
    expect(requests.map(({ method }) => method)).to.deep.equal(["DELETE"]);
  });

  it("nothing is revoked where the list cannot be read, and each is told why", async function () {
    const { checkpoint: of, granted, api, writes } = scenario();
    const permissions = [granted("proj_a"), granted("proj_b")];
    api.fail({ method: "GET", times: Infinity, kind: { status: 403 } });
    const outcomes = await of.releaseAll(permissions);
    for (const { id } of permissions) expect(outcomes.get(id)).to.have.property("status", 403);
    expect(writes()).to.deep.equal([]);
  });

  it("a revocation that is rejected does not stop the others", async function () {
    const { checkpoint: of, granted, api } = scenario();
    const permissions = thousand.slice(0, 20).map((projectId) => granted(projectId));
    const { id, projectId } = permissions[3]!;
    const isIt = ({ path, method }: { path: string; method: string }) => method === "DELETE" && path.endsWith(id);
    api.fail({ method: "DELETE", after: 3, kind: { status: 400 } });
    await of.releaseAll(permissions);
    expect(api.projects(checkpoint)).to.deep.equal([projectId]);
    expect(api.requests.filter(isIt)).to.have.length(1);
  });

  it("releasing all permissions of a deleted checkpoint costs two requests, 10 s apart", async function () {
    const { checkpoint: of, granted, api, said, clock } = scenario();
    const permissions = thousand.map((projectId) => granted(projectId));
    api.set({ unknownCheckpoints: [checkpoint] });
    await of.releaseAll(permissions);
    expect(api.requests.map(({ method }) => method)).to.deep.equal(["GET", "GET"]);
    expect(clock.now()).to.equal(10_000);
    expect(said).to.deep.equal([
      `OpenAI does not have ${checkpoint} (retired, deleted, or mistyped), so there are no permissions for it.`,
      `Asking again in 10 s about ${checkpoint}, before anything leaves state.`,
    ]);
  });
});

describe("What constructors have told of a checkpoint", function () {
  for (const [count, how] of [
    [1, "is filtered"],
    [2, "reads a page"],
  ] as const) {
    it(`where ${count} accesses are declared, the first lookup ${how}`, async function () {
      const { checkpoint: of, access, requests } = scenario();
      of.setOutlook(count, undefined);
      await access("proj_a").look();
      expect("project_id" in requests[0]!.query).to.equal(how === "is filtered");
    });
  }

  it("a batch has as many grants as the engine runs at a time", async function () {
    const { checkpoint: of, access, writes, clock } = scenario();
    of.setOutlook(10, 2);
    await Promise.all([access("proj_a").grant(), access("proj_b").grant()]);
    expect(clock.slept).to.deep.equal([]);
    expect(writes()).to.deep.equal(["POST proj_a proj_b"]);
  });

  it("what is known already is not noted again", function () {
    const { checkpoint: of, context } = scenario();
    const counted = () => context.ledger.all("outlook", of.key).length;
    for (const [count, parallel, noted] of [
      [3, undefined, 1],
      [3, undefined, 1],
      [3, 4, 2],
      [3, 4, 2],
      [5, 4, 3],
    ] as const) {
      of.setOutlook(count, parallel);
      expect(counted()).to.equal(noted);
    }
  });

  it("what is unmanaged is read again where an answer is older than is asked for", async function () {
    const { checkpoint: of, granted, clock, requests } = scenario();
    granted("proj_a");
    await of.unmanaged([]);
    clock.pass(1_001);
    expect(await of.unmanaged([], 2_000)).to.have.length(1);
    expect(requests).to.have.length(1);
    await of.unmanaged([], 1_000);
    expect(requests).to.have.length(2);
  });
});

describe("Answers that mislead", function () {
  it("a passing 404 for the checkpoint on DELETE and GET revokes the permission all the same", async function () {
    const { access, granted, api, said } = scenario();
    const { id } = granted("proj_a");
    api.fail({ method: "DELETE", kind: notFound });
    api.fail({ method: "GET", kind: notFound });
    expect(await access("proj_a").release(id)).to.equal("revoked");
    expect(api.permissions(checkpoint)).to.deep.equal([]);
    expect(said.join()).to.include("OpenAI does have");
  });

  it("a passing 404 on DELETE while a list lags revokes the permission all the same", async function () {
    const { access, granted, api, clock } = scenario({}, { lag: 8, age: 0 });
    const { id, createdAt } = granted("proj_a");
    api.fail({ method: "DELETE", kind: notFound });
    expect(await access("proj_a").release(id, createdAt)).to.equal("revoked");
    expect(api.permissions(checkpoint)).to.deep.equal([]);
    expect(clock.slept).to.deep.equal([30_000]);
  });

  it("a passing 404 for the checkpoint while a list lags is no reason to grant again what state has", async function () {
    const { access, granted, api, writes } = scenario({}, { lag: 8, age: 0 });
    const recorded = granted("proj_a");
    api.fail({ method: "GET", kind: notFound });
    // A diff shows what one answer says.
    expect((await access("proj_a").look(recorded)).is).to.equal("missing");
    expect((await access("proj_a").grant(recorded)).permission.id).to.equal(recorded.id);
    expect(writes()).to.deep.equal([]);
  });

  it("a passing 404 for the checkpoint on GET is no reason to drop many permissions", async function () {
    const { checkpoint: of, granted, api } = scenario();
    const permissions = ["proj_a", "proj_b", "proj_c"].map(granted);
    api.fail({ method: "GET", kind: notFound });
    const outcomes = await of.releaseAll(permissions);
    expect([...outcomes.values()]).to.deep.equal(["revoked", "revoked", "revoked"]);
    expect(api.permissions(checkpoint)).to.deep.equal([]);
  });

  it("a grant that succeeds overturns a 404, so an exclusive set sees what others have", async function () {
    const { checkpoint: of, access, granted, api } = scenario();
    granted("proj_outside");
    api.fail({ method: "GET", kind: notFound });
    expect((await of.all()).permissions).to.deep.equal([]);
    await access("proj_a").grant();
    expect((await of.unmanaged(["proj_a"])).map(({ projectId }) => projectId)).to.deep.equal(["proj_outside"]);
  });

  it("an error in place of the second 404 keeps the permission in state", async function () {
    const { access, granted, api } = scenario();
    const { id } = granted("proj_a");
    api.fail({ method: "DELETE", kind: notFound });
    api.fail({ method: "GET", kind: notFound, then: { method: "GET", times: Infinity, kind: { status: 403 } } });
    expect((await failureOf(access("proj_a").release(id))).message).to.include("403");
  });

  it("an empty list to a key of another organization is an error about the key", async function () {
    const { context, api } = scenario();
    for (const [organization, own, isError] of [
      ["other", "acme", true],
      ["acme", "acme", false],
      ["user-abc", "personal", false],
      ["user-abc", "acme", true],
    ] as const) {
      api.set({ organization });
      const access = context.checkpoint(`ft:gpt-4.1-mini-2025-04-14:${own}::${organization}`).access("proj_a");
      const looking = access.look({ id: "cp_1", projectId: "proj_a", createdAt: 1 });
      if (isError) expect((await failureOf(looking)).message).to.include(`organization "${organization}"`);
      else expect((await looking).is).to.equal("missing");
    }
  });

  it("an empty list to a key of another organization does not confirm a DELETE's 404", async function () {
    const { access, granted, api } = scenario({}, { organization: "other" });
    const { id } = granted("proj_a");
    const empty = (body: unknown) => ({ ...(body as object), data: [], has_more: false, last_id: null });
    const error = { message: "No such permission.", code: "permission_not_found" };
    api.fail({ method: "DELETE", times: Infinity, kind: { status: 404, error } });
    api.fail({ method: "GET", times: Infinity, kind: { rewrite: empty } });
    expect((await failureOf(access("proj_a").release(id))).message).to.include('organization "other"');
  });

  it("a list with rows of other projects counts, even for a key of another organization", async function () {
    const { access, granted } = scenario({}, { organization: "other" });
    granted("proj_b");
    await access("proj_b").look();
    expect((await access("proj_a").look({ id: "cp_1", projectId: "proj_a", createdAt: 1 })).is).to.equal("missing");
  });

  for (const lag of [0, 5]) {
    it(`a DELETE that is always answered with 204 is believed once a list lacks the permission (lag: ${lag} s)`, async function () {
      const { access, granted, api, clock, writes } = scenario({}, { lag });
      const { id } = granted("proj_a");
      clock.pass(60_000);
      api.fail({ method: "DELETE", times: Infinity, kind: "no content" });
      expect(await access("proj_a").release(id)).to.equal("revoked");
      expect(api.permissions(checkpoint)).to.deep.equal([]);
      expect(writes()).to.deep.equal(["DELETE"]);
    });
  }

  it("a DELETE that is answered with 204 is an error while lists show the permission", async function () {
    const { access, granted, api, clock } = scenario({}, { lag: 300 });
    const { id } = granted("proj_a");
    clock.pass(600_000);
    api.fail({ method: "DELETE", times: Infinity, kind: "no content" });
    expect((await failureOf(access("proj_a").release(id))).message).to.include("still lists the permission");
  });

  it("what a POST leaves out of its answer is ours, though nothing is to be adopted", async function () {
    const { access, api } = scenario({ "openai:adoptExisting": "false" });
    api.fail({ method: "POST", kind: { rewrite: (body) => ({ ...(body as object), data: [] }) } });
    const { permission, isAdopted } = await access("proj_a").grant();
    expect(isAdopted).to.equal(false);
    expect(api.permissions(checkpoint).map(({ id }) => id)).to.deep.equal([permission.id]);
  });
});

describe("A project that the API does not know yet", function () {
  it("a grant for it is tried once more after 10 s, once for all that wait", async function () {
    const { access, api, clock, said } = scenario({}, { unknownProjects: ["proj_new", "proj_newer"] });
    const before = () => {
      if (clock.now() >= 10_000) api.set({ unknownProjects: [] });
    };
    api.fail({ method: "POST", times: Infinity, kind: { before } });
    const granted = await Promise.all(["proj_new", "proj_newer", "proj_a"].map((project) => access(project).grant()));
    expect(granted.map(({ permission }) => permission.projectId)).to.deep.equal(["proj_new", "proj_newer", "proj_a"]);
    expect(said).to.deep.equal(["OpenAI does not know proj_new, proj_newer yet; trying again in 10 s, once."]);
    const last = api.requests.filter(({ method }) => method === "POST").at(-1)!;
    expect([...last.projectIds!].sort()).to.deep.equal(["proj_new", "proj_newer"]);
  });

  it("eight that stay unknown do not fail another one that is known by the second try", async function () {
    const projects = Array.from({ length: 12 }, (_, index) => `proj_${index}`);
    const { access, api, clock } = scenario({}, { unknownProjects: projects });
    const before = () => {
      if (clock.now() >= 10_000) api.set({ unknownProjects: ["proj_0"] });
    };
    const kind = { before };
    api.fail({ method: "POST", times: Infinity, kind });
    const settled = await Promise.allSettled(projects.map((project) => access(project).grant()));
    expect(settled.map(({ status }) => status === "fulfilled")).to.deep.equal([
      false,
      ...projects.slice(1).map(() => true),
    ]);
  });

  it("a project that stays unknown is an error after the second try", async function () {
    const { access, clock, writes } = scenario({}, { unknownProjects: ["proj_new"] });
    await failureOf(access("proj_new").grant());
    expect(clock.now()).to.be.within(10_000, 11_000);
    expect(writes()).to.deep.equal(["POST proj_new", "POST proj_new"]);
  });
});
