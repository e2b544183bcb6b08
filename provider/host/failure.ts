import { messageOf, OperationFailed } from "../resource/failure";

/**
 * A failure in the form that reads best when Pulumi's host prints it.
 *
 * The engine shows its message at the resource. For every operation but create and update the host also prints
 * `${error}: ${error.stack}` under the stack: this class makes that one short line, so that they list what failed.
 */
class HostError extends Error {
  constructor(failure: OperationFailed) {
    super(messageOf(failure));
    this.stack = failure.headline.split(/: |\. |, so /)[0]!;
  }

  override toString(): string {
    return "Failed";
  }
}

/** Runs an operation, and throws its failure as an error for Pulumi's host. */
export async function withHostErrors<Result>(operation: () => Promise<Result>): Promise<Result> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof OperationFailed ? new HostError(error) : error;
  }
}
