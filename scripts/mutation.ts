/**
 * `npm run mutation`: changes provider/access, provider/resource and the messages in thousands of places, one at a time,
 * and lists the changes that no unit test and no sequence of the promise notices. It fails where a file has more than one
 * in ten.
 *
 * StrykerJS is not among the project's dependencies: `npm ci --prefix test/mutation` installs it. Options are Stryker's,
 * such as `-- --mutate provider/access/grants.ts`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The part of a file's changes that must be noticed. */
const least = 0.9;

interface Mutant {
  status: string;
  mutatorName: string;
  replacement: string;
  location: { start: { line: number; column: number }; end: { line: number; column: number } };
}

const stryker = "test/mutation/node_modules/@stryker-mutator/core/bin/stryker.js";
const { status } = spawnSync(
  process.execPath,
  [stryker, "run", "test/mutation/stryker.config.json", ...process.argv.slice(2)],
  // The same sequences each time, or a change might be noticed by chance.
  { stdio: "inherit", env: { ...process.env, PROMISE_SEQUENCES: "40" } },
);
if (status !== 0) process.exit(1);

const report = JSON.parse(readFileSync("test/mutation/report.json", "utf8")) as {
  files: Record<string, { source: string; mutants: Mutant[] }>;
};
for (const [path, { source, mutants }] of Object.entries(report.files)) {
  const tried = mutants.filter(({ status }) => ["Killed", "Timeout", "Survived", "NoCoverage"].includes(status));
  const left = tried.filter(({ status }) => status === "Survived" || status === "NoCoverage");
  const noticed = 1 - left.length / Math.max(1, tried.length);
  console.log(`\n${path}: ${(noticed * 100).toFixed(1)} % of ${tried.length} changes noticed`);
  for (const { mutatorName, replacement, location } of left) {
    const line = source.split("\n")[location.start.line - 1]!;
    const end = location.end.line === location.start.line ? location.end.column - 1 : undefined;
    const changed = line.slice(location.start.column - 1, end);
    console.log(
      `  ${location.start.line} ${mutatorName}: ${changed} -> ${replacement.replace(/\s+/g, " ").slice(0, 80)}`,
    );
  }
  if (noticed < least) process.exitCode = 1;
}
