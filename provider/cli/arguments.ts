import { Argument, InvalidArgumentError, Option } from "commander";
import { checkId, isCheckpointId } from "../resource/ids";
import { CommandFailed } from "./failure";
import { formats } from "./render";

/** The exit code for drift or a difference; 1 is a failure. */
export const driftCode = 2;

/** Arguments that several commands take. */

export const checkpointsArgument = () =>
  new Argument("[checkpoint...]", "fine-tuned checkpoints, as ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd");
export const projectOption = () =>
  new Option("-p, --project <id...>", "only these projects, separated by spaces or commas (default: all)");
export const auditDetailsOption = () =>
  new Option("--no-audit-details", "do not read projects' names and who granted or revoked");
export const formatOption = () =>
  new Option("-f, --format <format>", "how to print it").choices(formats).default("table");

/**
 * Separates checkpoints from projects, since the parser takes everything after `--project` as projects.
 *
 * @returns the checkpoints and projects that a command is about; no list of projects means all.
 * @throws {CommandFailed} naming what is wrong with any of them.
 */
export function subjectOf(args: readonly string[], projectOption: readonly string[] | undefined) {
  const given = (projectOption ?? []).flatMap((ids) => ids.split(",")).filter((id) => id !== "");
  const checkpoints = [...new Set([...args, ...given.filter(isCheckpointId)])];
  const project = projectOption === undefined ? undefined : [...new Set(given.filter((id) => !isCheckpointId(id)))];
  if (project?.length === 0) throw new CommandFailed("--project names no project.");
  assertValid("fineTunedModelCheckpoint", checkpoints, "A checkpoint");
  assertValid("projectId", project ?? [], "--project");
  return { checkpoints, project };
}

/** @throws {CommandFailed} naming what is wrong with any of the IDs. */
export function assertValid(property: Parameters<typeof checkId>[0], ids: readonly string[], where: string): void {
  const problems = ids.flatMap((id) => checkId(property, id, where)?.reason ?? []);
  if (problems.length > 0) throw new CommandFailed([...new Set(problems)].join(" "));
}

/** @throws {InvalidArgumentError} */
export function positive(value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new InvalidArgumentError("It must be a whole number above 0.");
  return Number(value);
}

/** Takes an option that is repeatable. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** All files that a command reads: these, and that of the key. */
export function inputsOf({ keyFile }: { keyFile?: string }, files: readonly string[]): string[] {
  return [...files, ...(keyFile === undefined ? [] : [keyFile])];
}
