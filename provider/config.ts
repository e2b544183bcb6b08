import { settingNames, settingOf, settings, type Setting, type SettingName } from "./settings";
import type { Settings } from "./settings-types";

/** What the user gave is wrong, or forbids the operation. Thrown before any write is made. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** @param remedy what to do about it. */
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

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
export const ownNamespace = "openai-checkpoint-permissions:";
/** Where admin keys come from. */
export const whereKeysAre =
  "An organization owner creates one at https://platform.openai.com/settings/organization/admin-keys.";
/** The namespace of OpenAI's own provider. */
export const openaiNamespace = "openai:";

/** A stack's config: the package's own namespace, else the shared one. */
export const stackSource: Source = {
  namesOf: (setting) => [`${ownNamespace}${setting}`, `${openaiNamespace}${setting}`],
  correctIt: "with `pulumi config set`",
  howToSetKey: (nameOf) =>
    `Set it for this stack with \`pulumi config set --secret ${nameOf("adminApiKey")}\`, or for this shell with \`export ` +
    `OPENAI_ADMIN_KEY=…\`. ${whereKeysAre} A project key (OPENAI_API_KEY) does not work.`,
};

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

/**
 * Reads the settings.
 *
 * The environment's base URL, organization and project count only together with the environment's key: a key from the
 * stack's config must not go wherever some shell variable points.
 *
 * @param get returns the value of a setting by its full name (`openai:baseUrl`), or undefined.
 * @param env the environment's variables.
 * @param source the place that `get` reads from.
 * @throws {UsageError} naming every wrong value.
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
    const { variable } = settingOf(setting);
    return variable !== undefined && env[variable]?.trim() ? variable : undefined;
  };
  const nameOf = (setting: SettingName) => {
    const variable = keyInSource === undefined ? variableOf(setting) : undefined;
    return (
      nameInSource(setting) ?? variable ?? source.namesOf(setting).at(settingOf(setting).isShared === true ? -1 : 0)!
    );
  };
  const text = (setting: SettingName) => {
    const name = nameOf(setting);
    return name === settingOf(setting).variable ? env[name]?.trim() : valueOf(name);
  };

  for (const setting of settingNames) {
    if (setting === "adminApiKey") continue;
    const variable = variableOf(setting);
    if (variable === undefined || keyInSource === undefined || nameInSource(setting) !== undefined) continue;
    notices.push(
      `${variable} is ignored, because the admin key comes from ${keyInSource}; ` +
        `set ${nameOf(setting)} beside it, if that key needs it.`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const setting of settingNames) {
    const { kind, default: otherwise } = settingOf(setting);
    values[setting] = readers[kind](text(setting), nameOf(setting), problems, nameOf) ?? otherwise;
  }
  const read = values as unknown as Settings;
  const { adminApiKey, baseUrl } = read;
  if (adminApiKey !== undefined && isProjectKey(adminApiKey)) {
    problems.push(
      `${nameOf("adminApiKey")} holds a project's key; only an admin key (sk-admin-…) may manage permissions. ${whereKeysAre}`,
    );
  }

  const baseUrlName = nameOf("baseUrl");
  if (adminApiKey !== undefined && baseUrlName === settings.baseUrl.variable && !isOpenAisOrLocal(baseUrl)) {
    notices.push(
      `The admin key from ${nameOf("adminApiKey")} is sent to ${new URL(baseUrl).host}, where ${baseUrlName} points.`,
    );
  }

  if (problems.length > 0) {
    throw new UsageError(problems.join(" "), `Correct it ${source.correctIt}, or in the environment.`);
  }
  return { ...read, notices, nameOf, howToSetKey: source.howToSetKey(nameOf), onRevoking: source.onRevoking };
}

/** How a value is read; undefined where none is set, or it is wrong, which is then among the problems. */
const readers: Record<
  Setting["kind"],
  (value: string | undefined, name: string, problems: string[], nameOf: Config["nameOf"]) => unknown
> = { header: headerIn, url: urlIn, number: numberIn, flag: flagIn };

function numberIn(value: string | undefined, name: string, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (Number.isFinite(parsed) && parsed > 0) return parsed;
  problems.push(`${name} must be a number above 0, but is ${quoted(value)}.`);
  return undefined;
}

function flagIn(value: string | undefined, name: string, problems: string[]): boolean | undefined {
  if (value === undefined) return undefined;
  if (value !== "true" && value !== "false") problems.push(`${name} must be true or false, but is ${quoted(value)}.`);
  return value === "true";
}

function headerIn(value: string | undefined, name: string, problems: string[]): string | undefined {
  if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
    problems.push(`${name} must be plain ASCII without spaces, as it is sent in a header.`);
  }
  return value;
}

/** There is no admin key, and a request is about to be made. */
export class MissingKey extends UsageError {
  constructor({ howToSetKey }: Config) {
    super("No admin API key is set.", howToSetKey);
  }
}

/** A wrong value for a message, unless it may be an API key that was set in the wrong place. */
function quoted(value: string): string {
  return /^[\w.+-]{1,12}$/.test(value) && !value.startsWith("sk-") ? `"${value}"` : "something else";
}

function urlIn(
  value: string | undefined,
  name: string,
  problems: string[],
  nameOf: Config["nameOf"],
): string | undefined {
  if (value === undefined) return undefined;
  const problem = problemWithUrl(value, nameOf);
  if (problem === undefined) return new URL(value).href.replace(/\/+$/, "");
  problems.push(`${name} ${problem}`);
  return undefined;
}

function problemWithUrl(value: string, nameOf: Config["nameOf"]): string | undefined {
  // The value itself is never repeated: it may hold a password.
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return `must be a URL such as ${settings.baseUrl.default}.`;
  }
  if (url.username !== "" || url.password !== "") {
    return `must not hold a user name or password: the key goes into ${nameOf("adminApiKey")}.`;
  }
  if (url.search !== "" || url.hash !== "") return 'must not have a query ("?") or a fragment ("#").';
  if (url.protocol === "https:") return undefined;
  if (url.protocol === "http:" && isLoopback(url.hostname)) return undefined;
  return "must begin with https://, so that the key is not sent in the clear (http:// is for 127.0.0.1 and localhost).";
}

function isOpenAisOrLocal(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "openai.com" || hostname.endsWith(".openai.com") || isLoopback(hostname);
}

/** By their prefixes, keys of projects and of their service accounts. */
function isProjectKey(key: string): boolean {
  return /^sk-(proj|svcacct)-/.test(key);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
