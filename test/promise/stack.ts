import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { dynamic } from "@pulumi/pulumi";
import { ProviderContext } from "../../provider/access/context";
import { announcedKey, type Ledger } from "../../provider/access/ledger";
import { readConfig } from "../../provider/config";
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
import { hostedResources, inProcessProvider, type HostedResource } from "../support/in-process";
import { HarmedFile } from "./harm";
import {
  checkpoints,
  projects,
  unmanagedProject,
  type AccessKey,
  type Declared,
  type Harm,
  type Misleading,
  type Run,
} from "./programs";

const permissionType = typesOf.permission.dynamic;
const setType = typesOf.permissionSet.dynamic;
const dependencyType = "pulumi-nodejs:dynamic:Dependency";
type Call = (...args: unknown[]) => unknown;

/** A stack, and the API that it is applied to. */
export class Stack {
  readonly clock = new TestClock();
  readonly api: FaultyApi;
  readonly state = new State();
  /** Those of the deployment under way. */
  readonly #contexts: ProviderContext[] = [];
  /** By URN, the process that served a resource in the last run. */
  readonly #processOf = new Map<string, number>();
  /** What the provider processes have said in the last run. */
  said: string[] = [];
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
    refused,
    misleading,
    harm,
    refresh,
    killedAfter,
  }: Run): Promise<Set<string>> {
    // What an earlier run revoked, and a list still shows, cannot be told from what is there.
    this.said = [];
    const hasRevoked = this.api.takeRequests().some(({ method }) => method === "DELETE");
    this.clock.pass((hasRevoked ? Math.max(pause, 60) : pause) * 1000);
    // Nor whether a list lags or a write whose answer was lost never happened.
    this.api.set({ lag: lost.length > 0 ? 0 : lag, organization: "acme" });
    for (const kind of misleading) this.#mislead(kind);
    for (const method of lost) this.api.fail({ method, kind: "lost answer" });
    for (const method of refused)
      this.api.fail({ method, kind: { status: 403, error: { code: "insufficient_permissions" } } });
    const settings = { parallel, continueOnError, harm, ...(killedAfter === undefined ? {} : { killedAfter }) };
    if (refresh)
      await this.#deploy({ ...settings, program: [], dependencyFails: false }, (engine) => engine.refreshAll());
    const succeeded = new Set<string>();
    await this.#deploy({ ...settings, program, dependencyFails }, async (engine) => {
      const dependency = engine.register(goal(dependencyType, dependencyFails ? "failing" : "fine", {}));
      const registering = program.map(async (one) => {
        const isDependent = one.dependsOnFailure || one.listsFailure;
        const dependencies = isDependent ? [await dependency] : [];
        const isDropped = one.listsFailure && dependencies.some(({ result }) => result !== undefined);
        const inputs = inputsOf(one, program, isDropped, harm.hints);
        const urns = dependencies.map(({ urn }) => urn);
        const registered = await engine.register({
          ...goal(typeOf(one), one.name, inputs, urns),
          deleteBeforeReplace: one.deleteBeforeReplace,
          replacementTrigger: one.trigger,
        });
        if (registered.result === undefined) succeeded.add(one.name);
      });
      await Promise.allSettled([dependency, ...registering]);
      await engine.finish();
    });
    this.api.clearFaults();
    for (const { isSet, name, process } of program) this.#processOf.set(urnOf(typeOf({ isSet }), name), process);
    return succeeded;
  }

  #mislead(kind: Misleading): void {
    const [checkpoint] = checkpoints;
    const notFound = { status: 404, error: { code: "model_not_found", message: "The model does not exist." } };
    switch (kind) {
      case "404 to GET":
        this.api.fail({ method: "GET", checkpoint, kind: notFound });
        break;
      case "404 to DELETE and GET":
        this.api.fail({
          method: "DELETE",
          checkpoint,
          kind: notFound,
          then: { method: "GET", checkpoint, kind: notFound },
        });
        break;
      case "404 to each filtered GET":
        this.api.fail({ method: "GET", checkpoint, times: Infinity, isFiltered: true, kind: notFound });
        break;
      case "another organization, in plain words": {
        this.api.set({ organization: "other" });
        const refused = { ...notFound, headers: { "openai-organization": "other" } };
        for (const method of ["GET", "POST", "DELETE"] as const)
          this.api.fail({ method, times: Infinity, kind: refused });
        break;
      }
      case "another organization": {
        this.api.set({ organization: "other" });
        const isEmpty = (body: unknown) => ({ ...(body as object), data: [], has_more: false, last_id: null });
        this.api.fail({ method: "GET", times: Infinity, kind: { rewrite: isEmpty } });
        const message = "The model does not exist or you do not have access to it.";
        const error = { code: "model_not_found", message };
        const refused = { status: 404, error, headers: { "openai-organization": "other" } };
        for (const method of ["POST", "DELETE"] as const) this.api.fail({ method, times: Infinity, kind: refused });
      }
    }
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

  /** The accesses that are granted, without those of no program. */
  accesses(): Set<AccessKey> {
    const all = checkpoints.flatMap((id, checkpoint) =>
      this.api
        .projects(id)
        .filter((project) => project !== unmanagedProject)
        .map((project) => `${checkpoint} ${projects.indexOf(project)}`),
    );
    return new Set(all);
  }

  has(checkpoint: number, project: number): boolean {
    return this.api.projects(checkpoints[checkpoint]!).includes(projects[project]!);
  }

  async #deploy(
    {
      program,
      dependencyFails,
      parallel,
      continueOnError,
      harm,
      killedAfter = Infinity,
    }: Omit<Run, "pause" | "lag" | "lost" | "refused" | "misleading" | "refresh">,
    work: (engine: Deployment) => Promise<void>,
  ): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "promise-"));
    const file = new HarmedFile(folder, harm);
    const processes = [0, 1, 2].map((process) => lazily(() => this.#process(process, file.open(process), harm.isMute)));
    const killer = new Killer(killedAfter, file);
    const declaredBy = new Map(program.map((one) => [urnOf(typeOf(one), one.name), one]));
    const dependency: dynamic.ResourceProvider = {
      check: async (_olds, inputs: object) => ({ inputs }),
      diff: async () => ({ changes: dependencyFails }),
      create: async () => (dependencyFails ? Promise.reject(new Error("it fails")) : { id: "there", outs: {} }),
      update: async () => Promise.reject(new Error("it fails")),
      read: async (id: string, props: unknown) => ({ id, props }),
      delete: async () => undefined,
    };
    const of = (urn: string, call: string) => {
      if (urn.includes(`${dependencyType}::`)) return dependency as HostedResource;
      const declared = declaredBy.get(urn);
      const recorded = this.#processOf.get(urn);
      // Pulumi reads and deletes with the provider that state names.
      const number = (call === "delete" || call === "read" ? recorded : declared?.process) ?? declared?.process ?? 0;
      const provider = killer.over(number, processes[number]!()(urn));
      return declared === undefined ? provider : remediatedBy(declared, provider);
    };
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
    for (const { lines } of this.#contexts.splice(0)) lines.end();
    file.close();
    rmSync(folder, { recursive: true, force: true });
  }

  /** One provider process: what serves each resource. */
  #process(number: number, ledger: Ledger, isMute: boolean): (urn: string) => HostedResource {
    const config = readConfig((key) => ({ "openai:adminApiKey": adminKey })[key], {});
    const context = new ProviderContext(
      config,
      this.clock,
      (line) => {
        if (isMute) throw new Error("write EPIPE");
        this.log.push(`      ${number}: ${line}`);
        this.said.push(line);
      },
      ledger,
    );
    // Each process of these runs is one of an `up`.
    context.isPreview = false;
    this.#contexts.push(context);
    if (number === 0) return hostedResources(() => context);
    const permission = new PermissionResource(() => context);
    const set = new PermissionSetResource(() => context);
    return (urn) => withUrn(urn, urn.includes(`${setType}::`) ? set : permission);
  }
}

/** Kills the process that does the write after so many: it is done, and nobody hears of it. */
class Killer {
  readonly #dead = new Set<number>();
  #writes = 0;

  constructor(
    readonly after: number,
    readonly file: HarmedFile,
  ) {}

  over(number: number, provider: HostedResource): HostedResource {
    const call = (name: "check" | "diff" | "create" | "read" | "update" | "delete", isWrite: boolean) => {
      return async (...args: unknown[]) => {
        if (this.#dead.has(number)) throw new Error("the process was killed");
        const result = await (provider[name] as unknown as Call)(...args);
        if (!isWrite || this.#writes++ !== this.after) return result;
        this.#dead.add(number);
        this.file.kill(number);
        throw new Error("the process was killed");
      };
    };
    return {
      ...{ check: call("check", false), diff: call("diff", false), read: call("read", false) },
      ...{ create: call("create", true), update: call("update", true), delete: call("delete", true) },
    } as HostedResource;
  }
}

function lazily<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Calls a resource as the native plugin does. */
function withUrn(urn: string, resource: PermissionResource | PermissionSetResource): HostedResource {
  const { check, diff, create, update, read, delete: remove } = resource as unknown as Record<string, Call>;
  const of = (call: Call, ...args: unknown[]) => call.apply(resource, args) as Promise<never>;
  return {
    check: (olds, news) => of(check!, urn, olds, news),
    diff: (id, olds, news) => of(diff!, urn, id, olds, news),
    create: (inputs) => of(create!, urn, inputs),
    update: (id, olds, news) => of(update!, urn, id, olds, news),
    read: (id, props) => of(read!, id, props),
    delete: (id, props) => of(remove!, id, props),
  };
}

/** A provider whose checks are followed by a policy's remediation. */
function remediatedBy({ remediated, isSet }: Declared, provider: HostedResource): HostedResource {
  if (remediated === undefined) return provider;
  const ids = remediated.map((project) => projects[project]!).sort();
  return {
    ...provider,
    async check(olds, news) {
      const result = await provider.check!(olds, news);
      return { ...result, inputs: { ...result.inputs!, ...(isSet ? { projectIds: ids } : { projectId: ids[0]! }) } };
    },
  };
}

function goal(type: string, name: string, inputs: Goal["inputs"], dependencies: string[] = []): Goal {
  return {
    ...{ type, name, inputs, dependencies, custom: true, parent: "", propertyDependencies: {} },
    ...{ deleteBeforeReplace: false, replacementTrigger: undefined },
  };
}

const typeOf = ({ isSet }: Pick<Declared, "isSet">) => (isSet ? setType : permissionType);
const urnOf = (type: string, name: string) => `urn:pulumi:test::promise::${type}::${name}`;

function inputsOf(
  one: Declared,
  program: readonly Declared[],
  isDropped: boolean,
  harmedHints: Harm["hints"],
): Goal["inputs"] {
  const fineTunedModelCheckpoint = checkpoints[one.checkpoint]!;
  const ids = one.projects.map((project) => projects[project]!);
  const { deleteBeforeReplace } = one;
  const own = isDropped ? ids.slice(1) : ids;
  if (one.process > 0) {
    // Generated classes know nothing of the rest of the program.
    return one.isSet
      ? { fineTunedModelCheckpoint, exclusive: one.exclusive, projectIds: own }
      : { fineTunedModelCheckpoint, projectId: ids[0] };
  }
  const known = { urn: urnOf(typeOf(one), one.name), key: String(program.indexOf(one)), deleteBeforeReplace };
  const written = one.isSet
    ? { fineTunedModelCheckpoint, exclusive: one.exclusive, projectIds: own }
    : { fineTunedModelCheckpoint, projectId: ids[0] };
  if (harmedHints === "missing") return written;
  if (!one.isSet) return { ...written, __hints: known };
  const listLength = ids.length;
  if (harmedHints === "own") return { ...written, __hints: { ...known, listLength } };
  if (harmedHints === "wrong") {
    const all = projects.map((project) => announcedKey(fineTunedModelCheckpoint, project));
    return {
      ...written,
      __hints: { ...known, listLength, others: { nobody: all }, declaredCount: 1_000, parallel: 1 },
    };
  }
  const others = program.filter((other) => other !== one && other.checkpoint === one.checkpoint);
  return {
    ...written,
    __hints: {
      ...{ ...known, listLength },
      others: Object.fromEntries(
        others.map((other) => [
          other.process === 0 ? program.indexOf(other) : `${program.indexOf(other)}::${typeOf(other)}::${other.name}`,
          other.projects
            .slice(other.listsFailure ? 1 : 0)
            .map((index) => announcedKey(fineTunedModelCheckpoint, projects[index]!)),
        ]),
      ),
    },
  };
}

function recordsOf({ type, id, outputs }: Resource): { id: string; projectId: string }[] {
  if (type === setType) return (outputs as unknown as SetOutputs).permissions;
  return type === permissionType ? [{ id: id!, projectId: (outputs as unknown as PermissionOutputs).projectId }] : [];
}
