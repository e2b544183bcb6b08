import { getSystemErrorMap } from "node:util";
import { UsageError } from "../config";
import { OperationFailed } from "../resource/failure";

/** A command that cannot do what was asked for. The message says why, and what to do. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}

/** A failure in words for the user, without a stack trace. */
export function wordsOf(error: unknown): string {
  if (error instanceof UsageError) return `${error.message} ${error.remedy}`;
  if (error instanceof CommandFailed || error instanceof OperationFailed) return error.message;
  return `${String(error)}. This is a fault of the command itself; please report it.`;
}

/** Why the operating system refuses access to a file. */
export function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? message;
}
