import { Option, type Command } from "commander";
import { ProviderContext, type Print } from "../access/context";
import { systemClock } from "../clock";
import { MissingKey, readConfig, type Source, whereKeysAre } from "../config";
import { connectionSettings, defaultOf, settingOf, type SettingName } from "../settings";
import { CommandFailed } from "./failure";
import { textIn } from "./read-files";

/** The option for a setting, without what it takes. */
function flagOf(setting: SettingName): string {
  return settingOf(setting).option?.split(" ")[0] ?? setting;
}

const commandLineSource: Source = {
  namesOf: (setting) => [flagOf(setting)],
  correctIt: "on the command line",
  howToSetKey: (nameOf) =>
    `Set OPENAI_ADMIN_KEY, or name a file that holds it with ${nameOf("adminApiKey")}. ${whereKeysAre} A project key ` +
    "(OPENAI_API_KEY) does not work.",
};

/** Without Markdown's marks, and with variables as a shell has them. */
function inShell(text: string): string {
  return text.replace(/`(OPENAI_[A-Z_]+)`/g, "$$$1").replaceAll("`", "");
}

/** Adds the options that say how to reach the API. */
export function addSettings(command: Command): Command {
  for (const setting of connectionSettings) {
    const { option, optionTakes, description } = settingOf(setting);
    const sentence = (optionTakes ?? description).replace(/\.$/, "");
    const text = inShell(`${sentence[0]!.toLowerCase()}${sentence.slice(1)} (default: ${defaultOf(setting)})`);
    command.addOption(new Option(option!, text).helpGroup("How to reach the API:"));
  }
  return command;
}

/**
 * @throws {CommandFailed} when the key's file cannot be read.
 * @throws {UsageError} when a value is wrong.
 */
export function contextOf(given: object, print: Print): ProviderContext {
  const values = new Map(
    connectionSettings.map((setting) => {
      const flag = flagOf(setting);
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
