import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ProviderContext } from "../../provider/access/context";
import { Peers } from "../../provider/access/peers";
import { readConfig } from "../../provider/config";
import { PermissionResource } from "../../provider/resource/permission";
import { typesOf } from "../../provider/resource/reference";
import { adminKey, checkpoint, fakeApi } from "../support/api";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";
import { permissionResource, setResource } from "../support/scenario";

const engine = "127.0.0.1:4711";
const urnOf = (name: string) => `urn:pulumi:test::test::test::${name}`;

describe("Provider processes of one deployment", function () {
  let base: string;
  let folder: string;
  beforeEach(function () {
    base = mkdtempSync(join(tmpdir(), "checkpoint-permissions-peers-"));
    folder = join(base, "peers");
  });
  afterEach(function () {
    rmSync(base, { recursive: true, force: true });
  });

  /** A provider process, as far as the others can tell. */
  function processWith(config: Record<string, string> = {}) {
    const clock = new TestClock();
    const said: string[] = [];
    const settings = readConfig((key) => ({ "openai:adminApiKey": adminKey, ...config })[key], {});
    const context = new ProviderContext(settings, clock, (line) => said.push(line), new Peers(engine, "", folder));
    return { permission: permissionResource(() => context), set: setResource(() => context), context, said };
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

  it("a resource whose URN is not known notes what it declares, too", async function () {
    const api = fakeApi();
    const [dynamic, other] = [processWith(), processWith()];
    await other.permission.check({}, inputsOf("proj_b", "web").news);
    const fineTunedModelCheckpoint = "ft-abc123";
    const { context, set } = dynamic;
    context.runsProgram = true;
    await set.create({ fineTunedModelCheckpoint, projectIds: ["proj_a"], exclusive: false });
    expect(api.projects(fineTunedModelCheckpoint)).to.deep.equal(["proj_a"]);
    expect(other.context.declarations.has(fineTunedModelCheckpoint, "proj_a")).to.equal(true);
  });

  it("what a policy has taken from a native resource is revoked, once all of that name are checked", async function () {
    const api = fakeApi();
    const { id, state } = granted(api, "proj_a");
    const [dynamic, native] = [processWith(), processWith()];
    const type = typesOf.permission.native;
    const nativeUrn = (component: string) => `urn:pulumi:test::test::${component}$${type}::web`;
    const others = { [`1::${type}::web`]: ["proj_a"], [`2::${type}::web`]: ["proj_b"] };
    const set = { fineTunedModelCheckpoint: checkpoint, projectIds: ["proj_c"], exclusive: false };
    await dynamic.set.check({}, { ...set, __hints: { urn: urnOf("team"), number: 0, others } });
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
    old.context.peers.noteOutcome(id, "revoked");
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
        await next.context.checkpoint(checkpoint).access("proj_a").whenInState();
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
    const { peers } = old.context;
    const noteRevoking = peers.noteRevoking.bind(peers);
    // The other process has adopted it before it could read the note.
    peers.noteRevoking = (permissionId) => {
      noteRevoking(permissionId);
      next.context.peers.noteInState(checkpoint, "proj_a", id);
    };
    await old.permission.delete(id, state);
    expect(writesOf(api)).to.deep.equal([]);
    expect((await next.permission.create(inputsOf("proj_a", "web").inputs)).id).to.equal(id);
  });

  it("only the process that revokes ends the wait of a create", async function () {
    const api = fakeApi();
    const { id } = granted(api, "proj_a");
    const [old, bystander, next] = [processWith(), processWith(), processWith()];
    old.context.peers.noteRevoking(id);
    bystander.context.peers.noteOutcome(id, "not revoked");
    let isCreated = false;
    const creating = next.permission.create(inputsOf("proj_a", "web").inputs).then(() => (isCreated = true));
    await next.context.checkpoint(checkpoint).access("proj_a").whenInState();
    await new Promise((resolve) => setImmediate(resolve));
    expect(isCreated).to.equal(false);
    old.context.peers.noteOutcome(id, "not revoked");
    await creating;
    expect(writesOf(api)).to.deep.equal([]);
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

  it("processes that use different APIs have nothing to do with each other", async function () {
    fakeApi();
    const [one, other] = [
      new Peers(engine, "https://one.example/v1", folder),
      new Peers(engine, "https://two.example/v1", folder),
    ];
    one.noteInState(checkpoint, "proj_a", "cp_1");
    expect(other.isInState(checkpoint, "proj_a")).to.equal(false);
    // It may be the same API behind a gateway.
    expect(other.hasInState("cp_1")).to.equal(true);
  });

  it("two processes that start together on a leftover file hear of each other", function () {
    const left = new Peers(engine, "", folder);
    left.noteInState(checkpoint, "proj_a", "cp_1");
    const path = join(folder, readdirSync(folder)[0]!);
    const ended = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(`"pid":${process.pid}`, `"pid":${ended}`));
    const { size } = statSync(path);
    const first = new Peers(engine, "", folder);
    const second = new Peers(engine, "", folder);
    second.noteInState(checkpoint, "proj_b", "cp_2");
    expect(first.hasInState("cp_2")).to.equal(true);
    appendFileSync(path, `${JSON.stringify({ by: "third", kind: "reset", offset: size })}\n`);
    expect([first.hasInState("cp_1"), first.hasInState("cp_2")]).to.deep.equal([false, true]);
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

  it("a file that a crashed deployment left at the same address is ignored", function () {
    mkdirSync(folder, { mode: 0o700 });
    const old = new Peers(engine, "", folder);
    old.noteInState(checkpoint, "proj_a", "cp_1");
    const [file] = readdirSync(folder);
    // As if its writer had ended.
    const path = join(folder, file!);
    const ended = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(path, readFileSync(path, "utf8").replace(`"pid":${process.pid}`, `"pid":${ended}`));
    const [first, second] = [new Peers(engine, "", folder), new Peers(engine, "", folder)];
    for (const peers of [first, second]) expect(peers.isInState(checkpoint, "proj_a")).to.equal(false);
    first.noteInState(checkpoint, "proj_b", "cp_2");
    expect([second.isInState(checkpoint, "proj_b"), second.hasInState("cp_2")]).to.deep.equal([true, true]);
  });

  it("the notes of a process that crashed while others live still count", function () {
    const survivor = new Peers(engine, "", folder);
    const crashed = new Peers(engine, "", folder);
    crashed.noteInState(checkpoint, "proj_a", "cp_1");
    expect([survivor.isInState(checkpoint, "proj_a"), survivor.hasInState("cp_1")]).to.deep.equal([true, true]);
    const late = new Peers(engine, "", folder);
    expect([late.isInState(checkpoint, "proj_a"), late.hasInState("cp_1")]).to.deep.equal([true, true]);
  });

  it("lines that are torn or of another form are skipped", function () {
    const [first, second] = [new Peers(engine, "", folder), new Peers(engine, "", folder)];
    const path = join(folder, readdirSync(folder)[0]!);
    appendFileSync(path, "nonsense\n{}\n");
    first.noteOurs("cp_1");
    appendFileSync(path, '{"by":"x","kind":"ours"');
    expect(second.isOurs("cp_1")).to.equal(true);
    expect(second.isOurs("cp_2")).to.equal(false);
  });

  it("files that killed processes left are removed after a minute, and those of living ones are not", function () {
    mkdirSync(folder, { mode: 0o700 });
    const ended = spawnSync(process.execPath, ["-e", ""]).pid;
    for (const [name, pid] of [
      ["old.jsonl", ended],
      ["new.jsonl", ended],
      ["live.jsonl", process.pid],
    ] as const) {
      writeFileSync(join(folder, name), `${JSON.stringify({ by: "x", kind: "writer", pid })}\n`);
      const minutesAgo = name === "new.jsonl" ? 0 : 5;
      const time = Date.now() / 1000 - 60 * minutesAgo;
      utimesSync(join(folder, name), time, time);
    }
    new Peers(engine, "", folder).close();
    expect(readdirSync(folder).sort()).to.deep.equal(["live.jsonl", "new.jsonl"]);
  });

  it("the last process to end removes the file", function () {
    const peers = new Peers(engine, "", folder);
    peers.close();
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it("a folder that other users can write to is not used", function () {
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    if (process.platform !== "win32")
      expect(() => new Peers(engine, "", folder)).to.throw("other users have access to");
    writeFileSync(join(base, "file"), "");
    expect(() => new Peers(engine, "", join(base, "file"))).to.throw();
    expect(existsSync(join(base, "file"))).to.equal(true);
  });
});
