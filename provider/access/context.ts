import { Client } from "../api/client";
import type { Clock } from "../clock";
import type { Config } from "../config";
import * as messages from "../messages";
import { Checkpoint } from "./checkpoint";
import { Declarations } from "./declarations";
import { Ledger } from "./ledger";
import { Lines } from "./lines";
import { Organization } from "./organization";
import type { Shared } from "./shared";

/** Prints one line for the user: a message that stays, a warning, or progress that the next line may replace. */
export type Print = (line: string, kind: "message" | "warning" | "progress") => void;

/**
 * What all resources share in one process, which lives as long as one deployment: a preview, an `up`, a refresh or a
 * destroy.
 */
export class ProviderContext {
  readonly client: Client;
  readonly declarations: Declarations;
  /** Lines about permissions. */
  readonly lines: Lines;
  /** What messages tell beside IDs; undefined if the config says that they tell nothing. */
  readonly organization: Organization | undefined;
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #said = new Set<string>();
  readonly #print: Print;
  /** By resource, as a refresh has read it: whether that differs from state. */
  readonly #refreshed = new Map<string, boolean>();
  #runsProgram = false;
  /** Whether it runs for a preview; undefined if that is not known. */
  isPreview: boolean | undefined;
  /** Whether an earlier deployment used another base URL, as far as is known. */
  hasNewBaseUrl = false;
  /** Projects that are secret, as far as checks know. */
  readonly secretProjects = new Set<string>();
  /** Whether checks look for existing permissions, to report them. Turned off once a lookup for them fails. */
  reportsExisting: boolean;

  constructor(
    readonly config: Config,
    readonly clock: Clock,
    print: Print,
    readonly ledger = new Ledger(),
  ) {
    this.#print = (line, kind) => {
      try {
        print(line, kind);
      } catch {
        // A line that cannot be printed must not fail what has been done.
      }
    };
    this.declarations = new Declarations(ledger);
    this.lines = new Lines(this.say, clock);
    this.client = new Client(config, clock, (line) => this.#print(line, "progress"));
    this.organization = config.auditDetails
      ? new Organization(config, clock, { limitSeconds: 5, secretProjects: this.secretProjects })
      : undefined;
    this.reportsExisting = config.driftDetection;
    for (const notice of config.notices) this.warn(notice);
  }

  /** Notes that a resource is being checked, which happens only where a program runs. */
  noteCheck(): void {
    this.#runsProgram = true;
  }

  /** Whether a program runs, as far as checks have shown. A refresh or a destroy has none, and does not show what is declared. */
  get runsProgram(): boolean {
    return this.#runsProgram;
  }

  checkpoint(id: string): Checkpoint {
    let checkpoint = this.#checkpoints.get(id);
    if (checkpoint === undefined) {
      checkpoint = new Checkpoint(id, this);
      this.#checkpoints.set(id, checkpoint);
    }
    return checkpoint;
  }

  /** Notes what a refresh has read. The engine then asks for a diff of it, which by itself does not see a new ID. */
  noteRefresh(resource: string, isChanged: boolean): void {
    // Two sets may have ended up the same: then both are told as changed.
    this.#refreshed.set(resource, isChanged || this.#refreshed.get(resource) === true);
  }

  /** Whether what a diff is asked about was read by a refresh and differs from state; undefined if it was not. */
  wasChangedByRefresh(resource: string): boolean | undefined {
    return this.runsProgram ? undefined : this.#refreshed.get(resource);
  }

  /** Says that the API does not have a checkpoint: at the end, when it is known whether the program declares any access. */
  readonly onDeleted: Shared["onDeleted"] = (existence) => {
    const id = existence.checkpointId;
    this.lines.sayAtEnd(() => {
      if (!existence.isDeleted) return undefined;
      return messages.deleted(id, { isDeclared: this.runsProgram && this.declarations.hasAny(id) });
    });
  };

  /** Prints a message, in one line and only once. */
  readonly say = (line: string): void => {
    this.#once(line, "message");
  };

  /** Prints a warning, in one line and only once. */
  warn(line: string): void {
    this.#once(line, "warning");
  }

  #once(line: string, kind: "message" | "warning"): void {
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.#print(line, kind);
  }

  /** Fails the requests that wait, and sends no more; those under way are finished. */
  cancel(): void {
    this.client.cancel();
  }
}
