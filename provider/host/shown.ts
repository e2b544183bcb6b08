import { messageOf, OperationFailed } from "../resource/failure";

/**
 * A failure as Pulumi's host prints it best.
 *
 * Its message is shown at the resource. Of all operations but create and update the host prints `${error}: ${error.stack}`
 * besides, under the stack: there it is a short line, which lists what failed.
 */
class Shown extends Error {
  readonly #summary: string;

  constructor(failure: OperationFailed) {
    super(messageOf(failure));
    this.#summary = failure.headline.split(/: |\. |, so /)[0]!;
    this.stack = this.#summary;
  }

  override toString(): string {
    return "Failed";
  }
}

/** Runs an operation; its failure is worded for Pulumi's host. */
export async function shown<Result>(operation: () => Promise<Result>): Promise<Result> {
  try {
    return await operation();
  } catch (error) {
    throw error instanceof OperationFailed ? new Shown(error) : error;
  }
}
