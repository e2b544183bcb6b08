import { expect } from "chai";
import { list } from "../../provider/cli/list";
import type { Format } from "../../provider/cli/format";
import { checkpoint, deploymentWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";

const other = "ft:gpt-4.1-mini-2025-04-14:acme:support:C8S0WkRe";

async function listed(format: Format, project?: string[], checkpoints = [checkpoint]): Promise<string> {
  return list(deploymentWith().deployment, new TestScreen(), checkpoints, { project, format });
}

describe("the list command", function () {
  it("shows who has access to each checkpoint, by project, in 80 columns", async function () {
    const api = fakeApi();
    const projects = ["proj_c", "proj_a", `proj_${"b".repeat(24)}`];
    for (const project of projects) api.grant(checkpoint, project);
    api.grant(other, "proj_d");
    const lines = (await listed("table", undefined, [checkpoint, other])).split("\n");
    expect(lines.filter((line) => line.length > 80)).to.deep.equal([]);
    expect(lines.flatMap((line) => /^ {2}(proj_\S+)/.exec(line)?.[1] ?? [])).to.deep.equal([
      "proj_a",
      `proj_${"b".repeat(24)}`,
      "proj_c",
      "proj_d",
    ]);
    expect(lines.indexOf(checkpoint)).to.be.lessThan(lines.indexOf(other));
  });

  it("reads every page", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const { checkpoints } = JSON.parse(await listed("json")) as { checkpoints: { permissions: unknown[] }[] };
    expect(checkpoints[0]!.permissions).to.have.length(250);
    expect(api.requests).to.have.length(3);
  });

  for (const format of ["table", "markdown", "json", "csv"] as const) {
    it(`says as ${format} when it was read, from which API, for which organization, and for whom it is complete`, async function () {
      const api = fakeApi({ now: () => Date.UTC(2026, 10, 24, 19, 40) });
      api.grant(checkpoint, "proj_a");
      const text = await listed(format);
      expect(text).to.match(/2026-11-24[T ]19:40:00/);
      expect(text).to.include("https://api.openai.com/v1").and.to.include("acme");
      expect(text).to.match(/complete for all projects|all projects,2026|"complete": true,\s+"projects": "all"/i);
    });
  }

  it("keeps as CSV that nobody has access to a checkpoint, and that a project has none", async function () {
    fakeApi();
    const rows = (text: string) => text.split("\n").map((row) => row.split(",").slice(0, 6));
    expect(rows(await listed("csv"))[1]).to.deep.equal([checkpoint, "", "", "", "0", "all projects"]);
    const asked = rows(await listed("csv", ["proj_a"]));
    expect(asked[1]).to.deep.equal([checkpoint, "proj_a", "", "", "0", "the projects asked about"]);
  });

  it("asks about one project in one request", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    expect(await listed("table", ["proj_7"]))
      .to.include("1 permission,")
      .and.to.include("Complete for the projects asked about.");
    expect(api.requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_7"]);
  });

  it("finds a project's second permission on a later page, when several projects are asked about", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    const older = api.grant(checkpoint, "proj_a");
    now += 60_000;
    for (let index = 0; index < 150; index++) api.grant(checkpoint, `proj_${index}`);
    const newer = api.grant(checkpoint, "proj_a");
    const text = await listed("csv", ["proj_a", "proj_7"]);
    expect(text).to.include(older.id).and.to.include(newer.id);
  });

  it("shows a project's two permissions, the older first", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    const first = api.grant(checkpoint, "proj_a");
    now += 60_000;
    const second = api.grant(checkpoint, "proj_a");
    const text = await listed("csv");
    expect(text.indexOf(first.id)).to.be.greaterThan(0).and.lessThan(text.indexOf(second.id));
  });

  it("gives nothing when one of the lists cannot be read, and says which", async function () {
    const api = fakeApi({ unknownCheckpoints: [other] });
    api.grant(checkpoint, "proj_a");
    const error = await failureOf(listed("table", undefined, [checkpoint, other]));
    expect(error.message).to.match(new RegExp(`^Cannot list who has access to ${other}: 404`));
  });

  it("shows on a terminal how far it is, and takes that away in the end", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const screen = new TestScreen(80);
    await list(deploymentWith().deployment, screen, [checkpoint, other], { project: undefined, format: "table" });
    expect(screen.text.match(/Reading[^.]+/g)).to.deep.equal([
      "Reading checkpoint 1 of 2: 0 of at least 2 pages read",
      "Reading checkpoint 1 of 2: 1 of at least 3 pages read",
      "Reading checkpoint 1 of 2: 2 of at least 4 pages read",
      "Reading checkpoint 1 of 2: 3 of at least 4 pages read",
      "Reading checkpoint 2 of 2: 3 of at least 4 pages read",
      "Reading checkpoint 2 of 2: 4 of at least 4 pages read",
    ]);
    // Nothing is left but the order to clear it.
    expect(screen.text.endsWith("\u001b[0J")).to.be.true;
  });

  it("says nothing beside the result where there is no terminal", async function () {
    fakeApi();
    const screen = new TestScreen();
    await list(deploymentWith().deployment, screen, [checkpoint], { project: undefined, format: "table" });
    expect(screen.text).to.equal("");
  });
});
