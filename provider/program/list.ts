import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/permission";
import { systemClock } from "../clock";
import { ofOptions, readConfig, type Config } from "../config";
import { OperationFailed } from "../resource/failure";
import { assertOnly, listPermissions, type ListCheckpointPermissionsArgs } from "../resource/list";
import { checkConfig } from "./settings";

export type { ListCheckpointPermissionsArgs };

/** How to reach the API outside a Pulumi program. The names are those of the config keys. */
export interface ListOptions {
  /** An admin API key of the checkpoint's organization. Default: `OPENAI_ADMIN_KEY`. */
  adminApiKey?: string;
  /**
   * The API's base URL. Default: `OPENAI_BASE_URL` if the key comes from the environment, too; else
   * `https://api.openai.com/v1`.
   */
  baseUrl?: string;
  /** Sent as `OpenAI-Organization`. Default: the key's own organization. */
  organization?: string;
  /** Sent as `OpenAI-Project`. Default: not sent. */
  project?: string;
  /** Paces the requests to each endpoint ahead of time. Default: as fast as the API allows. */
  requestsPerMinute?: number;
  /** How long one request may take, in seconds. Default: 60. */
  timeoutSeconds?: number;
  /** How long to wait while the API throttles and serves nothing, in seconds. Default: 900. */
  maxWaitSeconds?: number;
}

const optionNames = [
  "adminApiKey",
  "baseUrl",
  "organization",
  "project",
  "requestsPerMinute",
  "timeoutSeconds",
  "maxWaitSeconds",
];
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
 * the options and the environment. An answer is used again: in a program until it ends, in a script for a minute.
 *
 * @example
 * ```ts
 * const permissions = await listCheckpointPermissions({
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
): Promise<Permission[]> {
  const program: object | undefined = pulumi.runtime.getMonitor();
  const isScript = options !== undefined || program === undefined;
  const deployment = () => {
    assertOnly(optionNames, options ?? {}, "option");
    if (isScript) return deploymentWith(configOfScript(options ?? {}), scripts);
    checkConfig();
    return deploymentWith(readConfig(configOfStack, process.env), program);
  };
  try {
    const { permissions } = await listPermissions(deployment, args, isScript ? { maxAge } : {});
    return permissions;
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
 * export const permissions = listCheckpointPermissionsOutput({ fineTunedModelCheckpoint });
 * ```
 */
export function listCheckpointPermissionsOutput(args: {
  fineTunedModelCheckpoint: pulumi.Input<string>;
  projectId?: pulumi.Input<string>;
}): pulumi.Output<Permission[]> {
  return pulumi.output(args).apply((known) => listCheckpointPermissions(known as ListCheckpointPermissionsArgs));
}

const configOfStack = (key: string): string | undefined => {
  const [namespace, name] = key.split(":");
  return new pulumi.Config(namespace).get(name!);
};

function configOfScript(options: ListOptions): Config {
  const get = (name: string) => {
    const value = options[name as keyof ListOptions];
    return value === undefined ? undefined : String(value);
  };
  return readConfig(get, process.env, ofOptions);
}

/** Calls with the same settings share a deployment: those of one program, or those of scripts. */
const deployments = new WeakMap<object, { settings: object; deployment: Deployment }[]>();
const scripts = {};

function deploymentWith(config: Config, program: object): Deployment {
  const shared = deployments.get(program) ?? [];
  deployments.set(program, shared);
  const settings: Partial<Config> = { ...config };
  delete settings.nameOf;
  const same = shared.find((one) => isDeepStrictEqual(one.settings, settings));
  if (same !== undefined) return same.deployment;
  // Loaded here, since a program that only declares resources needs no HTTP client.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { Deployment } = require("../access/deployment") as typeof import("../access/deployment");
  const deployment = new Deployment(config, systemClock, (line) => console.error(line));
  shared.push({ settings, deployment });
  return deployment;
}
