import { readFileSync } from "node:fs";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import { expect } from "chai";
import fc from "fast-check";
import nock from "nock";
import { parse } from "yaml";
import type { PermissionRow } from "../../sandbox/api/api";
import { Emulator, type EmulatorOptions } from "../../sandbox/api/server";

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";
const contract = parse(readFileSync("sandbox/api/openapi.yaml", "utf8")) as object;
const adminContract = parse(readFileSync("sandbox/api/openapi-admin.yaml", "utf8")) as object;
const ajv = new Ajv2020({ strict: false }).addSchema(contract, "contract").addSchema(adminContract, "admin");

function schema(name: string): ValidateFunction {
  return ajv.getSchema(`contract#/components/schemas/${name}`)!;
}

interface ListBody {
  data: PermissionRow[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

describe("the emulator", function () {
  let emulator: Emulator;

  before(function () {
    nock.enableNetConnect("127.0.0.1");
  });
  after(function () {
    nock.disableNetConnect();
  });
  afterEach(async function () {
    await emulator.stop();
  });

  async function start(options?: EmulatorOptions): Promise<void> {
    emulator = await Emulator.start(options);
  }

  /** Sends a request, and checks the answer against the contract. */
  async function call(method: string, path = "", body?: unknown, key = emulator.adminKey) {
    const response = await fetch(
      `${emulator.url}/fine_tuning/checkpoints/${encodeURIComponent(checkpoint)}/permissions${path}`,
      {
        method,
        headers: { authorization: `Bearer ${key}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    );
    const json: unknown = await response.json();
    const name = response.status !== 200 ? "Failure" : method === "DELETE" ? "Deletion" : "PermissionList";
    const validate = schema(name);
    expect(validate(json), JSON.stringify(validate.errors)).to.equal(true);
    return { status: response.status, json, list: json as ListBody, headers: response.headers };
  }

  const projects = (count: number) => Array.from({ length: count }, (_, index) => `proj_${index}`);

  it("the emulator grants, lists newest first, and revokes", async function () {
    await start();
    const { list } = await call("POST", "", { project_ids: ["proj_a", "proj_b"] });
    expect(list.data.map((row) => row.project_id)).to.have.members(["proj_a", "proj_b"]);
    expect((await call("GET")).list.data.map((row) => row.project_id)).to.deep.equal(["proj_b", "proj_a"]);
    expect((await call("GET", "?order=ascending")).list.data.map((row) => row.project_id)).to.deep.equal([
      "proj_a",
      "proj_b",
    ]);
    const { id } = list.data[0]!;
    expect((await call("DELETE", `/${id}`)).json).to.deep.equal({ object: "checkpoint.permission", id, deleted: true });
    expect((await call("DELETE", `/${id}`)).status).to.equal(404);
  });

  it("the emulator's pages have ten rows, or up to a hundred on request", async function () {
    await start();
    for (const project of projects(25)) emulator.grant(checkpoint, project);
    const first = (await call("GET")).list;
    expect(first.data).to.have.length(10);
    expect(first.has_more).to.equal(true);
    const rest = (await call("GET", `?limit=100&after=${first.last_id!}`)).list;
    expect(rest.data).to.have.length(15);
    expect(rest.has_more).to.equal(false);
    expect(new Set([...first.data, ...rest.data].map(({ id }) => id)).size).to.equal(25);
    for (const wrong of ["limit=0", "limit=101", "limit=x", "order=up", "after=cp_none"]) {
      expect((await call("GET", `?${wrong}`)).status).to.equal(400);
    }
  });

  it("the emulator filters by project and answers an empty page with null cursors", async function () {
    await start();
    for (const project of projects(3)) emulator.grant(checkpoint, project);
    expect((await call("GET", "?project_id=proj_1")).list.data).to.have.length(1);
    const { list } = await call("GET", "?project_id=proj_none");
    expect(list).to.include({ first_id: null, last_id: null, has_more: false });
  });

  const repeated = { return: [1, 200], omit: [0, 200], duplicate: [1, 200], refuse: [undefined, 409] } as const;
  for (const [choice, [rows, status]] of Object.entries(repeated)) {
    it(`the emulator can ${choice} a permission that a POST asks for again`, async function () {
      await start({ repeatedPost: choice as keyof typeof repeated });
      const existing = emulator.grant(checkpoint, "proj_a");
      const answer = await call("POST", "", { project_ids: ["proj_a"] });
      expect(answer.status).to.equal(status);
      if (rows !== undefined) expect(answer.list.data).to.have.length(rows);
      if (choice === "return") expect(answer.list.data[0]!.id).to.equal(existing.id);
      expect(emulator.permissions(checkpoint)).to.have.length(choice === "duplicate" ? 2 : 1);
    });
  }

  it("the emulator rejects wrong keys, paths and bodies, and unknown projects and checkpoints", async function () {
    await start({ unknownProjects: ["proj_none"] });
    expect((await call("GET", "", undefined, "sk-wrong")).status).to.equal(401);
    expect((await call("GET", "", undefined, "sk-proj-1")).status).to.equal(403);
    expect((await call("PUT")).status).to.equal(404);
    for (const body of [{}, { project_ids: "proj_a" }, { project_ids: [] }, { project_ids: ["proj_none"] }]) {
      expect((await call("POST", "", body)).status).to.equal(400);
    }
    emulator.set({ unknownCheckpoints: [checkpoint] });
    expect((await call("GET")).json).to.have.nested.property("error.code", "model_not_found");
  });

  it("the emulator rate-limits each endpoint separately, and sends Retry-After if asked to", async function () {
    await start({ throttle: { perMinute: 6, burst: 2 } });
    expect((await call("GET")).status).to.equal(200);
    expect((await call("GET")).status).to.equal(200);
    const refused = await call("GET");
    expect(refused.status).to.equal(429);
    expect(refused.headers.get("retry-after")).to.equal(null);
    expect((await call("POST", "", { project_ids: ["proj_a"] })).status).to.equal(200);

    emulator.set({ throttle: { perMinute: 6, burst: 1, retryAfter: "seconds" } });
    await call("GET");
    expect((await call("GET")).headers.get("retry-after")).to.equal("10");
    emulator.set({ throttle: { perMinute: 6, burst: 1, retryAfter: "date" } });
    await call("GET");
    expect(Date.parse((await call("GET")).headers.get("retry-after")!)).to.be.within(Date.now(), Date.now() + 11_000);
  });

  /** Asks for projects or audit events, and checks the answer against the contract. */
  async function organization(list: "projects" | "audit_logs", query = "") {
    const headers = { authorization: `Bearer ${emulator.adminKey}` };
    const response = await fetch(`${emulator.url}/organization/${list}?${query}`, { headers });
    const json = (await response.json()) as {
      data: { id: string; type: string; name: string }[];
      last_id: string;
      has_more: boolean;
    };
    const name =
      list === "projects" ? "admin#/components/schemas/ProjectList" : "admin#/components/schemas/AuditLogList";
    const validate = response.status === 200 ? ajv.getSchema(name)! : schema("Failure");
    expect(validate(json), JSON.stringify(validate.errors)).to.equal(true);
    return { status: response.status, ...json };
  }

  it("the emulator lists 250 projects in pages, archived ones only on request, some without a name", async function () {
    const known = Array.from({ length: 250 }, (_, index) => ({
      id: `proj_${index}`,
      name: index % 3 === 0 ? null : `Project ${index}`,
      archived_at: index % 10 === 0 ? 1_760_000_000 : null,
    }));
    await start({ projects: known });
    const seen: string[] = [];
    for (let after = ""; ;) {
      const page = await organization("projects", `limit=100&include_archived=true${after}`);
      seen.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
      after = `&after=${page.last_id}`;
    }
    expect(seen).to.deep.equal(known.map(({ id }) => id));
    expect((await organization("projects")).data).to.have.length(20);
    expect((await organization("projects", "limit=100")).data.map(({ id }) => id)).not.to.include("proj_10");
    expect((await call("POST", "", { project_ids: ["proj_250"] })).status).to.equal(400);
    emulator.set({ refusesProjects: true });
    expect((await organization("projects")).status).to.equal(403);
  });

  it("any requests to the emulator end in answers that keep the contract", async function () {
    await start({ repeatedPost: "duplicate", throttle: { perMinute: 600_000, burst: 60 } });
    const actors = [
      null,
      {
        type: "session" as const,
        session: { user: { id: "user-1", email: "a@example.com" }, ip_address: "192.0.2.1" },
      },
    ];
    const word = fc.constantFrom(
      "",
      "1",
      "20",
      "100",
      "101",
      "true",
      "x",
      "checkpoint.permission.created",
      "1760000000",
    );
    const query = fc.dictionary(
      fc.constantFrom("limit", "after", "include_archived", "event_types[]", "effective_at[gte]"),
      word,
    );
    const request = fc.record({
      list: fc.constantFrom("projects" as const, "audit_logs" as const),
      query,
      grant: fc.boolean(),
      actor: fc.constantFrom(...actors),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ list, query: params, grant, actor }) => {
        const { id } = emulator.grant(checkpoint, "proj_a", undefined, actor);
        if (!grant) emulator.revoke(id, actor);
        const { status } = await organization(list, new URLSearchParams(params).toString());
        expect([200, 400, 429]).to.include(status);
      }),
      { numRuns: 60 },
    );
  });

  it("the emulator's audit log has grants and revocations, newest first, and may be off, refused or late", async function () {
    await start();
    const { list } = await call("POST", "", { project_ids: ["proj_a"] });
    await call("DELETE", `/${list.data[0]!.id}`);
    emulator.grant(checkpoint, "proj_b");
    const types = async () => (await organization("audit_logs")).data.map(({ type }) => type.split(".").at(-1));
    expect(await types()).to.deep.equal(["created", "deleted", "created"]);
    expect((await organization("audit_logs", "event_types[]=checkpoint.permission.deleted")).data).to.have.length(1);
    expect((await organization("audit_logs", "event_types[]=project.created")).status).to.equal(400);
    emulator.set({ lag: 60 });
    expect(await types()).to.deep.equal([]);
    emulator.set({ lag: 0, auditLog: "off" });
    expect(await types()).to.deep.equal([]);
    emulator.set({ auditLog: "refused" });
    expect((await organization("audit_logs")).status).to.equal(403);
  });

  it("the emulator injects faults, as often and as late as asked", async function () {
    await start();
    emulator.fail({ method: "GET", after: 1, times: 2, kind: { status: 500, headers: { "retry-after": "3" } } });
    expect((await call("GET")).status).to.equal(200);
    expect((await call("GET")).status).to.equal(500);
    expect((await call("GET")).headers.get("retry-after")).to.equal("3");
    expect((await call("GET")).status).to.equal(200);
  });

  for (const kind of ["reset", "lost answer"] as const) {
    it(`the emulator can cut the connection ${kind === "reset" ? "before" : "after"} the effect (${kind})`, async function () {
      await start();
      emulator.fail({ method: "POST", kind });
      const failed = await call("POST", "", { project_ids: ["proj_a"] }).catch((error: unknown) => error);
      expect(failed).to.be.instanceOf(TypeError);
      expect(emulator.projects(checkpoint)).to.deep.equal(kind === "reset" ? [] : ["proj_a"]);
      expect(emulator.requests.at(-1)?.status).to.equal("reset");
    });
  }

  it("the emulator can answer HTML, truncated JSON or JSON of another shape", async function () {
    await start();
    for (const kind of ["html", "cut json", "wrong shape"] as const) {
      emulator.fail({ method: "GET", kind });
      const response = await fetch(`${emulator.url}/fine_tuning/checkpoints/x/permissions`, {
        headers: { authorization: `Bearer ${emulator.adminKey}` },
      });
      expect(schema("PermissionList")(await response.json().catch(() => undefined))).to.equal(false);
    }
  });

  it("the emulator logs every request", async function () {
    await start();
    await call("POST", "", { project_ids: ["proj_a"] });
    await call("GET", "?project_id=proj_a");
    const path = `/fine_tuning/checkpoints/${checkpoint}/permissions`;
    expect(emulator.takeRequests()).to.deep.equal([
      { method: "POST", path, query: {}, projectIds: ["proj_a"], status: 200 },
      { method: "GET", path, query: { project_id: "proj_a" }, projectIds: undefined, status: 200 },
    ]);
    expect(emulator.requests).to.deep.equal([]);
  });
});
