import { closest, distance } from "fastest-levenshtein";

/** Config that is missing, wrong, or forbids what is asked for: found before any request is made. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /** @param remedy what to do about it. */
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** The package's own namespace in a stack's config. */
const own = "openai-checkpoint-permissions:";
/** Where a stack's config has a setting: in the package's own namespace, else in the one of OpenAI's own provider. */
const ofStack: readonly string[] = [own, "openai:"];
/** Where a native provider, which is given its own namespace only, has it. */
export const ofProvider: readonly string[] = [own];
/** Where a script's options have it. */
export const ofOptions: readonly string[] = [""];

/** These are named as in OpenAI's official provider, which refuses other keys in its namespace. */
const sharedSettings = ["adminApiKey", "baseUrl", "organization", "project"] as const;
const settings = [
  ...sharedSettings,
  "requestsPerMinute",
  "timeoutSeconds",
  "maxWaitSeconds",
  "driftDetection",
  "adoptExisting",
] as const;
export type Setting = (typeof settings)[number];

/** Settings of one deployment, read once from the stack's config and the environment. */
export interface Config {
  /**
   * An admin API key of the checkpoint's organization. Default: `OPENAI_ADMIN_KEY`. That there is none is an error only
   * when a request is about to be made.
   */
  adminApiKey: string | undefined;
  /** Where the API is: HTTPS, unless the host is loopback. Default: `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Sent as `OpenAI-Organization`. Default: the key's own organization. */
  organization: string | undefined;
  /** Sent as `OpenAI-Project`. Default: not sent. */
  project: string | undefined;
  /** Paces the requests to each endpoint ahead of time. Default: as fast as the API allows. */
  requestsPerMinute: number | undefined;
  /** How long one request may take, in seconds. Default: 60. */
  timeoutSeconds: number;
  /** How long the API's throttle may serve nothing at all, in seconds. Default: 900. */
  maxWaitSeconds: number;
  /** Whether a preview looks each permission up. Default: true. */
  driftDetection: boolean;
  /** Whether a permission that already exists is taken over. Default: true. */
  adoptExisting: boolean;
  /** What the person should hear of how the settings came about. */
  notices: string[];
  /** The config key that a setting was read from, or is to be set by. */
  nameOf: (setting: Setting) => string;
}

const defaultBaseUrl = "https://api.openai.com/v1";

/**
 * Reads the settings.
 *
 * The environment's base URL, organization and project count only together with the environment's key: a key from the
 * stack's config must not go wherever some shell variable points.
 *
 * @param get gives a config value by its full key (`openai:baseUrl`), or undefined.
 * @param env the environment's variables.
 * @param prefixes what comes before a setting's name in its key, in the order in which they are tried.
 * @throws {ConfigError} when values are wrong: one error that names them all.
 */
export function readConfig(
  get: (key: string) => string | undefined,
  env: Record<string, string | undefined>,
  prefixes = ofStack,
): Config {
  const problems: string[] = [];
  const notices: string[] = [];
  // An empty value is how shells and CI systems spell "not set".
  const valueOf = (key: string) => get(key)?.trim() || undefined;
  const nameOf = (setting: Setting) => {
    const isShared = sharedSettings.some((shared) => shared === setting);
    const keys = prefixes.map((prefix) => `${prefix}${setting}`);
    return keys.find((key) => valueOf(key) !== undefined) ?? keys.at(isShared ? -1 : 0)!;
  };
  const text = (setting: Setting) => valueOf(nameOf(setting));
  const variable = (name: string) => env[name]?.trim() || undefined;

  const keyFromStack = text("adminApiKey");
  const keyFromEnv = variable("OPENAI_ADMIN_KEY");
  const fromEnvironment = (name: string, setting: Setting) => {
    const value = variable(name);
    if (value === undefined || keyFromStack === undefined) return value;
    notices.push(
      `${name} is ignored, because the admin key comes from ${nameOf("adminApiKey")}; ` +
        `set ${nameOf(setting)} beside it, if that key needs it.`,
    );
    return undefined;
  };

  const number = (setting: Setting) => {
    const value = text(setting);
    if (value === undefined) return undefined;
    const parsed = Number(value);
    if (Number.isFinite(parsed) && parsed > 0) return parsed;
    problems.push(`${nameOf(setting)} must be a number above 0, but is ${quoted(value)}.`);
    return undefined;
  };
  const flag = (setting: Setting) => {
    const value = text(setting);
    if (value === undefined || value === "true") return true;
    if (value !== "false") problems.push(`${nameOf(setting)} must be true or false, but is ${quoted(value)}.`);
    return false;
  };
  const header = (key: string, value: string | undefined) => {
    if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
      problems.push(`${key} must be plain ASCII without spaces, as it is sent in a header.`);
    }
    return value;
  };
  const headerSetting = (setting: "organization" | "project", name: string) =>
    header(nameOf(setting), text(setting)) ?? header(name, fromEnvironment(name, setting));

  const baseUrlFromStack = text("baseUrl");
  const baseUrl = baseUrlFromStack ?? fromEnvironment("OPENAI_BASE_URL", "baseUrl") ?? defaultBaseUrl;
  const baseUrlProblem = problemWithBaseUrl(baseUrl);
  if (baseUrlProblem !== undefined) {
    problems.push(`${baseUrlFromStack === undefined ? "OPENAI_BASE_URL" : nameOf("baseUrl")} ${baseUrlProblem}`);
  }

  const config: Config = {
    adminApiKey: header(
      keyFromStack === undefined ? "OPENAI_ADMIN_KEY" : nameOf("adminApiKey"),
      keyFromStack ?? keyFromEnv,
    ),
    baseUrl: baseUrlProblem === undefined ? new URL(baseUrl).href.replace(/\/+$/, "") : baseUrl,
    organization: headerSetting("organization", "OPENAI_ORG_ID"),
    project: headerSetting("project", "OPENAI_PROJECT_ID"),
    requestsPerMinute: number("requestsPerMinute"),
    timeoutSeconds: number("timeoutSeconds") ?? 60,
    maxWaitSeconds: number("maxWaitSeconds") ?? 900,
    driftDetection: flag("driftDetection"),
    adoptExisting: flag("adoptExisting"),
    notices,
    nameOf,
  };
  if (problems.length > 0) {
    const where = prefixes === ofOptions ? "in the options" : "with `pulumi config set`";
    throw new ConfigError(problems.join(" "), `Correct it ${where}, or in the environment.`);
  }
  return config;
}

/** What is wrong with a setting's name, and which one may be meant; undefined when there is such a setting. */
export function problemWithName(name: string): string | undefined {
  if (settings.some((setting) => setting === name)) return undefined;
  const near = closest(name, settings);
  const remedy = distance(name, near) <= 3 ? `Did you mean ${near}?` : `There are ${settings.join(", ")}.`;
  return `There is no setting "${name}". ${remedy}`;
}

/** A wrong value, unless it may be a key that was set in the wrong place. */
function quoted(value: string): string {
  return /^[\w.+-]{1,12}$/.test(value) && !value.startsWith("sk-") ? `"${value}"` : "something else";
}

function problemWithBaseUrl(value: string): string | undefined {
  // The value itself is never repeated: it may hold a password.
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return `must be a URL such as ${defaultBaseUrl}.`;
  }
  if (url.username !== "" || url.password !== "") {
    return "must not hold a user name or password: the key goes into openai:adminApiKey.";
  }
  if (url.search !== "" || url.hash !== "") return 'must not have a query ("?") or a fragment ("#").';
  if (url.protocol === "https:") return undefined;
  if (url.protocol === "http:" && isLoopback(url.hostname)) return undefined;
  return "must begin with https://, so that the key is not sent in the clear (http:// is for 127.0.0.1 and localhost).";
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
