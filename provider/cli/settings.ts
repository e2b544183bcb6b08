import { Option, type Command } from "commander";
import { ProviderContext, type Print } from "../access/context";
import { systemClock } from "../clock";
import { MissingKey, readConfig, type SettingName, type Source, whereKeysAre } from "../config";
import { CommandFailed } from "./failure";
import { textIn } from "./read-files";

/** The options for settings. Each is named for its setting, except the one for the key, which names a file. */
const options: [setting: SettingName, flag: string, value: string, description: string][] = [
  ["adminApiKey", "--key-file", "<file>", "a file that holds the admin API key (default: $OPENAI_ADMIN_KEY)"],
  ["baseUrl", "--base-url", "<url>", "where the API is (default: $OPENAI_BASE_URL, else OpenAI)"],
  ["organization", "--organization", "<id>", "sent as OpenAI-Organization (default: $OPENAI_ORG_ID)"],
  ["project", "--openai-project", "<id>", "sent as OpenAI-Project (default: $OPENAI_PROJECT_ID)"],
  ["requestsPerMinute", "--requests-per-minute", "<n>", "limit the requests (default: as fast as the API allows)"],
  ["timeoutSeconds", "--timeout-seconds", "<n>", "how long one request may take (default: 60)"],
  ["maxWaitSeconds", "--max-wait-seconds", "<n>", "how long to wait while nothing is served (default: 900)"],
];

const commandLineSource: Source = {
  namesOf: (setting) => [options.find(([name]) => name === setting)?.[1] ?? setting],
  correctIt: "on the command line",
  howToSetKey: (nameOf) =>
    `Set OPENAI_ADMIN_KEY, or name a file that holds it with ${nameOf("adminApiKey")}. ${whereKeysAre} A project key ` +
    "(OPENAI_API_KEY) does not work.",
};

/** Adds the options that say how to reach the API. */
export function addSettings(command: Command): Command {
  for (const [, flag, value, description] of options) {
    command.addOption(new Option(`${flag} ${value}`, description).helpGroup("How to reach the API:"));
  }
  return command;
}

/**
 * @throws {CommandFailed} when the key's file cannot be read.
 * @throws {ConfigError} when a value is wrong.
 */
export function contextOf(given: object, print: Print): ProviderContext {
  const values = new Map(
    options.map(([setting, flag]) => {
      const value = (given as Record<string, string | undefined>)[attributeOf(flag)];
      return [flag, setting === "adminApiKey" && value !== undefined ? keyIn(value) : value];
    }),
  );
  const config = readConfig((flag) => values.get(flag), process.env, commandLineSource);
  // Every command asks the API for something.
  if (config.adminApiKey === undefined) throw new MissingKey(config);
  return new ProviderContext(config, systemClock, print);
}

/** The name by which the parser keeps an option. */
function attributeOf(flag: string): string {
  return new Option(flag).attributeName();
}

function keyIn(file: string): string {
  const key = textIn(file).trim();
  if (key === "") throw new CommandFailed(`${file} is empty; it must hold the admin API key.`);
  if (/\s/.test(key))
    throw new CommandFailed(`${file} must hold the admin API key alone, with no name in front of it.`);
  return key;
}
