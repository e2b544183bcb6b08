import { expect } from "chai";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { declareElsewhere, scenario } from "../support/scenario";

const fullPage = 120;
/** An answer that says that a permission was revoked. */
const deleted = (id: string) => ({
  status: 200,
  text: JSON.stringify({ object: "checkpoint.permission", id, deleted: true }),
});

/** A project with two permissions, the older of which is not on the list's first page, and that page. */
async function twoPermissions() {
  const one = scenario();
  const older = one.granted("proj_a");
  for (let index = 0; index < fullPage; index++) one.granted(`proj_${index}`);
  const newer = one.granted("proj_a");
  for (const project of [`proj_${fullPage - 1}`, `proj_${fullPage - 2}`]) await one.access(project).look();
  expect(one.requests.at(-1)?.query).not.to.have.property("project_id");
  return { ...one, older, newer };
}

describe("What a look finds", function () {
  it("a project without a permission has none", async function () {
    expect(await scenario().access("proj_a").look()).to.deep.equal({ is: "none" });
  });

  it("the permission that state has, even if it is on a later page than another of ours", async function () {
    const { access, older, newer } = await twoPermissions();
    access("proj_a").markOurs(newer.id);
    expect(await access("proj_a").look(older)).to.deep.equal({ is: "listed", permission: older, others: [newer] });
  });

  it("a permission of ours rather than a newer one, even if it is on a later page", async function () {
    const { access, older } = await twoPermissions();
    access("proj_a").markOurs(older.id);
    expect(await access("proj_a").look()).to.have.nested.property("permission.id", older.id);
  });

  it("no older answer than is asked for", async function () {
    const { access, granted, api, clock } = scenario();
    const recorded = granted("proj_a");
    await access("proj_a").look(recorded);
    api.revoke(recorded.id);
    clock.pass(1_001);
    expect(await access("proj_a").look(recorded, 2_000)).to.have.property("is", "listed");
    expect(await access("proj_a").look(recorded, 1_000)).to.have.property("is", "missing");
  });

  it("a permission that was looked at is ours, so a grant adopts nothing", async function () {
    const { access, granted } = scenario();
    const recorded = granted("proj_a");
    await access("proj_a").look(recorded);
    expect(await access("proj_a").grant()).to.deep.equal({ permission: recorded, isAdopted: false });
  });

  it("after a revocation whose answer was lost, what the API has then", async function () {
    const { access, granted, api } = scenario();
    const recorded = granted("proj_a");
    await access("proj_a").look(recorded);
    let looking: Promise<unknown> | undefined;
    const onHit = () => {
      looking ??= access("proj_a").look(recorded);
    };
    api.fail({ method: "DELETE", kind: "lost answer", times: Infinity, onHit });
    await failureOf(access("proj_a").release(recorded.id));
    expect(await looking).to.deep.equal({ is: "missing" });
  });
});

describe("Grants of what state has", function () {
  it("what state has is kept in one request, even if the project has a newer one of ours", async function () {
    const { access, granted, requests } = scenario();
    const [older, newer] = [granted("proj_a"), granted("proj_a")];
    access("proj_a").markOurs(newer.id);
    expect(await access("proj_a").grant(older)).to.deep.equal({ permission: older, isAdopted: false });
    expect(requests.map(({ method }) => method)).to.deep.equal(["GET"]);
  });

  it("what is too young to be listed is kept, and adopts nothing", async function () {
    const { access, granted } = scenario({}, { age: 0, lag: 60 });
    const recorded = granted("proj_a");
    expect(await access("proj_a").grant(recorded)).to.deep.equal({ permission: recorded, isAdopted: false });
  });

  it("what was revoked since the look that is ten minutes old is granted anew", async function () {
    const { access, granted, api, clock, writes } = scenario();
    const recorded = granted("proj_a");
    await access("proj_a").look(recorded);
    api.revoke(recorded.id);
    clock.pass(600_001);
    await access("proj_a").grant(recorded);
    expect(writes()).to.deep.equal(["POST proj_a"]);
  });

  it("a grant that gets the same revoked permission twice ends", async function () {
    const { access, granted, api, writes } = scenario({}, { repeatedPost: "return" });
    const { id } = granted("proj_a");
    api.fail({ method: "DELETE", kind: deleted(id) });
    await access("proj_a").release(id);
    expect((await access("proj_a").grant()).permission.id).to.equal(id);
    expect(writes()).to.deep.equal(["DELETE", "POST proj_a", "POST proj_a"]);
  });

  it("a batch waits for grants that were announced, and for no more", async function () {
    const { access, checkpoint: of, clock } = scenario();
    of.setOutlook(2, undefined);
    await access("proj_a").grant();
    expect(clock.slept).to.deep.equal([1000]);
    await access("proj_b").grant();
    expect(clock.slept).to.deep.equal([1000]);
  });

  it("a grant counts once among those that were announced", async function () {
    const { access, checkpoint: of, clock, writes } = scenario();
    of.setOutlook(3, undefined);
    await access("proj_a").grant();
    const later = async () => {
      await clock.sleep(500);
      await access("proj_c").grant();
    };
    await Promise.all([access("proj_b").grant(), later()]);
    expect(writes()).to.deep.equal(["POST proj_a", "POST proj_b proj_c"]);
  });
});

describe("Revocations that get a 404", function () {
  it("the answer is missing, once a list confirms it", async function () {
    const { access, granted, api } = scenario();
    const { id } = granted("proj_a");
    api.revoke(id);
    expect(await access("proj_a").release(id)).to.equal("missing");
  });

  it("a list from before the 404 is read again", async function () {
    const { access, granted, api, writes } = scenario();
    const recorded = granted("proj_a");
    await access("proj_a").look(recorded);
    api.revoke(recorded.id);
    expect(await access("proj_a").release(recorded.id)).to.equal("missing");
    expect(writes()).to.deep.equal(["DELETE"]);
  });

  it("a page that shows only another permission of the project confirms nothing", async function () {
    const { access, older, api } = await twoPermissions();
    api.fail({ method: "DELETE", kind: { status: 404 } });
    expect(await access("proj_a").release(older.id)).to.equal("revoked");
    expect(api.permissions(checkpoint).map(({ id }) => id)).not.to.include(older.id);
  });

  it("what is young is asked about again after 30 s, which is said", async function () {
    const { access, granted, api, clock, said } = scenario({}, { age: 0 });
    const { id, createdAt } = granted("proj_a");
    api.revoke(id);
    expect(await access("proj_a").release(id, createdAt)).to.equal("missing");
    expect(clock.slept).to.include(30_000);
    expect(said.join()).to.include(`${id} was granted less than 30 s ago; asking again in 30 s`);
  });
});

describe("What a project has besides", function () {
  it("what remains after a release is read from one page for all projects, to the end of the list", async function () {
    const { access, older, requests } = await twoPermissions();
    const before = requests.length;
    await access("proj_a").release(older.id);
    const remaining = await Promise.all(["proj_a", "proj_3"].map((project) => access(project).remaining()));
    expect(remaining.map((some) => some.length)).to.deep.equal([1, 1]);
    expect(requests.slice(before).map(({ method, query }) => [method, Object.keys(query)])).to.deep.equal([
      ["DELETE", []],
      ["GET", ["after", "limit"]],
    ]);
  });

  it("one lookup of what remains reads a page, since others may follow", async function () {
    const { access, granted, requests } = scenario();
    granted("proj_a");
    granted("proj_a");
    expect(await access("proj_a").remaining()).to.have.length(2);
    expect(requests.map(({ query }) => Object.keys(query))).to.deep.equal([["limit"]]);
  });

  it("nothing remains where a resource declares the access, which costs no request", async function () {
    const { access, granted, requests } = scenario();
    granted("proj_a");
    declareElsewhere(access("proj_a"));
    expect(await access("proj_a").remaining()).to.deep.equal([]);
    expect(requests).to.deep.equal([]);
  });

  it("further permissions that are known cost no request, and leave out what was revoked", async function () {
    const { access, granted, requests } = scenario();
    const rows = ["proj_a", "proj_a", "proj_a"].map(granted);
    await access("proj_a").look();
    const before = requests.length;
    const others = () =>
      access("proj_a")
        .othersKnown(rows[0]!.id)
        .map(({ id }) => id);
    expect(others()).to.deep.equal([rows[2]!.id, rows[1]!.id]);
    expect(requests).to.have.length(before);
    await access("proj_a").release(rows[1]!.id);
    expect(others()).to.deep.equal([rows[2]!.id]);
  });
});
