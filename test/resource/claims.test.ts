import { expect } from "chai";
import { announcedKey } from "../../provider/access/ledger";
import { checkpoint } from "../support/api";
import { scenario } from "../support/scenario";

const urnOf = (name: string, parents = "") => `urn:pulumi:test::test::${parents}test::${name}`;

interface Declared {
  name: string;
  projects: string[] | string;
  exclusive?: boolean;
  checkpoint?: string;
  parents?: string;
}

/** Checks these resources of one program one after the other; returns each one's failures. */
async function check(...declared: Declared[]): Promise<{ property: string; reason: string }[][]> {
  const { permission, set } = scenario();
  const failures = [];
  for (const {
    name,
    projects,
    exclusive = false,
    checkpoint: fineTunedModelCheckpoint = checkpoint,
    parents,
  } of declared) {
    const inputs = { fineTunedModelCheckpoint, __hints: { urn: urnOf(name, parents) } };
    const checked =
      typeof projects === "string"
        ? await permission.check({}, { ...inputs, projectId: projects })
        : await set.check({}, { ...inputs, projectIds: projects, exclusive });
    failures.push(checked.failures);
  }
  return failures;
}

describe("Claims to the same access", function () {
  const conflicts: [title: string, first: Declared, second: Declared, property: string, reason: string][] = [
    [
      "two permissions for the same project and checkpoint are an error of the second one, naming both",
      { name: "web", projects: "proj_web" },
      { name: "shop", projects: "proj_web" },
      "projectId",
      `"web" and "shop" both give project proj_web access to checkpoint ${checkpoint}`,
    ],
    [
      "a permission for a project that is also in a set is an error naming both",
      { name: "team", projects: ["proj_web", "proj_mobile"] },
      { name: "web", projects: "proj_web" },
      "projectId",
      `"team" and "web" both give project proj_web access to`,
    ],
    [
      "two sets that share a project are an error naming both",
      { name: "team", projects: ["proj_web"] },
      { name: "all", projects: ["proj_shop", "proj_web"] },
      "projectIds",
      `"team" and "all" both give project proj_web access to`,
    ],
    [
      "a permission declared after an exclusive set that does not list its project is an error",
      { name: "team", projects: ["proj_web"], exclusive: true },
      { name: "shop", projects: "proj_shop" },
      "projectId",
      `"team" is the exclusive set of checkpoint ${checkpoint}, and "shop" gives other projects access separately`,
    ],
    [
      "an exclusive set declared after a permission that it does not list is an error",
      { name: "shop", projects: "proj_shop" },
      { name: "team", projects: ["proj_web"], exclusive: true },
      "projectIds",
      `"team" is the exclusive set of checkpoint ${checkpoint}, and "shop" gives other projects access separately`,
    ],
    [
      "two resources of the same name in nested components are an error naming both URNs",
      { name: "web", projects: "proj_web" },
      { name: "web", projects: "proj_web", parents: "component$" },
      "projectId",
      `"${urnOf("web")}" and "${urnOf("web", "component$")}" both give project proj_web access`,
    ],
  ];
  for (const [title, first, second, property, reason] of conflicts) {
    it(title, async function () {
      const [none, failures] = await check(first, second);
      expect(none).to.deep.equal([]);
      expect(failures).to.have.length(1);
      expect(failures![0]!.property).to.equal(property);
      expect(failures![0]!.reason).to.include(reason);
    });
  }

  it("a permission may stand beside an exclusive set for another checkpoint", async function () {
    const team = { name: "team", projects: [], exclusive: true };
    const failures = await check(team, { name: "web", projects: "proj_web", checkpoint: `${checkpoint}:x` });
    expect(failures).to.deep.equal([[], []]);
  });

  it("a second check of the same resource replaces what the first one claimed", async function () {
    const failures = await check(
      { name: "web", projects: "proj_old" },
      { name: "web", projects: "proj_web" },
      { name: "old", projects: "proj_old" },
    );
    expect(failures).to.deep.equal([[], [], []]);
  });

  it("what a constructor told ahead of a check is no claim", async function () {
    const { permission, set } = scenario();
    const team = { fineTunedModelCheckpoint: checkpoint, projectIds: ["proj_a"], exclusive: true };
    // A transformation changes the permission's project after its constructor.
    await set.check(
      {},
      { ...team, __hints: { urn: urnOf("team"), key: "0", others: { 1: [announcedKey(checkpoint, "proj_b")] } } },
    );
    const web = { fineTunedModelCheckpoint: `${checkpoint}:x`, projectId: "proj_b" };
    const { failures } = await permission.check({}, { ...web, __hints: { urn: urnOf("web"), key: "1" } });
    expect(failures).to.deep.equal([]);
  });
});
