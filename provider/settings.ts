/** One setting: what it means, and where it is set. */
export interface Setting {
  /** A header is a text that goes into one, in plain ASCII. A number is above 0. */
  kind: "header" | "url" | "number" | "flag";
  /** What it means, in sentences that the docs, the schema and the command line show. */
  description: string;
  /** Its value where none is set. */
  default?: number | boolean | string;
  /** What counts where there is no such value. */
  otherwise?: string;
  /** The environment's variable for it. */
  variable?: string;
  /** The command line's option for it. A script may set it, too. Without: a stack alone sets it. */
  option?: `--${string} <${string}>`;
  /** What the option takes, where that is not the setting itself. */
  optionTakes?: string;
  /** Whether OpenAI's official provider knows it by the same name. That provider refuses other keys in its namespace. */
  isShared?: true;
  isSecret?: true;
}

/** Every setting. `npm run generate` makes their type, the schema and tables in the docs from this table. */
export const settings = {
  adminApiKey: {
    kind: "header",
    description: "An admin API key of the checkpoint's organization, needed only when a request is about to be made.",
    otherwise: "`OPENAI_ADMIN_KEY`",
    variable: "OPENAI_ADMIN_KEY",
    option: "--key-file <file>",
    optionTakes: "A file that holds the admin API key.",
    isShared: true,
    isSecret: true,
  },
  baseUrl: {
    kind: "url",
    description: "The API's base URL: HTTPS, unless the host is loopback. Redirects are not followed.",
    default: "https://api.openai.com/v1",
    variable: "OPENAI_BASE_URL",
    option: "--base-url <url>",
    isShared: true,
  },
  organization: {
    kind: "header",
    description: "Sent as `OpenAI-Organization`.",
    otherwise: "the key's own",
    variable: "OPENAI_ORG_ID",
    option: "--organization <id>",
    isShared: true,
  },
  project: {
    kind: "header",
    description: "Sent as `OpenAI-Project`.",
    otherwise: "not sent",
    variable: "OPENAI_PROJECT_ID",
    option: "--openai-project <id>",
    isShared: true,
  },
  requestsPerMinute: {
    kind: "number",
    description: "Limits the requests to each endpoint ahead of time, instead of waiting for a 429.",
    otherwise: "as fast as the API allows",
    option: "--requests-per-minute <n>",
  },
  timeoutSeconds: {
    kind: "number",
    description: "How long one request may take, in seconds.",
    default: 60,
    option: "--timeout-seconds <n>",
  },
  maxWaitSeconds: {
    kind: "number",
    description: "How long a request waits, in seconds, while the API is rate-limiting and serves nothing.",
    default: 900,
    option: "--max-wait-seconds <n>",
  },
  driftDetection: {
    kind: "flag",
    description:
      "Whether previews look each permission up. Where they do not, they need no key, unless the program calls " +
      "`listCheckpointPermissions`.",
    default: true,
  },
  adoptExisting: {
    kind: "flag",
    description: "Whether a permission that already exists is adopted. If not, that is an error, which names it.",
    default: true,
  },
  auditDetails: {
    kind: "flag",
    description:
      "Whether the names of projects, and who granted or revoked, are read from the organization's projects and audit " +
      "log, for messages alone.",
    default: true,
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as SettingName[];
/** How to reach the API: what scripts and the command line may set. */
export const connectionSettings = settingNames.filter((name) => settingOf(name).option !== undefined);

/** A setting, with all that it may have. */
export function settingOf(name: SettingName): Setting {
  return settings[name];
}

/** What a setting is where neither it nor a variable is set, in words. */
export function valueOf(name: SettingName): string {
  const { default: value, otherwise } = settingOf(name);
  return otherwise ?? `\`${String(value)}\``;
}

/** The same, with the variable that comes first. */
export function defaultOf(name: SettingName): string {
  const { variable } = settingOf(name);
  const [first, last] = [`\`${variable}\``, valueOf(name)];
  return variable === undefined || first === last ? last : `${first}, else ${last}`;
}
