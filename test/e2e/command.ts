import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

const executable = require.resolve("../../provider/dist/cli/main.js");

/** Runs `checkpoint-permissions` as a user would, with nothing in its environment but this. */
export async function runCommand(
  args: readonly string[],
  {
    env = {},
    input = "",
    cwd = ".",
    nodeFlags = [],
  }: { env?: NodeJS.ProcessEnv; input?: string; cwd?: string; nodeFlags?: string[] } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [...nodeFlags, executable, ...args], {
    cwd,
    env: { PATH: process.env["PATH"], ...env },
  });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
