import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import {
  countOps,
  type Command,
  type Engine,
  type Event,
  type Message,
  type Project,
  type Run,
  type RunOptions,
  type StackExport,
  type Step,
} from "../engines";
import { renderEvent } from "../render";
import { Deployment } from "./deployment";
import { ProviderHost, type Host, type HostOptions } from "./host";
import { EngineServer, runProgram, type ProgramOptions } from "./program";
import { providerType, StateFile, type State } from "./state";

/** What runs the program, and what serves its resources. */
export interface Runtime {
  startHost(options: HostOptions): Promise<Host>;
  /** @returns whether the program succeeded. */
  runProgram(server: EngineServer, options: ProgramOptions): Promise<boolean>;
}

const processes: Runtime = { startHost: (options) => ProviderHost.start(options), runProgram };

/** A miniature of Pulumi's engine, for trying and testing programs where there is no Pulumi CLI. See its README. */
export class MiniatureEngine implements Engine {
  readonly kind = "miniature";
  readonly #runtime: Runtime;

  /** @param runtime Default: the SDK's own two, in a process each. */
  constructor(
    runtime = processes,
    readonly description = "the miniature engine",
  ) {
    this.#runtime = runtime;
  }

  async run(project: Project, command: Command, options: RunOptions = {}): Promise<Run> {
    const startedAt = Date.now();
    const steps: Step[] = [];
    const messages: Message[] = [];
    const lines: string[] = [];
    const onEvent = (event: Event) => {
      if ("step" in event) steps.push(event.step);
      if ("message" in event) messages.push(event.message);
      lines.push(renderEvent(event) ?? "");
      options.onEvent?.(event);
    };
    const ok = await new Session(this.#runtime, this.openState(project), project, { ...options, onEvent }).run(command);
    const seconds = (Date.now() - startedAt) / 1000;
    return { ok, steps, messages, counts: countOps(steps), seconds, output: lines.join("\n") };
  }

  async exportState(project: Project): Promise<StackExport> {
    return this.openState(project).export;
  }

  async importState(project: Project, { deployment }: StackExport): Promise<void> {
    const state = this.openState(project);
    state.resources = (deployment.resources ?? []).map((resource) => {
      const { inputs = {}, outputs = {} } = resource;
      // Another engine's secrets are encrypted with another engine's key.
      return resource.type === providerType
        ? { ...resource, inputs: {}, outputs: {} }
        : { ...resource, inputs, outputs };
    });
    state.save();
  }

  cancel(): Promise<void> {
    // It locks nothing.
    return Promise.resolve();
  }

  async remove(project: Project): Promise<void> {
    await rm(project.stateFolder, { recursive: true, force: true });
  }

  protected openState(project: Project): State {
    return new StateFile(this.fileOf(project));
  }

  protected fileOf({ stateFolder, stack }: Project): string {
    return join(stateFolder, `${stack}.json`);
  }
}

/** One command on one project. */
class Session {
  readonly #runtime: Runtime;
  readonly #project: Project;
  readonly #onEvent: (event: Event) => void;
  readonly #options: RunOptions;
  readonly #state: State;
  /** Secrets as plain text, as programs and providers get them. They are never stored. */
  readonly #config: Record<string, string>;
  readonly #secretKeys: string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #parallel: number;
  readonly #program: { name: string; folder: string; typescript: boolean };

  constructor(
    runtime: Runtime,
    state: State,
    project: Project,
    options: RunOptions & { onEvent: (event: Event) => void },
  ) {
    const config = Object.entries(project.config ?? {});
    this.#runtime = runtime;
    this.#state = state;
    this.#project = project;
    this.#options = options;
    this.#onEvent = options.onEvent;
    this.#config = Object.fromEntries(
      config.map(([key, value]) => [key, typeof value === "string" ? value : value.secret]),
    );
    this.#secretKeys = config.flatMap(([key, value]) => (typeof value === "string" ? [] : [key]));
    this.#env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...project.env };
    // Pulumi's own default.
    this.#parallel = options.parallel ?? 4 * availableParallelism();
    this.#program = readProject(project.folder);
  }

  async run(command: Command): Promise<boolean> {
    switch (command) {
      case "preview":
        return this.#deploy({ preview: true }, (server) => this.#runProgram(server, true));
      case "up":
        return this.#deploy({}, async (server, deployment) => {
          // What this engine does not do is to be known before anything is changed.
          if (this.#options.skipPreview !== true && !(await this.#survey())) return false;
          if (this.#options.refresh === true) await deployment.refreshAll();
          return this.#runProgram(server, false);
        });
      case "refresh":
        return this.#deploy({ config: this.#recordedConfig() }, async (_server, deployment) => {
          await deployment.refreshAll();
          return true;
        });
      case "destroy":
        return this.#deploy({ config: this.#recordedConfig() }, async (_server, deployment) => {
          if (this.#options.refresh === true) await deployment.refreshAll();
          await deployment.deleteAll(this.#state.resources.filter(({ type }) => type !== providerType));
          if (!deployment.ok) return false;
          this.#state.resources = [];
          this.#state.save();
          return true;
        });
    }
  }

  /** Runs one deployment, with the services that program and provider talk to. */
  async #deploy(
    { preview = false, config = this.#config }: { preview?: boolean; config?: Record<string, string> },
    work: (server: EngineServer, deployment: Deployment) => Promise<boolean>,
  ): Promise<boolean> {
    const { name: project, folder } = this.#program;
    const server = new EngineServer();
    await server.start();
    // The host starts while the program does.
    const host = this.#runtime.startHost({
      ...{ folder, project, config, env: this.#env, engineAddress: server.address },
      onLine: (text) => {
        if (text.trim() !== "") this.#onEvent({ message: { severity: "info", text } });
      },
    });
    host.catch(() => undefined);
    try {
      const deployment = this.#deployment(host, preview, this.#onEvent);
      server.serve(deployment);
      const ok = await work(server, deployment);
      await deployment.settle();
      return ok && deployment.ok;
    } finally {
      await (await host).stop();
      server.stop();
    }
  }

  /** Runs the program to see what it declares, with no provider and no step. */
  async #survey(): Promise<boolean> {
    const server = new EngineServer("Nothing was changed.");
    await server.start();
    const deployment = this.#deployment(undefined, true, (event) => {
      if ("message" in event && event.message.severity === "error") this.#onEvent(event);
    });
    server.serve(deployment);
    try {
      return (await this.#runProgram(server, true)) && deployment.ok;
    } finally {
      server.stop();
    }
  }

  #deployment(host: Promise<Host> | undefined, preview: boolean, onEvent: (event: Event) => void): Deployment {
    return new Deployment({
      ...{ host, preview, onEvent, state: this.#state, parallel: this.#parallel },
      project: this.#program.name,
      stack: this.#project.stack,
      continueOnError: this.#options.continueOnError === true,
      config: Object.fromEntries(Object.entries(this.#config).filter(([key]) => !this.#secretKeys.includes(key))),
    });
  }

  #runProgram(server: EngineServer, preview: boolean): Promise<boolean> {
    const { name: project, folder, typescript } = this.#program;
    return this.#runtime.runProgram(server, {
      ...{ folder, project, typescript, preview, stack: this.#project.stack, config: this.#config, env: this.#env },
      secretKeys: this.#secretKeys,
      parallel: this.#parallel,
      onStart: this.#options.onStart,
    });
  }

  /** Where no program runs, Pulumi uses the config of the last `up`, which it keeps with the provider. */
  #recordedConfig(): Record<string, string> {
    const provider = this.#state.resources.find(({ type }) => type === providerType);
    return { ...this.#config, ...(provider?.inputs as Record<string, string> | undefined) };
  }
}

function readProject(folder: string): { name: string; folder: string; typescript: boolean } {
  interface ProjectFile {
    name: string;
    main?: string;
    runtime: string | { name: string; options?: { typescript?: boolean } };
  }
  const { name, main = ".", runtime } = parse(readFileSync(join(folder, "Pulumi.yaml"), "utf8")) as ProjectFile;
  const options = typeof runtime === "string" ? {} : (runtime.options ?? {});
  return { name, folder: resolve(folder, main), typescript: options.typescript !== false };
}
