/**
 * `npm test`: lint, type check and all tests, and a last line that counts them. `npm run test:full` tries every
 * combination of what may go wrong, where `npm test` tries each pair, and more sequences of programs; it also checks the
 * packed package and the API docs.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPulumi } from "../sandbox/pulumi";

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const isFull = process.argv.includes("--full");
const folder = mkdtempSync(join(tmpdir(), "checkpoint-permissions-test-"));
const totals: Totals = { passed: 0, failed: 0, skipped: 0 };

function run(title: string, command: string, env: Record<string, string> = {}): boolean {
  console.log(`\n▸ ${title}`);
  const { status } = spawnSync(command, { shell: true, stdio: "inherit", env: { ...process.env, ...env } });
  return status === 0;
}

/** A check that passes or fails as a whole. */
function check(title: string, command: string): void {
  totals[run(title, command) ? "passed" : "failed"]++;
}

/** Starts a check, whose output is printed when it is awaited. */
function checkMeanwhile(title: string, command: string): () => Promise<void> {
  const child = spawn(command, { shell: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return async () => {
    const code = await ended;
    console.log(`\n▸ ${title}\n${output}`);
    totals[code === 0 ? "passed" : "failed"]++;
  };
}

function tests(title: string, command: string, env: Record<string, string>): void {
  const file = join(folder, `${title}.json`);
  const ok = run(title, `${command} --reporter test/reporter.cjs`, { ...env, TEST_TOTALS: file });
  let counted: Totals;
  try {
    counted = JSON.parse(readFileSync(file, "utf8")) as Totals;
  } catch {
    // It ended before it had counted anything.
    counted = { passed: 0, failed: 1, skipped: 0 };
  }
  totals.passed += counted.passed;
  totals.failed += counted.failed;
  totals.skipped += counted.skipped;
  // Too little coverage, or an error outside of a test.
  if (!ok && counted.failed === 0) totals.failed++;
}

async function main(): Promise<void> {
  check("build", "npm run --silent build");
  const lint = checkMeanwhile("lint", "npm run --silent lint");
  check("type check", "npm run --silent typecheck");
  tests("unit tests", "npm run --silent unit --", isFull ? { PROMISE_SEQUENCES: "10000" } : {});
  await lint();
  if (isFull) check("package and API docs", "npm run --silent dev:package-check && npm run --silent dev:api-docs");
  tests("end-to-end tests", "npm run --silent e2e --", isFull ? { FULL_TESTS: "1" } : {});
  rmSync(folder, { recursive: true });

  const pulumi = await findPulumi();
  console.log();
  if ("reason" in pulumi) {
    console.log(`Skipped on the Pulumi CLI: ${pulumi.reason}. Every scenario ran on the miniature engine.`);
  } else {
    console.log(`The end-to-end scenarios ran on the ${pulumi.description} and on the miniature engine.`);
  }
  const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
  console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

void main();
