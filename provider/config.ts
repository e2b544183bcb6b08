import { closest, distance } from "fastest-levenshtein";

/** What the user gave is wrong, or forbids the operation. Thrown before any write is made. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";

  /** @param remedy what to do about it. */
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** Config that is missing or wrong. Thrown before any request is made. */
export class ConfigError extends UsageError {
  override readonly name: string = "ConfigError";
}

/** The settings that OpenAI's official provider knows by the same names. It refuses other keys in its namespace. */
const sharedSettings = ["adminApiKey", "baseUrl", "organization", "project"] as const;
/** How to reach the API. */
export const connectionSettings = [...sharedSettings, "requestsPerMinute", "timeoutSeconds", "maxWaitSeconds"] as const;
const settings = [...connectionSettings, "driftDetection", "adoptExisting", "auditDetails"] as const;
export type SettingName = (typeof settings)[number];
/** The environment's variables for settings. */
const variables: Partial<Record<SettingName, string>> = {
  adminApiKey: "OPENAI_ADMIN_KEY",
  baseUrl: "OPENAI_BASE_URL",
  organization: "OPENAI_ORG_ID",
  project: "OPENAI_PROJECT_ID",
};

/** A place where a user sets settings. */
export interface Source {
  /** The names that a setting may have there, in the order in which they are tried. */
  namesOf: (setting: SettingName) => readonly string[];
  /** Where a value is corrected, to follow "Correct it". */
  correctIt: string;
  /** The remedy for a missing admin key. */
  howToSetKey: (nameOf: Config["nameOf"]) => string;
  /** What else a refused key may mean when something is to be revoked. */
  onRevoking?: string;
}

/** The package's own namespace in a stack's config. */
const ownNamespace = "openai-checkpoint-permissions:";
/** Where admin keys come from. */
export const whereKeysAre =
  "An organization owner creates one at https://platform.openai.com/settings/organization/admin-keys.";
/** The namespace of OpenAI's own provider. */
const openaiNamespace = "openai:";

const pulumiSource: Omit<Source, "namesOf"> = {
  correctIt: "with `pulumi config set`",
  howToSetKey: (nameOf) =>
    `Set it for this stack with \`pulumi config set --secret ${nameOf("adminApiKey")}\`, or for this shell with \`export ` +
    `OPENAI_ADMIN_KEY=…\`. ${whereKeysAre} A project key (OPENAI_API_KEY) does not work.`,
};
/** A stack's config: the package's own namespace, else the shared one. */
const stackSource: Source = {
  ...pulumiSource,
  namesOf: (setting) => [`${ownNamespace}${setting}`, `${openaiNamespace}${setting}`],
};
/** A native provider is given its own namespace only. */
export const providerSource: Source = {
  ...pulumiSource,
  namesOf: (setting) => [`${ownNamespace}${setting}`],
  howToSetKey: (nameOf) =>
    `${pulumiSource.howToSetKey(nameOf)} A provider that the program declares does not read the stack's config: pass ` +
    "it adminApiKey.",
  onRevoking:
    "If the program no longer declares the resource's provider, the key is the one in the provider's state: declare the " +
    "provider again with a new key, run `pulumi up`, and remove it after its resources.",
};
/** A script's options. */
export const optionsSource: Source = {
  namesOf: (setting) => [setting],
  correctIt: "in the options",
  howToSetKey: (nameOf) => `Set OPENAI_ADMIN_KEY, or pass ${nameOf("adminApiKey")}.`,
};

/** The settings of one run. */
export interface Settings {
  /**
   * An admin API key of the checkpoint's organization. Default: `OPENAI_ADMIN_KEY`. A missing key is an error only when
   * a request is about to be made.
   */
  adminApiKey: string | undefined;
  /** The API's base URL: HTTPS, unless the host is loopback. Default: `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Sent as `OpenAI-Organization`. Default: the key's own organization. */
  organization: string | undefined;
  /** Sent as `OpenAI-Project`. Default: not sent. */
  project: string | undefined;
  /** Limits the requests to each endpoint ahead of time. Default: as fast as the API allows. */
  requestsPerMinute: number | undefined;
  /** How long one request may take, in seconds. Default: 60. */
  timeoutSeconds: number;
  /** How long to wait while the API is rate-limiting and serves nothing, in seconds. Default: 900. */
  maxWaitSeconds: number;
  /** Whether a preview looks each permission up. Default: true. */
  driftDetection: boolean;
  /** Whether a permission that already exists is adopted. Default: true. */
  adoptExisting: boolean;
  /**
   * Whether the names of projects, and who granted or revoked, are read from the organization's projects and audit log, for
   * messages alone. Default: true.
   */
  auditDetails: boolean;
}

/** Settings as read, once, from their source and the environment. */
export interface Config extends Settings {
  /** Remarks for the user, such as on a variable that is ignored. */
  notices: string[];
  /** The full name of a setting or variable from which it was read, or else where it should be set. */
  nameOf: (setting: SettingName) => string;
  /** The remedy for a missing admin key. */
  howToSetKey: string;
  /** What else a refused key may mean when something is to be revoked. */
  onRevoking: string | undefined;
}

export const defaultBaseUrl = "https://api.openai.com/v1";

/**
 * Reads the settings.
 *
 * The environment's base URL, organization and project count only together with the environment's key: a key from the
 * stack's config must not go wherever some shell variable points.
 *
 * @param get returns the value of a setting by its full name (`openai:baseUrl`), or undefined.
 * @param env the environment's variables.
 * @param source the place that `get` reads from.
 * @throws {ConfigError} naming every wrong value.
 */
export function readConfig(
  get: (key: string) => string | undefined,
  env: Record<string, string | undefined>,
  source = stackSource,
): Config {
  const problems: string[] = [];
  const notices: string[] = [];
  // An empty value is how shells and CI systems spell "not set".
  const valueOf = (key: string) => get(key)?.trim() || undefined;
  const nameInSource = (setting: SettingName) => source.namesOf(setting).find((name) => valueOf(name) !== undefined);
  const keyInSource = nameInSource("adminApiKey");
  const variableOf = (setting: SettingName) => {
    const variable = variables[setting];
    return variable !== undefined && env[variable]?.trim() ? variable : undefined;
  };
  const nameOf = (setting: SettingName) => {
    const variable = keyInSource === undefined ? variableOf(setting) : undefined;
    return nameInSource(setting) ?? variable ?? source.namesOf(setting).at(isShared(setting) ? -1 : 0)!;
  };
  const text = (setting: SettingName) => {
    const name = nameOf(setting);
    return name === variables[setting] ? env[name]?.trim() : valueOf(name);
  };
  const number = (setting: SettingName) => numberIn(nameOf(setting), text(setting), problems);
  const flag = (setting: SettingName) => flagIn(nameOf(setting), text(setting), problems);
  const header = (setting: SettingName) => headerIn(nameOf(setting), text(setting), problems);

  for (const setting of ["baseUrl", "organization", "project"] as const) {
    const variable = variableOf(setting);
    if (variable === undefined || keyInSource === undefined || nameInSource(setting) !== undefined) continue;
    notices.push(
      `${variable} is ignored, because the admin key comes from ${keyInSource}; ` +
        `set ${nameOf(setting)} beside it, if that key needs it.`,
    );
  }
  const adminApiKey = header("adminApiKey");
  if (adminApiKey !== undefined && isProjectKey(adminApiKey)) {
    problems.push(
      `${nameOf("adminApiKey")} holds a project's key; only an admin key (sk-admin-…) may manage permissions. ${whereKeysAre}`,
    );
  }

  const baseUrl = text("baseUrl") ?? defaultBaseUrl;
  const baseUrlName = nameOf("baseUrl");
  const baseUrlProblem = problemWithBaseUrl(baseUrl, nameOf);
  if (baseUrlProblem !== undefined) problems.push(`${baseUrlName} ${baseUrlProblem}`);
  else if (adminApiKey !== undefined && baseUrlName === variables.baseUrl && !isOpenAisOrLocal(new URL(baseUrl))) {
    notices.push(
      `The admin key from ${nameOf("adminApiKey")} is sent to ${new URL(baseUrl).host}, where ${baseUrlName} points.`,
    );
  }

  const config: Config = {
    adminApiKey,
    baseUrl: baseUrlProblem === undefined ? new URL(baseUrl).href.replace(/\/+$/, "") : baseUrl,
    organization: header("organization"),
    project: header("project"),
    requestsPerMinute: number("requestsPerMinute"),
    timeoutSeconds: number("timeoutSeconds") ?? 60,
    maxWaitSeconds: number("maxWaitSeconds") ?? 900,
    driftDetection: flag("driftDetection"),
    adoptExisting: flag("adoptExisting"),
    auditDetails: flag("auditDetails"),
    notices,
    nameOf,
    howToSetKey: source.howToSetKey(nameOf),
    onRevoking: source.onRevoking,
  };
  if (problems.length > 0) {
    throw new ConfigError(problems.join(" "), `Correct it ${source.correctIt}, or in the environment.`);
  }
  return config;
}

function numberIn(name: string, value: string | undefined, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed > 0) return parsed;
  problems.push(`${name} must be a number above 0, but is ${quoted(value)}.`);
  return undefined;
}

function flagIn(name: string, value: string | undefined, problems: string[]): boolean {
  if (value === undefined || value === "true") return true;
  if (value !== "false") problems.push(`${name} must be true or false, but is ${quoted(value)}.`);
  return false;
}

function headerIn(name: string, value: string | undefined, problems: string[]): string | undefined {
  if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
    problems.push(`${name} must be plain ASCII without spaces, as it is sent in a header.`);
  }
  return value;
}

/** There is no admin key, and a request is about to be made. */
export class MissingKey extends ConfigError {
  constructor({ howToSetKey }: Config) {
    super("No admin API key is set.", howToSetKey);
  }
}

/** Why there is no setting of this name, and which one may be meant; undefined when there is one. */
export function problemWithName(name: string): string | undefined {
  if (isSettingName(name)) return undefined;
  const near = nearestSetting(name);
  const remedy = near === undefined ? `There are ${settings.join(", ")}.` : `Did you mean ${near}?`;
  return `There is no setting "${name}". ${remedy}`;
}

/**
 * What is wrong with the keys of a stack's config.
 *
 * @returns errors of the package's own namespace, and notices of the one that it shares with others.
 */
export function problemsWithKeys(keys: readonly string[]): { errors: string[]; notices: string[] } {
  const namesIn = (namespace: string) =>
    keys.filter((key) => key.startsWith(namespace)).map((key) => key.slice(namespace.length));
  return {
    errors: namesIn(ownNamespace).flatMap((name) => {
      const problem = problemWithName(name);
      return problem === undefined ? [] : `${ownNamespace}${name}: ${problem}`;
    }),
    notices: namesIn(openaiNamespace).flatMap((name) => {
      const near = isSettingName(name) ? undefined : nearestSetting(name);
      return near === undefined ? [] : `${openaiNamespace}${name} is not read here. Did you mean ${usualKey(near)}?`;
    }),
  };
}

/** The keys by which a stack's config may have the admin key. */
export const keysOfAdminKey = stackSource.namesOf("adminApiKey");

/** The warning for an admin key that is in plain text in a stack's config. */
export function warningOfPlainKey(key: string): string {
  return (
    `${key} is in plain text in the stack's config. Encrypt it with \`pulumi config set --secret ${key}\`; if the file ` +
    "was shared, make a new key."
  );
}

/** The key that the docs recommend: OpenAI's own provider refuses settings that it does not know. */
function usualKey(setting: SettingName): string {
  return `${isShared(setting) ? openaiNamespace : ownNamespace}${setting}`;
}

function isShared(setting: SettingName): boolean {
  return sharedSettings.some((one) => one === setting);
}

function isSettingName(name: string): boolean {
  return settings.some((setting) => setting === name);
}

function nearestSetting(name: string): SettingName | undefined {
  const near = closest(name, settings) as SettingName;
  return distance(name, near) <= 3 ? near : undefined;
}

/** A wrong value for a message, unless it may be an API key that was set in the wrong place. */
function quoted(value: string): string {
  return /^[\w.+-]{1,12}$/.test(value) && !value.startsWith("sk-") ? `"${value}"` : "something else";
}

function problemWithBaseUrl(value: string, nameOf: Config["nameOf"]): string | undefined {
  // The value itself is never repeated: it may hold a password.
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return `must be a URL such as ${defaultBaseUrl}.`;
  }
  if (url.username !== "" || url.password !== "") {
    return `must not hold a user name or password: the key goes into ${nameOf("adminApiKey")}.`;
  }
  if (url.search !== "" || url.hash !== "") return 'must not have a query ("?") or a fragment ("#").';
  if (url.protocol === "https:") return undefined;
  if (url.protocol === "http:" && isLoopback(url.hostname)) return undefined;
  return "must begin with https://, so that the key is not sent in the clear (http:// is for 127.0.0.1 and localhost).";
}

function isOpenAisOrLocal({ hostname }: URL): boolean {
  return hostname === "openai.com" || hostname.endsWith(".openai.com") || isLoopback(hostname);
}

/** By their prefixes, keys of projects and of their service accounts. */
function isProjectKey(key: string): boolean {
  return /^sk-(proj|svcacct)-/.test(key);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
