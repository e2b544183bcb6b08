/**
 * What Pulumi's provider host loads, by the name that every resource's state holds in `__provider`.
 *
 * This file's name and its exported names are in people's state: they stay.
 */
import { connect } from "node:net";
import { dynamic } from "@pulumi/pulumi";
import { systemClock } from "./clock";
import { readConfig } from "./config";
import { Deployment } from "./deployment";
import { PermissionLifecycle } from "./lifecycle";
import { PermissionSetLifecycle } from "./set-lifecycle";

// One host process serves one deployment, so what its resources share is the process's.
let deployment: (() => Deployment) | undefined;

/** The host caches a provider before it awaits `configure`, so everything happens before the first await. */
function configure({ config }: dynamic.ConfigureRequest): Promise<void> {
  if (deployment === undefined) {
    endWithEngine();
    deployment = prepare(config);
  }
  return Promise.resolve();
}

function prepare(config: dynamic.Config): () => Deployment {
  try {
    const ready = new Deployment(
      readConfig((key) => config.get(key), process.env),
      systemClock,
      // The host's output is shown under the stack's diagnostics.
      (line) => console.log(line),
    );
    return () => ready;
  } catch (error) {
    // Thrown here it would fail one call only, and leave the others without config.
    return () => {
      throw error;
    };
  }
}

/**
 * Ends the process with the engine, whose address is the host's one argument.
 *
 * Where the engine is killed, the host lives on, and what it still had to grant or to revoke nobody would record.
 */
function endWithEngine(wasThere = false): void {
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
      if (isThere) setTimeout(() => endWithEngine(true), 100).unref();
    })
    .resume()
    .unref();
}

function current(): Deployment {
  if (deployment === undefined) throw new Error("Pulumi's provider host called before it configured the provider.");
  return deployment();
}

/** Serves `CheckpointPermission`. */
export function permission(): dynamic.ResourceProvider {
  return Object.assign(new PermissionLifecycle(current), { configure });
}

/** Serves `CheckpointPermissions`. */
export function permissions(): dynamic.ResourceProvider {
  return Object.assign(new PermissionSetLifecycle(current), { configure });
}
