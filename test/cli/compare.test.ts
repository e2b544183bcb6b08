import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { Organization } from "../../provider/access/organization";
import { compareReviews } from "../../provider/cli/compare";
import { list } from "../../provider/cli/list";
import { render, type Format } from "../../provider/cli/render";
import type { StackRecords } from "../../provider/cli/stack-export";
import type { Actor } from "../../sandbox/api/api";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { TestScreen } from "../support/screen";

const other = "ft:gpt-4.1-mini-2025-04-14:acme:support:C8S0WkRe";
const alice: Actor = {
  type: "session",
  session: { user: { id: "user-1", email: "alice@example.com" }, ip_address: "192.0.2.1" },
};
const project = (id: string, name: string | null, archived_at: number | null = null) => ({ id, name, archived_at });

describe("the compare command", function () {
  let folder: string;

  before(function () {
    folder = mkdtempSync(join(tmpdir(), "compare-"));
  });
  after(function () {
    rmSync(folder, { recursive: true });
  });

  let files = 0;
  const saved = (text: string): string => {
    const file = join(folder, String(files++));
    writeFileSync(file, text);
    return file;
  };

  async function reviewed(
    format: Format,
    checkpoints: string[] = [],
    projectIds?: string[],
    stacks?: StackRecords,
  ): Promise<string> {
    const { context, clock } = contextWith();
    const organization = new Organization(context.config, clock);
    const options = {
      checkpoints,
      projectIds,
      stacks,
      organization,
      madeBy: { tool: "test", command: "checkpoint-permissions list", user: null },
    };
    return saved(render(await list(context, new TestScreen(), options), format));
  }

  interface Found {
    change: string;
    fineTunedModelCheckpoint: string;
    projectId: string;
    oldId?: string;
    newId?: string;
    grantedBy?: string;
    revokedBy?: string;
  }

  function differences(before: string, after: string): Found[] {
    const { report } = compareReviews(before, after);
    return (JSON.parse(render(report, "json")) as { differences: Found[] }).differences;
  }

  for (const format of ["json", "csv"] as const) {
    it(`two ${format} files show who gained, lost and regained access, and what is archived since`, async function () {
      const api = fakeApi({ projects: ["a", "b", "c", "d"].map((name) => project(`proj_${name}`, name)) });
      const lost = api.grant(checkpoint, "proj_a");
      const again = api.grant(checkpoint, "proj_b");
      api.grant(checkpoint, "proj_c");
      const before = await reviewed(format);
      expect(compareReviews(before, await reviewed(format)).isDifferent).to.equal(false);
      api.revoke(lost.id, alice);
      api.revoke(again.id, alice);
      const regained = api.grant(checkpoint, "proj_b", undefined, alice);
      const gained = api.grant(checkpoint, "proj_d", undefined, alice);
      api.set({
        projects: ["a", "b", "c", "d"].map((name) =>
          project(`proj_${name}`, name, name === "c" ? 1_760_000_000 : null),
        ),
      });
      const after = await reviewed(format);
      const found = differences(before, after);
      expect(found.map(({ change, projectId, oldId, newId }) => [change, projectId, oldId, newId])).to.deep.equal([
        ["lost", "proj_a", lost.id, undefined],
        ["recreated", "proj_b", again.id, regained.id],
        ["archived", "proj_c", undefined, undefined],
        ["gained", "proj_d", undefined, gained.id],
      ]);
      expect(found[3]!.grantedBy).to.equal("alice@example.com");
      // Only JSON has the revocations.
      expect(found[0]!.revokedBy).to.equal(format === "json" ? "alice@example.com" : undefined);
      expect(compareReviews(before, after).isDifferent).to.equal(true);
    });
  }

  it("CSV and JSON of one moment are the same", async function () {
    const api = fakeApi({
      projects: [project("proj_a", "=1+1"), project("proj_b", 'a, b"c'), project("proj_c", null)],
    });
    for (const id of ["proj_a", "proj_b", "proj_c"]) api.grant(checkpoint, id, undefined, alice);
    const [json, csv] = [await reviewed("json"), await reviewed("csv")];
    expect(compareReviews(json, csv).isDifferent).to.equal(false);
    expect(compareReviews(csv, json).isDifferent).to.equal(false);
  });

  it("a checkpoint that the newer list did not read is different, and not lost", async function () {
    const api = fakeApi();
    api.grant(checkpoint, "proj_a");
    api.grant(other, "proj_a");
    const { report, isDifferent } = compareReviews(
      await reviewed("json", [checkpoint, other]),
      await reviewed("json", [checkpoint]),
    );
    expect(isDifferent).to.equal(true);
    expect(render(report, "table")).to.include(`${other} was not read for `).and.not.to.include("lost");
  });

  it("what the older list did not read is gained if it was granted since, and found if it was before", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now, age: 0 });
    api.grant(checkpoint, "proj_a");
    const old = api.grant(other, "proj_old");
    now += 60_000;
    const before = await reviewed("json", [checkpoint]);
    now += 60_000;
    const since = api.grant(other, "proj_new");
    const found = differences(before, await reviewed("json", [checkpoint, other]));
    expect(found.map(({ change, newId }) => [change, newId])).to.deep.equal([
      ["gained", since.id],
      ["found", old.id],
    ]);
  });

  it("a further permission, a restored project, and what is declared by now are changes of their own", async function () {
    const api = fakeApi({ projects: [project("proj_a", "a", 1), project("proj_b", "b")] });
    const [a, b] = [api.grant(checkpoint, "proj_a"), api.grant(checkpoint, "proj_b")];
    const urn = "urn:pulumi:prod::shop::pulumi-nodejs:dynamic/openai:CheckpointPermission::web";
    const stackWith = (id: string, projectId: string) => ({
      recorded: [{ id, projectId, createdAt: 1, checkpoint, urn, isLeaving: false }],
      pending: [],
      stacks: [{ stack: "shop/prod", writtenAt: null, sha256: "0" }],
    });
    const before = await reviewed("json", [checkpoint], undefined, stackWith(a.id, "proj_a"));
    api.set({ projects: [project("proj_a", "a"), project("proj_b", "b")] });
    api.grant(checkpoint, "proj_a");
    const after = await reviewed("json", [checkpoint], undefined, stackWith(b.id, "proj_b"));
    const changesOf = (found: Found[]) => found.map(({ change, projectId }) => `${change} ${projectId}`);
    expect(changesOf(differences(before, after))).to.deep.equal([
      "added proj_a",
      "restored proj_a",
      "undeclared proj_a",
      "declared proj_b",
    ]);
    // Where one of the files does not say, nothing is claimed.
    const bare = await reviewed("json", [checkpoint]);
    expect(changesOf(differences(after, bare))).to.deep.equal([]);
  });

  it("what was granted and revoked in between is found in the events", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now, age: 0 });
    api.grant(checkpoint, "proj_a");
    const before = await reviewed("json");
    now += 60_000;
    const { id } = api.grant(checkpoint, "proj_b", undefined, alice);
    now += 60_000;
    api.revoke(id, alice);
    const found = differences(before, await reviewed("json"));
    expect(found).to.deep.equal([
      {
        ...{ change: "between", fineTunedModelCheckpoint: checkpoint, projectId: "proj_b", projectName: "", newId: id },
        ...{ grantedAt: "2026-01-01T00:01:00Z", grantedBy: "alice@example.com" },
        ...{ revokedAt: "2026-01-01T00:02:00Z", revokedBy: "alice@example.com" },
      },
    ]);
  });

  it("lists of different organizations, or in the wrong order, are refused", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    api.grant(checkpoint, "proj_a");
    const first = await reviewed("json", [checkpoint]);
    now += 60_000;
    const second = await reviewed("json", [checkpoint]);
    expect(() => compareReviews(second, first)).to.throw("Name the older one first");
    api.set({ organization: "other" });
    const ofOthers = await reviewed("json", [checkpoint]);
    expect(() => compareReviews(first, ofOthers)).to.throw("organization acme, and");
  });

  it("lists of different projects are refused, and so is what is no list", async function () {
    const api = fakeApi();
    api.grant(checkpoint, "proj_a");
    const [all, one] = [await reviewed("json", [checkpoint]), await reviewed("json", [checkpoint], ["proj_a"])];
    expect(() => compareReviews(all, one)).to.throw("is about all projects, and");
    for (const text of ["", "{}", "a,b\n1,2\n", '{"checkpoints":[]}', 'x"y\n']) {
      expect(() => compareReviews(all, saved(text)), text).to.throw(/is not what `checkpoint-permissions list/);
    }
    expect(() => compareReviews(all, join(folder, "none"))).to.throw("no such file");
  });

  it("a CSV file is read by the names of its columns, even if another version or a person has added some", async function () {
    const row = (values: Record<string, string>) =>
      saved(`${Object.keys(values).join(",")}\n${Object.values(values).join(",")}\n`);
    const needed = { granted_at: "2026-01-01T00:00:00Z", permission_id: "cp_1", project_id: "proj_a", checkpoint };
    const older = row(needed);
    const newer = row({ decision: "keep", ...needed, project_name: "Web", expires_at: "" });
    expect(compareReviews(older, newer).isDifferent).to.equal(false);
    const marked = saved(`\uFEFF${readFileSync(newer, "utf8")}`);
    expect(compareReviews(marked, older).isDifferent).to.equal(false);
    for (const name of Object.keys(needed)) {
      const rest: Record<string, string> = { ...needed };
      Reflect.deleteProperty(rest, name);
      expect(() => compareReviews(older, row(rest))).to.throw(`it has no column ${name}`);
    }
  });

  it("comparing there and back tells the same, gained for lost", async function () {
    const row = fc.record({
      id: fc.integer({ min: 0, max: 5 }),
      project: fc.constantFrom("proj_a", "proj_b", "proj_c"),
    });
    const rows = fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 6 });
    const csv = (given: { id: number; project: string }[]) =>
      [
        "checkpoint,project_id,project_name,project_status,permission_id,granted_at,granted_by,declared_by",
        ...given.map(
          ({ id, project: projectId }) => `${checkpoint},${projectId},,,cp_${projectId}${id},2026-01-01T00:00:00Z,,`,
        ),
      ].join("\n");
    fc.assert(
      fc.property(rows, rows, (one, two) => {
        const [a, b] = [saved(csv(one)), saved(csv(two))];
        const opposite: Record<string, string> = {
          gained: "lost",
          lost: "gained",
          recreated: "recreated",
          added: "removed",
          removed: "added",
        };
        const there = differences(a, b).map(({ change, projectId }) => `${opposite[change]!} ${projectId}`);
        const back = differences(b, a).map(({ change, projectId }) => `${change} ${projectId}`);
        expect(there.sort()).to.deep.equal(back.sort());
        const same =
          JSON.stringify(one.map(({ id, project: p }) => p + String(id)).sort()) ===
          JSON.stringify(two.map(({ id, project: p }) => p + String(id)).sort());
        expect(there.length === 0).to.equal(same);
      }),
      { numRuns: 60 },
    );
  });
});
