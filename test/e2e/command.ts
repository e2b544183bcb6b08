import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

const executable = require.resolve("../../provider/dist/cli/main.js");

interface RunOptions {
  env?: NodeJS.ProcessEnv;
  input?: string;
  cwd?: string;
}

/** Runs `checkpoint-permissions` as a user would, with nothing in its environment but this. */
export function runCommand(
  args: readonly string[],
  { nodeFlags = [], ...options }: RunOptions & { nodeFlags?: string[] } = {},
): Promise<Ended> {
  return runNode([...nodeFlags, executable, ...args], options);
}

/** Runs Node.js with nothing in its environment but this. */
export async function runNode(
  args: readonly string[],
  { env = {}, input = "", cwd = "." }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, args, { cwd, env: { PATH: process.env["PATH"], ...env } });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
