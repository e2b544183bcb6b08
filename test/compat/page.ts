import { languages, nodes, oldestSdk, typescripts } from "./kinds";

/** A project in which the whole lifecycle has passed. */
export interface Seen {
  language: string;
  manager: string;
  node: number;
  /** Version. */
  sdk: string;
}

/** docs/compatibility.md, once the lifecycle has passed in every kind of project. */
export function compatibilityPage(seen: readonly Seen[], pulumi: string, date: Date): string {
  const columns = nodes.flatMap((node) => {
    const versions = [...new Set(seen.filter((row) => row.node === node).map(({ sdk }) => sdk))];
    return versions.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).map((sdk) => ({ node, sdk }));
  });
  const kinds = new Set(seen.map(({ language, manager }) => `${language}, ${manager}`));
  const rows = [...kinds].map((kind) => [kind, ...columns.map(() => "✓")]);
  const head = ["", ...columns.map(({ node, sdk }) => `Node.js ${node}, SDK ${sdk}`)];
  const table = [head, head.map((_, index) => (index === 0 ? "---" : ":-:")), ...rows];
  const { oldestSdkNeeds } = languages["TypeScript, ES modules"]!;
  return `# Compatibility

On ${date.toISOString().slice(0, 10)} \`npm run test:compat\` installed the packed package into empty projects outside of the repository. In each
it ran, with the Pulumi CLI ${pulumi}: a preview, an \`up\`, a preview after a permission was revoked outside of Pulumi, the command
line's \`list\`, and a \`destroy\`. It wrote this table from what passed.

${table.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}

- **The SDK** is \`@pulumi/pulumi\`. Its versions from 3.249 on need Node.js 22.
- **ES modules in TypeScript** need \`ts-node\` 10 among the project's dependencies. With SDK ${oldestSdk} they also need
  \`nodeargs: "${oldestSdkNeeds!}"\` under \`runtime.options\` in Pulumi.yaml.
- **TypeScript** ${typescripts.slice(0, -1).join(", ")} and ${typescripts.at(-1)!} read the package's types, with \`strict\` and without \`skipLibCheck\`. Pulumi runs
  programs with a TypeScript below 7.
- **npm** was version 12, which runs no install scripts unless they are approved; this package has none.
- **ES modules by tsx** need \`options: { typescript: false, nodeargs: "--import tsx" }\` under \`runtime\` in Pulumi.yaml.
- **Two versions of the SDK** in a monorepo: a component of one package with SDK ${oldestSdk} works in a program with the newest.
- **pnpm** was run with \`hoist: false\`, so that no package finds what it does not depend on. The package must be a
  dependency of the program's own project. pnpm 11 and later end with an error about the build script of \`protobufjs\`, which
  Pulumi's SDK brings; \`pnpm approve-builds\` settles it.
`;
}
