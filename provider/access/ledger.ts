import { isProgramRunning } from "../engine";
import * as messages from "../messages";
import { hashOf, reasonOf } from "./shared-file";
import { SharedLog } from "./shared-log";
import { keysOf, type Entry, type Key, type Signed } from "./entries";

/**
 * What counts for this process alone: what its key was told, since the key of another may be the wrong one, and what its
 * own batches and lines wait for.
 */
const unshared: readonly Entry["kind"][] = ["missing", "doubted", "outlook", "settled", "told as drift"];

/**
 * All that the provider processes of one deployment know: a list of entries, found by the keys that they mention. None is
 * ever changed or removed.
 *
 * One deployment may have several processes: the dynamic host beside the plugin, two versions of the plugin (an SDK upgrade
 * changes the default provider), explicit providers. The process that deletes for an old provider has seen no check. So
 * each appends its entries to one file, and takes in those of the others before it answers. An entry is written before the
 * engine learns of its cause, so it is there before any call that follows from it.
 *
 * The order matters among the entries of one process, and among those of one resource, for which the engine makes one call
 * at a time. Between processes it does not.
 */
export class Ledger {
  /** By kind and key. */
  readonly #index = new Map<Entry["kind"], Map<Key, Signed[]>>();
  /** By what they were made of. */
  readonly #keys = new Map<string, Key>();
  readonly #texts = new Map<Key, string>();
  readonly #problem: string | undefined;
  readonly #waiting = new Set<{ isSo: () => boolean; resolve: () => void }>();
  #isWaking = false;

  /**
   * @param log what is shared with other processes; undefined where there are none.
   * @param baseUrl the API's: what providers of other APIs declare is other access.
   * @param problem why there is no log, where there may be other processes.
   * @param isProgramRunning whether anything can be declared in this deployment.
   */
  constructor(
    readonly log?: SharedLog,
    readonly baseUrl = "",
    problem?: string,
    readonly isProgramRunning = () => Promise.resolve(true),
  ) {
    this.#problem = problem;
    if (log !== undefined) log.onLines = () => this.#read();
  }

  urnKey(urn: string): Key {
    return this.#keyOf(urn);
  }

  checkpointKey(id: string): Key {
    return this.#keyOf(this.baseUrl, id);
  }

  accessKey(checkpointId: string, projectId: string): Key {
    return this.#keyOf(this.baseUrl, checkpointId, projectId);
  }

  lateKey(checkpointId: string): Key {
    return this.#keyOf(this.baseUrl, "late", checkpointId);
  }

  exclusiveKey(checkpointId: string): Key {
    return this.#keyOf(this.baseUrl, "exclusive", checkpointId);
  }

  /** A permission has the same ID at every URL of the API. */
  permissionKey(id: string): Key {
    return this.#keyOf(id);
  }

  /** The URN, checkpoint or project behind a key, if this process has come across it. */
  textOf(key: Key): string | undefined {
    return this.#texts.get(key);
  }

  /** Never throws. */
  append(own: Entry): void {
    if (!unshared.includes(own.kind)) {
      this.log?.append(own);
      // What others have written before it comes first.
      this.#read();
    }
    this.#add({ ...own, by: this.#me });
    this.wake();
  }

  /** The entries of a kind that mention a key, in order. */
  all<Kind extends Entry["kind"]>(kind: Kind, key: Key): readonly Signed<Kind>[] {
    this.#read();
    return (this.#index.get(kind)?.get(key) ?? []) as unknown as Signed<Kind>[];
  }

  is(kind: Entry["kind"], key: Key): boolean {
    return this.all(kind, key).length > 0;
  }

  last<Kind extends Entry["kind"]>(kind: Kind, key: Key): Signed<Kind> | undefined {
    return this.all(kind, key).at(-1);
  }

  isOwn({ by }: Signed): boolean {
    return by === this.#me;
  }

  /** Which process is revoking a permission, if it is alive. */
  revokerOf(permission: Key): "this process" | "another" | undefined {
    const ended = (["revoked", "maybe revoked", "not revoked"] as const).flatMap((kind) => this.all(kind, permission));
    const times = (entries: readonly Signed[], by: string) => entries.filter((one) => one.by === by).length;
    const begun = this.all("revoking", permission);
    const revoking = new Set(begun.map(({ by }) => by).filter((by) => times(begun, by) > times(ended, by)));
    if (revoking.has(this.#me)) return "this process";
    return [...revoking].some((by) => this.log!.isAlive(by)) ? "another" : undefined;
  }

  /** Why something that other processes know may not be here; undefined if all is here. */
  get problem(): string | undefined {
    return this.#problem ?? this.log?.problem;
  }

  /**
   * Whether resources that other processes serve may declare what is not here.
   *
   * Where it is certain that there are no other processes, what this one has checked is all.
   */
  async mayLackDeclarations(): Promise<boolean> {
    if (this.problem === undefined) return false;
    const isAlone = this.#index.has("declared") && this.log?.mayHaveOthers === false;
    return !isAlone && (await this.isProgramRunning());
  }

  /**
   * Resolves once it is so, or once it is given up. What other processes do is noticed at the latest when something is
   * asked.
   *
   * @param isSo asks questions only, and appends nothing.
   */
  async until(isSo: () => boolean, givenUp: () => Promise<unknown>): Promise<void> {
    if (isSo()) return;
    let waiting: { isSo: () => boolean; resolve: () => void } | undefined;
    const itIsSo = new Promise<void>((resolve) => {
      waiting = { isSo, resolve };
      this.#waiting.add(waiting);
    });
    await Promise.race([itIsSo, givenUp()]);
    this.#waiting.delete(waiting!);
  }

  /** Looks again whether what is waited for is so. */
  wake(): void {
    this.#isWaking = true;
    for (const one of this.#waiting) if (one.isSo()) one.resolve();
    this.#isWaking = false;
  }

  get #me(): string {
    return this.log?.me ?? "";
  }

  #keyOf(...parts: string[]): Key {
    const text = parts.join("\n");
    let key = this.#keys.get(text);
    if (key === undefined) {
      key = hashOf(text);
      this.#keys.set(text, key);
      this.#texts.set(key, parts.at(-1)!);
    }
    return key;
  }

  #read(): void {
    // What is waited for asks many questions at once.
    if (this.#isWaking) return;
    const lines = this.log?.read() ?? [];
    for (const line of lines) this.#add(line as unknown as Signed);
    if (lines.length > 0) this.wake();
  }

  #add(one: Signed): void {
    const byKey = this.#index.get(one.kind) ?? new Map<Key, Signed[]>();
    this.#index.set(one.kind, byKey);
    for (const key of keysOf(one)) {
      const entries = byKey.get(key);
      if (entries === undefined) byKey.set(key, [one]);
      else entries.push(one);
    }
  }
}

/** An access, as constructors announce it: they know neither the URL nor this ledger. */
export function announcedKey(checkpointId: string, projectId: string): Key {
  return hashOf(checkpointId, projectId);
}

/**
 * What this process shares with the others of its deployment, until it ends.
 *
 * @param engine the engine's address; undefined where there are no other processes.
 * @param warn prints a warning, if it cannot be shared.
 */
export function shareLedger(
  engine: string | undefined,
  baseUrl: string,
  warn: (line: string) => void,
  folder?: string,
): Ledger {
  if (engine === undefined) return new Ledger(undefined, baseUrl);
  const isRunning = () => isProgramRunning(engine);
  const onProblem = (reason: string) => {
    warn(messages.unshared(reason));
  };
  try {
    const log = new SharedLog(engine, onProblem, folder);
    process.once("exit", () => {
      log.close();
    });
    return new Ledger(log, baseUrl, undefined, isRunning);
  } catch (error) {
    const reason = reasonOf(error);
    onProblem(reason);
    return new Ledger(undefined, baseUrl, reason, isRunning);
  }
}
