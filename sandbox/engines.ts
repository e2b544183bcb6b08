/** One small interface to what runs a Pulumi program: the real CLI, or the sandbox's own engine. */

export type Command = "preview" | "up" | "refresh" | "destroy";

/** A config value; a secret is encrypted wherever it is stored. */
export type ConfigValue = string | { secret: string };

/** A Pulumi project to run, with one stack. */
export interface Project {
  /** Where Pulumi.yaml is. */
  folder: string;
  /** Where state, logs and the like go. Outside of `folder`, or ignored in it. */
  stateFolder: string;
  stack: string;
  /** Full keys, such as `openai:adminApiKey`. */
  config?: Record<string, ConfigValue>;
  /** Added to a PATH and a HOME; nothing else of this process's environment is passed on. */
  env?: Record<string, string>;
}

export interface RunOptions {
  /** Operations at a time. */
  parallel?: number;
  /** Whether `up` goes ahead without a look at what the program declares. */
  skipPreview?: boolean;
  /** Whether `up` and `destroy` go on after a step has failed, with what does not depend on it. */
  continueOnError?: boolean;
  /** Whether `up` and `destroy` refresh first. */
  refresh?: boolean;
  /** The folder of a policy pack that a preview or an `up` applies. */
  policyPack?: string;
  /** The file with the policy pack's settings. */
  policyPackConfig?: string;
  /** Whether the CLI logs all that it does. */
  verbose?: boolean;
  /** Called for each event as it happens. */
  onEvent?: (event: Event) => void;
  /** Called with the ID of the process that runs the deployment. */
  onStart?: (pid: number) => void;
}

export type Event = { step: Step } | { done: Step } | { message: Message };

/** What was planned for a resource of the program, or done with it. */
export interface Step {
  /** As Pulumi names it: create, same, update, replace, create-replacement, delete-replaced, delete, refresh … */
  op: string;
  type: string;
  name: string;
  id?: string | undefined;
  /** The inputs that differ, or that replace. */
  changes: Change[];
}

export interface Change {
  property: string;
  old: unknown;
  new: unknown;
}

export interface Message {
  severity: "info" | "warning" | "error";
  text: string;
  /** The resource that it is about; undefined: the stack. */
  name?: string | undefined;
}

/** What a command did. */
export interface Run {
  ok: boolean;
  steps: Step[];
  messages: Message[];
  /** Counts of steps by op, without those of the stack itself. */
  counts: Record<string, number>;
  seconds: number;
  /** Everything that was printed. */
  output: string;
}

/** A resource as `pulumi stack export` has it. */
export interface ResourceState {
  urn: string;
  type: string;
  id?: string;
  custom: boolean;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  initErrors?: string[];
  [field: string]: unknown;
}

/** State in the shape of `pulumi stack export`. */
export interface StackExport {
  version: number;
  deployment: { resources?: ResourceState[]; pending_operations?: unknown[]; [field: string]: unknown };
}

export interface Engine {
  /** Its name and version, for a user. */
  readonly description: string;
  readonly kind: "pulumi" | "miniature";
  run(project: Project, command: Command, options?: RunOptions): Promise<Run>;
  exportState(project: Project): Promise<StackExport>;
  importState(project: Project, state: StackExport): Promise<void>;
  /** Frees a stack whose run was killed. */
  cancel(project: Project): Promise<void>;
  /** Closes what is open for the project. */
  remove(project: Project): Promise<void>;
}

/** A URN's last part. */
export function nameOf(urn: string): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** The ops of resources, counted. */
export function countOps(steps: readonly Step[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of steps) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}
