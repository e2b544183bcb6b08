import { NotAdopted } from "../access/access";
import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { ApiError } from "../api/error";
import type { Permission } from "../api/permission";
import { plainLine } from "../api/plain-text";
import { MissingKey, UsageError, type Config } from "../config";
import { second } from "../time";
import { groupBy } from "./ids";
import { few } from "../messages";
import { remedyFor, type Attempt } from "./remedies";

/** The greatest number of different messages in one failure. */
const messagesAtATime = 10;

/** An operation that failed, in words that a user can act on. */
export class OperationFailed extends Error {
  override readonly name = "OperationFailed";
  /** What was attempted, and why it failed. */
  readonly headline: string;

  constructor(
    /** What was attempted, in a few words. */
    readonly title: string,
    why: string,
    /** What to do about it. */
    readonly remedy: string,
    /** The API's refusal, if that is the reason. */
    readonly refusal?: ApiError,
  ) {
    // It may quote state, or what a user has typed.
    const headline = plainLine(`${title}: ${sentence(why)}`);
    super(`${headline} ${remedy}`);
    this.headline = headline;
    // Pulumi prints stacks, and where it happened in our code helps no user.
    this.stack = this.message;
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

/**
 * Runs an operation on a checkpoint, and throws its failure in words for the user.
 *
 * @param context returns the context, or throws what is wrong with the config.
 * @throws {OperationFailed}
 */
export async function withFailure<Result>(
  context: () => ProviderContext,
  attempt: Attempt,
  run: (checkpoint: Checkpoint, context: ProviderContext) => Promise<Result>,
): Promise<Result> {
  try {
    const ready = context();
    return await run(ready.checkpoint(attempt.checkpoint), ready);
  } catch (error) {
    throw failureOf(error, attempt, () => context().config);
  }
}

/** An error in words for the user; a bug stays as it is. */
export function failureOf(error: unknown, attempt: Attempt | { operation: "find" }, config: () => Config): unknown {
  const title = `Cannot ${describe(attempt)}`;
  if (error instanceof MissingKey && attempt.operation === "look up") {
    const remedy = `${error.remedy} For previews without a key: \`pulumi config set ${config().nameOf("driftDetection")} false\`.`;
    return new OperationFailed(title, error.message, remedy);
  }
  if (error instanceof NotAdopted) return notAdopted(title, error.permission, config());
  if (error instanceof UsageError) return new OperationFailed(title, error.message, error.remedy);
  if (!(error instanceof ApiError)) return error;
  return new OperationFailed(title, reasonOf(error), remedyFor(error, attempt, config()), error);
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
  return new OperationFailed(title, reasons.join(" "), [...remedies, remedy].join(" "));
}

/** What a check reports about wrong config; any other error is thrown again. */
export function configFailure(error: unknown): { property: string; reason: string } {
  if (!(error instanceof UsageError)) throw error;
  return { property: "", reason: `${error.message} ${error.remedy}` };
}

/** Why a permission stays in state: the program declares the access, and no other resource has it in state yet. */
export function notRevoked(checkpoint: string, subject: string, ids: string): OperationFailed {
  return new OperationFailed(
    `Cannot revoke the access of ${subject} to ${checkpoint}`,
    `the program still declares it, but the resource meant to adopt ${ids} failed, was skipped or has not run yet; ` +
      `nothing was revoked, and ${ids} stays in state.`,
    "Fix that resource and run `pulumi up` again. If a forced replacement (--replace or taint) with deleteBeforeReplace " +
      "asked for the delete, run it without either. To revoke the access, remove it from the program first.",
  );
}

/** Why permissions stay in state: what other provider processes of the run know could not be read. */
export function maybeDeclared(
  { ledger }: ProviderContext,
  checkpoint: string,
  permissions: readonly Permission[],
): OperationFailed {
  const subject = few(permissions.map(({ projectId }) => projectId));
  return new OperationFailed(
    `Cannot revoke the access of ${subject} to ${checkpoint}`,
    `whether the program still declares it is not known, because the provider processes of this run could not tell each other ` +
      `what it declares (${ledger.problem ?? "no reason is known"}); nothing was revoked, and ${few(permissions.map(({ id }) => id))} stays in state.`,
    "Make room in the temporary folder, or set TMPDIR to another one, and run the same command again. `pulumi destroy " +
      "--target URN`, which runs no program, revokes it, too.",
  );
}

function notAdopted(title: string, { id, createdAt }: Permission, { nameOf }: Config): OperationFailed {
  const key = nameOf("adoptExisting");
  return new OperationFailed(
    title,
    `it exists already (${id}, granted ${second(createdAt)}), and ${key} is false.`,
    `If it was granted outside of this stack, revoke it first. If it is this stack's own, and moves by a rename or a forced ` +
      `replacement, or if it is to become so, adopt it: \`pulumi config set ${key} true\`, \`pulumi up\`, and set it back.`,
  );
}

export function cannotUpdate(id: string): OperationFailed {
  return new OperationFailed(
    `Cannot update ${id}`,
    "another project or checkpoint means another permission.",
    "Create one for the new values, and delete this one. In a program, `pulumi up` does both.",
  );
}

export function incompleteState(subject: string, why: string): OperationFailed {
  return new OperationFailed(
    `Cannot use the state of ${subject}`,
    `${why}, so nothing was done.`,
    "To bring existing permissions under Pulumi, declare them and run `pulumi up`, which adopts them; " +
      "`pulumi state delete` removes a record that cannot be repaired.",
  );
}

/** @param remedy how such an ID should look, if it is wrong. */
export function nothingToImport(id: string, why: string, remedy?: string): OperationFailed {
  return new OperationFailed(
    `Cannot import "${id}"`,
    why,
    remedy ?? "Declare the resource without importing it; `pulumi up` grants the access.",
  );
}

/** Why something failed, as a sentence. */
export function reasonOf(error: unknown): string {
  const request = error instanceof ApiError && error.requestId !== undefined ? ` (request ${error.requestId})` : "";
  return sentence(`${error instanceof Error ? error.message : String(error)}${request}`);
}

/** Text that ends as a sentence does. */
function sentence(text: string): string {
  return /[.!?]"?$/.test(text) ? text : `${text}.`;
}

function describe(attempt: Attempt | { operation: "find" }): string {
  if (attempt.operation === "find") return "find the checkpoints of the organization";
  const { operation, checkpoint, subject = "" } = attempt;
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
