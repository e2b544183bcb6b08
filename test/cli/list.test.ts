import { expect } from "chai";
import { parse } from "csv-parse/sync";
import nock from "nock";
import { Organization } from "../../provider/access/organization";
import { list } from "../../provider/cli/list";
import { render, type Format } from "../../provider/cli/render";
import type { StackRecords } from "../../provider/cli/stack-export";
import type { Actor } from "../../sandbox/api/api";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";

const alice: Actor = {
  type: "session",
  session: { user: { id: "user-1", email: "alice@example.com" }, ip_address: "192.0.2.1" },
};
const projects = [
  { id: "proj_a", name: "Mobile app", archived_at: null },
  { id: "proj_b", name: "Analytics", archived_at: 1_760_000_000 },
  { id: "proj_c", name: null, archived_at: null },
];
const urn = "urn:pulumi:prod::shop::pulumi-nodejs:dynamic/openai:CheckpointPermission::web";

/** A stack that has a permission of proj_a in state. */
function inState(id: string, of = checkpoint): StackRecords {
  return {
    recorded: [{ id, projectId: "proj_a", createdAt: 1, checkpoint: of, urn, isLeaving: false }],
    pending: [],
    stacks: [{ stack: "shop/prod", writtenAt: "2026-11-20T18:02:11Z", sha256: "0" }],
  };
}

const other = "ft:gpt-4.1-mini-2025-04-14:acme:support:C8S0WkRe";

interface Asked {
  projectIds?: string[];
  checkpoints?: string[];
  stacks?: StackRecords;
  withOrganization?: boolean;
  withDecisions?: boolean;
  screen?: TestScreen;
  width?: number;
  /** Gets what the list cannot tell. */
  gaps?: string[];
}

async function listed(format: Format, asked: Asked = {}): Promise<string> {
  const { projectIds, checkpoints = [checkpoint], stacks, withOrganization = false, screen = new TestScreen() } = asked;
  const { withDecisions } = asked;
  const { context, clock } = contextWith();
  const organization = withOrganization ? new Organization(context.config, clock) : undefined;
  const report = await list(context, screen, {
    checkpoints,
    projectIds,
    stacks,
    organization,
    madeBy: { tool: "test", command: "checkpoint-permissions list", user: "alice" },
    ...(withDecisions === undefined ? {} : { withDecisions }),
  });
  for (const gap of report.gaps ?? []) asked.gaps?.push(gap);
  return render(report, format, asked.width);
}

describe("the list command", function () {
  it("list shows who has access to each checkpoint, sorted by project, in 80 columns", async function () {
    const api = fakeApi();
    const projects = ["proj_c", "proj_a", `proj_${"b".repeat(24)}`];
    for (const project of projects) api.grant(checkpoint, project);
    api.grant(other, "proj_d");
    const lines = (await listed("table", { checkpoints: [checkpoint, other] })).split("\n");
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

  for (const format of ["table", "markdown", "json", "html"] as const) {
    it(`list as ${format} states time, API and organization, and for which projects it is complete`, async function () {
      const api = fakeApi({ now: () => Date.UTC(2026, 10, 24, 19, 40) });
      api.grant(checkpoint, "proj_a");
      const text = await listed(format);
      expect(text).to.match(/2026-11-24[T ]19:40:00/);
      expect(text).to.include("https://api.openai.com/v1").and.to.include("acme");
      expect(text).to.match(/is listed, for all projects|"complete": true,[^]*"projects": "all"/);
    });
  }

  it("list's CSV has a row for each permission, and nothing that differs from one day to the next", async function () {
    const api = fakeApi({ projects, now: () => Date.UTC(2026, 0, 1) });
    const { id } = api.grant(checkpoint, "proj_a", undefined, alice);
    const csv = () => listed("csv", { withOrganization: true, stacks: inState(id) });
    const before = await csv();
    expect(before.split("\n")).to.deep.equal([
      "checkpoint,project_name,project_id,project_status,permission_id,granted_at,granted_by,declared_by",
      `${checkpoint},Mobile app,proj_a,active,${id},2025-12-31T23:00:00Z,alice@example.com,web in shop/prod`,
    ]);
    api.pass(86_400_000);
    expect(await csv()).to.equal(before);
  });

  it("CSV has columns for the reviewer's decision and remark where they are asked for", async function () {
    fakeApi({ projects }).grant(checkpoint, "proj_a");
    const [head, row] = (await listed("csv", { withDecisions: true })).split("\n");
    expect(head).to.match(/,declared_by,decision,remark$/);
    expect(row).to.match(/,,,$/);
  });

  it("the evidence names the command, who ran it, each request, and each export by its hash", async function () {
    const api = fakeApi({ projects });
    api.grant(checkpoint, "proj_a");
    const json = JSON.parse(await listed("json", { withOrganization: true, stacks: inState("cp_1") })) as {
      madeBy: object;
      requestIds: string[];
      sources: { stacks: { sha256: string }[] };
    };
    expect(json.madeBy).to.deep.equal({ tool: "test", command: "checkpoint-permissions list", user: "alice" });
    expect(json.requestIds).to.have.length(api.requests.length + api.organizationRequests.length);
    for (const id of json.requestIds) expect(id).to.match(/^req_\w+$/);
    expect(json.sources.stacks[0]!.sha256).to.equal("0");
  });

  it("list reads one project's permissions in one request", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    expect(await listed("table", { projectIds: ["proj_7"] }))
      .to.include("1 permission,")
      .and.to.include("is listed, for the projects asked about.");
    expect(api.requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_7"]);
  });

  it("list of several projects finds a project's second permission on a later page", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    const older = api.grant(checkpoint, "proj_a");
    now += 60_000;
    for (let index = 0; index < 150; index++) api.grant(checkpoint, `proj_${index}`);
    const newer = api.grant(checkpoint, "proj_a");
    const text = await listed("csv", { projectIds: ["proj_a", "proj_7"] });
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
    const error = await failureOf(listed("table", { checkpoints: [checkpoint, other] }));
    expect(error.message).to.match(new RegExp(`^Cannot list who has access to ${other}: 404`));
  });

  it("list shows its progress on a terminal and clears it in the end", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    const screen = new TestScreen(80);
    await listed("table", { checkpoints: [checkpoint, other], screen });
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
    await listed("table", { screen });
    expect(screen.text).not.to.include("Reading");
  });

  it("list without a checkpoint finds those of the stacks and of the audit log, and says what it cannot know", async function () {
    const api = fakeApi({ projects, now: () => Date.UTC(2026, 0, 1) });
    const { id } = api.grant(other, "proj_a", undefined, alice);
    api.grant(checkpoint, "proj_a");
    // Granted before the audit log begins.
    const inStack = `${checkpoint}:ckpt-step-2000`;
    const gaps: string[] = [];
    const asked = { checkpoints: [], withOrganization: true, stacks: inState("cp_1", inStack), gaps };
    const { checkpoints } = JSON.parse(await listed("json", asked)) as {
      checkpoints: { fineTunedModelCheckpoint: string; foundBy: string[] }[];
    };
    expect(checkpoints.map((one) => [one.fineTunedModelCheckpoint, one.foundBy])).to.deep.equal([
      [checkpoint, ["audit log"]],
      [inStack, ["stack"]],
      [other, ["audit log"]],
    ]);
    expect(gaps.join(" ")).to.include("Audit events begin on 2025-12-31. Checkpoints that were shared only before");
    const text = await listed("table", asked);
    expect(text).to.include("known from the audit log").and.to.include(id);
  });

  it("list without a checkpoint, a stack or an audit log fails, and says why", async function () {
    for (const auditLog of ["off", "refused"] as const) {
      const api = fakeApi({ auditLog });
      api.grant(checkpoint, "proj_a");
      const screen = new TestScreen();
      const { message } = await failureOf(listed("table", { checkpoints: [], withOrganization: true, screen }));
      expect(message).to.include("Found no checkpoint, which does not mean that none is shared.");
      expect(screen.text)
        .to.match(/Who granted or revoked is not known.*(switched off|Audit logging is not enabled)/)
        .and.to.include(
          "The audit log shows no grant, so only checkpoints of the given stacks are listed. Others may be shared",
        );
      nock.cleanAll();
    }
  });

  it("a search with a refused key fails as such, after one request", async function () {
    const api = fakeApi({ adminKey: "another" });
    const { message } = await failureOf(listed("table", { checkpoints: [], withOrganization: true }));
    expect(message).to.match(/^Cannot find the checkpoints of the organization: 401 .* Set an admin API key/);
    expect([api.requests.length, api.organizationRequests.length]).to.deep.equal([0, 1]);
  });

  it("a search without the audit log says that it was not read, and not that it is empty", async function () {
    const api = fakeApi();
    api.grant(checkpoint, "proj_a", undefined, alice);
    const gaps: string[] = [];
    await listed("table", { checkpoints: [], stacks: inState("cp_1"), gaps });
    expect(gaps).to.deep.equal([
      "The audit log was not read (--no-audit-details), so only checkpoints of the given stacks are listed. Others may be " +
        "shared, too, that no given stack names.",
    ]);
  });

  it("a project that the organization does not have is named as such", async function () {
    fakeApi({ projects });
    const gaps: string[] = [];
    await listed("table", { projectIds: ["proj_a", "proj_typo"], withOrganization: true, gaps });
    expect(gaps[0]).to.equal("proj_typo is no project of this organization.");
  });

  it("the evidence has every audit event, by which its numbers can be recounted", async function () {
    const api = fakeApi({ projects });
    const { id } = api.grant(checkpoint, "proj_a", undefined, alice);
    api.revoke(id, alice);
    const json = JSON.parse(await listed("json", { checkpoints: [], withOrganization: true })) as {
      sources: { auditLog: { events: number } };
      events: { what: string; permissionId: string; projectId: string | null; by: string }[];
    };
    expect(json.events).to.have.lengthOf(json.sources.auditLog.events);
    expect(
      json.events.map(({ what, permissionId, projectId, by }) => [what, permissionId, projectId, by]),
    ).to.deep.equal([
      ["revoked", id, null, "alice@example.com"],
      ["granted", id, "proj_a", "alice@example.com"],
    ]);
  });

  it("of a project's two new permissions only the newest is declared: the one that `pulumi up` adopts", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    const older = api.grant(checkpoint, "proj_a");
    now += 60_000;
    const newer = api.grant(checkpoint, "proj_a");
    const csv = await listed("csv", { stacks: inState("cp_old") });
    expect(csv).to.match(new RegExp(`${older.id},[^,]+,,nobody$`, "m"));
    expect(csv).to.match(new RegExp(`${newer.id},[^,]+,,web in shop/prod$`, "m"));
  });

  it("a deleted checkpoint that the audit log names is a finding, and no failure", async function () {
    const api = fakeApi({ organization: "acme" });
    api.grant(other, "proj_a", undefined, alice);
    api.grant(checkpoint, "proj_a", undefined, alice);
    api.set({ unknownCheckpoints: [other] });
    const text = await listed("table", { checkpoints: [], withOrganization: true });
    expect(text)
      .to.include(`! Checkpoints that OpenAI does not have (1):\n    ${other},\n      known from the audit log`)
      .and.to.include("OpenAI does not have this checkpoint");
  });

  it("list finds what nobody declares, archived projects and second permissions", async function () {
    const api = fakeApi({ projects });
    const mine = api.grant(checkpoint, "proj_a");
    const second = api.grant(checkpoint, "proj_a");
    const ofArchived = api.grant(checkpoint, "proj_b");
    const text = await listed("table", { withOrganization: true, stacks: inState(mine.id) });
    expect(text)
      .to.include(
        `! Permissions that nobody declares (2):\n    Analytics (proj_b), ${ofArchived.id}\n      for ${checkpoint}\n    Mobile app (proj_a), ${second.id}`,
      )
      .and.to.include(
        `! Permissions of archived projects (1):\n    Analytics (proj_b), ${ofArchived.id}\n      for ${checkpoint}\n`,
      )
      .and.to.match(/! Permissions of projects that have several \(2\):\n.*Mobile app.*\n.*\n.*Mobile app/);
    // By name: Analytics, then Mobile app.
    expect(text.lastIndexOf(ofArchived.id)).to.be.lessThan(text.lastIndexOf(mine.id));
  });

  it("a recreated permission is declared by the resource that will adopt it", async function () {
    const api = fakeApi();
    api.grant(checkpoint, "proj_a");
    expect(await listed("csv", { stacks: inState("cp_old") })).to.match(/,web in shop\/prod$/);
    const { checkpoints } = JSON.parse(await listed("json", { stacks: inState("cp_old") })) as {
      checkpoints: { permissions: { declaredBy: object[] }[] }[];
    };
    const [declarer] = checkpoints[0]!.permissions.flatMap(({ declaredBy }) => declaredBy);
    expect(declarer).to.deep.include({ stack: "shop/prod", name: "web" }).and.to.have.property("urn");
  });

  it("the matrix of the HTML page marks archived projects and what nobody declares", async function () {
    const api = fakeApi({ projects });
    const { id: mine } = api.grant(checkpoint, "proj_a");
    const { id: other } = api.grant(checkpoint, "proj_b");
    const html = await listed("html", { withOrganization: true, stacks: inState(mine) });
    const markOf = (project: string) => new RegExp(`${project}</bdi></th><td class="mark">(.*?)</td>`).exec(html)?.[1];
    expect(markOf("Mobile app \\(proj_a\\)")).to.match(new RegExp(`^<a href="#${mine}" [^>]*>●</a>$`));
    expect(markOf("Analytics \\(proj_b\\)"))
      .to.match(new RegExp(`<a href="#${other}" [^>]*>▲</a>`))
      .and.to.include("archived, declared by nobody");
  });

  it("the HTML page says in three numbers what there is and what stands out, and has room for decisions", async function () {
    const api = fakeApi({ projects });
    const { id } = api.grant(checkpoint, "proj_a");
    for (const project of ["proj_b", "proj_c"]) api.grant(checkpoint, project);
    const html = await listed("html", { withOrganization: true, stacks: inState(id) });
    const figures = [...html.matchAll(/<li><b>(\d+)<\/b> ([^<]*)<\/li>/g)].map(([, count, what]) => `${count} ${what}`);
    expect(figures).to.deep.equal(["1 checkpoint", "3 permissions of 3 projects", "2 stand out"]);
    expect(html.match(/> keep<\/label>/g)).to.have.length(3);
    // There is nothing to decide about who has none.
    const without = await listed("html", { projectIds: ["proj_a", "proj_x"] });
    expect(without.match(/> keep<\/label>/g)).to.have.length(1);
    expect(without).to.include("proj_x").and.not.to.include('id="none"');
    expect(html).to.include("Reviewed by").and.to.include("<code>checkpoint-permissions list</code>");
  });

  for (const width of [40, 80]) {
    it(`list fits a terminal of ${width} columns, but for IDs and names that are longer`, async function () {
      const api = fakeApi({ projects });
      for (const { id } of projects) api.grant(checkpoint, id, undefined, alice);
      const text = await listed("table", { withOrganization: true, stacks: inState("cp_x"), width });
      const rows = text.split("\n").filter((line) => line.startsWith("  "));
      for (const row of rows) expect(row.length, row).to.be.at.most(Math.max(width, 62));
      expect(text).to.include("  Mobile app (proj_a)\n    cp_").and.to.include("\n    by alice@example.com\n");
    });
  }

  const hostile = [
    "🚀 Rockets 🚀",
    "مشروع",
    "a, b",
    'say "hi"',
    "<script>alert(1)</script>",
    "=1+1",
    "a|b",
    "`x` [y](z)",
  ];
  for (const name of hostile) {
    it(`a project named ${name} stays a name in each format`, async function () {
      const api = fakeApi({ projects: [{ id: "proj_a", name, archived_at: null }] });
      api.grant(checkpoint, "proj_a", undefined, alice);
      const of = (format: Format) => listed(format, { withOrganization: true });
      const json = JSON.parse(await of("json")) as { checkpoints: { permissions: { projectName: string }[] }[] };
      expect(json.checkpoints[0]!.permissions[0]!.projectName).to.equal(name);
      const [row] = parse(await of("csv"), { columns: true }) as unknown as Record<string, string>[];
      expect(row!["project_name"]).to.equal(name === "=1+1" ? "'=1+1" : name);
      expect(await of("table")).to.include(name);
      const html = await of("html");
      expect(html).not.to.match(/<script|alert\(1\)<\/script>/);
      const text = (html.match(/<td[^>]*><bdi>([^]*?)<\/bdi><\/td>/)?.[1] ?? "")
        .replace(/&lt;/g, "<")
        .replace(/&gt;/g, ">");
      expect(text.replace(/&quot;/g, '"')).to.equal(name);
      const markdown = (await of("markdown")).split("\n").find((line) => line.includes("proj_a"))!;
      expect(markdown.match(/(?<!\\)\|/g)).to.have.lengthOf(6);
    });
  }

  it("twenty checkpoints, 200 projects and 500 events cost 20 + 2 + 5 requests", async function () {
    const many = Array.from({ length: 200 }, (_, index) => ({
      id: `proj_${index}`,
      name: `P${index}`,
      archived_at: null,
    }));
    const api = fakeApi({ projects: many });
    for (let index = 0; index < 500; index++) {
      api.grant(
        `ft:gpt-4.1-mini-2025-04-14:acme:c${index % 20}:X${index % 20}`,
        many[index % 200]!.id,
        undefined,
        alice,
      );
    }
    await listed("json", { checkpoints: [], withOrganization: true });
    expect(api.requests).to.have.length(20);
    expect(api.organizationRequests.map(({ path }) => path.split("/").at(-1)).sort()).to.deep.equal([
      ...Array<string>(5).fill("audit_logs"),
      ...Array<string>(2).fill("projects"),
    ]);
  });

  it("list waits for the rate limits of projects and audit log, each by itself, and says so", async function () {
    const api = fakeApi({ projects });
    api.grant(checkpoint, "proj_a", undefined, alice);
    for (const endpoint of ["projects", "audit_logs"] as const) {
      api.fail({ endpoint, kind: { status: 429, headers: { "retry-after": "20" } } });
    }
    const said: string[] = [];
    const { context, clock } = contextWith();
    const organization = new Organization(context.config, clock, { say: (line) => said.push(line) });
    const options = {
      checkpoints: [checkpoint],
      projectIds: undefined,
      stacks: undefined,
      organization,
      madeBy: { tool: "test", command: "checkpoint-permissions list", user: null },
    };
    const report = render(await list(context, new TestScreen(), options), "csv");
    expect(report).to.include("Mobile app").and.to.include("alice@example.com");
    expect(said.join("\n"))
      .to.include("OpenAI is rate-limiting the audit log (GET)")
      .and.to.include("OpenAI is rate-limiting the list of projects (GET)");
  });
});
