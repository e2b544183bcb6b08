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
    read: () => Promise.resolve({}),
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

  it("a create whose inputs a policy has rewritten counts as a resource of its own", async function () {
    const { calls, resource } = noting();
    await resource.check({}, { ...inputs("proj_a"), __hints: { urn: "web" } });
    await resource.create(inputs("proj_rewritten"));
    expect(calls.at(-1)).not.to.equal("create web");
  });
});
