import { expect } from "chai";
import { drift } from "../../provider/cli/drift";
import type { Format } from "../../provider/cli/format";
import { typesOf } from "../../provider/resource/reference";
import type { StackRecord } from "../../provider/cli/stack";
import type { PermissionRow } from "../../sandbox/api/api";
import { checkpoint, deploymentWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";

const other = "ft:gpt-4.1-mini-2025-04-14:acme:support:C8S0WkRe";
const urn = `urn:pulumi:dev::acme::${typesOf.permission.dynamic}::web`;

/** A record of a permission that the API has, or of another one. */
function recordOf(row: PermissionRow, more: Partial<StackRecord> = {}): StackRecord {
  const recorded = { id: row.id, createdAt: row.created_at };
  return { checkpoint, projectId: row.project_id, recorded, isLeaving: false, urn, ...more };
}

const vanished = (projectId: string): StackRecord => ({
  ...{ checkpoint, projectId, isLeaving: false, urn },
  recorded: { id: "cp_gone", createdAt: 1 },
});

async function compare(recorded: StackRecord[], format: Format = "json", recordedOnly = false) {
  const { deployment, said } = deploymentWith();
  return { ...(await drift(deployment, new TestScreen(), recorded, { recordedOnly, format })), said };
}

async function differences(recorded: StackRecord[], recordedOnly = false): Promise<string[]> {
  const { text } = await compare(recorded, "json", recordedOnly);
  const { differences: found } = JSON.parse(text) as { differences: Record<string, string>[] };
  return found.map(({ change, projectId, recordedId, presentId }) =>
    [change, projectId, recordedId, presentId].filter((part) => part !== undefined).join(" "),
  );
}

describe("the drift command", function () {
  it("finds nothing where all is as recorded", async function () {
    const api = fakeApi();
    const { hasDrift, text } = await compare([recordOf(api.grant(checkpoint, "proj_a"))], "table");
    expect(hasDrift).to.be.false;
    expect(text).to.match(/^1 permission of 1 checkpoint: as recorded\./);
  });

  it("finds what is missing, what was re-made, and what nobody declares, by project", async function () {
    const api = fakeApi();
    const remade = api.grant(checkpoint, "proj_b");
    const undeclared = api.grant(checkpoint, "proj_d");
    const kept = api.grant(checkpoint, "proj_a");
    const recorded = [recordOf(kept), vanished("proj_b"), vanished("proj_e"), vanished("proj_c")];
    expect(await differences(recorded)).to.deep.equal([
      "missing proj_c cp_gone",
      "missing proj_e cp_gone",
      `re-made proj_b cp_gone ${remade.id}`,
      `undeclared proj_d ${undeclared.id}`,
    ]);
  });

  it("finds the second permission of a project", async function () {
    const api = fakeApi();
    const first = recordOf(api.grant(checkpoint, "proj_a"));
    const second = api.grant(checkpoint, "proj_a");
    expect(await differences([first])).to.deep.equal([`duplicate proj_a ${second.id}`]);
  });

  it("finds what a set lists and was not granted yet", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_b");
    const listed = ["proj_a", "proj_b"].map((project) => ({ ...vanished(project), recorded: undefined }));
    expect(await differences(listed)).to.deep.equal(["pending proj_a", `pending proj_b ${id}`]);
  });

  it("does not miss what is about to go, nor call it undeclared", async function () {
    const api = fakeApi();
    const there = recordOf(api.grant(checkpoint, "proj_a"), { isLeaving: true });
    expect(await differences([there, { ...vanished("proj_b"), isLeaving: true }])).to.deep.equal([]);
  });

  it("calls undeclared, and no duplicate, what was granted in place of a record that is about to go", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_a");
    expect(await differences([{ ...vanished("proj_a"), isLeaving: true }])).to.deep.equal([`undeclared proj_a ${id}`]);
  });

  it("takes what one stack declares as declared for all", async function () {
    const api = fakeApi();
    const stacks = [recordOf(api.grant(checkpoint, "proj_a")), recordOf(api.grant(checkpoint, "proj_b"))];
    expect(await differences([stacks[0]!])).to.have.length(1);
    expect(await differences(stacks)).to.deep.equal([]);
  });

  it("compares many checkpoints, reading each list once", async function () {
    const api = fakeApi();
    const recorded = [checkpoint, other].flatMap((one) =>
      Array.from({ length: 150 }, (_, index) => recordOf(api.grant(one, `proj_${index}`), { checkpoint: one })),
    );
    expect(await differences(recorded)).to.deep.equal([]);
    expect(api.requests).to.have.length(4);
  });

  it("finds access to a checkpoint that no stack has recorded, if it is asked about", async function () {
    const api = fakeApi();
    const { id } = api.grant(other, "proj_a");
    const { deployment } = deploymentWith();
    const options = { recordedOnly: false, format: "json" as const, checkpoints: [other] };
    const { text, hasDrift } = await drift(deployment, new TestScreen(), [], options);
    expect(hasDrift).to.be.true;
    expect(JSON.parse(text)).to.have.property("differences").that.is.an("array").with.lengthOf(1);
    expect(text).to.include(`"undeclared"`).and.to.include(id);
  });

  it("looks for nothing else with --recorded-only, in one filtered request for one permission", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const row = api.grant(checkpoint, "proj_a");
    expect(await differences([recordOf(row)], true)).to.deep.equal([]);
    expect(api.requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_a"]);
  });

  it("takes a permission as granted that is too young to be listed, and says so", async function () {
    fakeApi();
    const young = { id: "cp_young", createdAt: Math.floor(Date.now() / 1000) };
    const { hasDrift, said } = await compare([{ ...vanished("proj_a"), recorded: young }]);
    expect(hasDrift).to.be.false;
    expect(said.join("\n")).to.include("cp_young").and.to.include("taken as granted");
  });

  it("finds nothing in a stack without permissions, in every format", async function () {
    for (const format of ["table", "markdown", "json", "csv"] as const) {
      const { text, hasDrift } = await compare([], format);
      expect(hasDrift).to.be.false;
      expect(text).to.match(/^No checkpoint permissions are recorded|"differences": \[\]|^change,/);
    }
  });

  it("warns of a permission that two stacks have recorded, and counts it once", async function () {
    const api = fakeApi();
    const row = api.grant(checkpoint, "proj_a");
    const screen = new TestScreen();
    const both = [recordOf(row), recordOf(row, { urn: urn.replace(":dev:", ":prod:") })];
    const options = { recordedOnly: false, format: "table" as const };
    const { text, hasDrift } = await drift(deploymentWith().deployment, screen, both, options);
    expect(hasDrift).to.be.false;
    expect(text).to.match(/^1 permission of 1 checkpoint: as recorded/);
    expect(screen.text).to.match(
      /^proj_a \(cp_\w+\) is recorded twice, by web in acme\/dev and by web in acme\/prod: /,
    );
  });

  it("says that a checkpoint is gone with all of its permissions", async function () {
    fakeApi({ unknownCheckpoints: [checkpoint] });
    const { text, hasDrift } = await compare([vanished("proj_a")], "table");
    expect(hasDrift).to.be.true;
    expect(text)
      .to.include("OpenAI does not have this checkpoint")
      .and.to.include("gone        proj_a")
      .and.not.to.include("revoked");
  });

  it("is no drift when the key is refused: that is a failure", async function () {
    fakeApi({ adminKey: "another" });
    expect((await failureOf(compare([vanished("proj_a")]))).message).to.match(/^Cannot list who has access to .*401/);
  });

  it("reads well as a comment on a pull request", async function () {
    const api = fakeApi({ now: () => Date.UTC(2026, 10, 24, 19, 40) });
    const remade = api.grant(checkpoint, "proj_b");
    const undeclared = api.grant(checkpoint, "proj_d");
    const { text } = await compare([vanished("proj_b"), vanished("proj_c")], "markdown");
    const row = (change: string, project: string, id: string, by: string) =>
      new RegExp(`^\\| ${change} +\\| \`${project}\` \\| .*\`${id}\`.* \\| ${by} +\\|$`, "m");
    expect(text)
      .to.match(/^### Checkpoint permissions: 3 differences between what is recorded and what is granted\n/)
      .and.to.match(/^\| Change +\| Project +\| Permission +\| Recorded by +\|$/m)
      .and.to.match(row("missing", "proj_c", "cp_gone", "`web` in `acme/dev`"))
      .and.to.match(row("re-made", "proj_b", remade.id, "`web` in `acme/dev`"))
      .and.to.match(row("undeclared", "proj_d", undeclared.id, "nobody"))
      .and.to.match(/^- Missing: .*`pulumi up` grants it again/m)
      .and.to.match(/Read 2026-11-24 19:40:00 UTC from https:\/\/api\.openai\.com\/v1, organization acme\./);
  });

  it("fits a terminal of 80 columns, with IDs as long as OpenAI's", async function () {
    const api = fakeApi();
    const project = (letter: string) => `proj_${letter.repeat(24)}`;
    api.grant(checkpoint, project("b"));
    api.grant(checkpoint, project("d"));
    const { text } = await compare([vanished(project("b")), vanished(project("c"))], "table");
    expect(text.split("\n").filter((line) => line.length > 80 && !line.startsWith("- "))).to.deep.equal([]);
    expect(text).to.match(/re-made +proj_b+\n +recorded: cp_gone\n +by: +web in acme\/dev\n +granted: +cp_\w+ \d/);
  });

  it("gives a row of CSV for each difference", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_d");
    const { text } = await compare([vanished("proj_c")], "csv");
    expect(text.split("\n").map((line) => line.split(",").slice(0, 5))).to.deep.equal([
      ["change", "checkpoint", "project_id", "recorded_id", "present_id"],
      ["missing", checkpoint, "proj_c", "cp_gone", ""],
      ["undeclared", checkpoint, "proj_d", "", id],
    ]);
  });

  it("gives a row of CSV for a checkpoint without differences, and says what was compared", async function () {
    const api = fakeApi();
    const { text } = await compare([recordOf(api.grant(checkpoint, "proj_a"))], "csv", true);
    const [, row] = text.split("\n");
    expect(row).to.match(/^none,ft:[^,]+,,,,,,recorded permissions,2\d{3}-.*,https:\/\/api\.openai\.com\/v1,acme$/);
  });
});
