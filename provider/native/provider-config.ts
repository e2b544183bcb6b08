import type { dynamic } from "@pulumi/pulumi";
import { ownNamespace, readConfig, stackSource, type Config, type Source } from "../config";
import { problemWithName } from "../config-keys";
import { configFailure } from "../resource/failure";
import { isUnknown } from "../resource/ids";
import { settings } from "../settings";
import type { Properties } from "./marshal";

/** A native provider is given the package's own namespace only. */
const providerSource: Source = {
  ...stackSource,
  namesOf: (setting) => [`${ownNamespace}${setting}`],
  howToSetKey: (nameOf) =>
    `${stackSource.howToSetKey(nameOf)} A provider that the program declares does not read the stack's config: pass ` +
    "it adminApiKey.",
  onRevoking:
    "If the program no longer declares the resource's provider, the key is the one in the provider's state: declare the " +
    "provider again with a new key, run `pulumi up`, and remove it after its resources.",
};

/** Arguments of a provider that are not settings. */
const notSettings: readonly string[] = ["version", "pluginDownloadURL", "__internal", "__defaults"];

/** What is wrong with a provider's arguments. */
export function problemsWithArgs(args: Properties): dynamic.CheckFailure[] {
  const failures = Object.keys(args).flatMap((property) => {
    const reason = notSettings.includes(property) ? undefined : problemWithName(property);
    return reason === undefined ? [] : { property, reason };
  });
  try {
    configOf(args);
  } catch (error) {
    failures.push(configFailure(error));
  }
  return failures;
}

/** @throws {UsageError} when a value is wrong. */
export function configOf(args: Properties): Config {
  const get = (key: string) => {
    const value = args[key.slice(key.indexOf(":") + 1)];
    // A setting may be an output that a preview does not know yet.
    if (isUnknown(value)) return undefined;
    return typeof value === "string" ? value : JSON.stringify(value);
  };
  return readConfig(get, process.env, providerSource);
}

/** The base URL in a provider's arguments, in one form. */
export function baseUrlIn({ baseUrl = settings.baseUrl.default }: Properties): unknown {
  return typeof baseUrl === "string" ? baseUrl.trim().replace(/\/+$/, "") : baseUrl;
}
