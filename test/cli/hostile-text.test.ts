import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { compareReviews } from "../../provider/cli/compare";
import { CommandFailed } from "../../provider/cli/failure";
import { drift } from "../../provider/cli/drift";
import { list } from "../../provider/cli/list";
import { formats, render } from "../../provider/cli/render";
import type { Report } from "../../provider/cli/report";
import { readStacks } from "../../provider/cli/stack-export";
import { typesOf } from "../../provider/resource/reference";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";
import { exportOf, permissionOf } from "../support/stack";

/** Escapes, a forged line, a mark that turns the direction, a directive of Pulumi's CLI, and more than fits a line. */
const raw = `we\u001b[31mb\n${checkpoint}\r\n| missing | \u009b2J\u202e<{%fg 1%}>${"x".repeat(5_000)}`;
/** What ends code, a cell, a tag or a string. */
const marked = "`@acme/admins` ![x](http://x) |\\|\\\\| <img src=x> \"';--${x}";

describe("What others wrote, in a report", function () {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "checkpoint-permissions-hostile-"))));
  after(() => rmSync(folder, { recursive: true }));

  function fileOf(content: string): string {
    const file = join(folder, "file");
    writeFileSync(file, content);
    return file;
  }

  async function stacksWith(name: string) {
    const urn = `urn:pulumi:${name}::${name}::${typesOf.permission.dynamic}::${name}`;
    const twin = `${urn}2`;
    const one = { ...permissionOf("web", "proj_a", "cp_1"), urn };
    return readStacks([
      fileOf(exportOf(one, { ...one, urn: twin }, { ...permissionOf("web", "proj_b", "cp_2"), urn })),
    ]);
  }

  async function driftReport(name: string): Promise<{ report: Report; said: string }> {
    fakeApi({ projects: [{ id: "proj_a", name, archived_at: null }] }).grant(checkpoint, "proj_c");
    const { context } = contextWith();
    const screen = new TestScreen();
    const options = { recordedOnly: false, organization: context.organization };
    const { report } = await drift(context, screen, await stacksWith(name), options);
    return { report, said: screen.text };
  }

  async function listReport(name: string): Promise<Report> {
    const api = fakeApi({ projects: [{ id: "proj_a", name, archived_at: null }] });
    const user = { id: "user-1", email: name };
    api.grant(checkpoint, "proj_a", "cp_1", { type: "session", session: { user, ip_address: "192.0.2.1" } });
    const { context } = contextWith();
    const options = {
      checkpoints: [],
      projectIds: undefined,
      madeBy: { tool: "test", command: "checkpoint-permissions list", user: null },
      organization: context.organization,
    };
    return list(context, new TestScreen(), { ...options, stacks: await stacksWith(name) });
  }

  async function compareReport(name: string, format: "csv" | "json"): Promise<Report> {
    const text = render(await listReport("Web"), format);
    const older = join(folder, `older${name.replaceAll("/", "")}`.slice(0, 60));
    writeFileSync(older, text.replace("proj_a", "proj_z"));
    // As a user may edit it.
    const quoted = format === "csv" ? `"${name.replaceAll('"', '""')}"` : JSON.stringify(name);
    return compareReviews(older, fileOf(text.replaceAll(format === "csv" ? /(?<=,)Web(?=,)/g : /"Web"/g, () => quoted)))
      .report;
  }

  const reports: Record<string, (name: string) => Promise<Report>> = {
    drift: async (name) => (await driftReport(name)).report,
    list: listReport,
    "compare with JSON": (name) => compareReport(name, "json"),
    "compare with CSV": (name) => compareReport(name, "csv"),
  };
  for (const [command, reportOf] of Object.entries(reports)) {
    for (const format of formats) {
      it(`${command} as ${format} shows no escape, no forged line and no endless name`, async function () {
        const report = await reportOf(raw);
        for (const width of [0, Infinity]) {
          const text = render(report, format, width);
          expect(text).not.to.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
          expect(text).not.to.match(/^\W*missing \| /m);
          // JSON keeps URNs whole.
          if (format !== "json") expect(text).not.to.match(/x{2001}|<\{%/);
        }
      });
    }

    it(`${command} as Markdown keeps every name within its code or its cell`, async function () {
      const text = render(await reportOf(marked), "markdown");
      for (const line of text.split("\n").filter((one) => one.startsWith("| "))) {
        const cells = cellsOf(line);
        expect(cells).to.have.lengthOf(cellsOf(text.split("\n").find((one) => one.startsWith("| "))!).length);
        for (const cell of cells) expect(withoutCode(cell)).not.to.match(/(?<!\\)[`<[]|@\w/);
      }
      const others = text.split("\n").filter((one) => !/^(\||- |curl |```)/.test(one));
      for (const line of others) expect(withoutCode(line)).not.to.match(/(?<!\\)[<[]|(?<!\w)@\w/);
    });

    it(`${command} as HTML makes no name a tag, and as CSV none a formula`, async function () {
      expect(render(await reportOf(marked), "html")).not.to.match(/<img|<script/);
      const csv = render(await reportOf("=HYPERLINK(1)"), "csv");
      expect(csv).not.to.match(/(^|,)"?[=+\-@]/m);
    });
  }

  it("the organization of the key becomes no mention in Markdown", async function () {
    for (const command of ["drift", "list"]) {
      const report = await reports[command]!("web");
      const named = report.notes((text) => `<${text}>`).join("\n");
      expect(named).to.include("organization <acme>.");
    }
  });

  it("an error about a broken list quotes it in one line of bounded length", async function () {
    const text = render(await listReport("Web"), "csv").replace("Web", `a"${raw}`);
    const compare = () => compareReviews(fileOf(text), fileOf(text));
    expect(compare)
      .to.throw(CommandFailed)
      .with.property("message")
      .that.matches(/^[ -~…]{100,500}$/);
  });

  it("a warning of drift shows a resource's name in one line", async function () {
    const { said } = await driftReport(raw);
    expect(said.trimEnd().split("\n")).to.have.lengthOf(1);
    expect(said).to.include("is in state twice").and.not.to.include("\u001b").and.not.to.include("\u202e");
  });

  for (const [property, outputs] of [
    ["projectId", { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a`\n@x" }],
    ["fineTunedModelCheckpoint", { fineTunedModelCheckpoint: "ft:x\u001b[2J", projectId: "proj_a" }],
    ["id", { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" }],
  ] as const) {
    it(`a state whose ${property} is no ID is refused, and not shown`, async function () {
      const id = property === "id" ? "cp_\u202e1" : "cp_1";
      const one = { ...permissionOf("web", "proj_a", id), outputs };
      const { message } = await failureOf(readStacks([fileOf(exportOf(one))]));
      expect(message).to.match(new RegExp(`: the state of web in acme/dev cannot be read: ${property} is not as`));
      expect(message).not.to.match(/[\u0000-\u001f\u202e`]@?/);
    });
  }
});

/** The cells of a row, as GitHub separates them. */
function cellsOf(row: string): string[] {
  return [...row.slice(1).matchAll(/((?:\\[!-/:-@[-`{-~]|[^|])*)\|/g)].map(([, cell]) => cell!);
}

/** What is left of a line if all code is taken out: what stands between two runs of as many backticks. */
function withoutCode(line: string): string {
  return line.replace(/(?<![`\\])(`+)(?!`)[^]*?(?<!`)\1(?!`)/g, "");
}
