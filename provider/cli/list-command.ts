import { basename } from "node:path";
import type { Command } from "commander";
import { packageName } from "../resource/reference";
import {
  auditDetailsOption,
  checkpointsArgument,
  collect,
  formatOption,
  inputsOf,
  projectOption,
  subjectOf,
} from "./arguments";
import { CommandFailed } from "./failure";
import { list } from "./list";
import { sha256Of } from "./read-files";
import { render, type Format } from "./render";
import { commandLine, contextFor, organizationOf, print, safely, screen, terminalWidth, userName } from "./run";
import { addSettings } from "./settings";
import { readStacks } from "./stack-export";
import { assertWritable, isReplaceable, writeAll } from "./write-files";

/** Who has access. */
export function addList(program: Command): void {
  addSettings(
    program
      .command("list")
      .description("list who has access to checkpoints: since when, granted by whom, declared where")
      .addArgument(checkpointsArgument())
      .addOption(projectOption())
      .option(
        "-s, --stack <file>",
        "a stack's state (`pulumi stack export`), to say who declares what; repeatable",
        collect,
      )
      .option("--evidence <file>", "also write what was read, when and from where, as JSON, and its SHA-256 beside it")
      .option("--force", "overwrite these files")
      .option("--decisions", "add columns to CSV for the reviewer's decision and remark")
      .addOption(auditDetailsOption())
      .addOption(formatOption())
      .addHelpText(
        "after",
        `
Without a checkpoint it finds them: those of the stacks, and those for which
the organization's audit log has a grant. It says what it cannot find.

Exit codes: 0 done, 1 failed; nothing is printed unless all could be read.

Examples:
  $ checkpoint-permissions list
  $ checkpoint-permissions list ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd
  $ checkpoint-permissions list --stack prod.json --format html > review.html
  $ checkpoint-permissions list -s prod.json -f csv --decisions --evidence q4.json > q4.csv
  $ checkpoint-permissions list ft:… --project proj_web proj_mobile`,
      ),
  ).action(
    safely(
      async (
        given: string[],
        options: {
          keyFile?: string;
          project?: string[];
          stack?: string[];
          evidence?: string;
          decisions?: boolean;
          force?: boolean;
          auditDetails: boolean;
          format: Format;
        },
      ) => {
        const { checkpoints, project: projectIds } = subjectOf(given, options.project);
        const { format, stack, evidence, force = false, auditDetails, decisions: withDecisions = false } = options;
        if (withDecisions && format !== "csv")
          throw new CommandFailed("--decisions is for --format csv; html has room for them.");
        const inputs = [...new Set(stack)];
        const files = evidence === undefined ? [] : evidenceFiles(evidence);
        const outputs = files.map((path) => ({ option: "--evidence", path }));
        assertWritable(outputs, inputsOf(options, inputs), force);
        const stacks = stack === undefined ? undefined : await readStacks(inputs);
        const context = contextFor(options);
        const organization = auditDetails ? organizationOf(context) : undefined;
        const madeBy = { tool: `${packageName} ${program.version()!}`, command: commandLine(), user: userName() };
        const report = await list(context, screen, {
          checkpoints,
          projectIds,
          stacks,
          organization,
          madeBy,
          withDecisions,
        });
        // The other formats have them in their text.
        if (format === "csv" || format === "json") for (const gap of report.gaps ?? []) screen.print(gap);
        if (evidence !== undefined) {
          const text = `${render(report, "json")}\n`;
          const sum = `${sha256Of(text)}  ${basename(evidence)}\n`;
          const contents = files.map((path) => ({ path, text: path === evidence ? text : sum }));
          writeAll(contents, force);
        }
        print(render(report, format, terminalWidth()));
      },
    ),
  );
}

/** The file for the evidence, and the one for its hash, which a pipe or a device has not. */
function evidenceFiles(path: string): string[] {
  return isReplaceable(path) ? [path, `${path}.sha256`] : [path];
}
