import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ProviderContext } from "../../provider/access/context";
import { readConfig } from "../../provider/config";
import { withUrns } from "../../provider/dynamic/urns";
import { PermissionResource } from "../../provider/resource/permission";
import { PermissionSetResource } from "../../provider/resource/permission-set";
import { typesOf } from "../../provider/resource/reference";
import type { FaultyApi } from "../../sandbox/api/faults";
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
} from "../../sandbox/engines";
import { Deployment } from "../../sandbox/miniature/deployment";
import { providerType, State } from "../../sandbox/miniature/state";
import { renderEvent } from "../../sandbox/render";
import { TestClock } from "../support/clock";
import { inProcessProvider, useInProcess } from "../support/in-process";

/** What a program of the matrices declares, in cases.json. */
interface DeclaredCase {
  key: string;
  checkpoint: string;
  set: boolean;
  exclusive: boolean;
  projects: string[];
}

/**
 * The miniature engine with program, provider and API in this process, and a clock that does not wait: for the matrices,
 * whose cases are about answers and not about processes. No answer at all is the same here as a connection that is cut.
 */
export class InProcessEngine implements Engine {
  readonly kind = "miniature";
  readonly description = "the miniature engine, in one process";
  readonly #apis = new Map<string, FaultyApi>();
  readonly #states = new Map<string, State>();
  readonly #clock = new TestClock();

  constructor() {
    this.#clock.epoch = Date.now();
    useInProcess((url) => this.#apis.get(url.origin)!);
  }

  /** Answers requests to this API. */
  serve(api: FaultyApi, url: string): void {
    this.#apis.set(new URL(url).origin, api);
  }

  async run(project: Project, command: Command, options: RunOptions = {}): Promise<Run> {
    const steps: Step[] = [];
    const messages: Message[] = [];
    const lines: string[] = [];
    const onEvent = (event: Event) => {
      if ("step" in event) steps.push(event.step);
      if ("message" in event) messages.push(event.message);
      lines.push(renderEvent(event) ?? "");
    };
    const state = this.#stateOf(project);
    const deployment = new Deployment({
      ...{ state, onEvent, project: "scenario", stack: project.stack, config: {} },
      host: Promise.resolve(this.#provider(project, onEvent)),
      preview: command === "preview",
      parallel: options.parallel ?? 8,
      continueOnError: options.continueOnError === true,
    });
    if (command === "refresh") await deployment.refreshAll();
    else if (command === "destroy") {
      await deployment.deleteAll(state.resources.filter(({ type }) => type !== providerType));
      if (deployment.ok) state.resources = [];
    } else await registerAll(deployment, project);
    await deployment.settle();
    const output = lines.join("\n");
    return { ok: deployment.ok, steps, messages, counts: countOps(steps), seconds: 0, output };
  }

  exportState(project: Project): Promise<StackExport> {
    return Promise.resolve(structuredClone(this.#stateOf(project).export));
  }

  importState(): Promise<void> {
    return Promise.reject(new Error("The matrices import no state."));
  }

  cancel(): Promise<void> {
    return Promise.resolve();
  }

  async remove(project: Project): Promise<void> {
    this.#states.delete(project.stateFolder);
    await rm(project.stateFolder, { recursive: true, force: true });
  }

  #stateOf({ stateFolder }: Project): State {
    const state = this.#states.get(stateFolder) ?? new State();
    this.#states.set(stateFolder, state);
    return state;
  }

  #provider({ config = {} }: Project, onEvent: (event: Event) => void) {
    const get = (key: string) => {
      const value = config[key];
      return typeof value === "string" ? value : value?.secret;
    };
    const print = (text: string) => {
      onEvent({ message: { severity: "info", text } });
    };
    const context = new ProviderContext(readConfig(get, {}), this.#clock, print);
    const permission = withUrns(new PermissionResource(() => context));
    const set = withUrns(new PermissionSetResource(() => context));
    type Resource = Parameters<typeof inProcessProvider>[0] extends (urn: string) => infer Result ? Result : never;
    return inProcessProvider((urn) => {
      return (urn.includes(`${typesOf.permissionSet.dynamic}::`) ? set : permission) as unknown as Resource;
    });
  }
}

/** What the program of the matrices does, with what its constructors would add. */
async function registerAll(deployment: Deployment, { folder, stack }: Project): Promise<void> {
  const cases = JSON.parse(await readFile(join(folder, "cases.json"), "utf8")) as DeclaredCase[];
  const goals = cases.flatMap(({ key, checkpoint: fineTunedModelCheckpoint, set, exclusive, projects }) => {
    const goal = (type: string, name: string, inputs: object) => ({
      ...{ type, name, custom: true, parent: "", dependencies: [], propertyDependencies: {} },
      ...{ deleteBeforeReplace: false, replacementTrigger: undefined },
      inputs: {
        fineTunedModelCheckpoint,
        ...inputs,
        __hints: {
          urn: `urn:pulumi:${stack}::scenario::${type}::${name}`,
          ...{ declaredCount: projects.length, parallel: 200, ...(set ? { others: {} } : {}) },
        },
      },
    });
    return set
      ? [goal(typesOf.permissionSet.dynamic, key, { exclusive, projectIds: projects })]
      : projects.map((projectId) => goal(typesOf.permission.dynamic, `${key}-${projectId}`, { projectId }));
  });
  await Promise.allSettled(goals.map((goal) => deployment.register(goal)));
  await deployment.finish();
}
