import * as pulumi from "@pulumi/pulumi";

/** An error of the program, which Pulumi shows without a stack trace. */
export function programError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // Of one that has a stack, thrown where an output resolves, the SDK prints all it refers to: half a minute's work.
  error.stack = "";
  return error;
}
