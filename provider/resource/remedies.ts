import { ApiError } from "../api/error";
import type { ErrorKind } from "../api/error-kinds";
import { UsageError, whereKeysAre, type Config } from "../config";

/** What was attempted, on which checkpoint, and for which project, or several in words. */
export interface Attempt {
  operation: "grant" | "look up" | "revoke" | "list";
  checkpoint: string;
  subject?: string;
}

/** What to do about a failure that will come again until then; undefined where it may not come again. */
export function remedyIfLasting(error: unknown, attempt: Attempt, config: Config): string | undefined {
  if (error instanceof UsageError) return error.remedy;
  const isLasting = error instanceof ApiError && !error.isTemporary && error.kind !== "rate-limited";
  return isLasting ? remedyFor(error, attempt, config) : undefined;
}

/** What to do about a refusal, also of a search for checkpoints. */
export function remedyFor(error: ApiError, attempt: Attempt | { operation: "find" }, config: Config): string {
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

type Remedy = (about: { operation: Attempt["operation"] | "find"; error: ApiError; config: Config }) => string;

/** Whether nothing of Pulumi's is at stake. */
function isReading(operation: Attempt["operation"] | "find"): boolean {
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
    "If your network inspects TLS, set NODE_EXTRA_CA_CERTS to the file of its root certificate, or, where the operating " +
    "system has it, NODE_OPTIONS=--use-system-ca (Node.js 22.15 or later); else check " +
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
