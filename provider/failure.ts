import type { dynamic } from "@pulumi/pulumi";
import type { PermissionInputs } from "./lifecycle";
import { ApiError, ConfigError, mayBeAboutTheKey, saysCheckpointIsGone } from "./errors";

const messagesAtATime = 10;

export type Operation = "grant" | "look up" | "revoke" | "list";

/** The remedies that this process has printed. */
const printed = new Set<string>();

/**
 * An operation that failed, in words that a person can act on.
 *
 * Of an error in `create`, or in the program, Pulumi shows the message. Of any other it shows the message at the
 * resource, and its provider host prints `${error}: ${error.stack}` besides; so there the remedy is what the host
 * prints, in full the first time, and nothing reads twice.
 */
export class OperationFailed extends Error {
  readonly #headline: string;
  readonly #remedy: string;

  constructor(operation: Operation, headline: string, remedy: string) {
    const isAllThatShows = operation === "grant" || operation === "list";
    super(isAllThatShows ? `${headline} ${remedy}` : headline);
    this.stack = isAllThatShows ? this.message : remedy;
    this.#headline = headline;
    this.#remedy = remedy;
  }

  /** What to do about it. */
  get remedy(): string {
    return this.#remedy;
  }

  /** What was attempted, and what came in between. */
  get headline(): string {
    return this.#headline;
  }

  override toString(): string {
    if (printed.has(this.#remedy)) this.stack = "the same.";
    printed.add(this.#remedy);
    return "What to do";
  }
}

/** What a check reports of config that is wrong; any other error is thrown on. */
export function configFailure(error: unknown): dynamic.CheckFailure {
  if (!(error instanceof ConfigError)) throw error;
  return { property: "", reason: `${error.message} ${error.remedy}` };
}

/** Runs an operation on a permission; what the API or the config refuses is told in terms of that permission. */
export async function attempt<Result>(
  operation: Operation,
  permission: PermissionInputs,
  run: () => Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ApiError) {
      const request = error.requestId === undefined ? "" : ` (request ${error.requestId})`;
      const headline = `${undone(operation, permission)}: ${error.message}${request}.`;
      throw new OperationFailed(operation, headline, remedy(operation, permission, error));
    }
    if (error instanceof ConfigError) {
      throw new OperationFailed(operation, `${undone(operation, permission)}: ${error.message}`, error.remedy);
    }
    throw error;
  }
}

/** A set that ended half done: Pulumi records the properties, shows the reasons, and updates the next time. */
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

/** What kept a set from being as declared. */
export function incomplete(checkpoint: string, failures: readonly unknown[]): Error {
  return new Error(
    `The list of projects that may use ${checkpoint} is not as declared yet. ${told(failures)} ` +
      `What was done is recorded: run \`pulumi up\` again, and it goes on from there.`,
  );
}

/** Each different message once, as far as a person would read, and then what to do. */
export function told(failures: readonly unknown[]): string {
  const headlines = new Set<string>();
  const remedies = new Set<string>();
  for (const failure of failures) {
    if (failure instanceof OperationFailed) {
      headlines.add(failure.headline);
      remedies.add(failure.remedy);
    } else headlines.add(failure instanceof Error ? failure.message : String(failure));
  }
  const shown = [...headlines].slice(0, messagesAtATime);
  const more = headlines.size - shown.length;
  return [...shown, ...(more > 0 ? [`(and ${more} more)`] : []), ...remedies].join(" ");
}

/** What a resource's state must hold; a dynamic resource that is imported by its ID alone comes without it. */
export function completeState(id: string, state: Partial<PermissionInputs> | undefined): PermissionInputs {
  const { fineTunedModelCheckpoint, projectId } = state ?? {};
  if (id !== "" && fineTunedModelCheckpoint && projectId) return { fineTunedModelCheckpoint, projectId };
  const missing = [
    id ? [] : "id",
    fineTunedModelCheckpoint ? [] : "fineTunedModelCheckpoint",
    projectId ? [] : "projectId",
  ].flat();
  throw new OperationFailed(
    "look up",
    `The state of ${id || "a permission"} lacks its ${missing.join(" and ")}, so nothing was done.`,
    "To bring an existing permission under Pulumi, declare it and run `pulumi up`, which adopts it; " +
      "`pulumi state delete` removes a record that cannot be mended.",
  );
}

function undone(operation: Operation, { fineTunedModelCheckpoint, projectId }: PermissionInputs): string {
  switch (operation) {
    case "grant":
      return `Cannot grant ${projectId} the use of ${fineTunedModelCheckpoint}`;
    case "look up":
      return `Cannot look up whether ${projectId} may use ${fineTunedModelCheckpoint}`;
    case "list":
      return `Cannot list who may use ${fineTunedModelCheckpoint}`;
    case "revoke":
      return `Cannot revoke ${projectId}'s use of ${fineTunedModelCheckpoint}`;
  }
}

function remedy(operation: Operation, permission: PermissionInputs, error: ApiError): string {
  switch (error.status) {
    case 401:
    case 403:
      return (
        "Use an admin API key of the checkpoint's organization (openai:adminApiKey or OPENAI_ADMIN_KEY); an " +
        "organization owner makes one at https://platform.openai.com/settings/organization/admin-keys."
      );
    case 404:
      if (mayBeAboutTheKey(error)) {
        return (
          "Use an admin key of the checkpoint's own organization. If the checkpoint itself is deleted, `pulumi state " +
          "delete` removes the record."
        );
      }
      if (saysCheckpointIsGone(error, permission.fineTunedModelCheckpoint) && !/\bproj(ect|_)/i.test(error.message)) {
        return "Correct fineTunedModelCheckpoint: the key's organization has no such checkpoint.";
      }
      if (operation === "grant" && error.fromApi && /\bproj(ect|_)/i.test(error.message)) {
        return "Correct projectId: the key's organization has no such project.";
      }
      return "Check openai:baseUrl (it ends in /v1) and the checkpoint's ID; nothing was changed.";
    case 400:
    case 409:
    case 422:
      return "Correct what the API refuses, and run the command again.";
    case 429:
      return "Nothing is lost.";
    default:
      return "Nothing is lost: run the same command again, and it goes on from there.";
  }
}
