import { readFileSync } from "node:fs";
import { LocalWorkspace, type EngineEvent, type Stack } from "@pulumi/pulumi/automation";
import { parse } from "csv-parse/sync";
import { CheckpointPermissionSet } from "pulumi-openai-checkpoint-permissions";

interface Row {
  stack: string;
  checkpoint: string;
  project: string;
}

/** The result for one stack. */
interface Outcome {
  stack: string;
  gained: string[];
  lost: string[];
  failure: string | undefined;
}

/** Declares a stack's part of the table: one set for each checkpoint, so that each takes one POST. */
function programFor(rows: readonly Row[]): () => Promise<void> {
  return async () => {
    const byCheckpoint = new Map<string, string[]>();
    for (const { checkpoint, project } of rows) {
      byCheckpoint.set(checkpoint, [...(byCheckpoint.get(checkpoint) ?? []), project]);
    }
    for (const [fineTunedModelCheckpoint, projectIds] of byCheckpoint) {
      new CheckpointPermissionSet(fineTunedModelCheckpoint, { fineTunedModelCheckpoint, projectIds });
    }
  };
}

/** The access that a stack has in state, even after an `up` that failed halfway. */
async function accessBy(stack: Stack): Promise<string[]> {
  const { resources = [] } = (await stack.exportStack()).deployment as {
    resources?: { outputs?: { fineTunedModelCheckpoint?: string; permissions?: { projectId: string }[] } }[];
  };
  return resources.flatMap(({ outputs }) =>
    (outputs?.permissions ?? []).map(({ projectId }) => `${projectId} → ${outputs?.fineTunedModelCheckpoint}`),
  );
}

/** Prints what happens, as it happens. */
function progressOf(stack: string): (event: EngineEvent) => void {
  const say = (line: string) => console.error(`${stack}: ${line}`);
  return ({ resOutputsEvent, diagnosticEvent }) => {
    const { op, type, urn } = resOutputsEvent?.metadata ?? { op: "same", type: "", urn: "" };
    if (op !== "same" && type !== "pulumi:pulumi:Stack") say(`${op} ${urn.split("::").slice(3).join("::")}`);
    // Without Pulumi's color tags.
    const message = diagnosticEvent?.message.replace(/<\{%.*?%\}>/g, "").trim() ?? "";
    if (message !== "") say(message);
  };
}

async function apply(name: string, rows: readonly Row[]): Promise<Outcome> {
  let before: string[] = [];
  let after: string[] = [];
  let failure: string | undefined;
  try {
    const args = { stackName: name, projectName: "automation-api", program: programFor(rows) };
    // Pulumi's provider host finds the package from here.
    const stack = await LocalWorkspace.createOrSelectStack(args, { workDir: __dirname });
    after = before = await accessBy(stack);
    try {
      await stack.up({ onEvent: progressOf(name) });
    } finally {
      after = await accessBy(stack);
    }
  } catch (error) {
    failure = error instanceof Error ? error.message.split("\n")[0] : String(error);
  }
  return {
    stack: name,
    gained: after.filter((access) => !before.includes(access)),
    lost: before.filter((access) => !after.includes(access)),
    failure,
  };
}

async function main(file: string): Promise<void> {
  const rows = parse<Row>(readFileSync(file, "utf8"), { columns: true, trim: true, skip_empty_lines: true });
  const byStack = new Map<string, Row[]>();
  for (const row of rows) byStack.set(row.stack, [...(byStack.get(row.stack) ?? []), row]);
  const outcomes = await Promise.all([...byStack].map(([name, ofStack]) => apply(name, ofStack)));

  const changes = outcomes.flatMap(({ stack, gained, lost }) => [
    ...gained.map((access) => ({ stack, change: "gained", access })),
    ...lost.map((access) => ({ stack, change: "lost", access })),
  ]);
  if (changes.length === 0) console.log("No project gained or lost access.");
  else console.table(changes);
  for (const { stack, failure } of outcomes) {
    if (failure === undefined) continue;
    console.error(`${stack} failed: ${failure}`);
    process.exitCode = 1;
  }
}

void main(process.argv[2] ?? "grants.csv");
