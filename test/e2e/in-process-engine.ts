import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { join } from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { RunRequest } from "@pulumi/pulumi/proto/language_pb";
import { ProviderContext } from "../../provider/access/context";
import { readConfig } from "../../provider/config";
import { Emulator, type EmulatorOptions } from "../../sandbox/api/server";
import type { Command, Project, Run, RunOptions } from "../../sandbox/engines";
import { MiniatureEngine } from "../../sandbox/miniature";
import type { Host, HostOptions } from "../../sandbox/miniature/host";
import { StateFile } from "../../sandbox/miniature/state";
import { programConfig, type EngineServer, type ProgramOptions } from "../../sandbox/miniature/program";
import { TestClock } from "../support/clock";
import { hostedResources, inProcessProvider, useInProcess } from "../support/in-process";

const load = createRequire(__filename);

/** The resources to which the package's are compared. */
const { providersByType } = load("../programs/naive.cjs") as {
  providersByType: Record<string, dynamic.ResourceProvider>;
};

/** What runs inline programs of the Automation API; the SDK's types leave it out. */
const { LanguageServer } = load("@pulumi/pulumi/automation/server") as {
  LanguageServer: new (program: () => unknown) => {
    run(call: { request: RunRequest }, done: (error: Error | undefined) => void): Promise<void>;
  };
};

/**
 * The miniature engine with program, provider and API in this process, and a clock that does not wait: for scenarios that
 * are about resources and answers, and not about processes. A run takes a twentieth of the time.
 *
 * The program runs as an inline program of the Automation API does. No answer at all is the same here as a connection that
 * is cut.
 */
export class InProcessEngine extends MiniatureEngine {
  readonly #apis: Emulator[] = [];
  readonly #states = new Map<string, LateStateFile>();
  readonly #clock = new PatientClock();

  constructor() {
    super(
      { startHost: (options) => Promise.resolve(hostOf(options, this.#clock)), runProgram },
      "the miniature engine, in one process",
    );
    this.#clock.epoch = Date.now();
    useInProcess((url) => this.#apis.find((api) => api.isListening && api.url.startsWith(url.origin)));
  }

  /** Starts an API with the engine's clock, and answers requests to it. */
  async startApi(options: EmulatorOptions): Promise<Emulator> {
    const api = await Emulator.start({ now: () => this.#clock.date(), ...options });
    this.#apis.push(api);
    return api;
  }

  override async run(project: Project, command: Command, options?: RunOptions): Promise<Run> {
    try {
      return await super.run(project, command, options);
    } finally {
      this.openState(project).write();
    }
  }

  protected override openState(project: Project): LateStateFile {
    const file = this.fileOf(project);
    const state = this.#states.get(file) ?? new LateStateFile(file);
    this.#states.set(file, state);
    return state;
  }
}

/** Written once a run ends: with each of its steps, a matrix would write a file of a thousand resources. */
class LateStateFile extends StateFile {
  override save(): void {
    // Memory keeps it until then.
  }

  write(): void {
    super.save();
  }
}

/** A clock that lets program and engine, which talk by gRPC, finish talking before it jumps. */
class PatientClock extends TestClock {
  protected override async whenIdle(): Promise<void> {
    const handled = () => performance.nodeTiming.uvMetricsInfo.events;
    // What one of them writes is there for the other at once; the turns in between are gRPC's own.
    for (let events = -1, quiet = 0; quiet < 3; quiet = events === handled() ? quiet + 1 : 0) {
      events = handled();
      await super.whenIdle();
    }
  }
}

/** What Pulumi's provider host is to an engine. */
function hostOf({ config, env, onLine }: HostOptions, clock: TestClock): Host {
  let made: ProviderContext | undefined;
  // Config that is wrong fails each call.
  const context = () =>
    (made ??= new ProviderContext(
      readConfig((key) => config[key], env),
      clock,
      onLine,
    ));
  return {
    ...inProcessProvider(hostedResources(context, providersByType)),
    stop: () => {
      made?.lines.end();
      return Promise.resolve();
    },
  };
}

/** Runs the program again, from its files as they are now. */
function runProgram(server: EngineServer, options: ProgramOptions): Promise<boolean> {
  const { folder, project, stack, parallel, preview, config, secretKeys } = options;
  const request = new RunRequest();
  request.setProject(project);
  request.setStack(stack);
  request.setOrganization("organization");
  request.setParallel(parallel);
  request.setDryrun(preview);
  request.setMonitorAddress(server.address);
  request.setArgsList([server.address]);
  for (const [key, value] of Object.entries(programConfig(config))) request.getConfigMap().set(key, value);
  request.setConfigsecretkeysList(secretKeys);
  const program = async (): Promise<unknown> => {
    for (const file of Object.keys(load.cache)) if (file.startsWith(join(folder, "/"))) load.cache[file] = undefined;
    const exported: unknown = load(folder);
    return typeof exported === "function" ? (exported as () => unknown)() : exported;
  };
  // It tells the number to its own processes by this variable.
  process.env["PULUMI_NODEJS_PARALLEL"] = String(parallel);
  // The SDK takes a stack trace for each promise, and to map them to sources would be a quarter of a run.
  process.setSourceMapsEnabled(false);
  const ended = new Promise<boolean>((resolve) => {
    void new LanguageServer(program).run({ request }, (error) => {
      resolve(error === undefined);
    });
  });
  return ended.finally(() => {
    process.setSourceMapsEnabled(true);
    delete process.env["PULUMI_NODEJS_PARALLEL"];
  });
}
