import * as pulumi from "@pulumi/pulumi";
import { systemClock } from "./clock";
import { readConfig } from "./config";
import type { Permission } from "./contract";
import { ConfigError } from "./errors";
import { attempt } from "./failure";
import { checkId } from "./input";
import { Lookups } from "./lookup";

/** What {@link listCheckpointPermissions} takes. */
export interface ListCheckpointPermissionsArgs {
  /** The checkpoint, as `ft:gpt-4o-mini-2024-07-18:acme:support:B7R9VjQd`. */
  fineTunedModelCheckpoint: string;
  /** Only this project's permissions. Default: everybody's. */
  projectId?: string;
}

/** How to reach the API outside of a Pulumi program; the names are those of the config keys. */
export interface ListOptions {
  /** Default: `OPENAI_ADMIN_KEY`. */
  adminApiKey?: string;
  /** Default: `https://api.openai.com/v1`. */
  baseUrl?: string;
  organization?: string;
  project?: string;
  requestsPerMinute?: number;
  /** Default: 60. */
  timeoutSeconds?: number;
  /** Default: 900. */
  maxWaitSeconds?: number;
}

/**
 * Asks who may use a checkpoint: all pages of the list, newest first.
 *
 * In a Pulumi program settings come from the stack's config and the environment, as for the resources; elsewhere from
 * the options and the environment.
 *
 * @throws {Error} that says what was attempted, what the API said and what to do.
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning/list-permissions
 */
export async function listCheckpointPermissions(
  { fineTunedModelCheckpoint, projectId }: ListCheckpointPermissionsArgs,
  options?: ListOptions,
): Promise<Permission[]> {
  const stack = options === undefined ? new pulumi.Config("openai") : undefined;
  const setting = (key: string) => {
    const name = key.replace(/^openai:/, "");
    if (stack !== undefined) return stack.get(name);
    const value = options?.[name as keyof ListOptions];
    return value === undefined ? undefined : String(value);
  };
  return attempt("list", { fineTunedModelCheckpoint, projectId: projectId ?? "" }, async () => {
    const problems = [
      checkId("fineTunedModelCheckpoint", fineTunedModelCheckpoint) ?? [],
      projectId === undefined ? [] : (checkId("projectId", projectId) ?? []),
    ].flat();
    if (problems.length > 0) throw new ConfigError(problems.map(({ reason }) => reason).join(" "), "Correct it.");
    // Loaded here, since a program that only declares resources has no need of an HTTP client.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { Client } = require("./client") as typeof import("./client");
    const client = new Client(readConfig(setting, process.env), systemClock, (line) => console.error(line));
    const lookups = new Lookups((checkpoint, query) => client.listPermissions(checkpoint, query), systemClock);
    return projectId === undefined
      ? lookups.all(fineTunedModelCheckpoint)
      : lookups.find(fineTunedModelCheckpoint, projectId);
  });
}

/** {@link listCheckpointPermissions} for arguments that are outputs of resources. */
export function listCheckpointPermissionsOutput(
  args: pulumi.Inputs & { fineTunedModelCheckpoint: pulumi.Input<string>; projectId?: pulumi.Input<string> },
): pulumi.Output<Permission[]> {
  return pulumi.output(args).apply((known) => listCheckpointPermissions(known));
}
