import type { Command } from "commander";
import { checkpointsArgument, collect, inputsOf, projectOption, subjectOf } from "./arguments";
import { CommandFailed } from "./failure";
import { importOf, otherRuntimeIn } from "./import";
import { counted } from "./report";
import { contextFor, print, safely, screen } from "./run";
import { addSettings } from "./settings";
import { readStacks } from "./stack-export";
import { assertWritable, writeAll } from "./write-files";

/** How to bring it under Pulumi. */
export function addImport(program: Command): void {
  addSettings(
    program
      .command("import")
      .description("generate an import file and the matching program")
      .addArgument(checkpointsArgument())
      .addOption(projectOption())
      .option("--set", "one set for each checkpoint instead of a permission for each project")
      .option("--native", "for the native plugin instead of the Node.js package")
      .option("--file <file>", "where to write the import file", "import.json")
      .option("--program <file>", "where to write the program (default: standard output)")
      .option("--except <file>", "leave out what this stack has in state (`pulumi stack export`); repeatable", collect)
      .option("--force", "overwrite these files")
      .addHelpText(
        "after",
        `
Access does not change. Nothing is written unless all could be read.

Exit codes: 0 done, 1 failed.

Examples:
  $ checkpoint-permissions import ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd --program access.ts
  $ checkpoint-permissions import ft:… ft:… --set --program access.ts
  $ checkpoint-permissions import ft:… --native
  $ pulumi stack export --file stack.json
  $ checkpoint-permissions import ft:… --except stack.json --program more.ts`,
      ),
  ).action(
    safely(
      async (
        given: string[],
        options: {
          project?: string[];
          set?: boolean;
          native?: boolean;
          file: string;
          program?: string;
          except?: string[];
          force?: boolean;
          keyFile?: string;
        },
      ) => {
        const { set = false, native = false, file, program: programFile, force = false } = options;
        const { checkpoints, project } = subjectOf(given, options.project);
        const otherRuntime = otherRuntimeIn(process.cwd());
        if (otherRuntime !== undefined && !native) {
          throw new CommandFailed(
            `This project is in ${otherRuntime}, and the package's resources are for Node.js. Use the native plugin: --native.`,
          );
        }
        if (otherRuntime !== undefined && programFile !== undefined) {
          throw new CommandFailed(
            `--program writes TypeScript, and this project is in ${otherRuntime}. Leave it out: \`pulumi import\` prints the code.`,
          );
        }
        if (checkpoints.length === 0)
          throw new CommandFailed("Name a checkpoint, as ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd.");
        const outputs = [
          { option: "--file", path: file },
          ...(programFile === undefined ? [] : [{ option: "--program", path: programFile }]),
        ];
        const inputs = [...new Set(options.except)];
        assertWritable(outputs, inputsOf(options, inputs), force);
        const except = await readStacks(inputs);
        const made = await importOf(contextFor(options), screen, checkpoints, { project, set, native, except });
        if (made === undefined) {
          screen.print("There is nothing to import.");
          return;
        }
        const program = programFile === undefined ? [] : [{ path: programFile, text: made.program }];
        writeAll([{ path: file, text: `${made.file}\n` }, ...program], force);
        if (programFile === undefined && otherRuntime === undefined) print(made.program.trimEnd());
        const where = programFile === undefined ? "on standard output" : `in ${programFile}`;
        const notes = [
          ...(native ? [] : ["It needs Pulumi's CLI 3.254 or later."]),
          ...(programFile === undefined ? [] : [`If ${programFile} is not the program itself, import it there.`]),
          ...(options.except === undefined ? ["What a stack has already, leave out with --except EXPORT."] : []),
        ];
        screen.print(
          `Wrote ${outputs.map(({ path }) => path).join(" and ")}: ${counted(made.permissions, "permission")}. Run this, and then the ` +
            `${otherRuntime === undefined ? `program ${where}` : `code that it prints in ${otherRuntime}`} previews ` +
            "without a change:\n\n" +
            `  pulumi import --file ${file} --protect=false${native ? "" : " --generate-code=false"}` +
            (notes.length === 0 ? "" : `\n\n${notes.join("\n")}`),
        );
      },
    ),
  );
}
