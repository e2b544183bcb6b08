import { Option, type Command } from "commander";
import { readAccepted } from "./accepted";
import { assertValid, auditDetailsOption, collect, driftCode, formatOption, positive } from "./arguments";
import { drift } from "./drift";
import { CommandFailed } from "./failure";
import { render, type Format } from "./render";
import { contextFor, organizationOf, print, safely, screen } from "./run";
import { addSettings } from "./settings";
import { assertNoneEmpty, readStacks } from "./stack-export";

/** What has drifted. */
export function addDrift(program: Command): void {
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
    safely(
      async (
        given: string[],
        options: {
          auditDetails: boolean;
          recordedOnly?: boolean;
          allowEmpty?: boolean;
          checkpoint?: string[];
          accepted?: string;
          format: Format;
          maxItems: number;
        },
      ) => {
        const files = given.length === 0 && !process.stdin.isTTY ? ["-"] : [...new Set(given)];
        if (files.length === 0) {
          throw new CommandFailed("Nothing to compare. Try `pulumi stack export | checkpoint-permissions drift -`.");
        }
        const {
          recordedOnly = false,
          allowEmpty = false,
          checkpoint: checkpoints = [],
          format,
          auditDetails,
        } = options;
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
      },
    ),
  );
}
