import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Organization } from "../../provider/access/organization";
import { readAccepted, type Acceptance } from "../../provider/cli/accepted";
import { drift } from "../../provider/cli/drift";
import { render, type Format } from "../../provider/cli/render";
import { typesOf } from "../../provider/resource/reference";
import type { RecordedPermission, StackRecords } from "../../provider/cli/stack-export";
import type { PermissionRow } from "../../sandbox/api/api";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";

const other = "ft:gpt-4.1-mini-2025-04-14:acme:support:C8S0WkRe";
const urn = `urn:pulumi:dev::acme::${typesOf.permission.dynamic}::web`;

/** A permission in state that the API has. */
function inState(row: PermissionRow, more: Partial<RecordedPermission> = {}): RecordedPermission {
  const { id, project_id: projectId, created_at: createdAt } = row;
  return { id, projectId, createdAt, checkpoint, isLeaving: false, urn, ...more };
}

/** A permission in state that the API does not have. */
function missing(projectId: string, more: Partial<RecordedPermission> = {}): RecordedPermission {
  return { ...{ id: "cp_gone", createdAt: 1, checkpoint, projectId, isLeaving: false, urn }, ...more };
}

async function compare(
  recorded: RecordedPermission[],
  format: Format = "json",
  options: {
    recordedOnly?: boolean;
    pending?: StackRecords["pending"];
    checkpoints?: string[];
    withOrganization?: boolean;
    accepted?: Acceptance[];
  } = {},
) {
  const { context, clock, said } = contextWith();
  const organization = options.withOrganization === true ? new Organization(context.config, clock) : undefined;
  const screen = new TestScreen();
  const { recordedOnly = false, pending = [], checkpoints = [], accepted = [] } = options;
  const records = { recorded, pending, stacks: [{ stack: "acme/dev", writtenAt: null, sha256: "0" }] };
  const { report, hasDrift } = await drift(context, screen, records, {
    ...{ recordedOnly, checkpoints, organization, accepted },
  });
  return { text: render(report, format, 0), report, hasDrift, said, screen };
}

async function differences(...args: Parameters<typeof compare>): Promise<string[]> {
  const { text } = await compare(...args);
  const { differences: found } = JSON.parse(text) as { differences: Record<string, string>[] };
  return found.map(({ change, projectId, recordedId, presentId }) =>
    [change, projectId, recordedId, presentId].filter((part) => part !== undefined).join(" "),
  );
}

describe("the drift command", function () {
  it("drift finds nothing if everything is as in state", async function () {
    const api = fakeApi();
    const { hasDrift, text } = await compare([inState(api.grant(checkpoint, "proj_a"))], "table");
    expect(hasDrift).to.be.false;
    expect(text).to.match(/^Checkpoint permissions: 1 of 1 checkpoint, all as in state\./);
  });

  it("drift reports missing, recreated and unmanaged permissions, sorted by kind and project", async function () {
    const api = fakeApi();
    const recreated = api.grant(checkpoint, "proj_b");
    const unmanaged = api.grant(checkpoint, "proj_d");
    const kept = api.grant(checkpoint, "proj_a");
    const recorded = [inState(kept), missing("proj_b"), missing("proj_e"), missing("proj_c")];
    expect(await differences(recorded)).to.deep.equal([
      "missing proj_c cp_gone",
      "missing proj_e cp_gone",
      `recreated proj_b cp_gone ${recreated.id}`,
      `unmanaged proj_d ${unmanaged.id}`,
    ]);
  });

  it("drift reports a project's second permission as a duplicate", async function () {
    const api = fakeApi();
    const first = inState(api.grant(checkpoint, "proj_a"));
    const second = api.grant(checkpoint, "proj_a");
    expect(await differences([first])).to.deep.equal([`duplicate proj_a ${second.id}`]);
  });

  it("drift reports projects of a set without a permission in state as pending", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_b");
    const pending = ["proj_a", "proj_b"].map((projectId) => ({ checkpoint, projectId, urn }));
    expect(await differences([], "json", { pending })).to.deep.equal(["pending proj_a", `pending proj_b ${id}`]);
  });

  it("drift names projects, and who revoked or granted what differs, once something does", async function () {
    const session = { user: { id: "user-1", email: "alice@example.com" }, ip_address: "192.0.2.1" };
    const projects = ["a", "b"].map((name) => ({ id: `proj_${name}`, name: `Project ${name}`, archived_at: null }));
    const api = fakeApi({ projects, now: () => Date.UTC(2026, 0, 1) });
    const [kept, lost] = ["proj_a", "proj_b"].map((id) => api.grant(checkpoint, id)) as [PermissionRow, PermissionRow];
    await compare([inState(kept), inState(lost)], "table", { withOrganization: true });
    expect(api.organizationRequests).to.deep.equal([]);
    api.revoke(lost.id, { type: "session", session });
    api.grant(checkpoint, "proj_b", "cp_new", { type: "session", session });
    const { text } = await compare([inState(lost)], "table", { withOrganization: true });
    expect(text)
      .to.match(/recreated {3}proj_b \(Project b\)\n.*\n.*\n.*granted: {2}cp_new .*\n +by whom: {2}alice@example\.com/)
      .and.to.match(/unmanaged {3}proj_a \(Project a\)/);
    api.revoke("cp_new", { type: "session", session });
    const csv = (await compare([inState(lost)], "csv", { withOrganization: true })).text;
    expect(csv).to.match(/^missing,[^,]+,proj_b,.*,Project b,alice@example\.com,2026-01-01T00:00:00Z,/m);
  });

  it("drift ignores permissions about to leave state, whether they exist or not", async function () {
    const api = fakeApi();
    const there = inState(api.grant(checkpoint, "proj_a"), { isLeaving: true });
    expect(await differences([there, { ...missing("proj_b"), isLeaving: true }])).to.deep.equal([]);
  });

  it("drift reports a grant in place of a permission about to leave state as unmanaged", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_a");
    expect(await differences([{ ...missing("proj_a"), isLeaving: true }])).to.deep.equal([`unmanaged proj_a ${id}`]);
  });

  it("drift does not call a permission unmanaged that is in any given stack's state", async function () {
    const api = fakeApi();
    const stacks = [inState(api.grant(checkpoint, "proj_a")), inState(api.grant(checkpoint, "proj_b"))];
    expect(await differences([stacks[0]!])).to.have.length(1);
    expect(await differences(stacks)).to.deep.equal([]);
  });

  it("drift reads each checkpoint's list once", async function () {
    const api = fakeApi();
    const recorded = [checkpoint, other].flatMap((one) =>
      Array.from({ length: 150 }, (_, index) => inState(api.grant(one, `proj_${index}`), { checkpoint: one })),
    );
    expect(await differences(recorded)).to.deep.equal([]);
    expect(api.requests).to.have.length(4);
  });

  it("drift --checkpoint reports access to a checkpoint that is in no stack's state", async function () {
    const api = fakeApi();
    const { id } = api.grant(other, "proj_a");
    const { text, hasDrift } = await compare([], "json", { checkpoints: [other] });
    expect(hasDrift).to.be.true;
    expect(JSON.parse(text)).to.have.property("differences").that.is.an("array").with.lengthOf(1);
    expect(text).to.include(`"unmanaged"`).and.to.include(id);
  });

  it("drift --recorded-only checks a permission in state with one filtered request", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const row = api.grant(checkpoint, "proj_a");
    expect(await differences([inState(row)], "json", { recordedOnly: true })).to.deep.equal([]);
    expect(api.requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_a"]);
  });

  it("drift treats a permission too new to be listed as granted, and says so", async function () {
    fakeApi();
    const createdAt = Math.floor(Date.now() / 1000);
    const { hasDrift, said } = await compare([missing("proj_a", { id: "cp_young", createdAt })]);
    expect(hasDrift).to.be.false;
    expect(said.join("\n")).to.include("cp_young").and.to.include("treated as granted");
  });

  it("drift finds nothing in a stack without permissions, in every format", async function () {
    for (const format of ["table", "markdown", "json", "csv"] as const) {
      const { text, hasDrift } = await compare([], format);
      expect(hasDrift).to.be.false;
      expect(text).to.match(/^(# )?Checkpoint permissions: none in state|"differences": \[\]|^change,/);
    }
  });

  it("drift warns of a permission in the state of two stacks, and counts it once", async function () {
    const api = fakeApi();
    const row = api.grant(checkpoint, "proj_a");
    const both = [inState(row), inState(row, { urn: urn.replace(":dev:", ":prod:") })];
    const { text, hasDrift, screen } = await compare(both, "table");
    expect(hasDrift).to.be.false;
    expect(text).to.match(/^Checkpoint permissions: 1 of 1 checkpoint, all as in state/);
    expect(screen.text).to.match(
      /^proj_a \(cp_\w+\) is in state twice, of web in acme\/dev and of web in acme\/prod: /,
    );
  });

  it("drift reports a deleted checkpoint's permissions as deleted, not as revoked", async function () {
    fakeApi({ unknownCheckpoints: [checkpoint] });
    const { text, hasDrift } = await compare([missing("proj_a")], "table");
    expect(hasDrift).to.be.true;
    expect(text)
      .to.include("OpenAI does not have this checkpoint")
      .and.to.include("deleted     proj_a")
      .and.not.to.include("revoked");
  });

  it("drift fails, rather than report drift, if the key is rejected", async function () {
    fakeApi({ adminKey: "another" });
    expect((await failureOf(compare([missing("proj_a")]))).message).to.match(/^Cannot list who has access to .*401/);
  });

  it("drift's Markdown has a title, a table, a legend and its source", async function () {
    const api = fakeApi({ now: () => Date.UTC(2026, 10, 24, 19, 40) });
    const recreated = api.grant(checkpoint, "proj_b");
    const unmanaged = api.grant(checkpoint, "proj_d");
    const { text } = await compare([missing("proj_b"), missing("proj_c")], "markdown");
    const row = (change: string, project: string, id: string, by: string) =>
      new RegExp(`^\\| ${change} +\\| \`${project}\` \\| .*\`${id}\`.* \\| ${by} +\\|$`, "m");
    expect(text)
      .to.match(/^# Checkpoint permissions: 3 differences between state and what exists\n/)
      .and.to.match(/^\| Change +\| Project +\| Permission +\| Declared by +\|$/m)
      .and.to.match(row("missing", "proj_c", "cp_gone", "`web` in `acme/dev`"))
      .and.to.match(row("recreated", "proj_b", recreated.id, "`web` in `acme/dev`"))
      .and.to.match(row("unmanaged", "proj_d", unmanaged.id, "nobody"))
      .and.to.match(/^- Missing: .*`pulumi up` grants it again/m)
      .and.to.match(/Read 2026-11-24 19:40:00 UTC\..*\nSource: https:\/\/api\.openai\.com\/v1, organization acme\./);
  });

  it("drift's Markdown has so many rows and commands in all, and counts those that it leaves out", async function () {
    const api = fakeApi();
    for (let index = 0; index < 20; index++) api.grant(index < 8 ? checkpoint : other, `proj_${index}`);
    const { report } = await compare([], "markdown", { checkpoints: [checkpoint, other] });
    const text = render(report, "markdown", 0, 10);
    const lines = text.split("\n");
    expect(lines.filter((line) => line.startsWith("| unmanaged"))).to.have.length(10);
    expect(lines.filter((line) => line.startsWith("curl "))).to.have.length(10);
    expect(text.match(/^… and \d+ more, which .*$/gm)!.map((line) => line.split(",")[0])).to.deep.equal([
      "… and 10 more",
      "… and 10 more",
    ]);
    expect(text).to.include("20 differences").and.to.include("12 unmanaged").and.to.include("8 unmanaged");
    const all = JSON.parse(render(report, "json", 0, 10)) as { differences: unknown[] };
    expect(all.differences).to.have.length(20);
  });

  it("drift's table fits 80 columns with IDs as long as OpenAI's", async function () {
    const api = fakeApi();
    const project = (letter: string) => `proj_${letter.repeat(24)}`;
    api.grant(checkpoint, project("b"));
    api.grant(checkpoint, project("d"));
    const { text } = await compare([missing(project("b")), missing(project("c"))], "table");
    expect(text.split("\n").filter((line) => line.length > 80 && !/^(- |curl )/.test(line))).to.deep.equal([]);
    expect(text).to.match(/recreated +proj_b+\n +in state: cp_gone\n +by: +web in acme\/dev\n +granted: +cp_\w+ \d/);
  });

  describe("accepted permissions", function () {
    // The test's clock begins on 2026-01-01.
    const acceptance = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_ok", reason: "A trial of sales" };
    const comparing = (accepted: Acceptance[], format: Format = "table") =>
      compare([], format, { checkpoints: [checkpoint], accepted });

    it("an accepted permission is listed with its reason, is no difference, and gets no command that revokes it", async function () {
      const api = fakeApi();
      const { id } = api.grant(checkpoint, "proj_ok");
      for (const one of [acceptance, { ...acceptance, id }, { ...acceptance, until: "2026-01-01" }]) {
        const { text, hasDrift } = await comparing([one]);
        expect(hasDrift).to.equal(false);
        expect(text)
          .to.match(/^Checkpoint permissions: 0 of 1 checkpoint, all as in state, and 1 accepted\./)
          .and.to.match(/^ {2}accepted +proj_ok$/m)
          .and.to.include("A trial of sales")
          .and.not.to.include("curl");
        const { accepted, differences: none } = JSON.parse((await comparing([one], "json")).text) as Record<
          string,
          object[]
        >;
        expect(none).to.deep.equal([]);
        expect(accepted).to.have.length(1);
        expect(accepted![0]).to.include({ projectId: "proj_ok", presentId: id });
      }
      expect((await comparing([acceptance], "csv")).text).to.match(/^accepted,.*,A trial of sales,all permissions/m);
      expect((await comparing([acceptance], "markdown")).text).to.match(/\| accepted +\| .*A trial of sales/);
    });

    for (const [title, change, remark] of [
      ["that ended yesterday", { until: "2025-12-31" }, "Accepted until 2025-12-31: proj_ok for"],
      ["of another permission", { id: "cp_other" }, "Accepted, but not there: proj_ok for"],
      ["of another project", { projectId: "proj_other" }, "Accepted, but not there: proj_other for"],
    ] as const) {
      it(`an acceptance ${title} accepts nothing, and is told of`, async function () {
        fakeApi().grant(checkpoint, "proj_ok");
        const { text, hasDrift } = await comparing([{ ...acceptance, ...change }]);
        expect(hasDrift).to.equal(true);
        expect(text)
          .to.match(/^ {2}unmanaged +proj_ok$/m)
          .and.to.include(remark);
      });
    }

    it("what is in state and missing is not accepted", async function () {
      fakeApi();
      const { hasDrift } = await compare([missing("proj_ok")], "table", { accepted: [acceptance] });
      expect(hasDrift).to.equal(true);
    });

    for (const [content, problem] of [
      ["{", "it is not JSON"],
      ["[]", "accepted: Invalid key"],
      ['{ "accepted": [{ "projectId": "proj_ok", "reason": "x" }] }', "accepted.0.fineTunedModelCheckpoint"],
      [JSON.stringify({ accepted: [{ ...acceptance, reason: " " }] }), "accepted.0.reason: must not be empty"],
      [JSON.stringify({ accepted: [{ ...acceptance, until: "soon" }] }), "accepted.0.until: must be a date"],
      [JSON.stringify({ accepted: [{ ...acceptance, untill: "2027-01-31" }] }), "accepted.0.untill"],
    ] as const) {
      it(`a list of accepted permissions that is ${content.slice(0, 30)}… is an error that names ${problem}`, function () {
        const folder = mkdtempSync(join(tmpdir(), "accepted-"));
        const path = join(folder, "accepted.json");
        writeFileSync(path, content);
        try {
          expect(() => readAccepted(path)).to.throw(`${path} is no list of accepted permissions: ${problem}`);
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  });

  it("drift prints a command that revokes each permission that no stack has in state", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_d");
    for (const format of ["table", "markdown"] as const) {
      const { text } = await compare([missing("proj_c")], format);
      const commands = text.split("\n").filter((line) => line.startsWith("curl "));
      const encoded = encodeURIComponent(checkpoint);
      const start = `curl -sS -X DELETE -H "Authorization: Bearer $OPENAI_ADMIN_KEY" 'https://api.openai.com/v1/fine_tuning/checkpoints/${encoded}/permissions/`;
      expect(commands).to.deep.equal([`${start}${id}' # proj_d`]);
    }
    expect((await compare([], "table")).text).not.to.include("curl");
  });

  it("drift's CSV has a row for each difference", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_d");
    const { text } = await compare([missing("proj_c")], "csv");
    expect(text.split("\n").map((line) => line.split(",").slice(0, 5))).to.deep.equal([
      ["change", "checkpoint", "project_id", "recorded_id", "present_id"],
      ["missing", checkpoint, "proj_c", "cp_gone", ""],
      ["unmanaged", checkpoint, "proj_d", "", id],
    ]);
  });

  it("drift's CSV has a row saying what was compared for a checkpoint without differences", async function () {
    const api = fakeApi();
    const { text } = await compare([inState(api.grant(checkpoint, "proj_a"))], "csv", { recordedOnly: true });
    const [, row] = text.split("\n");
    expect(row).to.match(/^none,ft:[^,]+,,,,,,,,,,permissions in state,2\d{3}-.*,https:\/\/api\.openai\.com\/v1,acme$/);
  });
});
