import { connect } from "node:net";

/** How long, in milliseconds, the engine is waited for. It runs on the same machine. */
const patience = 10_000;

/** The engine's address, which is the last argument of each provider process; undefined if there is none. */
export function engineAddress(): string | undefined {
  // Flags of the CLI, such as --tracing, come before it.
  return /^.+:\d+$/.exec(process.argv.at(-1) ?? "")?.[0];
}

/**
 * Ends the process with the engine.
 *
 * When the engine is killed, the host lives on, and what it still grants or revokes would not be recorded.
 *
 * @param end is awaited when the engine ends the process.
 */
export function exitWithEngine(end: () => Promise<void> = () => Promise.resolve()): void {
  // The engine ends its providers with this signal, which by itself would end them without an exit.
  process.once("SIGINT", () => void end().finally(() => process.exit(130)));
  watchEngine(false);
}

function watchEngine(wasThere: boolean): void {
  const [, host, port] = /^(.+):(\d+)$/.exec(engineAddress() ?? "") ?? [];
  if (host === undefined) return;
  let isThere = wasThere;
  connect({ host, port: Number(port) })
    .once("connect", () => (isThere = true))
    .on("error", ({ code }: NodeJS.ErrnoException) => {
      if (isThere && code === "ECONNREFUSED") process.exit(1);
    })
    // The engine hangs up on a connection that says nothing; other troubles pass.
    .once("close", () => {
      if (isThere) setTimeout(() => watchEngine(true), 100).unref();
    })
    .resume()
    .unref();
}

/**
 * Whether a program runs in this deployment, which a refresh or a destroy does not need: the SDK tells the engine of its
 * stack. (Those for Go and YAML do not.) An engine that does not answer counts as running one.
 *
 * @param address the engine's.
 */
export function isProgramRunning(address: string): Promise<boolean> {
  // Loaded here, since it is asked for only where something has gone wrong.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const grpc = require("@grpc/grpc-js") as typeof import("@grpc/grpc-js");
  const { EngineClient } =
    require("@pulumi/pulumi/proto/engine_grpc_pb") as typeof import("@pulumi/pulumi/proto/engine_grpc_pb");
  const { GetRootResourceRequest } =
    require("@pulumi/pulumi/proto/engine_pb") as typeof import("@pulumi/pulumi/proto/engine_pb");
  /* eslint-enable @typescript-eslint/no-require-imports */
  const engine = new EngineClient(address, grpc.credentials.createInsecure());
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + patience };
    engine.getRootResource(new GetRootResourceRequest(), new grpc.Metadata(), options, (error, response) => {
      engine.close();
      resolve(error !== null || response.getUrn() !== "");
    });
  });
}
