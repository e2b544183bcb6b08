import { expect } from "chai";
import { ProviderContext } from "../../provider/access/context";
import { unknownValue } from "../../provider/resource/ids";
import { checkpoint } from "../support/api";
import { permissionResource, scenario, setInputs, setResource } from "../support/scenario";

const other = checkpoint.replace("acme::B7R9VjQd", "acme::other123");

/** A preview or an up in which `web` moves from proj_a to proj_b, in front of a provider host. */
function preview(isPreview = true) {
  const { api, context: settings, clock, granted } = scenario();
  const said: string[] = [];
  const context = new ProviderContext(settings.config, clock, (line) => said.push(line));
  const permission = permissionResource(() => context);
  const set = setResource(() => context);
  const { id, createdAt } = granted("proj_a");
  const olds = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" };
  const hints = (name: string) => ({ __hints: { urn: `urn:pulumi:t::t::t::${name}`, isPreview } });
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

  it("a permission that was revoked by hand and left the program loses nothing, and is not granted again", async function () {
    const { move, end, api } = preview();
    api.revoke(api.permissions(checkpoint)[0]!.id);
    await move();
    expect(end())
      .to.match(/^Drift: proj_a lost its access to [^\n]* The program no longer declares it\.$/m)
      .and.not.to.match(/loses? access|granted again/);
  });

  it("a project that was revoked by hand and left a set's list is not granted again either", async function () {
    const { api, end, set, hints } = preview();
    const state = {
      ...setInputs(["proj_d", "proj_e"]),
      permissions: ["proj_d", "proj_e"].map((projectId) => {
        const { id, created_at: createdAt } = api.grant(checkpoint, projectId);
        return { id, projectId, createdAt };
      }),
    };
    for (const { id } of state.permissions) api.revoke(id);
    await set.check(setInputs(["proj_d", "proj_e"]), { ...setInputs(["proj_e"]), ...hints("team") });
    await set.diff(checkpoint, state, setInputs(["proj_e"]));
    const said = end();
    expect(said).to.match(/^Drift: proj_d lost its access [^\n]* no longer declares it\.$/m);
    expect(said).to.match(/^Drift: proj_e lost its access [^\n]* It will be granted again\.$/m);
    expect(said).not.to.match(/(gains?|loses?) access/);
  });

  it("a protected permission is told with the way to repair it, and its access is told once", async function () {
    const { api, end, permission, olds, hints } = preview();
    const row = api.permissions(checkpoint)[0]!;
    api.revoke(row.id);
    await permission.check(olds, { ...olds, __hints: { ...hints("web").__hints, protect: true } });
    await permission.diff(row.id, { ...olds, createdAt: row.created_at }, olds);
    expect(end())
      .to.include("protected, so `pulumi up` fails: run `pulumi refresh`, then `pulumi up`")
      .and.not.to.include("granted again");
  });

  it("a permission that is granted again is told once", async function () {
    const { api, end, permission, olds, hints } = preview();
    const row = api.permissions(checkpoint)[0]!;
    api.revoke(row.id);
    await permission.check(olds, { ...olds, ...hints("web") });
    await permission.diff(row.id, { ...olds, createdAt: row.created_at }, olds);
    // The engine checks what it replaces once more.
    await permission.check({}, { ...olds, ...hints("web") });
    expect(end()).to.include("It will be granted again").and.not.to.include("gains access");
  });

  it("with a secret project a preview says that one gains access, and not which", async function () {
    const { end, permission, olds, hints } = preview();
    const secret = { ...olds, projectId: "proj_secret", adopts: null };
    await permission.check({}, { ...secret, ...hints("web") });
    expect(end()).to.include("A project whose ID is secret gains access").and.not.to.include("proj_secret");
  });

  it("an up says what it has done in place of what it will do", async function () {
    const { move, end, permission, olds, hints } = preview(false);
    await move();
    await permission.create({ ...olds, projectId: "proj_b" });
    await permission.check({}, { ...olds, projectId: "proj_c", ...hints("other") });
    expect(end())
      .to.match(/^proj_b has access to ft:\S+ now\.$/m)
      .and.not.to.match(/gains? access|loses? access/);
  });

  it("a checkpoint that OpenAI does not have fails an up only if the program declares it", async function () {
    for (const isDeclared of [true, false]) {
      const { api, end, permission, olds, hints, move } = preview();
      const notFound = { status: 404, error: { code: "model_not_found", message: "The model does not exist." } };
      api.fail({ method: "GET", checkpoint, times: Infinity, kind: notFound });
      if (isDeclared) await move();
      else {
        const news = { fineTunedModelCheckpoint: other, projectId: "proj_a" };
        await permission.check(olds, { ...news, ...hints("web") });
        await permission.diff("cp_1", { ...olds, createdAt: 1 }, news);
      }
      const said = end();
      expect(said).to.include("OpenAI does not have");
      expect(said.includes("fails, because the program declares access to it")).to.equal(isDeclared);
      expect(said).not.to.match(new RegExp(`gains? access to ${checkpoint}`));
    }
  });
});
