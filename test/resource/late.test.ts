import { expect } from "chai";
import { checkpoint } from "../support/api";
import { scenario, setInputs } from "../support/scenario";

const urnOf = (name: string) => `urn:pulumi:t::t::t::${name}`;

/** A set that has given up proj_m, while the ID of another resource is an output. */
async function givingUp() {
  const all = scenario();
  const { set, setInState } = all;
  const olds = setInState(["proj_a", "proj_m"]);
  const news = setInputs(["proj_a"]);
  await set.check(olds, { ...news, __hints: { urn: urnOf("team"), key: "p:0", others: {}, late: ["p:1"] } });
  await set.diff(checkpoint, olds, news);
  const [, shared] = olds.permissions;
  return {
    ...{ ...all, olds, news, shared: shared! },
    update: async () => {
      const updated = await set.update(checkpoint, olds, news);
      return (updated.outs as typeof olds).permissions.map(({ projectId }) => projectId);
    },
  };
}

describe("A set that gives up a project while another resource's ID is not known yet", function () {
  it("waits until that resource is checked, and keeps what it has in state", async function () {
    const { permission, clock, shared, update, writes, said } = await givingUp();
    const inputs = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_m" };
    const updating = update();
    await clock.sleep(1_500);
    await permission.check(inputs, { ...inputs, __hints: { urn: urnOf("late"), key: "p:1" } });
    await permission.diff(shared.id, { ...inputs, createdAt: shared.createdAt }, inputs);
    expect(await updating).to.deep.equal(["proj_a"]);
    expect(writes()).to.deep.equal([]);
    expect(said.join()).not.to.include("Drift");
  });

  it("revokes once that resource turns out to declare another project", async function () {
    const { permission, clock, update, writes, said } = await givingUp();
    const inputs = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_other" };
    const updating = update();
    await clock.sleep(1_500);
    await permission.check({}, { ...inputs, __hints: { urn: urnOf("late"), key: "p:1" } });
    expect(await updating).to.deep.equal(["proj_a"]);
    expect(writes()).to.deep.equal(["DELETE"]);
    expect(said.join()).not.to.include("no longer on this set's list");
  });

  it("keeps the permission in its state if that resource does not come, says so, and revokes it in the next run", async function () {
    const { update, writes, said, shared } = await givingUp();
    expect(await update()).to.deep.equal(["proj_a", "proj_m"]);
    expect(writes()).to.deep.equal([]);
    expect(said.join("\n")).to.include(`proj_m (${shared.id}): no longer on this set's list`);
  });

  it("revokes in the next run what it has kept so", async function () {
    const { set, setInState, writes } = scenario();
    const news = setInputs(["proj_a"]);
    const state = { ...news, permissions: setInState(["proj_a", "proj_m"]).permissions };
    await set.check(news, { ...news, __hints: { urn: urnOf("team"), key: "p:0", others: {} } });
    expect(await set.diff(checkpoint, state, news)).to.include({ changes: true });
    const updated = await set.update(checkpoint, state, news);
    expect((updated.outs as typeof state).permissions.map(({ projectId }) => projectId)).to.deep.equal(["proj_a"]);
    expect(writes()).to.deep.equal(["DELETE"]);
  });
});
