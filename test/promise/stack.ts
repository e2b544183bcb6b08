import type { dynamic } from "@pulumi/pulumi";
import { ProviderContext } from "../../provider/access/context";
import { readConfig } from "../../provider/config";
import { withUrns } from "../../provider/dynamic/urns";
import { PermissionResource, type PermissionOutputs } from "../../provider/resource/permission";
import { PermissionSetResource } from "../../provider/resource/permission-set";
import type { SetOutputs } from "../../provider/resource/permission-set-inputs";
import { typesOf } from "../../provider/resource/reference";
import type { RepeatedPost } from "../../sandbox/api/api";
import { FaultyApi } from "../../sandbox/api/faults";
import { nameOf } from "../../sandbox/engines";
import { Deployment } from "../../sandbox/miniature/deployment";
import type { Goal } from "../../sandbox/miniature/program";
import { State, type Resource } from "../../sandbox/miniature/state";
import { adminKey } from "../support/api";
import { TestClock } from "../support/clock";
import { inProcessProvider } from "../support/in-process";
import { checkpoints, projects, unmanagedProject, type AccessKey, type Declared, type Run } from "./programs";

const permissionType = typesOf.permission.dynamic;
const setType = typesOf.permissionSet.dynamic;
const dependencyType = "pulumi-nodejs:dynamic:Dependency";
type AnyProvider = dynamic.ResourceProvider<Record<string, unknown>, Record<string, unknown>>;

/** A stack, and the API that it is applied to. */
export class Stack {
  readonly clock = new TestClock();
  readonly api: FaultyApi;
  readonly state = new State();
  /** What happened, a line each, to explain a failure. */
  readonly log: string[] = [];

  constructor(repeatedPost: RepeatedPost) {
    this.api = new FaultyApi({
      ...{ adminKey, repeatedPost, now: () => this.clock.date() },
      onServed: ({ method, path, query, projectIds = [], status }) =>
        this.log.push(`      ${method} ${path.slice(26)} ${JSON.stringify(query)} ${projectIds.join()} ${status}`),
    });
    for (const checkpoint of checkpoints) this.api.grant(checkpoint, unmanagedProject);
  }

  /** @returns the names of the resources that came about as declared. */
  async up({
    program,
    dependencyFails,
    continueOnError,
    parallel,
    pause,
    lag,
    lost,
    refresh,
  }: Run): Promise<Set<string>> {
    // What an earlier run revoked, and a list still shows, cannot be told from what is there.
    const hasRevoked = this.api.takeRequests().some(({ method }) => method === "DELETE");
    this.clock.pass((hasRevoked ? Math.max(pause, 60) : pause) * 1000);
    // Nor whether a list lags or a write whose answer was lost never happened.
    this.api.set({ lag: lost.length > 0 ? 0 : lag });
    for (const method of lost) this.api.fail({ method, kind: "lost answer" });
    if (refresh) await this.#deploy(parallel, continueOnError, false, (engine) => engine.refreshAll());
    const succeeded = new Set<string>();
    await this.#deploy(parallel, continueOnError, dependencyFails, async (engine) => {
      const dependency = engine.register(goal(dependencyType, dependencyFails ? "failing" : "fine", {}));
      const registering = program.map(async (one) => {
        const isDependent = one.dependsOnFailure || one.listsFailure;
        const dependencies = isDependent ? [await dependency] : [];
        const isDropped = one.listsFailure && dependencies.some(({ result }) => result !== undefined);
        const inputs = inputsOf(one, program, isDropped);
        const type = one.isSet ? setType : permissionType;
        const urns = dependencies.map(({ urn }) => urn);
        const registered = await engine.register({
          ...goal(type, one.name, inputs, urns),
          deleteBeforeReplace: one.deleteBeforeReplace,
          replacementTrigger: one.trigger,
        });
        if (registered.result === undefined) succeeded.add(one.name);
      });
      await Promise.allSettled([dependency, ...registering]);
      await engine.finish();
    });
    this.api.clearFaults();
    return succeeded;
  }

  /** The permissions that state has, by ID. */
  permissionsInState(): Map<string, string> {
    const all = this.state.resources.flatMap((resource) => recordsOf(resource));
    return new Map(all.map(({ id, projectId }) => [id, projectId]));
  }

  /** The names of the resources that have an access in state, by `checkpoint project`; a program may be older than it. */
  holders(): Map<AccessKey, Set<string>> {
    const holders = new Map<AccessKey, Set<string>>();
    for (const resource of this.state.resources) {
      const checkpoint = checkpoints.indexOf(String(resource.outputs["fineTunedModelCheckpoint"]));
      for (const { projectId } of recordsOf(resource)) {
        const access = `${checkpoint} ${projects.indexOf(projectId)}`;
        holders.set(access, (holders.get(access) ?? new Set()).add(nameOf(resource.urn)));
      }
    }
    return holders;
  }

  has(checkpoint: number, project: number): boolean {
    return this.api.projects(checkpoints[checkpoint]!).includes(projects[project]!);
  }

  async #deploy(
    parallel: number,
    continueOnError: boolean,
    dependencyFails: boolean,
    work: (engine: Deployment) => Promise<void>,
  ): Promise<void> {
    const config = readConfig((key) => ({ "openai:adminApiKey": adminKey })[key], {});
    const context = new ProviderContext(config, this.clock, (line) => this.log.push(`      ${line}`));
    const permission = withUrns(new PermissionResource(() => context));
    const set = withUrns(new PermissionSetResource(() => context));
    const dependency: dynamic.ResourceProvider = {
      check: async (_olds, inputs: object) => ({ inputs }),
      diff: async () => ({ changes: dependencyFails }),
      create: async () => (dependencyFails ? Promise.reject(new Error("it fails")) : { id: "there", outs: {} }),
      update: async () => Promise.reject(new Error("it fails")),
      read: async (id: string, props: unknown) => ({ id, props }),
      delete: async () => undefined,
    };
    const of = (urn: string) =>
      (urn.includes(`${setType}::`)
        ? set
        : urn.includes(`${permissionType}::`)
          ? permission
          : dependency) as AnyProvider;
    const engine = new Deployment({
      state: this.state,
      host: Promise.resolve(inProcessProvider(of)),
      ...{ project: "promise", stack: "test", preview: false, config: {}, parallel, continueOnError },
      onEvent: (event) => {
        if ("message" in event) this.log.push(`      ${event.message.severity} ${event.message.text}`);
        if ("step" in event && event.step.op !== "same") this.log.push(`    ${event.step.op} ${event.step.name}`);
      },
    });
    await work(engine);
    await engine.settle();
  }
}

function goal(type: string, name: string, inputs: Goal["inputs"], dependencies: string[] = []): Goal {
  return {
    ...{ type, name, inputs, dependencies, custom: true, parent: "", propertyDependencies: {} },
    ...{ deleteBeforeReplace: false, replacementTrigger: undefined },
  };
}

const urnOf = (type: string, name: string) => `urn:pulumi:test::promise::${type}::${name}`;

function inputsOf(one: Declared, program: readonly Declared[], isDropped: boolean): Goal["inputs"] {
  const fineTunedModelCheckpoint = checkpoints[one.checkpoint]!;
  const ids = one.projects.map((project) => projects[project]!);
  const { deleteBeforeReplace } = one;
  const type = one.isSet ? setType : permissionType;
  const known = { urn: urnOf(type, one.name), number: program.indexOf(one), deleteBeforeReplace };
  if (!one.isSet) return { fineTunedModelCheckpoint, projectId: ids[0], __hints: known };
  const others = program.filter((other) => other !== one && other.checkpoint === one.checkpoint);
  return {
    ...{ fineTunedModelCheckpoint, exclusive: one.exclusive },
    projectIds: isDropped ? ids.slice(1) : ids,
    __hints: {
      ...{ ...known, listLength: ids.length },
      others: Object.fromEntries(
        others.map((other) => [
          program.indexOf(other),
          other.projects.slice(other.listsFailure ? 1 : 0).map((index) => projects[index]!),
        ]),
      ),
    },
  };
}

function recordsOf({ type, id, outputs }: Resource): { id: string; projectId: string }[] {
  if (type === setType) return (outputs as unknown as SetOutputs).permissions;
  return type === permissionType ? [{ id: id!, projectId: (outputs as unknown as PermissionOutputs).projectId }] : [];
}
