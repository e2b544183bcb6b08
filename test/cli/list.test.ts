import { expect } from "chai";
import { list } from "../../provider/cli/list";
import { render, type Format } from "../../provider/cli/report";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";

const other = "ft:gpt-4.1-mini-2025-04-14:acme:support:C8S0WkRe";

async function listed(format: Format, project?: string[], checkpoints = [checkpoint]): Promise<string> {
  return render(await list(contextWith().context, new TestScreen(), checkpoints, project), format);
}

describe("the list command", function () {
  it("list shows who has access to each checkpoint, sorted by project, in 80 columns", async function () {
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

  it("list reads every page", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const { checkpoints } = JSON.parse(await listed("json")) as { checkpoints: { permissions: unknown[] }[] };
    expect(checkpoints[0]!.permissions).to.have.length(250);
    expect(api.requests).to.have.length(3);
  });

  for (const format of ["table", "markdown", "json", "csv"] as const) {
    it(`list as ${format} states time, API and organization, and for which projects it is complete`, async function () {
      const api = fakeApi({ now: () => Date.UTC(2026, 10, 24, 19, 40) });
      api.grant(checkpoint, "proj_a");
      const text = await listed(format);
      expect(text).to.match(/2026-11-24[T ]19:40:00/);
      expect(text).to.include("https://api.openai.com/v1").and.to.include("acme");
      expect(text).to.match(/complete for all projects|all projects,2026|"complete": true,\s+"projects": "all"/i);
    });
  }

  it("list's CSV has a row for a checkpoint or a project without permissions", async function () {
    fakeApi();
    const rows = (text: string) => text.split("\n").map((row) => row.split(",").slice(0, 6));
    expect(rows(await listed("csv"))[1]).to.deep.equal([checkpoint, "", "", "", "0", "all projects"]);
    const asked = rows(await listed("csv", ["proj_a"]));
    expect(asked[1]).to.deep.equal([checkpoint, "proj_a", "", "", "0", "the projects asked about"]);
  });

  it("list reads one project's permissions in one request", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    expect(await listed("table", ["proj_7"]))
      .to.include("1 permission,")
      .and.to.include("complete for the projects asked about.");
    expect(api.requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_7"]);
  });

  it("list of several projects finds a project's second permission on a later page", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    const older = api.grant(checkpoint, "proj_a");
    now += 60_000;
    for (let index = 0; index < 150; index++) api.grant(checkpoint, `proj_${index}`);
    const newer = api.grant(checkpoint, "proj_a");
    const text = await listed("csv", ["proj_a", "proj_7"]);
    expect(text).to.include(older.id).and.to.include(newer.id);
  });

  it("list shows the older of a project's two permissions first", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    const first = api.grant(checkpoint, "proj_a");
    now += 60_000;
    const second = api.grant(checkpoint, "proj_a");
    const text = await listed("csv");
    expect(text.indexOf(first.id)).to.be.greaterThan(0).and.lessThan(text.indexOf(second.id));
  });

  it("list fails, naming the checkpoint, if any of the lists cannot be read", async function () {
    const api = fakeApi({ unknownCheckpoints: [other] });
    api.grant(checkpoint, "proj_a");
    const error = await failureOf(listed("table", undefined, [checkpoint, other]));
    expect(error.message).to.match(new RegExp(`^Cannot list who has access to ${other}: 404`));
  });

  it("list shows its progress on a terminal and clears it in the end", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const screen = new TestScreen(80);
    await list(contextWith().context, screen, [checkpoint, other], undefined);
    expect(screen.text.match(/Reading.*?page \d+/g)).to.deep.equal([
      "Reading checkpoint 1 of 2, page 1",
      "Reading checkpoint 1 of 2, page 2",
      "Reading checkpoint 1 of 2, page 3",
      "Reading checkpoint 2 of 2, page 1",
    ]);
    // Nothing is left but the order to clear it.
    expect(screen.text.endsWith("\u001b[0J")).to.be.true;
  });

  it("list shows no progress without a terminal", async function () {
    fakeApi();
    const screen = new TestScreen();
    await list(contextWith().context, screen, [checkpoint], undefined);
    expect(screen.text).to.equal("");
  });
});
