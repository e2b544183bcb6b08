/** `npm run try:real -- --checkpoint ft:… --project proj_…`: checks the emulator's assumptions against the real API. */
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { readConfig } from "../../provider/config";
import { checkId } from "../../provider/resource/ids";
import { reportOf, TrialStopped, tryReal } from "./facts";

const usage = `Usage: OPENAI_ADMIN_KEY=… npm run try:real -- --checkpoint ft:… --project proj_…

Grants the project access to the checkpoint, looks, and revokes, to find out what no page of the API documents. It asks
before each write, leaves nothing behind, and prints a report for an issue of this project.

The project must be one that may have access for a minute, and has none now.`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { checkpoint: { type: "string" }, project: { type: "string" } } });
  const { checkpoint = "", project: projectId = "" } = values;
  const problems = [
    checkId("fineTunedModelCheckpoint", checkpoint, "--checkpoint"),
    checkId("projectId", projectId, "--project"),
  ];
  const reasons = problems.flatMap((problem) => problem?.reason ?? []);
  const { adminApiKey, baseUrl } = readConfig(() => undefined, process.env);
  if (adminApiKey === undefined) reasons.push("OPENAI_ADMIN_KEY is not set.");
  if (reasons.length > 0) throw new TrialStopped(`${reasons.join("\n")}\n\n${usage}`);

  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answers: AsyncIterator<string, undefined> = terminal[Symbol.asyncIterator]();
  const ask = async (question: string) => {
    process.stderr.write(`${question} [y/N] `);
    const { value, done } = await answers.next();
    return done !== true && /^y(es)?$/i.test(value.trim());
  };
  const options = {
    ...{ baseUrl, adminApiKey: adminApiKey!, checkpoint, projectId, ask },
    say: (line: string) => console.error(line),
    sleep: (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)),
    now: Date.now,
  };
  console.error(`Asking ${baseUrl}.`);
  // Ctrl-C ends the questions, so that what was granted is revoked.
  process.once("SIGINT", () => {
    terminal.close();
  });
  try {
    console.log(`\n${reportOf(await tryReal(options), options)}`);
  } finally {
    terminal.close();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
