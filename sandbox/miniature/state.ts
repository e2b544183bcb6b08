import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { ResourceState, StackExport } from "../engines";

export const providerType = "pulumi:providers:pulumi-nodejs";
export const stackType = "pulumi:pulumi:Stack";

/** A resource of the program: registered by it, and in state. */
export interface Resource extends ResourceState {
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  parent?: string;
  dependencies?: string[];
  provider?: string;
  replacementTrigger?: unknown;
  /** Replaced already, and still to be deleted. */
  delete?: boolean;
}

/** A stack's state: what `pulumi stack export` would give. */
export class State {
  constructor(public resources: Resource[] = []) {}

  get export(): StackExport {
    return {
      version: 3,
      deployment: {
        manifest: { time: new Date().toISOString(), magic: "", version: "" },
        resources: this.resources,
        metadata: {},
      },
    };
  }

  /** Replaces one record by another; undefined: there is none. */
  replace(before: Resource | undefined, after: Resource | undefined): void {
    const index = before === undefined ? -1 : this.resources.indexOf(before);
    if (index === -1) {
      if (after !== undefined) this.resources.push(after);
    } else this.resources.splice(index, 1, ...(after === undefined ? [] : [after]));
    this.save();
  }

  save(): void {
    // Memory keeps it.
  }
}

/** State in a file that is replaced as a whole. */
export class StateFile extends State {
  constructor(readonly file: string) {
    super(readState(file).deployment.resources as Resource[]);
  }

  override save(): void {
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    const temporary = `${this.file}.new`;
    writeFileSync(temporary, JSON.stringify(this.export), { mode: 0o600 });
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.file);
  }
}

function readState(file: string): StackExport {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as StackExport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return { version: 3, deployment: { resources: [] } };
  }
}
