import { connect } from "node:net";

/** The engine's address, which is the last argument of each provider process; undefined if there is none. */
export function engineAddress(): string | undefined {
  // Flags of the CLI, such as --tracing, come before it.
  return /^.+:\d+$/.exec(process.argv.at(-1) ?? "")?.[0];
}

/**
 * Ends the process with the engine.
 *
 * When the engine is killed, the host lives on, and what it still grants or revokes would not be recorded.
 */
export function exitWithEngine(wasThere = false): void {
  const [, host, port] = /^(.+):(\d+)$/.exec(engineAddress() ?? "") ?? [];
  if (host === undefined) return;
  // The engine ends its providers with this signal, which by itself would end them without an exit.
  if (!wasThere) process.once("SIGINT", () => process.exit(130));
  let isThere = wasThere;
  connect({ host, port: Number(port) })
    .once("connect", () => (isThere = true))
    .on("error", ({ code }: NodeJS.ErrnoException) => {
      if (isThere && code === "ECONNREFUSED") process.exit(1);
    })
    // The engine hangs up on a connection that says nothing; other troubles pass.
    .once("close", () => {
      if (isThere) setTimeout(() => exitWithEngine(true), 100).unref();
    })
    .resume()
    .unref();
}
