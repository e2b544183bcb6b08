import { saysCheckpointIsDeleted } from "../api/error";
import * as messages from "../messages";
import type { Shared } from "./shared";
import type { Key } from "./entries";
import type { PermissionList } from "./snapshot";

/** The time, in milliseconds, after which the API is asked again whether a checkpoint does not exist. */
const betweenWitnesses = 10_000;

/** Whether a checkpoint exists, as far as the API has said. */
export class Existence {
  /** When the API said that it does not. */
  #deletedAt: number | undefined;
  #confirmation: Promise<boolean> | undefined;

  /** @param onRegained is called when the checkpoint exists after all. */
  constructor(
    readonly checkpointId: string,
    readonly key: Key,
    readonly shared: Pick<Shared, "client" | "clock" | "ledger" | "say" | "onDeleted">,
    readonly onRegained: () => void,
  ) {}

  /**
   * Whether the API has said that the checkpoint does not exist, and nothing else since. Then looks give an empty list
   * without a request, but a grant asks all the same. A plan may show it; before anything leaves state, it has to be
   * confirmed.
   */
  get isDeleted(): boolean {
    return this.#deletedAt !== undefined;
  }

  /** Whether the API has said so at any time in this process. */
  get isDoubted(): boolean {
    return this.shared.ledger.is("doubted", this.key);
  }

  /**
   * Asks again whether the checkpoint does not exist, 10 s after the API has said so: an existing model may answer 404 for
   * a while.
   *
   * @returns false when it exists after all.
   */
  confirmDeleted(): Promise<boolean> {
    return (this.#confirmation ??= this.#askAgain());
  }

  async #askAgain(): Promise<boolean> {
    const { client, clock, say } = this.shared;
    const wait = this.#deletedAt! + betweenWitnesses - clock.now();
    if (wait > 0) {
      say(messages.askingAgain(this.checkpointId, Math.ceil(wait / 1000)));
      await clock.sleep(wait);
    }
    try {
      this.existsAsOf(await client.listPermissions(this.checkpointId));
    } catch (error) {
      // Another answer may have overturned it meanwhile.
      if (saysCheckpointIsDeleted(error)) return this.isDeleted;
      this.#confirmation = undefined;
      throw error;
    }
    this.onRegained();
    return false;
  }

  /** Any answer that is no refusal shows that the checkpoint exists. */
  existsAsOf<Answer>(answer: Answer): Answer {
    if (this.isDeleted) {
      this.#deletedAt = this.#confirmation = undefined;
      this.shared.say(messages.notDeleted(this.checkpointId));
    }
    return answer;
  }

  /** Runs a lookup. If the API says that the checkpoint does not exist, that is noted, and the answer is an empty list. */
  async emptyIfDeleted(look: () => Promise<PermissionList>): Promise<PermissionList> {
    if (!this.isDeleted) {
      try {
        return await look();
      } catch (error) {
        if (!saysCheckpointIsDeleted(error)) throw error;
        this.#deletedAt = this.shared.clock.now();
        this.shared.ledger.append({ kind: "doubted", checkpoint: this.key });
        this.shared.onDeleted(this);
      }
    }
    return { permissions: [], date: Infinity };
  }
}
