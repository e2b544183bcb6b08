import * as pulumi from "@pulumi/pulumi";
import { setMockOptions } from "@pulumi/pulumi/runtime/settings";

/**
 * Starts another unit test of a user's program.
 *
 * @param call answers for functions. Default: what it is asked.
 * @returns the resources that the program declares.
 */
export async function startMockedProgram(
  call: pulumi.runtime.Mocks["call"] = ({ inputs }) => inputs as Record<string, unknown>,
): Promise<pulumi.runtime.MockResourceArgs[]> {
  const registered: pulumi.runtime.MockResourceArgs[] = [];
  await pulumi.runtime.setMocks({
    newResource: (args) => {
      registered.push(args);
      return { id: `${args.name}_id`, state: { ...(args.inputs as object), createdAt: 7 } };
    },
    call,
  });
  return registered;
}

/** Starts another program, as far as our code can tell: the engine's monitor does not look like that of mocks. */
export async function startProgram(): Promise<pulumi.runtime.MockResourceArgs[]> {
  const registered = await startMockedProgram();
  const monitor = pulumi.runtime.getMonitor() as unknown as Record<PropertyKey, unknown>;
  const engines = new Proxy(monitor, {
    get: (target, name) => {
      const value = name === "mocks" ? undefined : target[name];
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  setMockOptions(engines, "project", "stack", false);
  return registered;
}
