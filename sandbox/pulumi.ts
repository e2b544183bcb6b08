import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { constants } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { promisify } from "node:util";
import {
  countOps,
  nameOf,
  type Command,
  type Engine,
  type Event,
  type Message,
  type Project,
  type Run,
  type RunOptions,
  type StackExport,
  type Step,
} from "./engines";

/** Where there is no Pulumi CLI, and why. */
export interface NoPulumi {
  reason: string;
}

/** The Pulumi CLI: the one on PATH, else the official npm package's, which downloads it on its first use. */
export async function findPulumi(): Promise<PulumiEngine | NoPulumi> {
  let binary = await pulumiOnPath();
  if (binary === undefined) {
    try {
      // The package has no other way to name the binary; running it through its script would hide the process. In a
      // process of its own, since it prints what it is about to do even where that fails.
      const naming = `require("pulumi/lib/resolve").resolve().then((file) => console.log(file))`;
      const { stdout } = await promisify(execFile)(process.execPath, ["-e", naming]);
      binary = stdout.trim().split("\n").at(-1)!;
    } catch {
      return { reason: "no pulumi is on PATH, and the npm package pulumi cannot download it here" };
    }
  }
  try {
    const { stdout } = await promisify(execFile)(binary, ["version"], { timeout: 60_000 });
    return new PulumiEngine(binary, stdout.trim());
  } catch (error) {
    return {
      reason: `${binary} does not run: ${error instanceof Error ? error.message.split("\n")[0]! : String(error)}`,
    };
  }
}

async function pulumiOnPath(): Promise<string | undefined> {
  // npm puts node_modules/.bin first, where the npm package's own `pulumi` is.
  const folders = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && !folder.includes(`node_modules${sep}.bin`));
  for (const folder of folders) {
    const file = join(folder, process.platform === "win32" ? "pulumi.exe" : "pulumi");
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return file;
  }
  return undefined;
}

/** Runs programs with the real CLI, on a file backend of the project's own, without an account. */
export class PulumiEngine implements Engine {
  readonly kind = "pulumi";
  readonly #prepared = new Map<string, Promise<void>>();
  readonly #configured = new Map<string, string>();

  constructor(
    readonly binary: string,
    readonly version: string,
  ) {}

  get description(): string {
    return `Pulumi CLI ${this.version}`;
  }

  async run(project: Project, command: Command, options: RunOptions = {}): Promise<Run> {
    await this.#prepare(project);
    const log = join(project.stateFolder, `events-${process.hrtime.bigint()}.jsonl`);
    await writeFile(log, "");
    const args = [command, "--stack", project.stack, "--non-interactive", "--event-log", log];
    // A preview of its own would show each step twice.
    if (command !== "preview") args.push("--yes", "--skip-preview");
    if (options.continueOnError === true) args.push("--continue-on-error");
    if (options.refresh === true) args.push("--refresh");
    if (options.policyPack !== undefined) args.push("--policy-pack", options.policyPack);
    if (options.policyPackConfig !== undefined) args.push("--policy-pack-config", options.policyPackConfig);
    if (options.verbose === true) args.push("-v=9", "--logtostderr", "--logflow");
    if (options.parallel !== undefined) args.push("--parallel", String(options.parallel));

    const startedAt = Date.now();
    const events = new EventLog(log, options.onEvent);
    // A scenario that ran out of time may have removed the folder.
    const watching = setInterval(() => void events.read().catch(() => undefined), 100);
    let code: number | null;
    let output: string;
    try {
      ({ code, output } = await this.#spawn(project, args, options.onStart));
    } finally {
      clearInterval(watching);
    }
    await events.read();
    return {
      ok: code === 0,
      steps: events.steps,
      messages: events.messages,
      counts: countOps(events.steps),
      seconds: (Date.now() - startedAt) / 1000,
      output,
    };
  }

  /** Runs any other command of the CLI on the project. */
  async command(project: Project, args: string[]): Promise<{ ok: boolean; output: string }> {
    await this.#prepare(project);
    const { code, output } = await this.#spawn(project, args);
    return { ok: code === 0, output };
  }

  async exportState(project: Project): Promise<StackExport> {
    await this.#prepare(project);
    const file = join(project.stateFolder, "export.json");
    await this.#must(project, ["stack", "export", "--stack", project.stack, "--file", file]);
    return JSON.parse(await readFile(file, "utf8")) as StackExport;
  }

  async importState(project: Project, state: StackExport): Promise<void> {
    await this.#prepare(project);
    const file = join(project.stateFolder, "import.json");
    await writeFile(file, JSON.stringify(state));
    await this.#must(project, ["stack", "import", "--stack", project.stack, "--file", file]);
  }

  async cancel(project: Project): Promise<void> {
    await this.#must(project, ["cancel", project.stack, "--yes"]);
  }

  async remove(project: Project): Promise<void> {
    this.#prepared.delete(project.stateFolder);
    // Where the CLI keeps the stack's config.
    await rm(join(project.folder, `Pulumi.${project.stack}.yaml`), { force: true });
    await rm(project.stateFolder, { recursive: true, force: true });
  }

  /** The stack, and its config as it is now. */
  async #prepare(project: Project): Promise<void> {
    const preparing = this.#prepared.get(project.stateFolder) ?? this.#initialize(project);
    this.#prepared.set(project.stateFolder, preparing);
    await preparing;
    await this.#configure(project);
  }

  async #initialize(project: Project): Promise<void> {
    await mkdir(join(project.stateFolder, "backend"), { recursive: true, mode: 0o700 });
    await this.#must(project, ["stack", "init", project.stack, "--non-interactive"]);
  }

  async #configure(project: Project): Promise<void> {
    const wanted = JSON.stringify(project.config ?? {});
    const before = this.#configured.get(project.stateFolder) ?? "{}";
    if (wanted === before) return;
    const stale = Object.keys(JSON.parse(before) as object);
    if (stale.length > 0) await this.#must(project, ["config", "rm-all", "--stack", project.stack, ...stale]);
    const values = Object.entries(project.config ?? {}).flatMap(([key, value]) =>
      typeof value === "string" ? ["--plaintext", `${key}=${value}`] : ["--secret", `${key}=${value.secret}`],
    );
    if (values.length > 0) await this.#must(project, ["config", "set-all", "--stack", project.stack, ...values]);
    this.#configured.set(project.stateFolder, wanted);
  }

  async #must(project: Project, args: string[]): Promise<void> {
    const { code, output } = await this.#spawn(project, args);
    if (code !== 0) throw new Error(`pulumi ${args.slice(0, 2).join(" ")} failed:\n${output}`);
  }

  /** What the CLI finds in its environment. */
  environment(project: Project): NodeJS.ProcessEnv {
    return {
      // The language host is installed beside the CLI.
      PATH: `${dirname(this.binary)}${delimiter}${process.env["PATH"] ?? ""}`,
      HOME: process.env["HOME"] ?? "",
      PULUMI_HOME: join(project.stateFolder, "home"),
      PULUMI_BACKEND_URL: `file://${join(project.stateFolder, "backend")}`,
      // The state holds no secrets but the config's, and lives as long as the run.
      PULUMI_CONFIG_PASSPHRASE: createHash("sha256").update(project.stateFolder).digest("hex"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // The event log is behind this.
      PULUMI_DEBUG_COMMANDS: "true",
      ...project.env,
    };
  }

  #spawn(project: Project, args: string[], onStart?: (pid: number) => void) {
    const colour = args.includes("--color") ? [] : ["--color", "never"];
    const child = spawn(this.binary, [...args, ...colour], {
      cwd: project.folder,
      env: this.environment(project),
    });
    if (child.pid !== undefined) onStart?.(child.pid);
    child.stdin.end();
    return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, output }));
    });
  }
}

interface EngineEvent {
  resourcePreEvent?: { metadata: StepMetadata };
  resOutputsEvent?: { metadata: StepMetadata };
  diagnosticEvent?: { urn?: string; severity: string; message: string };
}

interface StepMetadata {
  op: string;
  urn: string;
  type: string;
  old?: { id?: string; inputs?: Record<string, unknown> } | null;
  new?: { id?: string; inputs?: Record<string, unknown> } | null;
  keys?: string[] | null;
  diffs?: string[] | null;
}

/** Reads the CLI's event log while it is written. */
class EventLog {
  readonly steps: Step[] = [];
  readonly messages: Message[] = [];
  #seen = 0;

  constructor(
    readonly file: string,
    readonly onEvent: ((event: Event) => void) | undefined,
  ) {}

  async read(): Promise<void> {
    const lines = (await readFile(this.file, "utf8")).split("\n").slice(0, -1);
    const unseen = lines.slice(this.#seen);
    this.#seen = Math.max(this.#seen, lines.length);
    for (const line of unseen) this.#take(JSON.parse(line) as EngineEvent);
  }

  #take({ resourcePreEvent, resOutputsEvent, diagnosticEvent }: EngineEvent): void {
    if (resourcePreEvent !== undefined && isOfTheProgram(resourcePreEvent.metadata)) {
      const step = stepOf(resourcePreEvent.metadata);
      this.steps.push(step);
      this.onEvent?.({ step });
    }
    if (resOutputsEvent !== undefined && isOfTheProgram(resOutputsEvent.metadata)) {
      this.onEvent?.({ done: stepOf(resOutputsEvent.metadata) });
    }
    if (diagnosticEvent !== undefined && diagnosticEvent.severity !== "debug") {
      const { urn, severity, message: text } = diagnosticEvent;
      const message: Message = {
        severity: severity === "error" || severity === "warning" ? severity : "info",
        text: text.trim(),
        name: urn === undefined || urn === "" || urn.includes("pulumi:pulumi:Stack") ? undefined : nameOf(urn),
      };
      if (message.text === "") return;
      this.messages.push(message);
      this.onEvent?.({ message });
    }
  }
}

function isOfTheProgram({ type }: StepMetadata): boolean {
  return type !== "pulumi:pulumi:Stack" && !type.startsWith("pulumi:providers:");
}

function stepOf(metadata: StepMetadata): Step {
  const { op, type, urn } = metadata;
  const before = metadata.old?.inputs ?? {};
  const after = metadata.new?.inputs ?? {};
  const properties = new Set([...(metadata.keys ?? []), ...(metadata.diffs ?? [])]);
  return {
    op,
    type,
    name: nameOf(urn),
    id: metadata.new?.id || metadata.old?.id || undefined,
    changes: [...properties].sort().map((property) => ({ property, old: before[property], new: after[property] })),
  };
}
