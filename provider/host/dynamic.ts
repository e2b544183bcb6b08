/**
 * What Pulumi's provider host loads, by the name that is in the state of every resource, in `__provider`.
 *
 * The name `pulumi-openai-checkpoint-permissions/dynamic` and its exports are in people's state, so they must stay.
 */
import type { dynamic } from "@pulumi/pulumi";
import { Deployment } from "../access/deployment";
import { systemClock } from "../clock";
import { readConfig } from "../config";
import { SetResource } from "../resource/set";
import type { SetInputs, SetOutputs } from "../resource/set-inputs";
import { SingleResource } from "../resource/single";
import { endWithEngine } from "../engine";
import { withHostErrors } from "./failure";

// One host process serves one deployment.
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
      // Pulumi prints the host's output under the stack's diagnostics.
      (line) => console.log(line),
    );
    return () => ready;
  } catch (error) {
    // Thrown here, it would fail one call, and leave the others without config.
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
    update: (id, olds: SetOutputs, news: SetInputs) => withHostErrors(() => resource.update(id, olds, news)),
  };
}

function atTheHost<Inputs, Outputs>(
  resource: Required<Omit<dynamic.ResourceProvider<Inputs, Outputs>, "configure" | "update">>,
): dynamic.ResourceProvider<Inputs, Outputs> {
  return {
    configure,
    check: (olds, news) => withHostErrors(() => resource.check(olds, news)),
    diff: (id, olds, news) => withHostErrors(() => resource.diff(id, olds, news)),
    create: (inputs) => withHostErrors(() => resource.create(inputs)),
    read: (id, props) => withHostErrors(() => resource.read(id, props)),
    delete: (id, props) => withHostErrors(() => resource.delete(id, props)),
  };
}
