/**
 * What Pulumi's provider host loads, by the name that is in the state of every resource, in `__provider`.
 *
 * The name `pulumi-openai-checkpoint-permissions/dynamic` and its exports are in users' state, so they must stay.
 */
import type { dynamic } from "@pulumi/pulumi";
import { ProviderContext, type Print } from "../access/context";
import { shareLedger } from "../access/ledger";
import { systemClock } from "../clock";
import { readConfig } from "../config";
import { engineAddress, exitWithEngine } from "../engine";
import { OperationFailed } from "../resource/failure";
import { PermissionResource } from "../resource/permission";
import { PermissionSetResource } from "../resource/permission-set";
import type { SetInputs, SetOutputs } from "../resource/permission-set-inputs";
import { withUrns } from "./urns";

const onCtrlC =
  "After Ctrl-C, Pulumi still finishes what it has begun. A second Ctrl-C ends that, and the next run continues there.";

// One host process serves one deployment.
let context: (() => ProviderContext) | undefined;

/** Serves `CheckpointPermission`. */
export function permission(): dynamic.ResourceProvider {
  return onHost(withUrns(new PermissionResource(current)));
}

/** Serves `CheckpointPermissionSet`. */
export function permissionSet(): dynamic.ResourceProvider {
  const set = withUrns(new PermissionSetResource(current));
  return {
    ...onHost(set),
    update: (id, olds: SetOutputs, news: SetInputs) => withHostErrors(set.update(id, olds, news)),
  };
}

/** The host caches a provider before it awaits `configure`, so everything happens before the first await. */
function configure({ config }: dynamic.ConfigureRequest): Promise<void> {
  if (context === undefined) {
    exitWithEngine();
    context = prepare(config);
  }
  return Promise.resolve();
}

function prepare(config: dynamic.Config): () => ProviderContext {
  try {
    // Pulumi prints the host's output under the stack's diagnostics.
    const print: Print = (line, kind) => {
      console.log(line);
      // The host is not told of it, so nothing can be said then.
      if (kind === "progress") ready.say(onCtrlC);
    };
    const settings = readConfig((key) => config.get(key), process.env);
    const ledger = shareLedger(engineAddress(), settings.baseUrl, (line) => {
      print(line, "warning");
    });
    const ready: ProviderContext = new ProviderContext(settings, systemClock, print, ledger);
    // First, while what other processes note can still be read.
    process.prependOnceListener("exit", () => {
      ready.lines.end();
    });
    return () => ready;
  } catch (error) {
    // Thrown here, it would fail one call, and leave the others without config.
    return () => {
      throw error;
    };
  }
}

function current(): ProviderContext {
  if (context === undefined) throw new Error("Pulumi's provider host called before it configured the provider.");
  return context();
}

function onHost<Inputs extends object, Outputs extends Inputs>(
  resource: ReturnType<typeof withUrns<Inputs, Outputs>>,
): dynamic.ResourceProvider {
  return {
    configure,
    check: (olds: Partial<Inputs>, news: Inputs) => withHostErrors(resource.check(olds, news)),
    diff: (id, olds: Outputs, news: Inputs) => withHostErrors(resource.diff(id, olds, news)),
    create: (inputs: Inputs) => withHostErrors(resource.create(inputs)),
    read: (id, props?: Partial<Outputs>) => withHostErrors(resource.read(id, props)),
    delete: (id, props: Partial<Outputs>) => withHostErrors(resource.delete(id, props)),
  };
}

/** The outcome of an operation, its failure as an error for Pulumi's host. */
async function withHostErrors<Result>(operation: Promise<Result>): Promise<Result> {
  try {
    return await operation;
  } catch (error) {
    throw error instanceof OperationFailed ? hostError(error) : error;
  }
}

/**
 * A failure in the form that reads best when Pulumi's host prints it.
 *
 * The engine shows its message at the resource. For every operation but create and update the host also prints
 * `${error}: ${error.stack}` under the stack. Of this error that is one short line, which names what failed.
 */
function hostError({ message, title }: OperationFailed): Error {
  return Object.assign(new Error(message), { stack: title, toString: () => "Failed" });
}
