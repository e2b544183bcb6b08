import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect } from "chai";
import ts from "typescript";
import { ApiError } from "../provider/api/error";
import { natures, table, type ErrorKind } from "../provider/api/error-kinds";
import { driftCode } from "../provider/cli/arguments";
import { heads } from "../provider/cli/columns";
import { readConfig } from "../provider/config";
import { known } from "../sandbox/api/known";
import { failureOf, type OperationFailed } from "../provider/resource/failure";

/** The repository's files, new ones too. */
function filesIn(pattern: string): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", pattern];
  return execFileSync("git", args, { encoding: "utf8" }).trim().split("\n");
}

const pages = filesIn("*.md");

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, "utf8").match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  );
}

describe("the documentation", function () {
  it("every link inside the repository leads to an existing page and heading", function () {
    const broken = pages.flatMap((page) =>
      [...readFileSync(page, "utf8").matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
        if (/^[a-z]+:/.test(link!)) return [];
        const [path, anchor] = link!.split("#") as [string, string | undefined];
        const target = path === "" ? page : join(dirname(page), path);
        if (!existsSync(target)) return `${page}: ${link!}`;
        return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : `${page}: ${link!}`;
      }),
    );
    expect(pages).to.include.members(["README.md", "docs/resources.md", "provider/README.md"]);
    expect(broken).to.deep.equal([]);
  });

  it("nobody is told to install or run by name what is not on npm, unless it says so", function () {
    const command = /(npm (install|i|add)|npx( --yes| -y)?|pnpm (add|dlx)) pulumi-openai-checkpoint-permissions/;
    const told = filesIn("*").filter((file) => {
      if (!/\.(md|ts|yml)$/.test(file) || file.startsWith("test/")) return false;
      const text = readFileSync(file, "utf8");
      return command.test(text) && !/\bon npm\b/.test(text);
    });
    expect(told).to.deep.equal([]);
  });

  it("the pages about languages have the runnable example of each, and name those that are tested", function () {
    const folders = readdirSync("examples/native", { withFileTypes: true });
    const languages = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const programs: Record<string, string> = {
      python: "__main__.py",
      go: "main.go",
      java: "src/main/java/access/App.java",
      yaml: "Pulumi.yaml",
      typescript: "index.ts",
    };
    expect(Object.keys(programs)).to.have.members(languages);
    for (const [language, file] of Object.entries(programs)) {
      const program = readFileSync(join("examples/native", language, file), "utf8").trim();
      const pages = language === "typescript" ? ["docs/_index.md"] : ["docs/languages.md", "docs/_index.md"];
      for (const page of pages) expect(readFileSync(page, "utf8"), page).to.include(program);
    }
    const tested = /^([\w, ]+) and (\w+) are tested\./m.exec(readFileSync("docs/native-plugin.md", "utf8"))!;
    expect([...tested[1]!.split(", "), tested[2]!].map((name) => name.toLowerCase())).to.have.members(languages);
  });

  it("docs/command-line.md has each column of a list, and each exit code", function () {
    const page = readFileSync("docs/command-line.md", "utf8");
    const firstCells = (head: string) => {
      const [, table] = new RegExp(`^\\| ${head} .*\\n((?:\\|.*\\n)+)`, "m").exec(page)!;
      return table!.match(/^\| [^|]+/gm)!.flatMap((cell) => cell.slice(2).trim().split(", "));
    };
    expect(firstCells("Column").slice(1)).to.have.members(
      heads().map((head) => head.toLowerCase().replace("utc", "UTC")),
    );
    expect(firstCells("Exit code").slice(1)).to.deep.equal(["0", "1", String(driftCode)]);
  });

  it("the sandbox knows every project and checkpoint that an example names", function () {
    const text = filesIn("examples")
      .map((file) => readFileSync(file, "utf8"))
      .join("\n");
    const projects = new Set(text.match(/\bproj_\w+/g));
    const checkpoints = new Set(text.match(/\bft:gpt-[\w.-]+:\w+:\w*:\w+(:ckpt-step-\d+)?/g));
    expect(known.projects.map(({ id }) => id)).to.include.members([...projects]);
    expect(known.checkpoints).to.include.members([...checkpoints]);
  });

  it("docs/errors.md has each kind of error, as the code has it", function () {
    const rows = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| (.*?) <!-- (\S+) --> +\|(.*)\|$/gm)].map(
      ([, seen, kind, rest]) => ({ seen: seen!, kind: kind!, cells: rest!.split(" | ").map((cell) => cell.trim()) }),
    );
    expect(rows.map(({ kind }) => kind)).to.have.members(Object.keys(natures));
    const stack: Record<string, string> = { "openai:adminApiKey": "sk-admin-x", "openai:organization": "org-x" };
    const config = readConfig((key) => stack[key], {});
    const attempt = { operation: "grant", checkpoint: "ft:x", subject: "proj_x" } as const;
    for (const { seen, kind, cells } of rows as ({ kind: ErrorKind } & (typeof rows)[number])[]) {
      const { remedy } = failureOf(new ApiError(kind, "no"), attempt, () => config) as OperationFailed;
      const [, sentAgain, whatToDo] = cells;
      expect(whatToDo, kind).to.equal(remedy);
      const isSentAgain = !["no", "once, after 10 s", "until then"].includes(sentAgain!);
      expect(isSentAgain, kind).to.equal(natures[kind].isTemporary === true);
      const statuses = table.filter((row) => row.kind === kind).flatMap(({ status }) => Object.values(status));
      if (seen.startsWith("any other")) continue;
      const named = [...seen.matchAll(/`(\d{3})`/g)].map(([, status]) => Number(status));
      expect(new Set(named), kind).to.deep.equal(new Set(statuses));
    }
  });

  it("every TypeScript snippet in the docs compiles", function () {
    this.timeout(30_000);
    const snippets = pages.flatMap((page) =>
      [...readFileSync(page, "utf8").matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code], index) => ({
        name: resolve(`${page}.${index}.ts`),
        code: withContext(code!),
      })),
    );
    expect(snippets).to.have.length.above(3);
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node20,
      types: ["node"],
    };
    const disk = ts.createCompilerHost(options);
    const readFile = (file: string) => snippets.find(({ name }) => name === file)?.code ?? disk.readFile(file);
    const host: ts.CompilerHost = {
      ...disk,
      readFile,
      fileExists: (file) => snippets.some(({ name }) => name === file) || disk.fileExists(file),
      getSourceFile: (file, version) => ts.createSourceFile(file, readFile(file) ?? "", version),
    };
    const program = ts.createProgram(
      snippets.map(({ name }) => name),
      options,
      host,
    );
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
    expect(problems).to.deep.equal([]);
  });
});

/** A snippet with what the text around it takes for granted. */
function withContext(code: string): string {
  const imports = code.match(/^import .*$/gm) ?? [];
  const body = code.replace(/^import .*$/gm, "");
  const names = [
    "CheckpointPermission",
    "CheckpointPermissionSet",
    "listCheckpointPermissions",
    "listCheckpointPermissionsOutput",
  ];
  const missing =
    imports.length > 0 ? "" : `import { ${names.join(", ")} } from "pulumi-openai-checkpoint-permissions";`;
  return `import * as pulumi from "@pulumi/pulumi";
${imports.join("\n")}${missing}
declare const fineTunedModelCheckpoint: string, projectId: string, adminApiKey: string, config: pulumi.Config;
declare const Provider: new (name: string, args: object) => pulumi.ProviderResource;
declare const other: import("pulumi-openai-checkpoint-permissions").CheckpointPermission;
export async function snippet() {
${body}
}`;
}
