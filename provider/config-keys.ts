import { closest, distance } from "fastest-levenshtein";
import { openaiNamespace, ownNamespace, stackSource } from "./config";
import { settingNames, settingOf, settings, type SettingName } from "./settings";

/** Why there is no setting of this name, and which one may be meant; undefined when there is one. */
export function problemWithName(name: string): string | undefined {
  if (isSettingName(name)) return undefined;
  const near = nearestSetting(name);
  const remedy = near === undefined ? `There are ${settingNames.join(", ")}.` : `Did you mean ${near}?`;
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
  return `${settingOf(setting).isShared === true ? openaiNamespace : ownNamespace}${setting}`;
}

function isSettingName(name: string): boolean {
  return Object.hasOwn(settings, name);
}

function nearestSetting(name: string): SettingName | undefined {
  const near = closest(name, settingNames) as SettingName;
  return distance(name, near) <= 3 ? near : undefined;
}
