import { expect } from "chai";
import { listPermissions } from "../../provider/resource/list";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";

const all = { fineTunedModelCheckpoint: checkpoint };

describe("A list of permissions", function () {
  it("has those of all projects, or of one", async function () {
    const api = fakeApi();
    for (const project of ["proj_a", "proj_b"]) api.grant(checkpoint, project);
    const { context } = contextWith();
    const projectsIn = async (args: { projectId?: string }) =>
      (await listPermissions(() => context, { ...all, ...args })).permissions.map(({ projectId }) => projectId);
    expect(await projectsIn({ projectId: "proj_a" })).to.deep.equal(["proj_a"]);
    expect(await projectsIn({})).to.have.members(["proj_a", "proj_b"]);
    expect(api.requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_a", undefined]);
  });

  it("has every permission of a project, of which a page that was read before shows only one", async function () {
    const api = fakeApi();
    const older = api.grant(checkpoint, "proj_a");
    for (let index = 0; index < 120; index++) api.grant(checkpoint, `proj_${index}`);
    const newer = api.grant(checkpoint, "proj_a");
    const { context } = contextWith();
    const first = await context.checkpoint(checkpoint).lookups.listFor("proj_a", { isPageFirst: true });
    expect(first.permissions.map(({ id }) => id)).to.deep.equal([newer.id]);
    const { permissions } = await listPermissions(() => context, { ...all, projectId: "proj_a" });
    expect(permissions.map(({ id }) => id)).to.deep.equal([newer.id, older.id]);
  });

  it("fails before a request if an argument is wrong, and says what is wrong with each", async function () {
    const api = fakeApi();
    const listing = listPermissions(() => contextWith().context, { fineTunedModelCheckpoint: "", projectId: "web" });
    expect((await failureOf(listing)).message)
      .to.match(/fineTunedModelCheckpoint is missing\. [^\n]*\. projectId "web" must begin with/)
      .and.match(/ Correct it\.$/);
    const misspelt = listPermissions(() => contextWith().context, { ...all, project: "proj_a" } as typeof all);
    expect((await failureOf(misspelt)).message).to.include('There is no argument "project".');
    expect(api.requests).to.deep.equal([]);
  });
});
