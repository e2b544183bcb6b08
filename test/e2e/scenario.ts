import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import {
  nameOf,
  type Command,
  type ConfigValue,
  type Engine,
  type Project,
  type ResourceState,
  type Run,
  type RunOptions,
  type StackExport,
} from "../../sandbox/engines";
import type { ServedRequest } from "../../sandbox/api/faults";
import { Emulator, type EmulatorOptions } from "../../sandbox/api/server";
import { InProcessEngine } from "./in-process-engine";
import { PulumiEngine } from "../../sandbox/pulumi";

export const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";

/** Where programs get the resources: dynamic resources of this package, or the native plugin. */
export type EntryPoint = "dynamic" | "native";

const typePrefixes: Record<EntryPoint, string> = {
  dynamic: "pulumi-nodejs:dynamic/openai:",
  native: "openai-checkpoint-permissions:index:",
};

/** What puts the package's names into a program's scope. */
const imports: Record<EntryPoint, string> = {
  dynamic: `const { CheckpointPermission, CheckpointPermissionSet, listCheckpointPermissionsOutput } =
    require("pulumi-openai-checkpoint-permissions");`,
  native: `const { CheckpointPermission, CheckpointPermissionSet, Provider, listCheckpointPermissionsOutput } =
    require(${JSON.stringify(resolve("test/e2e/native-sdk.cjs"))});`,
};

/** What a program declares: resource names, and the project that each gives access to the checkpoint. */
export type Declared = Record<string, string | { project: string; checkpoint?: string; options?: string }>;

/** A permission as state has it. */
export interface RecordedPermission {
  id: string;
  projectId: string;
}

/** One project on an engine, with an API of its own. */
export class Scenario {
  readonly project: Project;
  config: Record<string, ConfigValue>;
  env: Record<string, string>;
  /** Everything that was printed so far. */
  output = "";

  private constructor(
    readonly engine: Engine,
    readonly api: Emulator,
    readonly folder: string,
    /** May change from one run to the next. */
    public entryPoint: EntryPoint,
  ) {
    this.config = { "openai:baseUrl": api.url, "openai:adminApiKey": { secret: api.adminKey } };
    this.env = {};
    this.project = { folder: join(folder, "program"), stateFolder: join(folder, "state"), stack: "test" };
  }

  static async create(
    engine: Engine,
    options: EmulatorOptions = {},
    entryPoint: EntryPoint = "dynamic",
  ): Promise<Scenario> {
    const folder = await mkdtemp(join(tmpdir(), "checkpoint-permissions-e2e-"));
    // A permission that was granted a moment ago is never treated as missing.
    const start = (all: EmulatorOptions) =>
      engine instanceof InProcessEngine ? engine.startApi(all) : Emulator.start(all);
    const scenario = new Scenario(engine, await start({ age: 3600, ...options }), folder, entryPoint);
    await mkdir(scenario.project.folder);
    await symlink(resolve("node_modules"), join(scenario.project.folder, "node_modules"));
    // Plain JavaScript: compiling TypeScript would cost each run a second.
    const runtime = "runtime:\n  name: nodejs\n  options:\n    typescript: false\n";
    // The CLI starts it only where a program or a state asks for it.
    const plugin = `plugins:\n  providers:\n    - name: openai-checkpoint-permissions\n      path: ${resolve("provider/native")}\n`;
    await writeFile(
      join(scenario.project.folder, "Pulumi.yaml"),
      `name: scenario\n${runtime}${engine.kind === "pulumi" ? plugin : ""}`,
    );
    await writeFile(join(scenario.project.folder, "package.json"), `{ "name": "scenario", "main": "index.js" }`);
    await scenario.declare({});
    return scenario;
  }

  async remove(): Promise<void> {
    await this.api.stop();
    if (process.env["KEEP_SCENARIOS"] !== undefined) {
      console.log(`Kept ${this.folder}`);
      return;
    }
    await this.engine.remove(this.project);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A copy of one of the examples, as a user has it after `npm install`. */
  static async ofExample(engine: Engine, name: string): Promise<Scenario> {
    const scenario = await Scenario.create(engine);
    for (const file of await readdir(join("examples", name))) {
      if (file !== "node_modules") await copyFile(join("examples", name, file), join(scenario.project.folder, file));
    }
    await rm(join(scenario.project.folder, "index.js"));
    return scenario;
  }

  /** Writes a program that declares these permissions. */
  async declare(declared: Declared): Promise<void> {
    const lines = Object.entries(declared).map(([name, value]) => {
      const permission = typeof value === "string" ? { project: value } : value;
      const args = { fineTunedModelCheckpoint: permission.checkpoint ?? checkpoint, projectId: permission.project };
      return `const ${name} = new CheckpointPermission(${JSON.stringify(name)}, ${JSON.stringify(args)}, ${permission.options ?? "{}"});`;
    });
    await this.program(lines.join("\n"));
  }

  /** Writes a program; `pulumi` and the package's names are in scope. */
  async program(body: string): Promise<void> {
    await this.write([`const pulumi = require("@pulumi/pulumi");`, imports[this.entryPoint], body, ""].join("\n"));
  }

  async write(program: string): Promise<void> {
    await writeFile(join(this.project.folder, "index.js"), program);
  }

  async run(command: Command, options?: RunOptions): Promise<Run> {
    const run = await this.engine.run(this.#configured, command, { skipPreview: true, ...options });
    this.output += run.output;
    return run;
  }

  /** Runs any other command of the CLI; throws what it prints if it fails. */
  async pulumi(...args: string[]): Promise<string> {
    if (!(this.engine instanceof PulumiEngine)) throw new Error("Only the CLI has other commands.");
    const { ok, output } = await this.engine.command(this.#configured, args);
    this.output += output;
    if (!ok) throw new Error(output);
    return output;
  }

  /** Runs a command that must succeed. */
  async runs(command: Command, options?: RunOptions): Promise<Run> {
    const run = await this.run(command, options);
    if (!run.ok) throw new Error(`${command} failed on ${this.engine.description}:\n${run.output}`);
    return run;
  }

  /** The permissions in state, as `name: project id`, by name. */
  async recorded(): Promise<Record<string, { project: unknown; id: string | undefined }>> {
    const resources = await this.resources();
    return Object.fromEntries(
      resources.map(({ urn, id, outputs }) => [nameOf(urn), { project: outputs?.["projectId"], id }]),
    );
  }

  async resources(): Promise<ResourceState[]> {
    return (await this.all()).filter(({ type }) => type === `${typePrefixes[this.entryPoint]}CheckpointPermission`);
  }

  /** Whether a resource in state is a permission or a set. */
  isOurs({ type }: ResourceState): boolean {
    return type.startsWith(typePrefixes[this.entryPoint]);
  }

  /** Everything in state. */
  async all(): Promise<ResourceState[]> {
    return (await this.export()).deployment.resources ?? [];
  }

  export(): Promise<StackExport> {
    return this.engine.exportState(this.#configured);
  }

  /** Changes what is in state by hand. */
  async editState(edit: (resource: ResourceState) => void): Promise<void> {
    const state = await this.export();
    for (const resource of state.deployment.resources ?? []) if (this.isOurs(resource)) edit(resource);
    await this.engine.importState(this.#configured, state);
  }

  /** The full key of a setting: a native provider is given its own namespace only. */
  key(setting: string): string {
    return this.entryPoint === "native" ? `openai-checkpoint-permissions:${setting}` : `openai:${setting}`;
  }

  get #configured(): Project {
    const entries = Object.entries(this.config);
    const config = Object.fromEntries(entries.map(([key, value]) => [key.replace(/^openai:/, this.key("")), value]));
    return { ...this.project, config, env: this.env };
  }

  /** The permissions in state, of permissions and of sets, each once. */
  async permissions(): Promise<RecordedPermission[]> {
    const ours = (await this.all()).filter((resource) => this.isOurs(resource));
    const all = ours.flatMap(({ id, outputs = {} }) => {
      const rows = outputs["permissions"] as RecordedPermission[] | undefined;
      return rows ?? [{ id: id!, projectId: String(outputs["projectId"]) }];
    });
    const byId = new Map(all.map(({ id, projectId }) => [id, { id, projectId }]));
    return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** State and server hold the same permissions, besides unmanaged ones: those of `projects`, if given. */
  async assertAgrees(projects?: readonly string[], unmanaged: readonly string[] = []): Promise<void> {
    const granted = this.api.permissions(checkpoint).filter(({ project_id }) => !unmanaged.includes(project_id));
    const onServer = granted.map(({ id, project_id: projectId }) => ({ id, projectId }));
    expect(await this.permissions()).to.deep.equal(onServer.sort((a, b) => (a.id < b.id ? -1 : 1)));
    if (projects === undefined) return;
    expect(granted.map(({ project_id }) => project_id).sort()).to.deep.equal([...projects].sort());
  }

  /** The writes since the last call, as `POST proj_a,proj_b` or `DELETE`. */
  takeWrites(): string[] {
    return requestsOf(this.api.takeRequests().filter(({ method }) => method !== "GET"));
  }

  /** Every file that the engine keeps of the project, as text: state, backups, logs. */
  async files(): Promise<string> {
    const names = await readdir(this.folder, { recursive: true, withFileTypes: true });
    const files = names.filter((name) => name.isFile() && !name.parentPath.includes("node_modules"));
    const texts = await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "utf8")));
    return texts.join("\n");
  }
}

/** The steps of a run as `op name`, sorted: engines may interleave them. */
export function stepsOf({ steps }: Run): string[] {
  return steps.map(({ op, name }) => `${op} ${name}`).sort();
}

/** Requests as a multiset, with what tells them apart. */
export function requestsOf(requests: readonly ServedRequest[]): string[] {
  return requests
    .map(({ method, query, projectIds }) => {
      if (method === "POST") return `POST ${[...(projectIds ?? [])].sort().join(",")}`;
      if (method === "GET") return `GET ${query["project_id"] ?? "page"}`;
      return method;
    })
    .sort();
}

export function texts({ messages }: Run): string {
  return messages.map(({ text }) => text).join("\n");
}
