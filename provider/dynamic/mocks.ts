import * as pulumi from "@pulumi/pulumi";

/**
 * Whether the program runs under `pulumi.runtime.setMocks`, as in a user's unit test: its monitor is the mocks' own.
 *
 * https://www.pulumi.com/docs/iac/concepts/testing/unit/
 */
export function isMocked(): boolean {
  const monitor = pulumi.runtime.getMonitor() as { mocks?: { newResource?: unknown } } | undefined;
  return typeof monitor?.mocks?.newResource === "function";
}
