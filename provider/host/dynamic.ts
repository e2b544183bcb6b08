/**
 * What Pulumi's provider host loads, by the name that every resource's state holds in `__provider`.
 *
 * The name `pulumi-openai-checkpoint-permissions/dynamic` and its exported names are in people's state: they stay.
 */
import type { dynamic } from "@pulumi/pulumi";
import { Deployment } from "../access/deployment";
import { systemClock } from "../clock";
import { readConfig } from "../config";
import { SetResource } from "../resource/set";
import type { SetInputs, SetOutputs } from "../resource/set-inputs";
import { SingleResource } from "../resource/single";
import { endWithEngine } from "../engine";
import { shown } from "./shown";

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

function current(): Deployment {
  if (deployment === undefined) throw new Error("Pulumi's provider host called before it configured the provider.");
  return deployment();
}

/** Serves `CheckpointPermission`. */
export function permission(): dynamic.ResourceProvider {
  return atTheHost(new SingleResource(current));
}

/** Serves `CheckpointPermissions`. */
export function permissions(): dynamic.ResourceProvider {
  const resource = new SetResource(current);
  return {
    ...atTheHost(resource),
    update: (id, olds: SetOutputs, news: SetInputs) => shown(() => resource.update(id, olds, news)),
  };
}

function atTheHost<Inputs, Outputs>(
  resource: Required<Omit<dynamic.ResourceProvider<Inputs, Outputs>, "configure" | "update">>,
): dynamic.ResourceProvider<Inputs, Outputs> {
  return {
    configure,
    check: (olds, news) => shown(() => resource.check(olds, news)),
    diff: (id, olds, news) => shown(() => resource.diff(id, olds, news)),
    create: (inputs) => shown(() => resource.create(inputs)),
    read: (id, props) => shown(() => resource.read(id, props)),
    delete: (id, props) => shown(() => resource.delete(id, props)),
  };
}
