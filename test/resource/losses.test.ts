import { expect } from "chai";
import { ProviderContext } from "../../provider/access/context";
import { unknownValue } from "../../provider/resource/ids";
import { checkpoint } from "../support/api";
import { permissionResource, scenario, setInputs, setResource } from "../support/scenario";

const other = checkpoint.replace("acme::B7R9VjQd", "acme::other123");

/** A preview in which `web` moves from proj_a to proj_b, in front of a provider host. */
function preview() {
  const { api, context: settings, clock, granted } = scenario();
  const said: string[] = [];
  const context = new ProviderContext(settings.config, clock, (line) => said.push(line), undefined, false);
  const permission = permissionResource(() => context);
  const set = setResource(() => context);
  const { id, createdAt } = granted("proj_a");
  const olds = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" };
  const hints = (name: string) => ({ __hints: { urn: `urn:pulumi:t::t::t::${name}` } });
  return {
    ...{ api, said, permission, set, hints, olds },
    /** Checks and diffs the permission that gives up proj_a. */
    move: async () => {
      const news = { ...olds, projectId: "proj_b" };
      await permission.check(olds, { ...news, ...hints("web") });
      await permission.diff(id, { ...olds, createdAt }, news);
    },
    /** What the preview has said once it ends. */
    end: () => {
      context.lines.end();
      return said.join("\n");
    },
  };
}

describe("What a preview says of lost access", function () {
  it("a project that nothing else declares loses access", async function () {
    const { move, end } = preview();
    await move();
    expect(end()).to.match(/^proj_a \(cp_\w+\) loses access to ft:/m);
  });

  it("a project that a resource declares which is checked later loses nothing", async function () {
    const { move, end, permission, hints, olds } = preview();
    await move();
    await permission.check({}, { ...olds, ...hints("shop") });
    expect(end()).not.to.match(/loses? access/);
  });

  for (const [title, inputs] of [
    ["project", { projectId: unknownValue }],
    ["checkpoint", { fineTunedModelCheckpoint: unknownValue, projectId: "proj_c" }],
  ] as const) {
    it(`nobody is said to lose access for certain while the ${title} of another resource is not known`, async function () {
      const { move, end, permission, hints, olds } = preview();
      await move();
      await permission.check({}, { ...olds, ...inputs, ...hints("shop") });
      expect(end())
        .to.match(/^proj_a \(cp_\w+\) may lose access to ft:/m)
        .and.not.to.include("loses access");
    });
  }

  it("the same holds while the list of a set is not known", async function () {
    const { move, end, set, hints } = preview();
    await move();
    await set.check({}, { ...setInputs(["proj_c", unknownValue]), ...hints("team") });
    expect(end()).to.include("may lose access").and.not.to.include("loses access");
  });

  it("what is not known of another checkpoint makes nothing uncertain", async function () {
    const { move, end, permission, hints } = preview();
    await move();
    await permission.check({}, { fineTunedModelCheckpoint: other, projectId: unknownValue, ...hints("shop") });
    expect(end()).to.include("loses access");
  });

  it("a set's losses are told at the end, too", async function () {
    const { api, end, said, set, hints, permission, olds } = preview();
    const state = {
      ...setInputs(["proj_a", "proj_d"]),
      permissions: ["proj_a", "proj_d"].map((projectId) => {
        const { id, created_at: createdAt } = api.grant(checkpoint, projectId);
        return { id, projectId, createdAt };
      }),
    };
    await set.check(setInputs(["proj_a", "proj_d"]), { ...setInputs([]), ...hints("team") });
    await set.diff(checkpoint, state, setInputs([]));
    expect(said.join()).not.to.include("access to");
    await permission.check({}, { ...olds, ...hints("shop") });
    expect(end())
      .to.match(/^proj_d \(cp_\w+\) loses access/m)
      .and.not.to.match(/proj_a[^\n]* loses? access/);
  });
});
