import * as pulumi from "@pulumi/pulumi";

/** An error of the program, which Pulumi shows without a stack trace. */
export function programError(message: string): pulumi.RunError {
  const error = new pulumi.RunError(message);
  // With a stack, thrown in `apply`, the SDK prints everything that it refers to, which takes half a minute.
  error.stack = "";
  return error;
}
