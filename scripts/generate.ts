/**
 * `npm run generate` writes what follows from other files: the native plugin's schema, from types, docstrings and the
 * programs in examples/; and from the table of settings their type, and their tables in the docs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import ts from "typescript";
import { connectionSettings, settingNames, settingOf, valueOf, type SettingName } from "../provider/settings";

const name = "openai-checkpoint-permissions";
const namespace = `${name}:index:`;
const schemaFile = "provider/native/schema.json";
const typesFile = "provider/settings-types.ts";

interface PropertySpec {
  description: string;
  type?: "string" | "boolean" | "number" | "integer" | "array";
  items?: { type?: "string"; $ref?: string };
  secret?: boolean;
  willReplaceOnChanges?: boolean;
}

interface ObjectSpec {
  description: string;
  properties: Record<string, PropertySpec>;
  required: string[];
}

const files = ["dynamic/permission.ts", "dynamic/permission-set.ts", "resource/list.ts"];
const program = ts.createProgram(
  files.map((file) => join("provider", file)),
  { strict: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Node20 },
);
const checker = program.getTypeChecker();

/** Every generated file, as it is to be committed. */
export async function generated(): Promise<Record<string, string>> {
  const files: Record<string, string> = {
    [schemaFile]: JSON.stringify(schema()),
    [typesFile]: settingTypes(),
    "docs/config.md": withTable("docs/config.md", ["Setting", "Default", ""], (name) => [
      `\`${name}\``,
      valueOf(name),
      settingOf(name).description,
    ]),
    "docs/installation-configuration.md": withTable(
      "docs/installation-configuration.md",
      ["Option", "Environment variable", "Required", "Description"],
      (name) => {
        const { variable, description, isSecret } = settingOf(name);
        const isKey = isSecret === true;
        return [
          `\`${name}\``,
          variable === undefined ? "" : `\`${variable}\``,
          isKey ? "yes" : "no",
          isKey ? description : describedWithDefault(name),
        ];
      },
    ),
  };
  const formatted = Object.entries(files).map(async ([path, text]) => {
    const options = await resolveConfig(path);
    return [path, await format(text, { ...options, filepath: path })];
  });
  return Object.fromEntries(await Promise.all(formatted)) as Record<string, string>;
}

const typesOfKinds = { header: "string", url: "string", number: "number", flag: "boolean" } as const;

function describedWithDefault(name: SettingName): string {
  return `${settingOf(name).description} Default: ${valueOf(name)}.`;
}

/** A page with its one table of settings. */
function withTable(page: string, head: string[], rowOf: (name: SettingName) => string[]): string {
  const lines = [head, head.map(() => "---"), ...settingNames.map(rowOf)].map((cells) => `| ${cells.join(" | ")} |`);
  const text = readFileSync(page, "utf8");
  const table = new RegExp(`^\\| ${head[0]!} .*\\n(\\|.*\\n)+`, "m");
  if (!table.test(text)) throw new Error(`${page} has no table of settings.`);
  return text.replace(table, () => `${lines.join("\n")}\n`);
}

/** The types of the settings, with their docstrings. */
function settingTypes(): string {
  const fields = (names: readonly SettingName[]) =>
    names.map((name) => {
      const { kind, default: value } = settingOf(name);
      return `/** ${describedWithDefault(name)} */\n${name}: ${typesOfKinds[kind]}${value === undefined ? " | undefined" : ""};`;
    });
  const others = settingNames.filter((name) => !connectionSettings.includes(name));
  return [
    "// `npm run generate` writes this file from settings.ts.",
    "",
    "/** How to reach the API. */",
    `export interface ConnectionSettings {\n${fields(connectionSettings).join("\n")}\n}`,
    "",
    "/** The settings of one run. */",
    `export interface Settings extends ConnectionSettings {\n${fields(others).join("\n")}\n}`,
  ].join("\n");
}

/** A setting in the schema. */
function settingSpec(name: SettingName): PropertySpec {
  const { kind, isSecret } = settingOf(name);
  return {
    type: typesOfKinds[kind],
    description: describedWithDefault(name),
    ...(isSecret === true ? { secret: true } : {}),
  };
}

function schema(): object {
  const { version, description, keywords, license } = JSON.parse(readFileSync("provider/package.json", "utf8")) as {
    version: string;
    description: string;
    keywords: string[];
    license: string;
  };
  const permission = objectOf("api/permission.ts", "Permission");
  const settings = Object.fromEntries(settingNames.map((name) => [name, settingSpec(name)]));
  const list = objectOf("resource/list.ts", "ListCheckpointPermissionsArgs");

  return {
    name,
    displayName: "OpenAI checkpoint permissions",
    version,
    description: description.replace("Pulumi dynamic provider", "Pulumi provider"),
    keywords,
    license,
    config: { variables: settings },
    provider: { description: "How to reach the API.", inputProperties: settings },
    types: {
      [`${namespace}Permission`]: { type: "object", ...permission },
    },
    resources: {
      [`${namespace}CheckpointPermission`]: resourceOf("dynamic/permission.ts", "CheckpointPermission", {
        replacing: ["fineTunedModelCheckpoint", "projectId"],
        importId: "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd/proj_abc123",
      }),
      [`${namespace}CheckpointPermissionSet`]: resourceOf("dynamic/permission-set.ts", "CheckpointPermissionSet", {
        replacing: ["fineTunedModelCheckpoint"],
        importId: "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd",
      }),
    },
    functions: {
      [`${namespace}listCheckpointPermissions`]: {
        description: "Lists who has access to a checkpoint, newest first.",
        inputs: { type: "object", ...list },
        outputs: {
          description: "The permissions for the checkpoint.",
          properties: {
            permissions: {
              type: "array",
              items: { $ref: `#/types/${namespace}Permission` },
              description: "The permissions, newest first.",
            },
          },
          required: ["permissions"],
          type: "object",
        },
      },
    },
    language: {
      nodejs: { packageName: "openai-checkpoint-permissions", respectSchemaVersion: true },
      python: {
        packageName: "pulumi_openai_checkpoint_permissions",
        respectSchemaVersion: true,
        pyproject: { enabled: true },
      },
      go: { respectSchemaVersion: true, generateResourceContainerTypes: true },
    },
  };
}

function resourceOf(file: string, type: string, { replacing, importId }: { replacing: string[]; importId: string }) {
  const inputs = objectOf(file, `${type}Args`);
  const outputs = objectOf(file, type);
  for (const property of replacing) inputs.properties[property]!.willReplaceOnChanges = true;
  return {
    description: [
      outputs.description,
      "{{% examples %}}\n## Example Usage\n\n{{% example %}}",
      ...examplesOf(type),
      "{{% /example %}}\n{{% /examples %}}",
      `## Import\n\n\`\`\`sh\n$ pulumi import ${namespace}${type} name '${importId}'\n\`\`\`\n`,
    ].join("\n\n"),
    inputProperties: inputs.properties,
    requiredInputs: inputs.required,
    properties: outputs.properties,
    required: outputs.required,
    // A stack of dynamic resources moves to these without a change.
    aliases: [{ type: `pulumi-nodejs:dynamic/openai:${type}` }],
  };
}

/** The programs in examples/ that declare such a resource, one a language. */
function examplesOf(type: string): string[] {
  const programs = [
    ["typescript", "native/typescript/index.ts"],
    ["python", "native/python/__main__.py"],
    ["go", "native/go/main.go"],
    ["java", "native/java/src/main/java/access/App.java"],
    ["yaml", "native/yaml/Pulumi.yaml"],
  ];
  return programs.flatMap(([language, file]) => {
    const text = readFileSync(join("examples", file!), "utf8").trim();
    if (!new RegExp(`\\b${type}\\b|New${type}\\b`).test(text)) throw new Error(`${file!} lacks a ${type}.`);
    return `\`\`\`${language!}\n${text}\n\`\`\``;
  });
}

/** What an interface or class says of its properties, inherited ones left out. */
function objectOf(file: string, name: string): ObjectSpec {
  const source = program.getSourceFile(join("provider", file));
  const declaration = source?.statements.find(
    (statement): statement is ts.InterfaceDeclaration | ts.ClassDeclaration =>
      (ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name?.text === name,
  );
  if (declaration === undefined) throw new Error(`${file} has no ${name}.`);
  const members = declaration.members.filter(
    (member): member is ts.PropertySignature | ts.PropertyDeclaration =>
      ts.isPropertySignature(member) || (ts.isPropertyDeclaration(member) && !isStatic(member)),
  );
  const properties = Object.fromEntries(members.map((member) => [nameOf(member), propertyOf(member)]));
  const isOptional = (member: (typeof members)[number]) =>
    member.questionToken !== undefined || typeOf(member).includes("undefined");
  const required = members.filter((member) => !isOptional(member)).map(nameOf);
  return { description: textOf(declaration.name!), properties, required };
}

function isStatic(member: ts.PropertyDeclaration): boolean {
  return (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static) !== 0;
}

function propertyOf(member: ts.PropertySignature | ts.PropertyDeclaration): PropertySpec {
  const description = textOf(member.name);
  const plain = typeOf(member)
    .replace(" | undefined", "")
    .replace(/pulumi\.(Input|Output)<(.*)>$/, "$2")
    .replace(/pulumi\.Input<(\w+)>\[\]$/, "$1[]");
  switch (plain) {
    case "string":
    case "boolean":
      return { type: plain, description };
    case "number":
      // Times and durations are told in their docstrings.
      return { type: description.includes("Unix seconds") ? "integer" : "number", description };
    case "string[]":
      return { type: "array", items: { type: "string" }, description };
    case "Permission[]":
      return { type: "array", items: { $ref: `#/types/${namespace}Permission` }, description };
    default:
      return { description };
  }
}

function nameOf(member: ts.PropertySignature | ts.PropertyDeclaration): string {
  return member.name.getText();
}

function typeOf(member: ts.PropertySignature | ts.PropertyDeclaration): string {
  return member.type!.getText();
}

/** A docstring, for readers of any language. */
function textOf(node: ts.Node): string {
  const symbol = checker.getSymbolAtLocation(node);
  const text = ts.displayPartsToString(symbol?.getDocumentationComment(checker));
  if (text === "") throw new Error(`${node.getText()} has no docstring.`);
  return text.replace(/\{@link ([^}]+)\}/g, "`$1`");
}

if (require.main === module) {
  void generated().then((files) => {
    for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
  });
}
