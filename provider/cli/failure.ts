import { getSystemErrorMap } from "node:util";
import { ConfigError } from "../config";
import { OperationFailed } from "../resource/failure";

/** What a person gave to a command, or asked of it, that cannot be done: what is wrong, and the remedy. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

/** What a person reads of a failure: never where in our code it happened. */
export function wordsOf(error: unknown): string {
  if (error instanceof ConfigError) return `${error.message} ${error.remedy}`;
  if (error instanceof CommandFailed || error instanceof OperationFailed) return error.message;
  return `${String(error)}. This is a fault of the command itself; please report it.`;
}

/** Why the operating system refuses a file. */
export function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? message;
}
