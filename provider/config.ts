import { ConfigError } from "./errors";

/** Settings of one deployment, read once from the stack's config and the environment. */
export interface Config {
  /** `openai:adminApiKey`, else `OPENAI_ADMIN_KEY`. Missing is an error only when a request is about to be made. */
  adminApiKey: string | undefined;
  /** `openai:baseUrl`; default `https://api.openai.com/v1`. HTTPS, unless the host is loopback. */
  baseUrl: string;
  /** `openai:organization`: sent as `OpenAI-Organization`. Default: the key's own organization. */
  organization: string | undefined;
  /** `openai:project`: sent as `OpenAI-Project`. Default: not sent. */
  project: string | undefined;
  /** `openai:requestsPerMinute`: paces each endpoint ahead of time. Default: as fast as the API allows. */
  requestsPerMinute: number | undefined;
  /** `openai:timeoutSeconds`: how long one request may take. Default 60. */
  timeoutSeconds: number;
  /** `openai:maxWaitSeconds`: how long one request may wait for the API's throttle. Default 900. */
  maxWaitSeconds: number;
  /** `openai:driftDetection`: whether a preview looks each permission up. Default true. */
  driftDetection: boolean;
  /** `openai:adoptExisting`: whether a permission that already exists is taken over. Default true. */
  adoptExisting: boolean;
  /** What the person should hear of how the settings came about. */
  notices: string[];
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
 * @throws {ConfigError} when values are wrong: one error that names them all.
 */
export function readConfig(get: (key: string) => string | undefined, env: Record<string, string | undefined>): Config {
  const problems: string[] = [];
  const notices: string[] = [];
  // An empty value is how shells and CI systems spell "not set".
  const text = (key: string) => get(`openai:${key}`)?.trim() || undefined;
  const variable = (name: string) => env[name]?.trim() || undefined;

  const keyFromStack = text("adminApiKey");
  const keyFromEnv = variable("OPENAI_ADMIN_KEY");
  const fromEnvironment = (name: string) => {
    const value = variable(name);
    if (value === undefined || keyFromStack === undefined) return value;
    notices.push(
      `${name} is ignored, because the admin key comes from the stack's config (openai:adminApiKey); ` +
        `what belongs to that key is set beside it, in the openai: namespace.`,
    );
    return undefined;
  };

  const number = (key: string) => {
    const value = text(key);
    if (value === undefined) return undefined;
    const parsed = Number(value);
    if (Number.isFinite(parsed) && parsed > 0) return parsed;
    problems.push(`openai:${key} must be a number above 0, but is ${shown(value)}.`);
    return undefined;
  };
  const flag = (key: string) => {
    const value = text(key);
    if (value === undefined || value === "true") return true;
    if (value !== "false") problems.push(`openai:${key} must be true or false, but is ${shown(value)}.`);
    return false;
  };
  const header = (key: string, value: string | undefined) => {
    if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
      problems.push(`${key} must be plain ASCII without spaces, as it is sent in a header.`);
    }
    return value;
  };

  const baseUrlFromStack = text("baseUrl");
  const baseUrl = baseUrlFromStack ?? fromEnvironment("OPENAI_BASE_URL") ?? defaultBaseUrl;
  const baseUrlProblem = problemWithBaseUrl(baseUrl);
  if (baseUrlProblem !== undefined) {
    problems.push(`${baseUrlFromStack === undefined ? "OPENAI_BASE_URL" : "openai:baseUrl"} ${baseUrlProblem}`);
  }

  const config: Config = {
    adminApiKey: header(
      keyFromStack === undefined ? "OPENAI_ADMIN_KEY" : "openai:adminApiKey",
      keyFromStack ?? keyFromEnv,
    ),
    baseUrl: baseUrlProblem === undefined ? new URL(baseUrl).href.replace(/\/+$/, "") : baseUrl,
    organization:
      header("openai:organization", text("organization")) ?? header("OPENAI_ORG_ID", fromEnvironment("OPENAI_ORG_ID")),
    project:
      header("openai:project", text("project")) ?? header("OPENAI_PROJECT_ID", fromEnvironment("OPENAI_PROJECT_ID")),
    requestsPerMinute: number("requestsPerMinute"),
    timeoutSeconds: number("timeoutSeconds") ?? 60,
    maxWaitSeconds: number("maxWaitSeconds") ?? 900,
    driftDetection: flag("driftDetection"),
    adoptExisting: flag("adoptExisting"),
    notices,
  };
  if (problems.length > 0) {
    throw new ConfigError(problems.join(" "), "Correct it with `pulumi config set`, or in the environment.");
  }
  return config;
}

/** A wrong value, unless it may be a key that was set in the wrong place. */
function shown(value: string): string {
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
