import { userInfo } from "node:os";
import type { ProviderContext } from "../access/context";
import { Organization } from "../access/organization";
import { plainLine } from "../api/plain-text";
import { CommandFailed, reasonOf, wordsOf } from "./failure";
import { Screen } from "./screen";
import { contextOf } from "./settings";

/** What each command runs in. */

export const screen = new Screen();

export function contextFor(options: object): ProviderContext {
  return contextOf(options, (line, kind) => (kind === "progress" ? screen.rateLimited(line) : screen.print(line)));
}

/** The organization's projects and audit log, read to the end. */
export function organizationOf({ config, clock }: ProviderContext): Organization {
  return new Organization(config, clock, {
    say: screen.rateLimited,
    onPage: (list, page) => {
      screen.progress(`Reading the ${list === "projects" ? "projects" : "audit log"}, page ${page}`);
    },
  });
}

/** Runs a command. A failure is printed in one line, without a stack trace. */
export function safely<Args extends unknown[]>(work: (...args: Args) => Promise<void>) {
  return async (...args: Args): Promise<void> => {
    const fail = (error: unknown) => {
      screen.end();
      // It may quote a file.
      console.error(`error: ${withoutKeys(plainLine(wordsOf(error)))}`);
      process.exitCode = 1;
    };
    // Node.js ends with exit code 0 as soon as nothing is left to wait for, even in the middle of a command.
    const stopped = () => fail(new CommandFailed("The command stopped before it was done; please report it."));
    process.once("beforeExit", stopped);
    try {
      await work(...args);
    } catch (error) {
      fail(error);
    } finally {
      process.off("beforeExit", stopped);
    }
  };
}

/** A key that was given as an argument must not get into a log. */
export function withoutKeys(text: string): string {
  // Messages name the prefix of a key.
  return text.replace(/\bsk-(?!admin-…)[\w.-]+/g, "[key]");
}

/** The command that is run, as a shell takes it. */
export function commandLine(): string {
  const quoted = (arg: string) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`);
  return withoutKeys(["checkpoint-permissions", ...process.argv.slice(2)].map(quoted).join(" "));
}

/** The user who runs it; null where the operating system has no name, as in some containers. */
export function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

/** Undefined where the result goes elsewhere. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // The reader has read enough, as `head` does.
  if (error.code !== "EPIPE") {
    console.error(`error: Cannot write the result: ${reasonOf(error)}.`);
    process.exitCode = 1;
  }
  process.exit();
});
