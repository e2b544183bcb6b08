import { expect } from "chai";
import { withUrns } from "../../provider/dynamic/urns";

interface Inputs {
  fineTunedModelCheckpoint: string;
  projectId: string;
}

const inputs = (projectId: string): Inputs => ({ fineTunedModelCheckpoint: "ft:m:acme::1", projectId });

/** A resource that notes the URN of each call. */
function noting() {
  const calls: string[] = [];
  const resource = withUrns<Inputs, Inputs>({
    check: (urn, _olds, { fineTunedModelCheckpoint, projectId }) => {
      calls.push(`check ${urn}`);
      return Promise.resolve({ inputs: { fineTunedModelCheckpoint, projectId }, failures: [] });
    },
    diff: (urn) => Promise.resolve({ changes: calls.push(`diff ${urn}`) < 0 }),
    create: (urn) => Promise.resolve({ id: `cp_${calls.push(`create ${urn}`)}` }),
    update: () => Promise.resolve({}),
    read: () => Promise.resolve({}),
    import: () => Promise.resolve({}),
    delete: () => Promise.resolve(),
  });
  return { calls, resource };
}

describe("URNs in Pulumi's provider host", function () {
  it("a diff and a create are recognized by the inputs of their resource's check", async function () {
    const { calls, resource } = noting();
    await resource.check(inputs("proj_a"), { ...inputs("proj_b"), __hints: { urn: "web" } });
    await resource.diff("cp_1", inputs("proj_a"), inputs("proj_b"));
    await resource.create(inputs("proj_b"));
    expect(calls).to.deep.equal(["check web", "diff web", "create web"]);
  });

  it("a create is not taken for the resource that has the same access in state", async function () {
    const { calls, resource } = noting();
    await resource.check({}, { ...inputs("proj_a"), __hints: { urn: "new" } });
    await resource.check(inputs("proj_a"), { ...inputs("proj_b"), __hints: { urn: "old" } });
    await resource.create(inputs("proj_a"));
    expect(calls.at(-1)).to.equal("create new");
  });

  it("a create whose inputs a policy has rewritten is given no URN", async function () {
    const { calls, resource } = noting();
    await resource.check({}, { ...inputs("proj_a"), __hints: { urn: "web" } });
    await resource.create(inputs("proj_rewritten"));
    expect(calls.at(-1)).to.equal("create undefined");
  });

  it("a diff is given no URN before the check of its resource, and the check's own afterwards", async function () {
    const { calls, resource } = noting();
    await resource.diff("cp_1", inputs("proj_a"), inputs("proj_a"));
    await resource.check(inputs("proj_a"), { ...inputs("proj_b"), __hints: { urn: "web" } });
    // An older SDK's refresh changes outputs, and not the inputs that the check is given.
    await resource.diff("cp_1", inputs("proj_refreshed"), inputs("proj_b"));
    expect(calls).to.deep.equal(["diff undefined", "check web", "diff web"]);
  });

  it("checks without hints tell their resources apart by the inputs, of which none is in the clear", async function () {
    const { calls, resource } = noting();
    await resource.check({}, inputs("proj_a"));
    await resource.check(inputs("proj_a"), inputs("proj_a"));
    await resource.check({}, inputs("proj_b"));
    const [first, again, other] = calls;
    expect([first, first]).to.deep.equal([again, again]);
    expect(other).not.to.equal(first);
    expect(calls.join()).not.to.include("proj_");
  });
});
