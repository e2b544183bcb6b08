import type { ProviderContext } from "../access/context";
import { ApiError, type ErrorKind } from "../api/error";
import type { Permission } from "../api/permission";
import { plainLine } from "../api/plain-text";
import { MissingKey, UsageError, whereKeysAre, type Config } from "../config";
import { groupBy } from "./ids";
import { few } from "./messages";

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

export type Operation = "grant" | "look up" | "revoke" | "list";

/** What was attempted, on which checkpoint, and for which project, or several in words; or a search for checkpoints. */
export type Attempt = { operation: Operation; checkpoint: string; subject?: string } | { operation: "find" };

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
  if (error instanceof MissingKey && attempt.operation === "look up") {
    const remedy = `${error.remedy} For previews without a key: \`pulumi config set ${config().nameOf("driftDetection")} false\`.`;
    return new OperationFailed(title, error.message, remedy);
  }
  if (error instanceof UsageError) return new OperationFailed(title, error.message, error.remedy);
  if (!(error instanceof ApiError)) return error;
  return new OperationFailed(title, reasonOf(error), remedyFor(error, attempt, config()), error);
}

/** The failures of several projects: one for all that failed alike. */
export function failuresOf(
  failures: readonly [projectId: string, reason: unknown][],
  attempt: { operation: Operation; checkpoint: string },
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

function describe(attempt: Attempt): string {
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

/** What to do about a failure that will come again until then; undefined where it may not come again. */
export function remedyIfLasting(error: unknown, attempt: Attempt, config: Config): string | undefined {
  if (error instanceof UsageError) return error.remedy;
  const isLasting = error instanceof ApiError && !error.isTemporary && error.kind !== "rate-limited";
  return isLasting ? remedyFor(error, attempt, config) : undefined;
}

/** What to do about a refusal. */
function remedyFor(error: ApiError, attempt: Attempt, config: Config): string {
  const remedy = remedies[error.kind]({ ...attempt, error, config });
  if (!error.mayBeGranted || attempt.operation !== "grant") return remedy;
  const grantedAlready = ifGranted(attempt.checkpoint, config);
  // That nothing has changed is what is not known.
  if (error.kind === "contradiction") return `${grantedAlready} If it is not there, ${lookForProxy}`;
  return `${remedy} ${grantedAlready}`;
}

/** What to do where access may have been granted and is not in state. */
function ifGranted(checkpoint: string, { adoptExisting, nameOf }: Config): string {
  const adopts = adoptExisting ? "which adopts" : `with ${nameOf("adoptExisting")} set to true, which adopts`;
  return (
    `Access may have been granted, and is not in state: look with \`npx --no -- checkpoint-permissions list ${checkpoint}\`. ` +
    `If the project is there, run the same command again, ${adopts} the permission; if it is there in another spelling, ` +
    "correct projectId."
  );
}

type Remedy = (about: Attempt & { error: ApiError; config: Config }) => string;

/** Whether nothing of Pulumi's is at stake. */
function isReading(operation: Attempt["operation"]): boolean {
  return operation === "list" || operation === "find";
}

const again: Remedy = ({ operation }) =>
  isReading(operation) ? "Try again later." : "Nothing is lost; run the same command again to continue.";
const lookForProxy = "look for a proxy that changes answers.";

const remedies: Record<ErrorKind, Remedy> = {
  "refused-key": ({ operation, config }) =>
    `Set an admin API key of the checkpoint's organization in ${config.nameOf("adminApiKey")}. ${whereKeysAre}` +
    (operation === "revoke" && config.onRevoking !== undefined ? ` ${config.onRevoking}` : ""),
  "missing-scopes": ({ config }) =>
    `The key in ${config.nameOf("adminApiKey")} lacks the scopes that the API names, or is no admin key. Use an admin ` +
    `API key that has these scopes; project keys do not work. ${whereKeysAre}`,
  "wrong-region": ({ error, config }) => {
    const host = /\b[\w-]+\.api\.openai\.com(?!\.?[\w-])/.exec(error.message)?.[0];
    const url =
      host === undefined ? "your region's base URL, such as https://us.api.openai.com/v1" : `https://${host}/v1`;
    return `Set ${config.nameOf("baseUrl")} to ${url}.`;
  },
  "wrong-header": ({ config: { organization, project, nameOf } }) => {
    const sent = [
      organization === undefined ? [] : `${nameOf("organization")} (sent as OpenAI-Organization)`,
      project === undefined ? [] : `${nameOf("project")} (sent as OpenAI-Project)`,
    ].flat();
    return sent.length === 0
      ? `Set an admin API key of the checkpoint's organization in ${nameOf("adminApiKey")}.`
      : `Correct or unset ${sent.join(" and ")}: it does not fit the key in ${nameOf("adminApiKey")}.`;
  },
  "refused-address": () =>
    "Run it from an address that the organization admits, or have an owner add this one to the IP allowlist.",
  "unsupported-country": ({ config }) =>
    "Run it from a country that OpenAI supports (https://platform.openai.com/docs/supported-countries). A VPN, or a proxy " +
    `in HTTPS_PROXY or ${config.nameOf("baseUrl")}, may send requests from another one.`,
  "other-organization": ({ operation, config }) =>
    `Set an admin key of the checkpoint's own organization in ${config.nameOf("adminApiKey")}` +
    (isReading(operation)
      ? ", if the checkpoint still exists."
      : ". If the checkpoint itself is deleted, remove its resources from the program and their records with " +
        "`pulumi state delete`."),
  "inactive-account": () =>
    "Waiting does not help: see https://platform.openai.com/settings/organization/billing, then run it again.",
  "rate-limited": ({ config, ...about }) =>
    `${again({ config, ...about })} To wait longer, raise ${config.nameOf("maxWaitSeconds")}.`,
  "unknown-checkpoint": ({ operation }) =>
    isReading(operation)
      ? "The checkpoint is retired, deleted, or mistyped."
      : "Correct fineTunedModelCheckpoint: the key's organization has no such checkpoint. If it was deleted, or its " +
        "base model was shut down, remove its resources from the program.",
  "unknown-project": () => "Correct projectId: the key's organization has no such project.",
  "archived-project": ({ operation }) =>
    operation === "grant" || operation === "look up"
      ? "Remove the project from the program, which revokes the permission that it may have; or have it restored."
      : "Run the same command again once the project is restored, or revoke the permission in OpenAI's dashboard.",
  "refused-project": () => "Correct projectId, or have an owner of the organization allow it for this project.",
  "unknown-permission": ({ operation }) =>
    operation === "revoke"
      ? "The API reports the permission as deleted but still lists it; run the same command again in a minute."
      : "Run the same command again.",
  "not-found": checkAddress,
  "refused-input": () => "Correct what the API rejects, and run the command again.",
  conflict: again,
  "wrong-url": checkAddress,
  redirect: ({ config }) => `Set ${config.nameOf("baseUrl")} to the API's final URL.`,
  gateway: ({ config }) =>
    `It is not the API that answers. Check ${config.nameOf("baseUrl")} (it ends in /v1), and proxies and gateways on ` +
    "the way there.",
  proxy: () =>
    "Correct the proxy's variable (http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT if the proxy asks for them), or " +
    "have the proxy let the API through.",
  certificate: ({ config }) =>
    "If your network inspects TLS, set NODE_EXTRA_CA_CERTS to the file of its root certificate; else check " +
    `${config.nameOf("baseUrl")}.`,
  unreachable: ({ config, ...about }) =>
    `${again({ config, ...about })} If that keeps failing, check ${config.nameOf("baseUrl")}, the network and HTTPS_PROXY.`,
  unavailable: again,
  unreadable: ({ config, ...about }) =>
    `${again({ config, ...about })} If that keeps failing, check ${config.nameOf("baseUrl")} (it ends in /v1).`,
  contradiction: () => `State stays as it was. Run the same command again; if that keeps failing, ${lookForProxy}`,
  cancelled: again,
  unexpected: (about) => `${again(about)} If it fails again, please report this answer.`,
};

function checkAddress({ operation, config }: Parameters<Remedy>[0]): string {
  const nothing = isReading(operation) ? "" : "; nothing was changed";
  return `Check ${config.nameOf("baseUrl")} (it ends in /v1) and the checkpoint's ID${nothing}.`;
}
