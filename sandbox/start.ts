/** `npm start`: the main job from beginning to end, against the emulated API, with nothing left behind. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { known } from "./api/known";
import { you } from "./api/prompt";
import { Emulator } from "./api/server";
import { chooseEngine } from "./choose";
import type { Command, Engine, Project, Run } from "./engines";
import { renderEvent, renderSummary, wrapped } from "./render";

const isTerminal = process.stdout.isTTY && process.env["TERM"] !== "dumb";
const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

function title(text: string): void {
  console.log(`\n${isTerminal ? styleText("bold", wrapped(text)) : wrapped(text)}`);
}

/** Progress, and messages that the CLI prints again in the end. */
const isPassing = /^@ |pulumi:pulumi:Stack \S+ (running|create) (?!\d+ message).|ing( \w+)? \(\d+s\) *$/;

/** What the CLI prints, without what it prints only while it runs. */
function settled(output: string): string {
  const lines = output.split("\n").filter((line) => !isPassing.test(line));
  return lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd();
}

async function run(engine: Engine, project: Project, command: Command): Promise<Run> {
  console.log(engine.kind === "pulumi" ? `$ pulumi ${command}` : `$ ${command}`);
  const isPulumi = engine.kind === "pulumi";
  const result = await engine.run(project, command, {
    skipPreview: true,
    onEvent: (event) => {
      const text = isPulumi ? undefined : renderEvent(event, isTerminal);
      if (text !== undefined) console.log(wrapped(text));
    },
  });
  console.log(isPulumi ? wrapped(settled(result.output)) : renderSummary(command, result, isTerminal));
  if (!result.ok) throw new Error(`The ${command} failed:\n${result.output}`);
  return result;
}

/** Unix seconds as 2026-11-26 20:47 UTC. */
function minute(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function show(api: Emulator): void {
  console.log(`$ curl …/fine_tuning/checkpoints/${checkpoint}/permissions`);
  const rows = api.permissions(checkpoint);
  if (rows.length === 0) console.log("    no project");
  for (const row of rows) {
    console.log(`    ${row.project_id.padEnd(16)} ${row.id}  granted ${minute(row.created_at)}`);
  }
}

async function main(): Promise<void> {
  const { engine, why } = await chooseEngine();
  console.log(wrapped(why));
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-permissions-start-"));
  // A preview does not treat a permission as revoked that was granted a moment ago.
  const api = await Emulator.start({ age: 3600, projects: known.projects });
  const project: Project = {
    folder: resolve("examples/quickstart"),
    stateFolder: folder,
    stack: "npm-start",
    env: { OPENAI_BASE_URL: api.url, OPENAI_ADMIN_KEY: api.adminKey },
  };
  try {
    title("1. Three projects are to get access to a fine-tuned checkpoint. What would happen?");
    await run(engine, project, "preview");

    title("2. Grant it.");
    await run(engine, project, "up");
    title(
      "   The API's own list now. Previews give new permissions a moment to appear in lists, so the emulated API says " +
        "that it granted these an hour ago:",
    );
    show(api);

    const revoked = api.permissions(checkpoint).find((row) => row.project_id === "proj_mobile")!;
    api.revoke(revoked.id, you);
    title(`3. You revoke proj_mobile's permission (${revoked.id}) by hand. A plain preview shows it:`);
    const drift = await run(engine, project, "preview");
    if (drift.counts["replace"] !== 1) throw new Error("The preview did not show the revocation.");

    title("4. Repair it.");
    await run(engine, project, "up");
    show(api);

    title("5. Revoke everything.");
    await run(engine, project, "destroy");
    show(api);
    if (api.permissions(checkpoint).length > 0) throw new Error("Something is still granted.");

    const count = (method: string) => api.requests.filter((request) => request.method === method).length;
    console.log(
      wrapped(
        `\nDone, with ${count("GET")} GET, ${count("POST")} POST and ${count("DELETE")} DELETE requests. ` +
          "The program is examples/quickstart/index.ts.\n\nNext: start `npm run sandbox` and paste the two lines that it prints into another terminal. There, " +
          "`pulumi up` runs the same program on an emulated API that you can change by hand. For your own project: " +
          "README.md, Install.",
      ),
    );
  } finally {
    await engine.remove(project);
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
