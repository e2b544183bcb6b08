#!/usr/bin/env node
/** The command line: who has access, what has drifted, and how to bring it under Pulumi. */
import { createRequire } from "node:module";
import { Command } from "commander";
import { packageName } from "../resource/reference";
import { addCompare } from "./compare-command";
import { addDrift } from "./drift-command";
import { addImport } from "./import-command";
import { addList } from "./list-command";
import { withoutKeys } from "./run";

const { version } = createRequire(__filename)(`${packageName}/package.json`) as { version: string };

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

for (const add of [addList, addCompare, addDrift, addImport]) add(program);

void program.parseAsync();
