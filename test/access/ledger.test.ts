import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ProviderContext } from "../../provider/access/context";
import { Declarations } from "../../provider/access/declarations";
import { announcedKey, Ledger, shareLedger } from "../../provider/access/ledger";
import type { Entry } from "../../provider/access/entries";
import { SharedLog } from "../../provider/access/shared-log";
import { readConfig } from "../../provider/config";
import { PermissionResource } from "../../provider/resource/permission";
import type { PartialFailure } from "../../provider/resource/failure";
import { typesOf } from "../../provider/resource/reference";
import { adminKey, checkpoint, fakeApi } from "../support/api";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";
import { fillDisk } from "../support/full-disk";
import { permissionResource, setResource } from "../support/scenario";

const engine = "127.0.0.1:4711";
/** Appends that something is so of a project's permission. */
function note(
  ledger: Ledger,
  kind: Extract<Entry, { permission: string }>["kind"],
  projectId: string,
  permissionId: string,
): void {
  const access = ledger.accessKey(checkpoint, projectId);
  const permission = ledger.permissionKey(permissionId);
  ledger.append({ kind, checkpoint: ledger.checkpointKey(checkpoint), access, permission });
}

/** Whether a permission is in state, as far as a process knows. */
function hasInState(ledger: Ledger, permissionId: string): boolean {
  return ledger.is("in state", ledger.permissionKey(permissionId));
}

/** Whether an access is in state, as far as a process knows. */
function isInState(ledger: Ledger, projectId: string): boolean {
  return ledger.is("in state", ledger.accessKey(checkpoint, projectId));
}

/** The ledger of a process whose file is in this folder. */
function ledgerIn(folder: string, baseUrl = ""): Ledger {
  return new Ledger(new SharedLog(engine, undefined, folder), baseUrl);
}

const forEver = () => new Promise<never>(() => undefined);
const urnOf = (name: string) => `urn:pulumi:test::test::test::${name}`;

describe("Provider processes of one deployment", function () {
  const logs: SharedLog[] = [];
  let base: string;
  let folder: string;
  beforeEach(function () {
    base = mkdtempSync(join(tmpdir(), "checkpoint-permissions-peers-"));
    folder = join(base, "peers");
  });
  afterEach(function () {
    for (const log of logs.splice(0)) log.close();
    rmSync(base, { recursive: true, force: true });
  });

  /** A provider process, as far as the others can tell. */
  function processWith(config: Record<string, string> = {}, isProgramRunning?: () => Promise<boolean>) {
    const clock = new TestClock();
    const said: string[] = [];
    const settings = readConfig((key) => ({ "openai:adminApiKey": adminKey, ...config })[key], {});
    const log = new SharedLog(engine, (reason) => said.push(reason), folder);
    logs.push(log);
    const ledger = new Ledger(log, settings.baseUrl, undefined, isProgramRunning);
    const context = new ProviderContext(settings, clock, (line) => said.push(line), ledger);
    return { permission: permissionResource(() => context), set: setResource(() => context), context, clock, said };
  }
  const inputsOf = (projectId: string, name: string) => {
    const inputs = { fineTunedModelCheckpoint: checkpoint, projectId };
    return { inputs, news: { ...inputs, __hints: { urn: urnOf(name) } } };
  };
  const granted = (api: ReturnType<typeof fakeApi>, projectId: string) => {
    const { id, created_at: createdAt } = api.grant(checkpoint, projectId);
    return { id, state: { fineTunedModelCheckpoint: checkpoint, projectId, createdAt } };
  };
  const writesOf = (api: ReturnType<typeof fakeApi>) =>
    api.requests.filter(({ method }) => method !== "GET").map(({ method }) => method);

  it("a rename and an upgrade in the same up send no write", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [old, next] = [processWith(), processWith()];
    const { inputs, news } = inputsOf("proj_a", "renamed");
    await next.permission.check({}, news);
    expect((await next.permission.create(inputs)).id).to.equal(id);
    await old.permission.delete(id, state);
    old.context.lines.end();
    expect(writesOf(api)).to.deep.equal([]);
    expect(old.said.join()).to.include(`Kept ${id}`);
  });

  it("a permission whose new resource in another process fails stays in state", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [old, next] = [processWith(), processWith({ "openai:driftDetection": "false" })];
    const { inputs, news } = inputsOf("proj_a", "renamed");
    await next.permission.check({}, news);
    api.fail({ method: "GET", times: Infinity, kind: { status: 403 } });
    await failureOf(next.permission.create(inputs));
    expect(await failureOf(old.permission.delete(id, state)))
      .to.have.property("message")
      .that.includes("the program still declares it");
    expect(writesOf(api)).to.deep.equal([]);
  });

  it("two providers between which projects swap send no write, and refuse nothing as not theirs", async function () {
    const api = fakeApi();
    const [a, b] = [granted(api, "proj_a"), granted(api, "proj_b")];
    const config = { "openai:adoptExisting": "false" };
    const [first, second] = [processWith(config), processWith(config)];
    // The engine diffs with the provider that a resource has now, before it replaces.
    await first.permission.diff(a.id, a.state, inputsOf("proj_b", "one").inputs);
    await second.permission.diff(b.id, b.state, inputsOf("proj_a", "two").inputs);
    for (const [one, project, name] of [
      [first, "proj_b", "one"],
      [second, "proj_a", "two"],
    ] as const) {
      await one.permission.check({}, inputsOf(project, name).news);
      await one.permission.create(inputsOf(project, name).inputs);
    }
    await first.permission.delete(a.id, a.state);
    await second.permission.delete(b.id, b.state);
    expect(writesOf(api)).to.deep.equal([]);
  });

  it("a set keeps what a resource of another process declares", async function () {
    const api = fakeApi();
    const permissions = ["proj_a", "proj_b"].map((projectId) => {
      const { id, created_at: createdAt } = api.grant(checkpoint, projectId);
      return { id, projectId, createdAt };
    });
    const olds = {
      fineTunedModelCheckpoint: checkpoint,
      projectIds: ["proj_a", "proj_b"],
      exclusive: false,
      permissions,
    };
    const news = { fineTunedModelCheckpoint: checkpoint, projectIds: ["proj_a"], exclusive: false };
    const [dynamic, native] = [processWith(), processWith()];
    await native.permission.check({}, inputsOf("proj_b", "web").news);
    await dynamic.set.check(olds, { ...news, __hints: { urn: urnOf("team") } });
    await dynamic.set.diff(checkpoint, olds, news);
    await dynamic.set.update(checkpoint, olds, news);
    expect(writesOf(api)).to.deep.equal([]);
    expect(dynamic.said.join()).not.to.include("loses access");
  });

  for (const isEnd of [false, true]) {
    it(`a set keeps track of all that it gives up, whenever another process ${isEnd ? "ceases" : "begins"} to declare it`, async function () {
      this.timeout(30_000);
      const projectIds = ["proj_a", "proj_b"];
      let reads = Infinity;
      for (let at = 0; at < reads; at++) {
        const api = fakeApi();
        const permissions = projectIds.map((projectId) => ({ ...granted(api, projectId), projectId }));
        const inState = permissions.map(({ id, projectId, state }) => ({ id, projectId, createdAt: state.createdAt }));
        const olds = { fineTunedModelCheckpoint: checkpoint, projectIds, exclusive: false, permissions: inState };
        const news = { fineTunedModelCheckpoint: checkpoint, projectIds: [], exclusive: false };
        const [one, other] = [processWith(), processWith()];
        const declare = (projectId: string) => {
          const declaration = { urn: urnOf("web"), checkpoint, projectIds: new Set([projectId]), exclusive: false };
          other.context.declarations.set(declaration);
        };
        if (isEnd) declare("proj_a");
        await one.set.check(olds, { ...news, __hints: { urn: urnOf("set") } });
        const log = one.context.ledger.log!;
        const read = log.read.bind(log);
        let count = 0;
        log.read = () => {
          if (count++ === at) declare(isEnd ? "proj_elsewhere" : "proj_a");
          return read();
        };
        const result = await one.set.update(checkpoint, olds, news).then(
          ({ outs }) => outs!,
          (failure: unknown) => (failure as PartialFailure).properties as typeof olds,
        );
        reads = count;
        const kept = result.permissions.map(({ projectId }) => projectId);
        expect(kept, `declared at question ${at}`).to.deep.equal([...new Set(kept)]);
        expect(kept, `declared at question ${at}`).to.have.members(api.projects(checkpoint));
        for (const { log: closing } of [one.context.ledger, other.context.ledger]) closing!.close();
      }
      expect(reads).to.be.above(50);
    });
  }

  it("a create whose URN is not known declares nothing, and no other process revokes what it has granted", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_b");
    const [dynamic, other] = [processWith(), processWith()];
    await dynamic.permission.check({}, inputsOf("proj_a", "web").news);
    // A policy rewrites it.
    const created = await dynamic.permission.create(inputsOf("proj_b", "web").inputs);
    expect(created.id).to.equal(id);
    await other.permission.delete(id, state);
    expect(writesOf(api)).to.deep.equal([]);
    const text = readFileSync(join(folder, readdirSync(folder)[0]!), "utf8");
    for (const secret of [checkpoint, "proj_a", "proj_b", id]) expect(text).not.to.include(secret);
  });

  it("what a policy has taken from a native resource is revoked, once all of that name are checked", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [dynamic, native] = [processWith(), processWith()];
    const type = typesOf.permission.native;
    const nativeUrn = (component: string) => `urn:pulumi:test::test::${component}$${type}::web`;
    const others = {
      [`1::${type}::web`]: [announcedKey(checkpoint, "proj_a")],
      [`2::${type}::web`]: [announcedKey(checkpoint, "proj_b")],
    };
    const set = { fineTunedModelCheckpoint: checkpoint, projectIds: ["proj_c"], exclusive: false };
    await dynamic.set.check({}, { ...set, __hints: { urn: urnOf("team"), key: "0", others } });
    const { inputs } = inputsOf("proj_d", "web");
    const permission = new PermissionResource(() => native.context);
    const check = (component: string, projectId: string) =>
      permission.check(nativeUrn(component), {}, { ...inputs, projectId });
    await check("one", "proj_a");
    // A policy rewrites it.
    await permission.create(nativeUrn("one"), inputs);
    expect(await failureOf(dynamic.permission.delete(id, state)))
      .to.have.property("message")
      .that.includes("the program still declares it");
    await check("two", "proj_b");
    await dynamic.permission.delete(id, state);
    expect(writesOf(api)).to.deep.equal(["POST", "DELETE"]);
  });

  it("a create does not adopt what another process has just revoked", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [old, next] = [processWith(), processWith()];
    const { inputs, news } = inputsOf("proj_a", "web");
    // Reads the list while the permission is there.
    await next.permission.check({}, { ...news, projectId: "proj_a" });
    await old.context.checkpoint(checkpoint).access("proj_b").look();
    await old.context.client.deletePermission(checkpoint, "proj_a", id);
    note(old.context.ledger, "revoked", "proj_a", id);
    const created = await next.permission.create(inputs);
    expect(created.id).not.to.equal(id);
    expect(api.projects(checkpoint)).to.deep.equal([state.projectId]);
  });

  it("a create that adopts what another process is revoking grants the access anew", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [old, next] = [processWith(), processWith()];
    const { inputs } = inputsOf("proj_a", "web");
    const creating = new Promise<{ id: string }>((resolve, reject) => {
      // It looks before the DELETE takes effect.
      const before = async () => {
        next.permission.create(inputs).then(resolve, reject);
        await next.context.ledger.until(() => next.context.checkpoint(checkpoint).access("proj_a").isInState, forEver);
      };
      api.fail({ method: "DELETE", kind: { before } });
    });
    await old.permission.delete(id, state);
    const created = await creating;
    expect(created.id).not.to.equal(id);
    expect(api.permissions(checkpoint).map((row) => row.id)).to.deep.equal([created.id]);
  });

  it("a process that is about to revoke spares what another has just adopted", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [old, next] = [processWith(), processWith()];
    const { ledger } = old.context;
    const append = ledger.append.bind(ledger);
    // The other process has adopted it before it could read the entry.
    ledger.append = (entry) => {
      append(entry);
      if (entry.kind === "revoking") note(next.context.ledger, "in state", "proj_a", id);
    };
    await old.permission.delete(id, state);
    expect(writesOf(api)).to.deep.equal([]);
    expect((await next.permission.create(inputsOf("proj_a", "web").inputs)).id).to.equal(id);
  });

  it("a create waits as long as it takes for another process that is revoking", async function () {
    const api = fakeApi();
    const { id } = granted(api, "proj_a");
    const [old, next] = [processWith(), processWith()];
    note(old.context.ledger, "revoking", "proj_a", id);
    const creating = next.permission.create(inputsOf("proj_a", "web").inputs);
    while (next.clock.now() < 120_000) await new Promise((resolve) => setImmediate(resolve));
    note(old.context.ledger, "not revoked", "proj_a", id);
    expect((await creating).id).to.equal(id);
  });

  it("only the process that revokes ends the wait of a create", async function () {
    const api = fakeApi();
    const { id } = granted(api, "proj_a");
    const [old, bystander, next] = [processWith(), processWith(), processWith()];
    note(old.context.ledger, "revoking", "proj_a", id);
    note(bystander.context.ledger, "not revoked", "proj_a", id);
    let isCreated = false;
    const creating = next.permission.create(inputsOf("proj_a", "web").inputs).then(() => (isCreated = true));
    await next.context.ledger.until(() => next.context.checkpoint(checkpoint).access("proj_a").isInState, forEver);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isCreated).to.equal(false);
    note(old.context.ledger, "not revoked", "proj_a", id);
    await creating;
    expect(writesOf(api)).to.deep.equal([]);
  });

  it("creates share a POST, whatever another process asks for meanwhile", async function () {
    const api = fakeApi();
    const [dynamic, native] = [processWith(), processWith()];
    for (const name of ["proj_x", "proj_y", "proj_z"]) await native.permission.create(inputsOf(name, name).inputs);
    const creating = [];
    for (const name of ["proj_a", "proj_b", "proj_c"]) {
      const { inputs, news } = inputsOf(name, name);
      const __hints = { ...news.__hints, declaredCount: 3, parallel: 16 };
      await dynamic.permission.check({}, { ...news, __hints });
      creating.push(dynamic.permission.create(inputs));
      await dynamic.context.clock.sleep(200);
    }
    await Promise.all(creating);
    const posts = api.requests.flatMap(({ projectIds }) => (projectIds === undefined ? [] : projectIds.join()));
    expect(posts.at(-1)).to.equal("proj_a,proj_b,proj_c");
  });

  it("a process that ended while it revoked is not waited for", function () {
    const ledger = ledgerIn(folder);
    const ended = spawnSync(process.execPath, ["-e", ""]).pid;
    const permission = ledger.permissionKey("cp_1");
    const keys = {
      checkpoint: ledger.checkpointKey(checkpoint),
      access: ledger.accessKey(checkpoint, "proj_a"),
      permission,
    };
    for (const line of [
      { by: "ended", number: 0, kind: "writer", pid: ended },
      { by: "ended", number: 1, kind: "revoking", ...keys },
    ])
      appendFileSync(join(folder, readdirSync(folder)[0]!), `${JSON.stringify(line)}\n`);
    expect(ledger.is("revoking", permission)).to.equal(true);
    expect(ledger.revokerOf(permission)).to.equal(undefined);
  });

  it("the same access in two processes is an error that names both resources", async function () {
    fakeApi();
    const [dynamic, native] = [processWith(), processWith()];
    await dynamic.permission.check({}, inputsOf("proj_a", "web").news);
    const { failures } = await native.permission.check({}, inputsOf("proj_a", "shop").news);
    expect(failures[0]!.reason).to.include('"web" and "shop" both give project proj_a access');
    const set = { fineTunedModelCheckpoint: checkpoint, projectIds: [], exclusive: true };
    const exclusive = await native.set.check({}, { ...set, __hints: { urn: urnOf("team") } });
    expect(exclusive.failures[0]!.reason).to.include('"team" is the exclusive set').and.to.include('"shop"');
  });

  it("of two declarations of one resource in two processes, the later counts in both", function () {
    const [first, second] = [processWith().context, processWith().context];
    const declare = ({ declarations }: ProviderContext, projectId: string) => {
      declarations.set({ urn: urnOf("web"), checkpoint, projectIds: new Set([projectId]), exclusive: false });
    };
    declare(first, "proj_old");
    declare(second, "proj_new");
    for (const { declarations } of [first, second]) {
      expect([declarations.has(checkpoint, "proj_old"), declarations.has(checkpoint, "proj_new")]).to.deep.equal([
        false,
        true,
      ]);
    }
  });

  it("a look at a permission that this process is revoking for another project ends", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const { permission } = processWith();
    // Its record was edited.
    const edited = { ...state, projectId: "proj_b" };
    const [, look] = await Promise.allSettled([permission.delete(id, state), permission.diff(id, edited, edited)]);
    expect(look.status).to.equal("fulfilled");
    expect(writesOf(api)).to.deep.equal(["DELETE"]);
  });

  it("a permission that is in state at another address of the API is kept", async function () {
    const api = fakeApi();
    const { id } = granted(api, "proj_a");
    const [here, there] = [processWith(), processWith({ "openai:baseUrl": "https://proxy.example.com/v1" })];
    note(there.context.ledger, "in state", "proj_a", id);
    expect(await here.context.checkpoint(checkpoint).access("proj_a").release(id)).to.equal("kept");
    expect(writesOf(api)).to.deep.equal([]);
  });

  it("processes that use different APIs have nothing to do with each other", async function () {
    fakeApi();
    const [one, other] = [ledgerIn(folder, "https://one.example/v1"), ledgerIn(folder, "https://two.example/v1")];
    note(one, "in state", "proj_a", "cp_1");
    expect(isInState(other, "proj_a")).to.equal(false);
    // It may be the same API behind a gateway.
    expect(hasInState(other, "cp_1")).to.equal(true);
  });

  it("notes hold hashes in place of IDs, in a folder for their user alone", async function () {
    const api = fakeApi();
    const { id } = granted(api, "proj_a");
    const { permission } = processWith();
    const { inputs, news } = inputsOf("proj_a", "web");
    await permission.check({}, news);
    await permission.create(inputs);
    const [file] = readdirSync(folder);
    const text = readFileSync(join(folder, file!), "utf8");
    for (const secret of [adminKey, id, "proj_a", checkpoint, engine]) expect(text).not.to.include(secret);
    const modes = spawnSync("stat", ["-c", "%a", folder, join(folder, file!)], { encoding: "utf8" }).stdout;
    if (process.platform === "linux") expect(modes).to.equal("700\n600\n");
  });

  it("the notes of a process that crashed while others live still count", function () {
    const survivor = ledgerIn(folder);
    const crashed = ledgerIn(folder);
    note(crashed, "in state", "proj_a", "cp_1");
    const late = ledgerIn(folder);
    for (const ledger of [survivor, late])
      expect([isInState(ledger, "proj_a"), hasInState(ledger, "cp_1")]).to.deep.equal([true, true]);
  });

  it("what its key was told, and what its batches wait for, a process keeps to itself", function () {
    const [one, other] = [ledgerIn(folder), ledgerIn(folder)];
    for (const { log } of [one, other]) logs.push(log!);
    const key = one.checkpointKey(checkpoint);
    const access = one.accessKey(checkpoint, "proj_a");
    const own: Entry[] = [
      { kind: "missing", checkpoint: key, access, permission: one.permissionKey("cp_1") },
      { kind: "doubted", checkpoint: key },
      { kind: "outlook", checkpoint: key, count: 1 },
      { kind: "settled", checkpoint: key, access },
      { kind: "told as drift", access },
    ];
    for (const entry of own) {
      one.append(entry);
      const by = "checkpoint" in entry ? key : access;
      expect(one.is(entry.kind, by), entry.kind).to.equal(true);
      expect(other.is(entry.kind, by), entry.kind).to.equal(false);
    }
    one.append({ kind: "asked for", checkpoint: key, access });
    expect(other.is("asked for", access)).to.equal(true);
  });

  it("what is waited for is noticed when another process has written, without a question", async function () {
    const log = { me: "me", lines: [] as object[], onLines: () => undefined, read: () => log.lines.splice(0) };
    const ledger = new Ledger(log as unknown as SharedLog);
    let asked = 0;
    const key = ledger.accessKey(checkpoint, "proj_a");
    const waiting = ledger.until(() => {
      asked++;
      return ledger.is("asked for", key);
    }, forEver);
    log.onLines();
    expect(asked).to.equal(1);
    log.lines.push({ kind: "asked for", access: key, by: "other" });
    log.onLines();
    await waiting;
    expect(asked).to.equal(2);
  });

  it("a process that has seen checks and is not alone keeps what left the program, once its file is gone", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_b");
    const [first, second] = [processWith(), processWith()];
    await first.permission.check({}, inputsOf("proj_a", "web").news);
    await second.permission.check({}, inputsOf("proj_c", "other").news);
    await first.permission.check({}, inputsOf("proj_d", "third").news);
    rmSync(join(folder, readdirSync(folder)[0]!));
    await failureOf(first.permission.delete(id, state));
    expect(writesOf(api)).to.deep.equal([]);
  });

  describe("as a process begins to share what it knows", function () {
    const listeners = () => new Set(process.listeners("exit"));
    const warnings: string[] = [];
    beforeEach(function () {
      warnings.length = 0;
    });
    const share = (address: string | undefined, where: string) =>
      shareLedger(address, "", (line) => warnings.push(line), where);

    it("one without an engine has no others", async function () {
      const ledger = share(undefined, folder);
      expect(ledger.log).to.equal(undefined);
      expect(await ledger.mayLackDeclarations()).to.equal(false);
      expect(readdirSync(base)).to.deep.equal([]);
    });

    it("one with an engine writes to the file, until it ends", function () {
      const before = listeners();
      const ledger = share(engine, folder);
      expect(warnings).to.deep.equal([]);
      expect(readdirSync(folder)).to.have.length(1);
      const [end] = [...listeners()].filter((listener) => !before.has(listener));
      process.off("exit", end!);
      (end as () => void)();
      expect(readdirSync(folder)).to.deep.equal([]);
      expect(ledger.problem).to.equal(undefined);
    });

    it("one that cannot use the file says why, once, and what follows", async function () {
      writeFileSync(folder, "");
      const before = listeners();
      const ledger = share(engine, folder);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.include("EEXIST").and.include("does not revoke it");
      expect(ledger.problem).to.include("EEXIST");
      expect([...listeners()].every((listener) => before.has(listener))).to.equal(true);
      // No engine listens there, so no program can be seen to have ended.
      expect(await ledger.mayLackDeclarations()).to.equal(true);
      const declaration = { urn: urnOf("web"), checkpoint, projectIds: new Set(["proj_a"]), exclusive: false };
      new Declarations(ledger).set(declaration);
      expect(await ledger.mayLackDeclarations()).to.equal(true);
    });
  });

  describe("of which one starts late, while the program still declares the access", function () {
    /** A process that has checked and adopted what the late one is to delete for an older provider. */
    async function adopted(api: ReturnType<typeof fakeApi>, config: Record<string, string> = {}) {
      const { id, state } = granted(api, "proj_a");
      const next = processWith(config);
      const { inputs, news } = inputsOf("proj_a", "renamed");
      await next.permission.check({}, news);
      expect((await next.permission.create(inputs)).id).to.equal(id);
      return { id, state, next };
    }
    const path = () => join(folder, readdirSync(folder)[0]!);
    const harms: [harm: string, how: () => void][] = [
      ["the file was removed", () => rmSync(path())],
      ["the folder was removed", () => rmSync(folder, { recursive: true })],
      ["the file was truncated", () => truncateSync(path())],
      [
        "the file was replaced by an empty one",
        () => {
          const file = path();
          rmSync(file);
          writeFileSync(file, "");
        },
      ],
      ["half of the file was cut off", () => truncateSync(path(), Math.floor(statSync(path()).size / 2))],
    ];
    for (const [harm, how] of harms) {
      it(`what the program declares is kept, although ${harm}`, async function () {
        const api = fakeApi();
        const { id, state, next } = await adopted(api);
        how();
        // Any call that reaches the process; one that none reaches is told by the operating system.
        next.context.ledger.is("ours", "");
        const late = processWith();
        await late.permission.delete(id, state);
        expect(writesOf(api)).to.deep.equal([]);
      });
    }

    it("a process that nobody calls writes its lines anew by itself", async function () {
      const api = fakeApi();
      const { id, state } = await adopted(api);
      rmSync(path());
      while (readdirSync(folder).length === 0) await new Promise((resolve) => setImmediate(resolve));
      await processWith().permission.delete(id, state);
      expect(writesOf(api)).to.deep.equal([]);
    });

    it("a full disk fails no grant, and a process that cannot read what was declared keeps it and says what to do", async function () {
      const api = fakeApi();
      const { id, state } = granted(api, "proj_a");
      const next = processWith();
      const { inputs, news } = inputsOf("proj_a", "renamed");
      const full = fillDisk();
      try {
        await next.permission.check({}, news);
        expect((await next.permission.create(inputs)).id).to.equal(id);
        expect((await next.permission.create(inputsOf("proj_new", "new").inputs)).id).to.match(/^cp_/);
      } finally {
        full.end();
      }
      expect(next.said.join()).to.include("no space left on device");
      const late = processWith();
      const failure = await failureOf(late.permission.delete(id, state));
      expect(failure)
        .to.have.property("message")
        .that.includes("whether the program still declares it is not known")
        .and.includes("TMPDIR");
      expect(writesOf(api)).to.deep.equal(["POST"]);
    });

    it("a create waits a minute for a process that cannot tell how its revocation has ended, and fails", async function () {
      const api = fakeApi();
      const { id } = granted(api, "proj_a");
      const [old, next] = [processWith(), processWith()];
      note(old.context.ledger, "revoking", "proj_a", id);
      const full = fillDisk();
      note(old.context.ledger, "revoked", "proj_a", id);
      full.end();
      const failure = await failureOf(next.permission.create(inputsOf("proj_a", "web").inputs));
      expect(failure)
        .to.have.property("message")
        .that.includes(`another provider process of this run may be revoking ${id}`);
      expect(next.clock.now()).to.be.within(60_000, 62_000);
      expect(writesOf(api)).to.deep.equal([]);
    });

    it("a set keeps in state what it cannot know to be undeclared", async function () {
      const api = fakeApi();
      const { next } = await adopted(api);
      const full = fillDisk();
      note(next.context.ledger, "ours", "proj_a", "cp_1");
      full.end();
      const { id, state } = granted(api, "proj_b");
      const permissions = [{ id, projectId: "proj_b", createdAt: state.createdAt }];
      const olds = { fineTunedModelCheckpoint: checkpoint, projectIds: ["proj_b"], exclusive: false, permissions };
      const failure = await failureOf(processWith().set.delete(checkpoint, olds));
      expect(failure).to.have.property("message").that.includes(`${id} stays in state`);
      expect(writesOf(api)).to.deep.equal([]);
    });

    it("a process that has seen checks and is alone revokes what left the program, although its file is gone", async function () {
      const api = fakeApi();
      const { id, state } = granted(api, "proj_b");
      const only = processWith();
      await only.permission.check({}, inputsOf("proj_a", "web").news);
      rmSync(path());
      await only.permission.delete(id, state);
      expect(writesOf(api)).to.deep.equal(["DELETE"]);
    });

    it("where no program runs, nothing is declared, and all is revoked", async function () {
      const api = fakeApi();
      const { id, state } = granted(api, "proj_b");
      const late = processWith({}, () => Promise.resolve(false));
      rmSync(path());
      await late.permission.delete(id, state);
      expect(late.context.ledger.problem).to.include("it was removed");
      expect(writesOf(api)).to.deep.equal(["DELETE"]);
    });
  });
});
