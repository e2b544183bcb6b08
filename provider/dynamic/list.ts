import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import type { ProviderContext } from "../access/context";
import type { Permission } from "../api/permission";
import { systemClock } from "../clock";
import { readConfig, type Config, type Source } from "../config";
import { connectionSettings } from "../settings";
import type { ConnectionSettings } from "../settings-types";
import { OperationFailed } from "../resource/failure";
import { assertOnly, listPermissions, type ListCheckpointPermissionsArgs } from "../resource/list";
import { listFunction } from "../resource/reference";
import { checkConfig, programError } from "./constructor";
import { isMocked } from "./mocks";

export type { ListCheckpointPermissionsArgs };

/**
 * How to reach the API outside a Pulumi program, by the names of the config keys; or, in a program, the options of Pulumi's
 * own functions, which have no effect here.
 */
export type ListOptions = Partial<ConnectionSettings> &
  Pick<pulumi.InvokeOptions, "parent" | "version" | "pluginDownloadURL" | "async">;

/** The options of Pulumi's functions, but for the provider: dynamic resources have none. */
const invokeOptions = ["parent", "version", "pluginDownloadURL", "async"] as const satisfies (keyof ListOptions)[];

/** What {@link listCheckpointPermissions} returns. */
export interface ListCheckpointPermissionsResult {
  /** The permissions, newest first. */
  permissions: Permission[];
}

/** Arguments of {@link listCheckpointPermissionsOutput}. */
export interface ListCheckpointPermissionsOutputArgs {
  /** The checkpoint, as `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`. */
  fineTunedModelCheckpoint: pulumi.Input<string>;
  /** Only this project's permissions. Default: those of all projects. */
  projectId?: pulumi.Input<string | undefined>;
}

/** How long a script, which may run for days, uses an answer again, in milliseconds. */
const maxAge = 60_000;

/** Why {@link listCheckpointPermissions} failed. The message says what was attempted, what the API said, and what to do. */
export class CheckpointPermissionsError extends Error {
  /** `CheckpointPermissionsError`, so that a script can tell it from other errors. */
  override readonly name = "CheckpointPermissionsError";
  /** HTTP status of the API's answer; undefined when no answer arrived, or no request was made. */
  readonly status: number | undefined;
  /** `error.code` of the API's answer, such as `invalid_api_key`. */
  readonly code: string | undefined;
  /** `x-request-id` of the answer, which OpenAI's support asks for. */
  readonly requestId: string | undefined;

  /** @internal */
  constructor({ message, refusal }: OperationFailed) {
    super(message);
    this.stack = `${this.name}: ${message}`;
    this.status = refusal?.status;
    this.code = refusal?.code;
    this.requestId = refusal?.requestId;
  }
}

/**
 * Lists who has access to a checkpoint: all pages of the list, newest first.
 *
 * In a Pulumi program, settings come from the stack's config and the environment, as for the resources; elsewhere, from
 * the options and the environment. An answer is used again: in a program until it ends, in a script for a minute. Under
 * `pulumi.runtime.setMocks` it sends no request: `call` is asked for
 * `openai-checkpoint-permissions:index:listCheckpointPermissions`.
 *
 * @example
 * ```ts
 * const { permissions } = await listCheckpointPermissions({
 *   fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd",
 * });
 * console.log(permissions.map(({ projectId }) => projectId));
 * ```
 *
 * @throws {CheckpointPermissionsError}
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning/list-permissions
 */
export async function listCheckpointPermissions(
  args: ListCheckpointPermissionsArgs,
  options?: ListOptions,
): Promise<ListCheckpointPermissionsResult> {
  if (isMocked()) return mocked(args);
  const program: object | undefined = pulumi.runtime.getMonitor();
  const isInvoke = invokeOptions.some((name) => options?.[name] !== undefined);
  const isScript = program === undefined || (options !== undefined && !isInvoke);
  const context = () => {
    assertOnly([...connectionSettings, ...invokeOptions], options ?? {}, "option");
    if (isScript) return contextWith(configOfScript(options ?? {}), scripts);
    checkConfig();
    return contextWith(readConfig(configOfStack, process.env), program);
  };
  try {
    const { permissions } = await listPermissions(context, args, isScript ? { maxAge } : {});
    return { permissions };
  } catch (error) {
    throw error instanceof OperationFailed ? new CheckpointPermissionsError(error) : error;
  }
}

/**
 * {@link listCheckpointPermissions} for arguments that are outputs of resources.
 *
 * @example
 * ```ts
 * const { fineTunedModelCheckpoint } = web;
 * export const { permissions } = listCheckpointPermissionsOutput({ fineTunedModelCheckpoint });
 * ```
 */
export function listCheckpointPermissionsOutput(
  args: ListCheckpointPermissionsOutputArgs,
  options?: ListOptions,
): pulumi.Output<ListCheckpointPermissionsResult> {
  return pulumi
    .output(args)
    .apply((known) => listCheckpointPermissions(known as ListCheckpointPermissionsArgs, options));
}

/** Under a user's mocks, their `call` answers in place of the API, under the name of the plugin's function. */
async function mocked(args: ListCheckpointPermissionsArgs): Promise<ListCheckpointPermissionsResult> {
  const { permissions } = (await pulumi.runtime.invoke(listFunction, args)) as { permissions?: Permission[] };
  if (permissions === undefined)
    throw programError(`The mocks' \`call\` must return { permissions } for ${listFunction}.`);
  return { permissions };
}

const configOfStack = (key: string): string | undefined => {
  const [namespace, name] = key.split(":");
  return new pulumi.Config(namespace).get(name!);
};

/** A script's options. */
const optionsSource: Source = {
  namesOf: (setting) => [setting],
  correctIt: "in the options",
  howToSetKey: (nameOf) => `Set OPENAI_ADMIN_KEY, or pass ${nameOf("adminApiKey")}.`,
};

function configOfScript(options: ListOptions): Config {
  const get = (name: string) => {
    const value = options[name as keyof ConnectionSettings];
    return value === undefined ? undefined : String(value);
  };
  return readConfig(get, process.env, optionsSource);
}

/** Calls with the same settings share a context: those of one program, or those of scripts. */
const contexts = new WeakMap<object, { settings: object; context: ProviderContext }[]>();
const scripts = {};

function contextWith(config: Config, program: object): ProviderContext {
  const shared = contexts.get(program) ?? [];
  contexts.set(program, shared);
  const settings: Partial<Config> = { ...config };
  delete settings.nameOf;
  const same = shared.find((one) => isDeepStrictEqual(one.settings, settings));
  if (same !== undefined) return same.context;
  // Loaded here, since a program that only declares resources needs no HTTP client.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { ProviderContext } = require("../access/context") as typeof import("../access/context");
  const context = new ProviderContext(config, systemClock, (line) => console.error(line));
  shared.push({ settings, context });
  return context;
}
