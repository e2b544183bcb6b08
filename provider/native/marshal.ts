import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { unknownValue } from "../resource/ids";

export type Properties = Record<string, unknown>;

/** The key that marks special values in the protocol, and its value for a secret. */
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
/** Pulumi's placeholders for unknown values, by type: a boolean, a number, a string, a list, an object. */
const unknowns: readonly unknown[] = [
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  unknownValue,
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];

/** Properties in plain text, and the names of those that are secret or contain a secret. */
export function unmarshal(struct: Struct | undefined): { values: Properties; secrets: ReadonlySet<string> } {
  const values: Properties = {};
  const secrets = new Set<string>();
  for (const [name, value] of Object.entries(struct?.toJavaScript() ?? {})) {
    // Null means "not set".
    if (value !== null) values[name] = plain(value, () => secrets.add(name));
  }
  return { values, secrets };
}

export function marshal(properties: object = {}, secrets: ReadonlySet<string> = new Set()): Struct {
  // A struct cannot hold undefined.
  const defined = JSON.parse(JSON.stringify(properties)) as Properties;
  for (const name of Object.keys(defined)) {
    if (secrets.has(name)) defined[name] = { [signature]: secretSignature, value: defined[name] };
  }
  return Struct.fromJavaScript(defined as Parameters<typeof Struct.fromJavaScript>[0]);
}

function plain(value: unknown, onSecret: () => void): unknown {
  if (unknowns.includes(value)) return unknownValue;
  if (Array.isArray(value)) return value.map((element) => plain(element, onSecret));
  if (typeof value !== "object" || value === null) return value;
  const properties = value as Properties;
  if (properties[signature] === secretSignature) {
    onSecret();
    return plain(properties["value"], onSecret);
  }
  return Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, plain(one, onSecret)]));
}
