/** `npm start`: the main job from beginning to end, against the emulated API, with nothing left behind. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import { Emulator } from "./api/server";
import { chooseEngine } from "./choose";
import type { Command, Engine, Project, Run } from "./engines";
import { renderEvent, renderSummary } from "./render";

const isTerminal = process.stdout.isTTY && process.env["TERM"] !== "dumb";
const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

function title(text: string): void {
  console.log(`\n${isTerminal ? styleText("bold", text) : text}`);
}

async function run(engine: Engine, project: Project, command: Command): Promise<Run> {
  console.log(engine.kind === "pulumi" ? `$ pulumi ${command}` : `$ ${command}`);
  const result = await engine.run(project, command, {
    skipPreview: true,
    onEvent: (event) => {
      const text = renderEvent(event, isTerminal);
      if (text !== undefined) console.log(text);
    },
  });
  console.log(renderSummary(command, result, isTerminal));
  if (!result.ok) throw new Error(`The ${command} failed:\n${result.output}`);
  return result;
}

function show(api: Emulator): void {
  console.log(`$ curl …/fine_tuning/checkpoints/${checkpoint}/permissions`);
  const rows = api.permissions(checkpoint);
  if (rows.length === 0) console.log("    no project");
  for (const row of rows) {
    console.log(`    ${row.project_id.padEnd(16)} ${row.id}  granted ${new Date(row.created_at * 1000).toISOString()}`);
  }
}

async function main(): Promise<void> {
  const { engine, why } = await chooseEngine();
  console.log(why);
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-permissions-start-"));
  // A preview does not treat a permission as revoked that was granted a moment ago.
  const api = await Emulator.start({ age: 3600 });
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
    title("   The API's own list now:");
    show(api);

    const revoked = api.permissions(checkpoint).find((row) => row.project_id === "proj_mobile")!;
    api.revoke(revoked.id);
    title(`3. proj_mobile's permission (${revoked.id}) is revoked by hand. A plain preview shows it:`);
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
      `\nDone, with ${count("GET")} GET, ${count("POST")} POST and ${count("DELETE")} DELETE requests. ` +
        `The program is examples/quickstart/index.ts.`,
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
