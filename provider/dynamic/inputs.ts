import * as pulumi from "@pulumi/pulumi";

/**
 * The value of an input, once it is there; undefined if a preview does not know it yet, or if it fails. Of a list, each
 * element so.
 *
 * Another output would carry its dependencies on, and if it failed, fail once more. Here the resource itself reports that.
 */
export async function knownValueOf<Value>(input: unknown): Promise<Value | undefined> {
  try {
    const value = await input;
    if (pulumi.Output.isInstance(value)) {
      // What the SDK's own code asks of an output; its types leave it out.
      const output = value as unknown as { isKnown: Promise<boolean>; promise(): Promise<unknown> };
      return (await output.isKnown) ? ((await output.promise()) as Value) : undefined;
    }
    return (Array.isArray(value) ? await Promise.all(value.map((one) => knownValueOf(one))) : value) as Value;
  } catch {
    return undefined;
  }
}

/** Undefined, but secret if the input is: what a provider gives an output or an input of that name is secret then, too. */
export async function undefinedAsSecretAs(input: unknown): Promise<pulumi.Output<undefined> | undefined> {
  return (await isSecret(input)) ? pulumi.secret(undefined) : undefined;
}

async function isSecret(input: unknown): Promise<boolean> {
  try {
    const value = await input;
    if (pulumi.Output.isInstance(value)) return await (value as unknown as { isSecret: Promise<boolean> }).isSecret;
    return Array.isArray(value) && (await Promise.all(value.map(isSecret))).includes(true);
  } catch {
    return false;
  }
}
