#!/usr/bin/env node
/** The command line: who has access, what has drifted, and how to bring it under Pulumi. */
import { createRequire } from "node:module";
import { Command, Option } from "commander";
import { packageName } from "../resource/reference";
import {
  assertValid,
  auditDetailsOption,
  checkpointsArgument,
  collect,
  formatOption,
  positive,
  inputsOf,
  projectOption,
  subjectOf,
} from "./arguments";
import { readAccepted } from "./accepted";
import { compareReviews } from "./compare";
import { drift } from "./drift";
import { CommandFailed } from "./failure";
import { importOf, otherRuntimeIn } from "./import";
import { list } from "./list";
import { render, type Format } from "./render";
import { counted } from "./report";
import { contextFor, organizationOf, print, safely, screen, terminalWidth, withoutKeys } from "./run";
import { addSettings } from "./settings";
import { assertNoneEmpty, readStacks } from "./stack-export";
import { assertWritable, writeAll } from "./write-files";

/** The exit code for drift or a difference; 1 is a failure. */
const driftCode = 2;

const { version } = createRequire(__filename)(`${packageName}/package.json`) as { version: string };
interface ListArguments {
  keyFile?: string;
  project?: string[];
  stack?: string[];
  evidence?: string;
  force?: boolean;
  auditDetails: boolean;
  format: Format;
}

interface DriftArguments {
  auditDetails: boolean;
  recordedOnly?: boolean;
  allowEmpty?: boolean;
  checkpoint?: string[];
  accepted?: string;
  format: Format;
  maxItems: number;
}

const program = new Command("checkpoint-permissions")
  .description(
    "OpenAI fine-tuned checkpoint permissions: who has access, what drifted, and how to bring it under Pulumi.",
  )
  .version(version)
  .showHelpAfterError("(--help shows how it is used)")
  .configureOutput({
    outputError: (text, write) => write(withoutKeys(text)),
  })
  .addHelpText(
    "after",
    `
Exit codes: 0 done (drift, compare: no difference), 2 a difference, 1 failed.

Examples:
  $ export OPENAI_ADMIN_KEY=…
  $ checkpoint-permissions list
  $ pulumi stack export | checkpoint-permissions drift -
  $ checkpoint-permissions import ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd --program access.ts`,
  );

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
    .option("--evidence <file>", "also write what was read, when and from where, as JSON")
    .option("--force", "overwrite that file")
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
  $ checkpoint-permissions list -s prod.json -f csv --evidence q4.json > q4.csv
  $ checkpoint-permissions list ft:… --project proj_web proj_mobile`,
    ),
).action(
  safely(async (given: string[], options: ListArguments) => {
    const { checkpoints, project: projectIds } = subjectOf(given, options.project);
    const { format, stack, evidence, force = false, auditDetails } = options;
    const inputs = [...new Set(stack)];
    if (evidence !== undefined) {
      assertWritable([{ option: "--evidence", path: evidence }], inputsOf(options, inputs), force);
    }
    const stacks = stack === undefined ? undefined : await readStacks(inputs);
    const context = contextFor(options);
    const organization = auditDetails ? organizationOf(context) : undefined;
    const madeBy = `${packageName} ${version}`;
    const report = await list(context, screen, { checkpoints, projectIds, stacks, organization, madeBy });
    // The other formats have them in their text.
    if (format === "csv" || format === "json") for (const gap of report.gaps ?? []) screen.print(gap);
    if (evidence !== undefined) writeAll([{ path: evidence, text: `${render(report, "json")}\n` }], force);
    print(render(report, format, terminalWidth()));
  }),
);

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

addSettings(
  program
    .command("drift")
    .description("compare stack state with the permissions that exist")
    .argument("[file...]", "output of `pulumi stack export`, one file per stack; - for stdin")
    .option("--recorded-only", "check permissions in state only")
    .addOption(auditDetailsOption())
    .option("--allow-empty", "allow stacks that have no permission in state")
    .addOption(
      new Option("-c, --checkpoint <id>", "include a checkpoint that may be in no stack; repeatable")
        .argParser(collect)
        .conflicts("recordedOnly"),
    )
    .addOption(
      new Option("--accepted <file>", "permissions in no stack's state that are fine, as JSON").conflicts(
        "recordedOnly",
      ),
    )
    .addOption(formatOption())
    .addOption(
      new Option("--max-items <n>", "how many differences Markdown lists, which must fit into an issue")
        .default(100)
        .argParser(positive),
    )
    .addHelpText(
      "after",
      `
Missing: in state, and revoked outside of Pulumi. Recreated: revoked and granted
again. Unmanaged: granted, and in no stack's state. Duplicate: a second
permission of a project that has one in state. Deleted: with its checkpoint.
It needs no program, no Pulumi CLI and no passphrase. A stack with none of these
resources in state is a failure: it may be the wrong one.

Exit codes: 0 all as in state, 2 drift, 1 failed.

Examples:
  $ pulumi stack export | checkpoint-permissions drift -
  $ checkpoint-permissions drift dev.json prod.json
  $ checkpoint-permissions drift prod.json --checkpoint ft:… --checkpoint ft:…
  $ checkpoint-permissions drift prod.json --format markdown >> "$GITHUB_STEP_SUMMARY"`,
    ),
).action(
  safely(async (given: string[], options: DriftArguments) => {
    const files = given.length === 0 && !process.stdin.isTTY ? ["-"] : [...new Set(given)];
    if (files.length === 0) {
      throw new CommandFailed("Nothing to compare. Try `pulumi stack export | checkpoint-permissions drift -`.");
    }
    const { recordedOnly = false, allowEmpty = false, checkpoint: checkpoints = [], format, auditDetails } = options;
    assertValid("fineTunedModelCheckpoint", checkpoints, "--checkpoint");
    const accepted = options.accepted === undefined ? [] : readAccepted(options.accepted);
    const records = await readStacks(files);
    if (!allowEmpty) assertNoneEmpty(records, checkpoints.length > 0);
    const context = contextFor(options);
    const organization = auditDetails ? organizationOf(context) : undefined;
    const { report, hasDrift } = await drift(context, screen, records, {
      ...{ recordedOnly, checkpoints, organization, accepted },
    });
    if (hasDrift) process.exitCode = driftCode;
    // Its tables are wider than any terminal.
    print(render(report, format, 0, options.maxItems));
  }),
);

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

void program.parseAsync();
