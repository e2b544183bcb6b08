/** `npm run dev:package-check`: packs the npm package, and has it checked as bundlers and TypeScript see it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

mkdirSync("dist", { recursive: true });
const folder = mkdtempSync(join("dist", "package-"));
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

try {
  const packed = run("npm", "pack", "-w", "provider", "--ignore-scripts", "--silent", "--pack-destination", folder);
  const archive = join(folder, packed.trim().split("\n").at(-1)!);
  console.log(run("npx", "publint", archive, "--strict"));
  // The others are for Pulumi's processes, which need no types.
  console.log(run("npx", "attw", archive, "--exclude-entrypoints", "dynamic", "native"));
} finally {
  rmSync(folder, { recursive: true });
}
