import { connect } from "node:net";

/**
 * Ends the process with the engine, whose address is the host's one argument.
 *
 * When the engine is killed, the host lives on, and what it still grants or revokes would not be recorded.
 */
export function exitWithEngine(wasThere = false): void {
  // Flags of the CLI, such as --tracing, come before it.
  const [, host, port] = /^(.+):(\d+)$/.exec(process.argv.at(-1) ?? "") ?? [];
  if (host === undefined) return;
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
