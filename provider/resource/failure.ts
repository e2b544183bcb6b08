import type { ProviderContext } from "../access/context";
import { ApiError, isAboutProjects, isUnknownProject, mayBeAboutTheKey, saysCheckpointIsDeleted } from "../api/error";
import { UsageError, whereKeysAre, type Config } from "../config";
import { groupBy } from "./ids";
import { few } from "./messages";

/** The greatest number of different messages in one failure. */
const messagesAtATime = 10;

/** What a failure is about. The command line's JSON has it as `code`. */
export type FailureCode =
  | "usage"
  | "key-refused"
  | "checkpoint-not-found"
  | "project-not-found"
  | "not-found"
  | "still-listed"
  | "input-refused"
  | "unavailable"
  | "still-declared"
  | "incomplete-state"
  | "nothing-to-import"
  | "partly-done";

/** An operation that failed, in words that a user can act on. */
export class OperationFailed extends Error {
  override readonly name = "OperationFailed";
  /** What was attempted, and why it failed. */
  readonly headline: string;

  constructor(
    readonly code: FailureCode,
    /** What was attempted, in a few words. */
    readonly title: string,
    why: string,
    /** What to do about it. */
    readonly remedy: string,
    /** The API's refusal, if that is the reason. */
    readonly refusal?: ApiError,
  ) {
    const headline = `${title}: ${sentence(why)}`;
    super(`${headline} ${remedy}`);
    this.headline = headline;
    // Pulumi prints stacks, and where it happened in our code helps no user.
    this.stack = this.message;
  }
}

/** The messages of failures, in which a remedy is printed once, even if twenty resources fail for the same reason. */
export class FailureMessages {
  readonly #printed = new Set<string>();

  of({ headline, remedy, message }: OperationFailed): string {
    if (this.#printed.has(remedy)) return headline;
    this.#printed.add(remedy);
    return message;
  }
}

/** A set that was applied only in part: Pulumi records the properties, shows the reasons, and updates it next time. */
export class PartialFailure extends Error {
  override readonly name = "PartialFailure";
  readonly reasons: string[];

  constructor(
    readonly id: string,
    public properties: object,
    failure: Error,
  ) {
    super(failure.message);
    this.reasons = [failure.message];
  }
}

export type Operation = "grant" | "look up" | "revoke" | "list";

/** What was attempted, on which checkpoint, and for which project, or several in words. */
export interface Attempt {
  operation: Operation;
  checkpoint: string;
  subject?: string;
}

/**
 * Runs an operation, and throws its failure in words for the user.
 *
 * @param context returns the context, or throws what is wrong with the config.
 * @throws {OperationFailed}
 */
export async function withFailure<Result>(
  context: () => ProviderContext,
  attempt: Attempt,
  run: (context: ProviderContext) => Promise<Result>,
): Promise<Result> {
  try {
    return await run(context());
  } catch (error) {
    throw failureOf(error, attempt, () => context().config);
  }
}

/** An error in words for the user; a bug stays as it is. */
export function failureOf(error: unknown, attempt: Attempt, config: () => Config): unknown {
  const title = `Cannot ${describe(attempt)}`;
  if (error instanceof UsageError) return new OperationFailed("usage", title, error.message, error.remedy);
  if (!(error instanceof ApiError)) return error;
  const request = error.requestId === undefined ? "" : ` (request ${error.requestId})`;
  const [code, remedy] = adviceOn(error, attempt, config());
  return new OperationFailed(code, title, `${error.message}${request}`, remedy, error);
}

/** The failures of several projects: one for all that failed alike. */
export function failuresOf(
  failures: readonly [projectId: string, reason: unknown][],
  attempt: Omit<Attempt, "subject">,
  config: Config,
): unknown[] {
  const alike = [...groupBy(failures, ([, reason]) => String(reason)).values()];
  return alike.map((group) => {
    const subject = few(group.map(([projectId]) => projectId));
    return failureOf(group[0]![1], { ...attempt, subject }, () => config);
  });
}

/** Several failures as one: each different message once, up to a limit, and then the remedies. */
export function combined(title: string, failures: readonly unknown[], remedy: string): OperationFailed {
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
  const reasons = [...readable, ...(more > 0 ? [`(and ${more} more)`] : [])];
  return new OperationFailed("partly-done", title, reasons.join(" "), [...remedies, remedy].join(" "));
}

/** What a check reports about wrong config; any other error is thrown again. */
export function configFailure(error: unknown): { property: string; reason: string } {
  if (!(error instanceof UsageError)) throw error;
  return { property: "", reason: `${error.message} ${error.remedy}` };
}

/** Why a permission stays in state: the program declares the access, and no other resource has it in state yet. */
export function notRevoked(checkpoint: string, subject: string, ids: string): OperationFailed {
  return new OperationFailed(
    "still-declared",
    `Cannot revoke the access of ${subject} to ${checkpoint}`,
    `the program still declares it, but the resource meant to adopt ${ids} failed, was skipped or has not run yet; ` +
      `nothing was revoked, and ${ids} stays in state.`,
    "Fix that resource and run `pulumi up` again. If a forced replacement (--replace or taint) with deleteBeforeReplace " +
      "asked for the delete, run it without either. To revoke the access, remove it from the program first.",
  );
}

export function incompleteState(subject: string, why: string): OperationFailed {
  return new OperationFailed(
    "incomplete-state",
    `Cannot use the state of ${subject}`,
    `${why}, so nothing was done.`,
    "To bring existing permissions under Pulumi, declare them and run `pulumi up`, which adopts them; " +
      "`pulumi state delete` removes a record that cannot be repaired.",
  );
}

/** @param remedy how such an ID should look, if it is wrong. */
export function nothingToImport(id: string, why: string, remedy?: string): OperationFailed {
  return new OperationFailed(
    remedy === undefined ? "nothing-to-import" : "usage",
    `Cannot import "${id}"`,
    why,
    remedy ?? "Declare the resource without importing it; `pulumi up` grants the access.",
  );
}

/** Why something failed, as a sentence. */
export function reasonOf(error: unknown): string {
  return sentence(error instanceof Error ? error.message : String(error));
}

/** Text that ends as a sentence does. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function describe({ operation, checkpoint, subject = "" }: Attempt): string {
  switch (operation) {
    case "grant":
      return `grant ${subject} access to ${checkpoint}`;
    case "look up":
      return `look up the access of ${subject} to ${checkpoint}`;
    case "list":
      return `list who has access to ${checkpoint}`;
    case "revoke":
      return `revoke the access of ${subject} to ${checkpoint}`;
  }
}

/** What a refusal is about, and what to do about it. */
function adviceOn(error: ApiError, attempt: Attempt, { nameOf }: Config): [FailureCode, string] {
  const { operation, checkpoint } = attempt;
  const projectNotFound: [FailureCode, string] = [
    "project-not-found",
    "Correct projectId: the key's organization has no such project.",
  ];
  switch (error.status) {
    case 401:
    case 403:
      return [
        "key-refused",
        `Use an admin API key of the checkpoint's organization (${nameOf("adminApiKey")} or OPENAI_ADMIN_KEY). ` +
          whereKeysAre,
      ];
    case 404:
      if (mayBeAboutTheKey(error, checkpoint)) {
        return [
          "key-refused",
          operation === "list"
            ? "Use an admin key of the checkpoint's own organization, if the checkpoint still exists."
            : "Use an admin key of the checkpoint's own organization. If the checkpoint itself is deleted, remove its " +
              "resources from the program and their records with `pulumi state delete`.",
        ];
      }
      if (operation === "grant" && error.fromApi && isAboutProjects(error)) return projectNotFound;
      if (operation === "revoke" && error.code === "permission_not_found") {
        return [
          "still-listed",
          "The API reports the permission as deleted but still lists it; run the same command again in a minute.",
        ];
      }
      if (saysCheckpointIsDeleted(error, checkpoint)) {
        return [
          "checkpoint-not-found",
          operation === "list"
            ? "The checkpoint is retired, deleted, or mistyped."
            : "Correct fineTunedModelCheckpoint: the key's organization has no such checkpoint. If it was deleted, or " +
              "its base model was shut down, remove its resources from the program.",
        ];
      }
      return [
        "not-found",
        operation === "list"
          ? `Check the checkpoint's ID, and ${nameOf("baseUrl")} (it ends in /v1).`
          : `Check ${nameOf("baseUrl")} (it ends in /v1) and the checkpoint's ID; nothing was changed.`,
      ];
    case 400:
    case 409:
    case 422:
      return operation === "grant" && isUnknownProject(error)
        ? projectNotFound
        : ["input-refused", "Fix the input that the API rejected, and run the command again."];
    default:
      return [
        "unavailable",
        operation === "list" ? "Try again later." : "Nothing is lost; run the same command again to continue.",
      ];
  }
}
