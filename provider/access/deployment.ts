import { Client } from "../api/client";
import type { Clock } from "../clock";
import type { Config } from "../config";
import { Checkpoint } from "./checkpoint";

/** Prints one line for the person: a message to keep, or how far a run is by now. */
export type Print = (line: string, kind: "message" | "progress") => void;

/**
 * What all resources share in one process, which lives as long as one deployment: a preview, an `up`, a refresh or a
 * destroy.
 */
export class Deployment {
  readonly client: Client;
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #said = new Set<string>();
  /** Whether a program runs: a refresh or a destroy has none, and says nothing of what is to be. */
  runsProgram = false;
  /** Whether previews of creates still say what exists: not once the API has refused to tell. */
  tellsWhatExists: boolean;

  constructor(
    readonly config: Config,
    readonly clock: Clock,
    readonly print: Print,
  ) {
    this.client = new Client(config, clock, (line) => print(line, "progress"));
    this.tellsWhatExists = config.driftDetection && config.adminApiKey !== undefined;
    for (const notice of config.notices) this.say(notice);
  }

  checkpoint(id: string): Checkpoint {
    let checkpoint = this.#checkpoints.get(id);
    if (checkpoint === undefined) {
      checkpoint = new Checkpoint(id, this);
      this.#checkpoints.set(id, checkpoint);
    }
    return checkpoint;
  }

  /** Tells the person something, in one line, and once. */
  say(line: string): void {
    if (this.#said.has(line)) return;
    this.#said.add(line);
    this.print(line, "message");
  }

  /** Fails what waits, and asks the API for nothing more; requests that are under way are finished. */
  cancel(): void {
    this.client.cancel();
  }
}
