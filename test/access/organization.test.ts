import { expect } from "chai";
import nock from "nock";
import { Organization } from "../../provider/access/organization";
import type { Permission } from "../../provider/api/permission";
import type { Actor } from "../../sandbox/api/api";
import type { FaultyApi } from "../../sandbox/api/faults";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { permissionInputs, scenario } from "../support/scenario";
import { refusal } from "../support/server";

const alice: Actor = {
  type: "session",
  session: { user: { id: "user-1", email: "alice@example.com" }, ip_address: "192.0.2.1" },
};
const projects = [
  { id: "proj_a", name: "Mobile app", archived_at: null },
  { id: "proj_b", name: null, archived_at: null },
  { id: "proj_c", name: "Old", archived_at: 1_760_000_000 },
];

function organizationWith(options?: ConstructorParameters<typeof Organization>[2]) {
  const { context, clock } = contextWith();
  return new Organization(context.config, clock, options);
}

describe("What messages tell of an organization", function () {
  it("a permission that is missing is described by its project's name, and who revoked it when", async function () {
    const { permission, permissionInState, api, said, clock } = scenario({}, { projects });
    const { id, state } = permissionInState();
    api.revoke(id, alice);
    clock.pass(60_000);
    await permission.diff(id, state, { ...state });
    expect(said).to.deep.equal([
      `Drift: proj_a (Mobile app) lost its access to ${checkpoint}: ${id} was revoked outside of Pulumi by ` +
        "alice@example.com, 2026-01-01 00:00 UTC. It will be granted again.",
    ]);
    expect(api.organizationRequests.map(({ path }) => path)).to.have.members([
      "/organization/projects",
      "/organization/audit_logs",
    ]);
  });

  it("a set's missing permissions are described in one line, and an archived project is said to stay without", async function () {
    const { set, setInState, api, said } = scenario({}, { projects: [...projects] });
    const state = setInState(["proj_a", "proj_c"]);
    for (const { id } of state.permissions) api.revoke(id, alice);
    await set.diff(checkpoint, state, state);
    expect(said[0])
      .to.match(/^Drift: proj_a \(Mobile app, cp_\w+ by alice@example\.com, .* UTC\), proj_c \(Old, cp_\w+ by alice/)
      .and.to.match(/lost their access to .*: revoked outside of Pulumi \(seen .*\)\. They will be granted again\.$/);
    expect(said[1]).to.match(
      /^proj_c \(Old, cp_\w+\) is archived: `pulumi up` cannot grant access until it is restored/,
    );
  });

  it("a permission that was granted again is described by its project's name, and who revoked the one before", async function () {
    const { permission, permissionInState, api, said } = scenario({}, { projects });
    const { id, state } = permissionInState();
    api.revoke(id, alice);
    const { id: next } = api.grant(checkpoint, "proj_a");
    await permission.diff(id, state, state);
    expect(said).to.deep.equal([
      `Drift: proj_a (Mobile app) has another permission for ${checkpoint}: ${id} was revoked outside of Pulumi by ` +
        `alice@example.com, 2026-01-01 00:00 UTC, and granted again as ${next}. State will have the new one; access ` +
        "stays the same.",
    ]);
  });

  it("a set's missing and recreated permissions are each described, by two requests in all", async function () {
    const { set, setInState, api, said } = scenario({}, { projects });
    const state = setInState(["proj_a", "proj_b", "proj_c"]);
    for (const { id } of state.permissions) api.revoke(id, alice);
    for (const project of ["proj_a", "proj_c"]) api.grant(checkpoint, project);
    await set.diff(checkpoint, state, state);
    const [missing, recreated] = said.filter((line) => line.startsWith("Drift:"));
    expect(missing).to.match(/^Drift: proj_b lost .* by alice@example\.com, /);
    expect(recreated)
      .to.match(/^Drift: proj_a \(Mobile app, cp_\w+ by alice@example\.com, .* UTC, now cp_\w+\), proj_c \(Old, cp_/)
      .and.to.include("have other permissions for");
    expect(api.organizationRequests).to.have.lengthOf(2);
  });

  it("whom an exclusive set locks out is named, and the effect for plans is not", async function () {
    const { set, api, said } = scenario({}, { projects });
    const { id } = api.grant(checkpoint, "proj_a");
    const { inputs } = await set.check(
      {},
      { fineTunedModelCheckpoint: checkpoint, projectIds: ["proj_b"], exclusive: true },
    );
    expect(said[0]).to.include(`proj_a (Mobile app, ${id}) has access`);
    expect(inputs).to.have.deep.property("revokes", [`proj_a (${id})`]);
  });

  it("nothing is read while there is nothing to say", async function () {
    const { permission, permissionInState, api } = scenario({}, { projects });
    const { id, state } = permissionInState();
    await permission.diff(id, state, state);
    expect(api.organizationRequests).to.deep.equal([]);
  });

  it("nothing is read if the config says so", async function () {
    const { permission, permissionInState, api, said } = scenario({ "openai:auditDetails": "false" }, { projects });
    const { id, state } = permissionInState();
    api.revoke(id, alice);
    await permission.diff(id, state, state);
    expect(said.join()).to.include("proj_a lost its access").and.to.include("(seen ");
    expect(api.organizationRequests).to.deep.equal([]);
  });

  for (const [what, status] of [
    ["a refusal", 403],
    ["a rate limit", 429],
    ["a fault", 500],
  ] as const) {
    it(`${what} costs each list one request, no wait and no word`, async function () {
      const { permission, api, granted, said, clock } = scenario({}, { projects });
      for (const endpoint of ["projects", "audit_logs"] as const) {
        api.fail({ endpoint, times: Infinity, kind: { status, headers: { "retry-after": "60" } } });
      }
      const permissions = ["proj_a", "proj_b"].map(granted);
      for (const { id } of permissions) api.revoke(id, alice);
      const start = clock.now();
      await Promise.all(
        permissions.map(({ id, projectId, createdAt }) => {
          const inputs = { fineTunedModelCheckpoint: checkpoint, projectId };
          return permission.diff(id, { ...inputs, createdAt }, inputs);
        }),
      );
      expect(said).to.have.lengthOf(2);
      for (const line of said) expect(line).to.match(/was revoked outside of Pulumi \(seen /);
      expect(api.organizationRequests).to.have.lengthOf(2);
      expect(clock.now()).to.equal(start);
    });
  }

  it("no more is read once five seconds are over", async function () {
    const { context, clock } = contextWith();
    const api = fakeApi({
      projects: Array.from({ length: 350 }, (_, index) => ({ ...projects[0]!, id: `proj_${index}` })),
    });
    const onPage = () => {
      clock.pass(2_000);
    };
    const organization = new Organization(context.config, clock, { limitSeconds: 5, onPage });
    await organization.readProjects();
    expect(api.organizationRequests.length).to.be.within(2, 3);
    expect(String(organization.problemWithProjects)).to.include("not read within 5 s");
    expect(organization.project("proj_0")?.name).to.equal("Mobile app");
  });

  /** Permissions that alice revoked, oldest first: a page of the audit log has the last hundred. */
  function revoked(api: FaultyApi, count: number): Permission[] {
    const rows = Array.from({ length: count }, (_, index) => api.grant(checkpoint, `proj_${index}`));
    for (const { id } of rows) api.revoke(id, alice);
    return rows.map(({ id, project_id: projectId, created_at: createdAt }) => ({ id, projectId, createdAt }));
  }

  const actorOf = async (organization: Organization, permission: Permission) => {
    const [described] = await organization.describe([permission], { areMissing: true });
    return described!.revocation?.actor;
  };
  const cursorsIn = (api: FaultyApi) =>
    api.organizationRequests.filter(({ path }) => path.endsWith("audit_logs")).map(({ query }) => query["after"]);

  it("a report whose event is on the next page gets it nine seconds later, at 7 requests a minute", async function () {
    const api = fakeApi();
    const rows = revoked(api, 150);
    const { context, clock } = contextWith({ "openai:requestsPerMinute": "7" });
    const organization = context.organization!;
    expect(await actorOf(organization, rows[149]!)).to.equal("alice@example.com");
    // What is asked for at once does not wait for its turn.
    expect(await actorOf(organization, rows[0]!)).to.equal(undefined);
    expect(clock.now()).to.equal(0);
    clock.pass(9_000);
    expect(await actorOf(organization, rows[0]!)).to.equal("alice@example.com");
    expect(cursorsIn(api)).to.have.lengthOf(2);
    expect(clock.now()).to.equal(9_000);
  });

  it("each report has five seconds of its own, and goes on where the one before ended", async function () {
    const api = fakeApi();
    const rows = revoked(api, 450);
    const { context, clock } = contextWith();
    const onPage = (list: string) => {
      if (list === "audit log") clock.pass(2_000);
    };
    const organization = new Organization(context.config, clock, { limitSeconds: 5, onPage });
    expect(await actorOf(organization, rows[0]!)).to.equal(undefined);
    expect(String(organization.problemWithEvents)).to.include("not read within 5 s");
    expect(cursorsIn(api)).to.have.lengthOf(2);
    clock.pass(60_000);
    expect(await actorOf(organization, rows[100]!)).to.equal("alice@example.com");
    expect(organization.problemWithEvents).to.equal(undefined);
    expect(new Set(cursorsIn(api)).size).to.equal(4);
    expect(cursorsIn(api)).to.have.lengthOf(4);
  });

  it("a report that asks while another gives up for time goes on without it", async function () {
    const api = fakeApi();
    const rows = revoked(api, 250);
    const { context, clock } = contextWith();
    let pages = 0;
    let later: Promise<unknown> | undefined;
    const onPage = (list: string) => {
      if (list !== "audit log" || ++pages !== 2) return;
      clock.pass(4_500);
      later = actorOf(organization, rows[0]!);
    };
    const organization = new Organization(context.config, clock, { limitSeconds: 5, onPage });
    expect(await actorOf(organization, rows[0]!)).to.equal(undefined);
    expect(await later).to.equal("alice@example.com");
  });

  it("a report that waits for another's page asks itself if that comes too late for the other", async function () {
    const api = fakeApi();
    const [first, second] = revoked(api, 2) as [Permission, Permission];
    const { context, clock } = contextWith();
    const rewrite = () => {
      clock.pass(2_500);
      return "cut off";
    };
    api.fail({ endpoint: "audit_logs", kind: { rewrite } });
    const one = actorOf(context.organization!, first);
    clock.pass(2_000);
    const other = actorOf(context.organization!, second);
    expect([await one, await other]).to.deep.equal([undefined, "alice@example.com"]);
    expect(cursorsIn(api)).to.have.lengthOf(2);
  });

  for (const [what, kind, isAskedAgain] of [
    ["a rate limit", { status: 429, headers: { "retry-after": "5" } }, true],
    ["a rate limit that does not say for how long", { status: 429 }, true],
    ["a used-up quota", { status: 429, error: { message: "no", code: "insufficient_quota" } }, false],
    ["a refused key", { status: 401 }, false],
    ["missing rights", { status: 403 }, false],
    ["an API that has no such list", { status: 404 }, false],
    ["a fault", { status: 500 }, false],
  ] as const) {
    it(`after ${what} the next report ${isAskedAgain ? "asks again" : "does not ask"}`, async function () {
      const api = fakeApi();
      const [first, second] = revoked(api, 2) as [Permission, Permission];
      api.fail({ endpoint: "audit_logs", kind });
      const { context, clock } = contextWith();
      expect(await actorOf(context.organization!, first)).to.equal(undefined);
      clock.pass(9_000);
      expect(await actorOf(context.organization!, second)).to.equal(isAskedAgain ? "alice@example.com" : undefined);
      expect(cursorsIn(api)).to.have.lengthOf(isAskedAgain ? 2 : 1);
      expect(clock.now()).to.equal(9_000);
    });
  }

  it("the audit log is read page by page until the revocations that are asked for are found", async function () {
    const api = fakeApi();
    const rows = Array.from({ length: 250 }, (_, index) => api.grant(checkpoint, `proj_${index}`));
    for (const { id } of rows.slice(0, 150)) api.revoke(id, alice);
    const organization = organizationWith({ limitSeconds: 5 });
    const ask = async (index: number) => {
      const { id, project_id: projectId, created_at: createdAt } = rows[index]!;
      const [described] = await organization.describe([{ id, projectId, createdAt }], { areMissing: true });
      return described?.revocation?.actor;
    };
    const pages = () => api.organizationRequests.filter(({ path }) => path.endsWith("audit_logs")).length;
    expect([await ask(149), pages()]).to.deep.equal(["alice@example.com", 1]);
    expect([await ask(0), pages()]).to.deep.equal(["alice@example.com", 2]);
    expect([await ask(120), pages()]).to.deep.equal(["alice@example.com", 2]);
    // Of one that no event names, the whole log is read.
    expect([await ask(200), pages()]).to.deep.equal([undefined, 4]);
  });

  const actors: [Actor | null, string | undefined][] = [
    [null, undefined],
    [alice, "alice@example.com"],
    [
      { type: "api_key", api_key: { id: "key_1", type: "user", user: { id: "user-2", email: "bob@example.com" } } },
      "bob@example.com (API key key_1)",
    ],
    [
      { type: "api_key", api_key: { id: "key_1", type: "service_account", service_account: { id: "svc_1" } } },
      "service account svc_1 (API key key_1)",
    ],
    [
      { type: "session", session: { user: { id: "user-3", email: "\u001b[31m\u202eeve\n@x" }, ip_address: "" } },
      "[31meve @x",
    ],
  ];
  for (const [actor, words] of actors) {
    it(`an event's actor is told as ${String(words)}`, async function () {
      const api = fakeApi();
      const { id } = api.grant(checkpoint, "proj_a", undefined, actor);
      const organization = organizationWith();
      await organization.readAllEvents();
      expect(organization.event("granted", id)).to.include({ actor: words, checkpoint });
    });
  }

  it("events of both spellings are read, and events of other kinds do not disturb", async function () {
    const api = fakeApi();
    const { id } = api.grant(checkpoint, "proj_a", undefined, alice);
    api.revoke(id, alice);
    api.fail({
      endpoint: "audit_logs",
      kind: {
        rewrite: (body) =>
          JSON.parse(
            JSON.stringify(body)
              .replaceAll("checkpoint.permission", "checkpoint_permission")
              .replace('"data":[', '"data":[{"id":"x","type":"project.created","effective_at":1},'),
          ) as unknown,
      },
    });
    const organization = organizationWith();
    await organization.readAllEvents();
    expect(organization.problemWithEvents).to.equal(undefined);
    expect(organization.event("granted", id)?.checkpoint).to.equal(checkpoint);
    expect(organization.event("revoked", id)?.actor).to.equal("alice@example.com");
  });

  it("a name cannot change how Pulumi's CLI prints what follows, or end it", async function () {
    for (const name of ["<{%x%}>", "%}><{%", "<{%bold%}>loud<{%reset%}>"]) {
      const api = fakeApi({ projects: [{ id: "proj_a", name, archived_at: null }] });
      const organization = organizationWith();
      await organization.readProjects();
      expect(organization.project("proj_a")?.name).not.to.match(/<\{%|%\}>/);
      expect(api.organizationRequests).to.have.lengthOf(1);
      nock.cleanAll();
    }
  });

  it("a row that is not as documented is left out, and costs neither the others nor a plan", async function () {
    const { permission, permissionInState, api, said } = scenario({}, { projects });
    const { id, state } = permissionInState();
    api.revoke(id, alice);
    const rewrite = (body: unknown) => {
      const { data, ...rest } = body as { data: { effective_at: number }[] };
      return { ...rest, data: [{ ...data[0]!, effective_at: 1_764_500_000_000_000 }, { id: "x" }, ...data] };
    };
    api.fail({ endpoint: "audit_logs", kind: { rewrite } });
    expect(await permission.diff(id, state, state)).to.have.property("changes", true);
    expect(said[0]).to.include("by alice@example.com");
  });

  it("of a secret project nothing is told but the ID, as before", async function () {
    const { permission, permissionInState, api, said } = scenario({}, { projects });
    const { id, state } = permissionInState();
    const { inputs } = await permission.check(state, { ...permissionInputs, adopts: null });
    api.revoke(id, alice);
    await permission.diff(id, state, inputs);
    expect(said.join()).to.match(/^Drift: proj_a lost its access .* \(seen /);
    expect(api.organizationRequests).to.deep.equal([]);
  });

  for (const [list, words] of [
    ["listProjects", "the API's list of projects does not end"],
    ["listEvents", "the API's audit log does not end"],
  ] as const) {
    for (const [how, most, cursorOf] of [
      ["begins again where it was", 3, (page: number) => ["A", "B"][page % 2]],
      ["has more and does not say where", 1, () => undefined],
      ["has a new cursor each time", 1_000, (page: number) => `cursor ${page}`],
    ] as const) {
      it(`a list (${list}) that ${how} is given up`, async function () {
        const organization = organizationWith();
        let pages = 0;
        organization.client[list] = () => Promise.resolve({ rows: [], hasMore: true, lastId: cursorOf(pages++) });
        await (list === "listProjects" ? organization.readProjects() : organization.readAllEvents());
        const problem = list === "listProjects" ? organization.problemWithProjects : organization.problemWithEvents;
        expect(problem).to.include({ kind: "contradiction", message: words });
        expect(pages).to.equal(most);
      });
    }
  }

  for (const [status, isAskedAgain] of [
    [401, false],
    [403, false],
    [404, false],
    [500, true],
  ] as const) {
    it(`after a ${status} that comes once the time is over, the next report ${isAskedAgain ? "asks again" : "does not ask"}`, async function () {
      const { context, clock } = contextWith();
      const organization = context.organization!;
      let asked = 0;
      organization.client.listProjects = async () => {
        asked++;
        await clock.sleep(6_000);
        throw refusal(status);
      };
      await organization.readProjects();
      await organization.readProjects();
      expect(asked).to.equal(isAskedAgain ? 2 : 1);
    });
  }

  it("of several events of one permission, the newest counts", async function () {
    const organization = organizationWith();
    const event = (id: string, actor: string, at: number) => ({
      ...({ id, what: "revoked", permissionId: "cp_1", checkpoint, projectId: "proj_a", at, actor } as const),
    });
    const rows = [event("e2", "bob", 2), event("e1", "alice", 1)];
    organization.client.listEvents = () => Promise.resolve({ rows, hasMore: false, lastId: "e1" });
    await organization.readEvents([{ what: "revoked", permissionId: "cp_1" }]);
    expect(organization.event("revoked", "cp_1")?.actor).to.equal("bob");
    expect(organization.events).to.have.length(2);
    expect(organization.event("granted", "cp_1")).to.equal(undefined);
  });
});
