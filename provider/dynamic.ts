/**
 * What Pulumi's provider host loads, by the name that every resource's state holds in `__provider`.
 *
 * This file's name and its exported names are in people's state: they stay.
 */
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
  deployment ??= prepare(config);
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
