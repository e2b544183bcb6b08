import { randomUUID } from "node:crypto";
import pLimit from "p-limit";
import { nameOf, type Change, type Event, type Message, type Step } from "../engines";
import { InitFailed, type Properties, type Provider } from "./host";
import type { Goal, ProgramHandlers, Registered } from "./program";
import { providerType, stackType, type Resource, type State } from "./state";

/** What the SDK sends in place of a value that a preview does not know. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** A step failed, and its error has been printed: what depends on it just ends. */
const failed = "a step failed";

export interface DeploymentOptions {
  state: State;
  /** Undefined: the program is only looked at, and nothing is planned. */
  host: Promise<Provider> | undefined;
  project: string;
  stack: string;
  preview: boolean;
  /** The part of the config that is recorded with the provider. */
  config: Record<string, string>;
  parallel: number;
  continueOnError: boolean;
  onEvent: (event: Event) => void;
}

/**
 * One deployment: turns what the program registers into steps, has the provider take them, and records each at once.
 *
 * Checks and diffs come one at a time; creates, updates, reads and deletes as many at a time as `parallel` allows.
 */
export class Deployment implements ProgramHandlers {
  readonly #options: DeploymentOptions;
  #previous: Map<string, Resource>;
  readonly #registered = new Set<string>();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #serially = pLimit(1);
  readonly #atATime;
  /** What failed, and what was skipped because of it. */
  readonly #lost = new Set<string>();
  #failed = false;
  #stopped = false;

  constructor(options: DeploymentOptions) {
    this.#options = options;
    this.#atATime = pLimit(options.parallel);
    this.#previous = this.#recorded();
  }

  /** The resources in state by URN, without those that were replaced. */
  #recorded(): Map<string, Resource> {
    const there = this.#options.state.resources.filter((resource) => resource.delete !== true);
    return new Map(there.map((resource) => [resource.urn, resource]));
  }

  get #host(): Promise<Provider> {
    return this.#options.host!;
  }

  get ok(): boolean {
    return !this.#failed;
  }

  say(message: Message): void {
    if (message.severity === "error") this.#failed = this.#stopped = true;
    this.#options.onEvent({ message });
  }

  async register(asked: Goal): Promise<Registered> {
    // Outside a preview only what failed is not known, and a provider hears nothing of it.
    const goal = this.#options.preview ? asked : { ...asked, inputs: known(asked.inputs) as Properties };
    const urn = this.#urnOf(goal);
    if (this.#registered.has(urn))
      throw this.#fail(goal.name, `Duplicate resource URN '${urn}'; try giving it a unique name`);
    this.#registered.add(urn);
    if (this.#options.host === undefined) return { urn, outputs: goal.inputs };
    if (!goal.custom) return this.#registerComponent(urn, goal);
    // What is under way when a step fails is finished and recorded; nothing is begun after it.
    const registering = this.#registerCustom(urn, goal);
    this.#inFlight.add(registering);
    try {
      return await registering;
    } finally {
      this.#inFlight.delete(registering);
    }
  }

  registerOutputs(urn: string, outputs: Properties): void {
    const resource = this.#options.state.resources.find((candidate) => candidate.urn === urn);
    if (resource === undefined || this.#options.preview) return;
    resource.outputs = outputs;
    this.#options.state.save();
  }

  /** Deletes what the program no longer declares, and what was replaced: dependents first. */
  async finish(): Promise<void> {
    await this.settle();
    if (this.#stopped || this.#options.host === undefined) return;
    const left = this.#options.state.resources.filter(
      (resource) => resource.delete === true || !this.#registered.has(resource.urn),
    );
    await this.deleteAll(left.filter(({ type }) => type !== providerType));
  }

  /** Waits for what is under way. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
  }

  async deleteAll(resources: readonly Resource[]): Promise<void> {
    let left = [...resources];
    while (left.length > 0 && !this.#stopped) {
      const kept = resources.filter(({ urn }) => this.#lost.has(urn));
      const needed = new Set(
        [...left, ...kept].flatMap(({ dependencies = [], parent = "" }) => [...dependencies, parent]),
      );
      const free = left.filter(({ urn, delete: replaced }) => replaced === true || !needed.has(urn));
      if (free.length === 0) return;
      await Promise.all(free.map((resource) => this.#delete(resource)));
      left = left.filter((resource) => !free.includes(resource));
    }
  }

  /** Reads every resource anew, as `refresh` does. */
  async refreshAll(): Promise<void> {
    const resources = this.#options.state.resources.filter(({ custom, type }) => custom && type !== providerType);
    await Promise.all(resources.map((resource) => this.#refresh(resource)));
    await this.settle();
    this.#previous = this.#recorded();
  }

  async #registerComponent(urn: string, goal: Goal): Promise<Registered> {
    const old = this.#previous.get(urn);
    const step = this.#step(old === undefined ? "create" : "same", goal.type, goal.name);
    if (goal.type !== stackType) this.#options.onEvent({ step });
    if (!this.#options.preview) {
      this.#record(old, { urn, type: goal.type, custom: false, parent: goal.parent, inputs: goal.inputs, outputs: {} });
    }
    return { urn, outputs: goal.inputs };
  }

  async #registerCustom(urn: string, goal: Goal): Promise<Registered> {
    const old = this.#previous.get(urn);
    const plan = await this.#serially(() => this.#plan(urn, goal, old));
    // What depends on what failed is planned, and no more.
    if (goal.dependencies.some((dependency) => this.#lost.has(dependency))) {
      this.#lost.add(urn);
      return { urn, outputs: goal.inputs, result: "skipped" };
    }
    for (const step of plan.steps) this.#options.onEvent({ step });
    if (this.#options.preview) {
      return plan.op === "same" ? { urn, id: old!.id, outputs: old!.outputs } : { urn, outputs: plan.inputs };
    }
    if (plan.op === "same") {
      return this.#done(old, { ...this.#resource(urn, goal, plan.inputs), id: old!.id!, outputs: old!.outputs });
    }
    const { op, inputs } = plan;
    return this.#atATime(() => this.#apply(urn, goal, old, op, inputs));
  }

  async #plan(urn: string, goal: Goal, old: Resource | undefined) {
    this.#proceed();
    try {
      const host = await this.#host;
      let inputs = await this.#check(urn, goal, old?.inputs ?? {});
      if (old === undefined)
        return { op: "create" as const, inputs, steps: [this.#step("create", goal.type, goal.name)] };

      const triggered = old.replacementTrigger !== undefined && goal.replacementTrigger !== old.replacementTrigger;
      const diff = triggered
        ? { changes: true, replaces: [], diffs: [], deleteBeforeReplace: false }
        : await host.diff(urn, old.id!, old.outputs, inputs, old.inputs);
      if (diff.replaces.length > 0 || triggered) {
        inputs = await this.#check(urn, goal, {});
        const changes = changesOf(diff.replaces, old.inputs, inputs);
        const before = goal.deleteBeforeReplace || diff.deleteBeforeReplace;
        const ops = ["create-replacement", "replace", "delete-replaced"];
        const steps = ops.map((op) =>
          this.#step(op, goal.type, goal.name, old.id, op === "delete-replaced" ? [] : changes),
        );
        return { op: before ? ("delete and create" as const) : ("replace" as const), inputs, steps };
      }
      const isUpdate = diff.changes || (old.initErrors ?? []).length > 0;
      const op = isUpdate ? ("update" as const) : ("same" as const);
      const changes = isUpdate ? changesOf(diff.diffs, old.inputs, inputs) : [];
      return { op, inputs, steps: [this.#step(op, goal.type, goal.name, old.id, changes)] };
    } catch (error) {
      throw this.#fail(goal.name, error);
    }
  }

  async #check(urn: string, { type, name, inputs }: Goal, olds: Properties): Promise<Properties> {
    const result = await (await this.#host).check(urn, olds, inputs);
    for (const { property, reason } of result.failures) {
      const where = property === "" ? "" : ` property ${property}`;
      this.say({ severity: "error", text: `${type} resource '${name}':${where} has a problem: ${reason}`, name });
    }
    if (result.failures.length > 0) throw new Error(failed);
    return result.inputs;
  }

  async #apply(
    urn: string,
    goal: Goal,
    old: Resource | undefined,
    op: "create" | "update" | "replace" | "delete and create",
    inputs: Properties,
  ): Promise<Registered> {
    this.#proceed();
    const { state } = this.#options;
    const host = await this.#host;
    const resource = this.#resource(urn, goal, inputs);
    try {
      if (op === "update") {
        const outputs = await host.update(urn, old!.id!, old!.outputs, inputs, old!.inputs);
        return this.#done(old, { ...resource, id: old!.id!, outputs });
      }
      if (op === "delete and create") {
        await host.delete(urn, old!.id!, old!.outputs, old!.inputs);
        state.replace(old, undefined);
      }
      const { id, outputs } = await host.create(urn, inputs);
      if (op === "replace") {
        state.replace(old, { ...old!, delete: true });
        old = undefined;
      }
      return this.#done(old, { ...resource, id, outputs });
    } catch (error) {
      if (error instanceof InitFailed) {
        const { id, properties: outputs, reasons: initErrors } = error;
        if (op === "replace") {
          state.replace(old, { ...old!, delete: true });
          old = undefined;
        }
        this.#record(old, { ...resource, id, outputs, initErrors });
      }
      const failure = this.#fail(goal.name, error, urn);
      if (this.#stopped) throw failure;
      return { urn, outputs: inputs, result: "failed" };
    }
  }

  async #delete(resource: Resource): Promise<void> {
    const { urn, id, type, custom, inputs, outputs } = resource;
    const { state, preview, onEvent } = this.#options;
    const replaced = resource.delete === true;
    const name = nameOf(urn);
    await this.#atATime(async () => {
      if (this.#stopped) return;
      const step = this.#step(replaced ? "delete-replaced" : "delete", type, name, id);
      // A replacement has shown its three steps already.
      if (type !== stackType && !(replaced && this.#registered.has(urn))) onEvent({ step });
      if (preview) return;
      try {
        if (custom) await (await this.#host).delete(urn, id!, outputs, inputs);
        state.replace(resource, undefined);
        if (type !== stackType) onEvent({ done: step });
      } catch (error) {
        this.#fail(name, error, urn);
      }
    });
  }

  async #refresh(resource: Resource): Promise<void> {
    const { urn, type } = resource;
    const { state, onEvent } = this.#options;
    const host = await this.#host;
    const name = nameOf(urn);
    await this.#atATime(async () => {
      if (this.#stopped) return;
      const step = this.#step("refresh", type, name, resource.id);
      onEvent({ step });
      try {
        const {
          id,
          outputs,
          inputs = resource.inputs,
        } = await host.read(urn, resource.id!, resource.outputs, resource.inputs);
        if (id === "") state.replace(resource, undefined);
        else {
          await host.diff(urn, id, outputs, inputs, inputs);
          state.replace(resource, { ...resource, id, outputs, inputs });
        }
        onEvent({ done: step });
      } catch (error) {
        this.#fail(name, error);
      }
    });
  }

  #resource(urn: string, goal: Goal, inputs: Properties): Resource {
    const { type, custom, parent, dependencies, propertyDependencies, replacementTrigger } = goal;
    const provider = this.#provider();
    return {
      ...{ urn, type, custom, parent, dependencies, propertyDependencies, inputs, outputs: {} },
      provider: `${provider.urn}::${provider.id!}`,
      ...(replacementTrigger === undefined ? {} : { replacementTrigger }),
    };
  }

  #provider(): Resource {
    const { state, project, stack, config } = this.#options;
    let provider = state.resources.find(({ type }) => type === providerType);
    if (provider === undefined) {
      const urn = `urn:pulumi:${stack}::${project}::${providerType}::default`;
      provider = { urn, type: providerType, custom: true, id: randomUUID(), inputs: {}, outputs: {} };
      state.replace(undefined, provider);
    }
    provider.inputs = provider.outputs = config;
    return provider;
  }

  #record(old: Resource | undefined, resource: Resource): void {
    const now = new Date().toISOString();
    this.#options.state.replace(old, { ...resource, created: old?.["created"] ?? now, modified: now });
  }

  #done(old: Resource | undefined, resource: Resource): Registered {
    this.#record(old, resource);
    const { urn, id, outputs, type } = resource;
    this.#options.onEvent({ done: this.#step("done", type, nameOf(urn), id) });
    return { urn, id, outputs };
  }

  #urnOf({ type, name, parent }: Goal): string {
    const { project, stack } = this.#options;
    const parentType = parent.split("::")[2];
    const qualified = parentType === undefined || parentType === stackType ? type : `${parentType}$${type}`;
    return `urn:pulumi:${stack}::${project}::${qualified}::${name}`;
  }

  #step(op: string, type: string, name: string, id?: string, changes: Change[] = []): Step {
    return { op, type, name, id, changes };
  }

  #proceed(): void {
    if (this.#stopped) throw new Error(failed);
  }

  /** @param urn of a step that was taken: others may go on, if they are to. A plan that fails stops everything. */
  #fail(name: string, error: unknown, urn?: string): Error {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== failed) this.#options.onEvent({ message: { severity: "error", text, name } });
    this.#failed = true;
    if (urn === undefined || !this.#options.continueOnError) this.#stopped = true;
    else this.#lost.add(urn);
    return new Error(failed);
  }
}

/** A value without what is not known: elements and properties are left out. */
function known(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((element) => element !== unknown).map(known);
  if (typeof value !== "object" || value === null) return value;
  const properties = Object.entries(value).filter(([, property]) => property !== unknown);
  return Object.fromEntries(properties.map(([name, property]) => [name, known(property)]));
}

function changesOf(properties: readonly string[], before: Properties, after: Properties): Change[] {
  return [...new Set(properties)]
    .sort()
    .map((property) => ({ property, old: before[property], new: after[property] }))
    .filter((change) => change.new !== unknown || change.old !== undefined);
}
