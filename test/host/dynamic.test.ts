import { createServer, type AddressInfo, type Socket } from "node:net";
import { createRequire } from "node:module";
import type { dynamic } from "@pulumi/pulumi";
import { expect } from "chai";

type Entry = typeof import("../../provider/host/dynamic");

const require = createRequire(__filename);
const inputs = { fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd", projectId: "proj_web" };

/** The entry as a new host process would load it. */
function load(): Entry {
  const file = require.resolve("../../provider/host/dynamic");
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
  delete require.cache[file];
  return require(file) as Entry;
}

function configure(provider: dynamic.ResourceProvider, values: Record<string, string> = {}): void {
  const config = { get: (key: string) => values[key], require: () => "" };
  // A host calls again before it has settled.
  void provider.configure!({ config });
}

describe("what Pulumi's provider host loads", function () {
  const { argv } = process;
  const exit = process.exit.bind(process);

  afterEach(function () {
    process.argv = argv;
    process.exit = exit;
  });

  beforeEach(function () {
    process.argv = ["node", "dynamic-provider"];
  });

  it("serves both resources, with one config", async function () {
    const { permission, permissions } = load();
    const [one, set] = [permission(), permissions()];
    for (const operation of ["check", "diff", "create", "read", "delete"] as const) {
      for (const provider of [one, set]) expect(provider[operation]).to.be.a("function");
    }
    configure(one, { "openai:driftDetection": "false" });
    configure(set, { "openai:driftDetection": "true" });
    expect(await one.diff!("cp_1", { ...inputs, createdAt: 1 }, inputs)).to.deep.equal({ changes: false });
    const olds = { ...inputs, projectIds: ["proj_web"], exclusive: false, permissions: [] };
    expect(await set.diff!(inputs.fineTunedModelCheckpoint, olds, olds)).to.deep.equal({ changes: false });
  });

  it("reports wrong config as the check's failure, not as the process's", async function () {
    const one = load().permission();
    configure(one, { "openai:timeoutSeconds": "0" });
    const { failures } = await one.check!({}, inputs);
    expect(failures?.[0]?.reason).to.include("openai:timeoutSeconds must be a number above 0");
  });

  it("serves nothing before it is configured", async function () {
    const thrown = await load().permission().check!({}, inputs).catch((error: unknown) => error);
    expect(String(thrown)).to.include("before it configured the provider");
  });

  it("ends with the engine, and not because the engine closes a connection", async function () {
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

  it("does not end for an engine that never was there", async function () {
    const engine = createServer();
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
    const { port } = engine.address() as AddressInfo;
    await new Promise((resolve) => engine.close(resolve));
    process.argv = ["node", "dynamic-provider", `127.0.0.1:${port}`];
    let exits = 0;
    process.exit = (() => exits++) as unknown as typeof process.exit;
    configure(load().permission());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(exits).to.equal(0);
  });
});
