import type { Command } from "commander";
import { driftCode, formatOption } from "./arguments";
import { compareReviews } from "./compare";
import { render, type Format } from "./render";
import { print, safely, terminalWidth } from "./run";

/** What has changed since. */
export function addCompare(program: Command): void {
  program
    .command("compare")
    .description("compare two lists: who gained or lost access in between")
    .argument("<old>", "a file of `list --format json` or csv")
    .argument("<new>", "a later one")
    .addOption(formatOption())
    .addHelpText(
      "after",
      `
It reads the two files and nothing else. Gained and lost: the project has access
in one of them only. Recreated: it has another permission. Archived: its project
is archived since. JSON also says who revoked, if the audit log did.

Exit codes: 0 the same, 2 different, 1 failed.

Examples:
  $ checkpoint-permissions compare q3.json q4.json
  $ checkpoint-permissions compare q3.csv q4.csv --format markdown`,
    )
    .action(
      safely((older: string, newer: string, { format }: { format: Format }) => {
        const { report, isDifferent } = compareReviews(older, newer);
        if (isDifferent) process.exitCode = driftCode;
        print(render(report, format, terminalWidth()));
        return Promise.resolve();
      }),
    );
}
