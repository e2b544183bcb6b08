import type { Deployment } from "../access/deployment";
import { ApiError, isAboutProjects, mayBeAboutTheKey, saysCheckpointIsGone } from "../api/error";
import { ConfigError, type Config } from "../config";

/** The greatest number of different messages in one failure. */
const messagesAtATime = 10;

export type Operation = "grant" | "look up" | "revoke" | "list";

/** An operation that failed, in words that a person can act on. */
export class OperationFailed extends Error {
  override readonly name = "OperationFailed";

  constructor(
    /** What was attempted, and why it failed. */
    readonly headline: string,
    /** What to do about it. */
    readonly remedy: string,
    /** The API's refusal, if that is the reason. */
    readonly refusal?: ApiError,
  ) {
    super(`${headline} ${remedy}`);
    // Pulumi prints stacks, and where it happened in our code helps nobody.
    this.stack = this.message;
  }
}

/** The remedies that this process has printed. */
const printed = new Set<string>();

/** A failure's message. A remedy is printed once, even if twenty resources fail for the same reason. */
export function messageOf({ headline, remedy }: OperationFailed): string {
  if (printed.has(remedy)) return headline;
  printed.add(remedy);
  return `${headline} ${remedy}`;
}

/** What a check reports about wrong config; any other error is thrown again. */
export function configFailure(error: unknown): { property: string; reason: string } {
  if (!(error instanceof ConfigError)) throw error;
  return { property: "", reason: `${error.message} ${error.remedy}` };
}

/**
 * Runs an operation, and throws its failure in words for the person.
 *
 * @param deployment returns the deployment, or throws what is wrong with the config.
 * @param who a project, or several in words.
 * @throws {OperationFailed}
 */
export async function attempt<Result>(
  deployment: () => Deployment,
  operation: Operation,
  checkpoint: string,
  who: string,
  run: (deployment: Deployment) => Promise<Result>,
): Promise<Result> {
  try {
    return await run(deployment());
  } catch (error) {
    const what = `Cannot ${wordsOf(operation, checkpoint, who)}`;
    if (error instanceof ApiError) {
      const request = error.requestId === undefined ? "" : ` (request ${error.requestId})`;
      const text = `${what}: ${error.message.replace(/[.!]$/, "")}${request}`;
      const headline = text.endsWith("?") ? text : `${text}.`;
      throw new OperationFailed(headline, remedyOf(operation, checkpoint, error, deployment().config), error);
    }
    if (error instanceof ConfigError) throw new OperationFailed(`${what}: ${error.message}`, error.remedy);
    throw error;
  }
}

/** A set that could be granted only in part: Pulumi records the properties, shows the reasons, and updates it next time. */
export class HalfDone extends Error {
  override readonly name = "HalfDone";
  readonly reasons: string[];

  constructor(
    readonly id: string,
    readonly properties: object,
    failure: Error,
  ) {
    super(failure.message);
    this.reasons = [failure.message];
  }
}

/** Several failures as one: each different message once, up to a limit, and then the remedies. */
export function sumOf(headline: string, failures: readonly unknown[], remedy: string): OperationFailed {
  const headlines = new Set<string>();
  const remedies = new Set<string>();
  for (const failure of failures) {
    if (failure instanceof OperationFailed) {
      headlines.add(failure.headline);
      remedies.add(failure.remedy);
    } else headlines.add(failure instanceof Error ? failure.message : String(failure));
  }
  const readable = [...headlines].slice(0, messagesAtATime);
  const more = headlines.size - readable.length;
  const parts = [headline, ...readable, ...(more > 0 ? [`(and ${more} more)`] : [])];
  return new OperationFailed(parts.join(" "), [...remedies, remedy].join(" "));
}

/** Why a record stays in state: the program wants the access, and no other resource has it on record yet. */
export function stillWanted(checkpoint: string, who: string, ids: string): OperationFailed {
  return new OperationFailed(
    `The program still gives ${who} access to ${checkpoint}, and the resource that was to take ${ids} over failed, was ` +
      `skipped, or has not been reached; so nothing was revoked, and this record stays in state.`,
    "Fix that resource, and run `pulumi up` again. If a forced replacement (--replace or taint) with deleteBeforeReplace " +
      "asked for it, run it without either; to revoke the access, remove it from the program first.",
  );
}

export function nothingToImport(id: string, why: string): OperationFailed {
  return new OperationFailed(
    `Cannot import "${id}": ${why}.`,
    "Declare the resource without importing it, and `pulumi up` grants the access.",
  );
}

function wordsOf(operation: Operation, checkpoint: string, who: string): string {
  switch (operation) {
    case "grant":
      return `grant ${who} access to ${checkpoint}`;
    case "look up":
      return `look up the access of ${who} to ${checkpoint}`;
    case "list":
      return `list who has access to ${checkpoint}`;
    case "revoke":
      return `revoke the access of ${who} to ${checkpoint}`;
  }
}

function remedyOf(operation: Operation, checkpoint: string, error: ApiError, { nameOf }: Config): string {
  switch (error.status) {
    case 401:
    case 403:
      return (
        `Use an admin API key of the checkpoint's organization (${nameOf("adminApiKey")} or OPENAI_ADMIN_KEY); an ` +
        "organization owner makes one at https://platform.openai.com/settings/organization/admin-keys."
      );
    case 404:
      if (operation === "list") {
        if (saysCheckpointIsGone(error, checkpoint)) return "The checkpoint is retired, deleted, or mistyped.";
        return mayBeAboutTheKey(error, checkpoint)
          ? "Use an admin key of the checkpoint's own organization, if the checkpoint still exists."
          : `Check the checkpoint's ID, and ${nameOf("baseUrl")} (it ends in /v1).`;
      }
      if (mayBeAboutTheKey(error, checkpoint)) {
        return (
          "Use an admin key of the checkpoint's own organization. If the checkpoint itself is deleted, remove its " +
          "resources from the program and their records with `pulumi state delete`."
        );
      }
      if (operation === "grant" && error.fromApi && isAboutProjects(error)) {
        return "Correct projectId: the key's organization has no such project.";
      }
      if (operation === "revoke" && error.code === "permission_not_found") {
        return "A list still shows what the API says is gone: run the same command again in a minute.";
      }
      if (saysCheckpointIsGone(error, checkpoint)) {
        return (
          "Correct fineTunedModelCheckpoint: the key's organization has no such checkpoint. If it was deleted, or its " +
          "base model was shut down, remove its resources from the program."
        );
      }
      return `Check ${nameOf("baseUrl")} (it ends in /v1) and the checkpoint's ID; nothing was changed.`;
    case 400:
    case 409:
    case 422:
      return operation === "grant" && isAboutProjects(error) && /not (found|exist)/i.test(error.message)
        ? "Correct projectId: the key's organization has no such project."
        : "Correct what the API refuses, and run the command again.";
    default:
      return operation === "list"
        ? "Try again later."
        : "Nothing is lost: run the same command again, and it goes on from there.";
  }
}
