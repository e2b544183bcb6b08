import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { createRequire } from "node:module";
import type { dynamic } from "@pulumi/pulumi";
import { expect } from "chai";
import nock from "nock";
import { adminKey, checkpoint, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";

type Entry = typeof import("../../provider/dynamic/host");

const require = createRequire(__filename);
const inputs = { fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd", projectId: "proj_web" };

/** The entry as a new host process would load it. */
function load(): Entry {
  const file = require.resolve("../../provider/dynamic/host");
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
  delete require.cache[file];
  return require(file) as Entry;
}

function configure(provider: dynamic.ResourceProvider, values: Record<string, string> = {}): void {
  const config = { get: (key: string) => values[key], require: () => "" };
  // A host calls again before it has settled.
  void provider.configure!({ config });
}

describe("the provider host's entry", function () {
  const { argv } = process;
  const exit = process.exit.bind(process);
  const events = ["exit", "SIGINT"];
  let listeners: Map<string, unknown[]>;

  beforeEach(function () {
    process.argv = ["node", "dynamic-provider"];
    listeners = new Map(events.map((event) => [event, process.listeners(event as "exit")]));
  });

  afterEach(function () {
    process.argv = argv;
    process.exit = exit;
    for (const event of events) listenersOfHost(event).forEach((listener) => process.off(event, listener));
  });

  function listenersOfHost(event: string): (() => void)[] {
    const all = process.listeners(event as "exit") as (() => void)[];
    return all.filter((listener) => !listeners.get(event)!.includes(listener));
  }

  it("the host's entry serves both resources with one config", async function () {
    const entry = load();
    const [permission, set] = [entry.permission(), entry.permissionSet()];
    for (const operation of ["check", "diff", "create", "read", "delete"] as const) {
      for (const provider of [permission, set]) expect(provider[operation]).to.be.a("function");
    }
    configure(permission, { "openai:driftDetection": "false" });
    configure(set, { "openai:driftDetection": "true" });
    expect(await permission.diff!("cp_1", { ...inputs, createdAt: 1 }, inputs)).to.deep.equal({ changes: false });
    const olds = { ...inputs, projectIds: ["proj_web"], exclusive: false, permissions: [] };
    expect(await set.diff!(inputs.fineTunedModelCheckpoint, olds, olds)).to.deep.equal({ changes: false });
  });

  it("invalid config fails the check, not the process", async function () {
    const permission = load().permission();
    configure(permission, { "openai:timeoutSeconds": "0" });
    const { failures } = await permission.check!({}, inputs);
    expect(failures?.[0]?.reason).to.include("openai:timeoutSeconds must be a number above 0");
  });

  it("each of several failures has its remedy", async function () {
    const permission = load().permission();
    configure(permission);
    const messageOf = async (id: string) => (await failureOf(permission.delete!(id, {}))).message;
    for (const id of ["cp_1", "cp_2"]) {
      expect(await messageOf(id)).to.match(
        /^Cannot use the state of cp_[12]: it lacks .*\. To bring existing permissions /,
      );
    }
  });

  it("the host shows a failure as one short line without a stack trace", async function () {
    const permission = load().permission();
    configure(permission);
    const error = await failureOf(permission.delete!("cp_1", {}));
    // What the host prints, besides what the engine shows at the resource.
    expect(`${String(error)}: ${error.stack!}`).to.equal("Failed: Cannot use the state of cp_1");
  });

  it("a rate-limited wait says once what Ctrl-C does", async function () {
    const api = fakeApi();
    const granted = ["proj_a", "proj_b"].map((project) => api.grant(checkpoint, project));
    api.fail({ method: "DELETE", times: 2, kind: { status: 429, headers: { "retry-after-ms": "5" } } });
    const permission = load().permission();
    configure(permission, { "openai:adminApiKey": adminKey });
    const { log } = console;
    const said: string[] = [];
    console.log = (line: string) => said.push(line);
    try {
      for (const { id, project_id: projectId } of granted)
        await permission.delete!(id, { fineTunedModelCheckpoint: checkpoint, projectId, createdAt: 1 });
      for (const end of listenersOfHost("exit")) end();
    } finally {
      console.log = log;
      nock.cleanAll();
    }
    expect(said.filter((line) => line.includes("rate-limiting"))).not.to.be.empty;
    expect(said.filter((line) => line.startsWith("After Ctrl-C,"))).to.have.length(1);
    // What was gathered is said at the latest as the process ends.
    expect(said.at(-1)).to.match(/^Revoked for /);
  });

  it("an operation before configure is an error", async function () {
    const thrown = await load().permission().check!({}, inputs).catch((error: unknown) => error);
    expect(String(thrown)).to.include("before it configured the provider");
  });

  it("the host process ends with the engine, but not when the engine closes a connection", async function () {
    const sockets: Socket[] = [];
    let connected: () => void;
    const engine = createServer((socket) => {
      sockets.push(socket);
      connected();
    });
    const connection = () => new Promise<void>((resolve) => (connected = resolve));
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    // Flags of the CLI come first.
    const flags = ["--logtostderr", "-v=9"];
    process.argv = ["node", "dynamic-provider", ...flags, `127.0.0.1:${(engine.address() as AddressInfo).port}`];
    const ended = new Promise<unknown>((resolve) => (process.exit = resolve as typeof process.exit));

    const first = connection();
    configure(load().permission());
    await first;
    const second = connection();
    sockets[0]!.destroy();
    await second;
    engine.close();
    sockets[1]!.destroy();
    expect(await ended).to.equal(1);
  });

  it("the host process does not end if the engine was never reachable", async function () {
    const engine = createServer();
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    const { port } = engine.address() as AddressInfo;
    await new Promise((resolve) => engine.close(resolve));
    process.argv = ["node", "dynamic-provider", `127.0.0.1:${port}`];
    let exits = 0;
    process.exit = (() => exits++) as unknown as typeof process.exit;
    configure(load().permission());
    // A second attempt at the same port fails after the provider's.
    await new Promise<void>((resolve) =>
      connect({ host: "127.0.0.1", port })
        .on("error", () => undefined)
        .once("close", () => resolve()),
    );
    expect(exits).to.equal(0);
  });
});
