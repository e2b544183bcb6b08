import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Clock } from "../clock";
import { typeAndNameOf, type Declaration } from "./declaration";

/** What a resource declares, as other processes are told: hashes in place of IDs. */
export interface PeerDeclaration {
  /** As `TYPE::NAME`. */
  typeAndName: string;
  checkpoint: string;
  projects: ReadonlySet<string>;
  exclusive: boolean;
  /** Whether only a constructor has told of it. */
  isAhead: boolean;
}

const note = v.variant("kind", [
  v.object({ by: v.string(), kind: v.literal("writer"), pid: v.number() }),
  /** All that was written before this offset is of processes that have ended. */
  v.object({ by: v.string(), kind: v.literal("reset"), offset: v.number() }),
  v.object({
    ...{ by: v.string(), kind: v.literal("declared"), urn: v.string(), typeAndName: v.string() },
    ...{ checkpoint: v.string(), projects: v.array(v.string()), exclusive: v.boolean(), isAhead: v.boolean() },
  }),
  v.object({ by: v.string(), kind: v.literal("unknown projects"), checkpoint: v.string() }),
  v.object({ by: v.string(), kind: v.literal("in state"), access: v.string(), id: v.string() }),
  v.object({ by: v.string(), kind: v.literal("ours"), id: v.string() }),
  v.object({ by: v.string(), kind: v.literal("revoking"), id: v.string() }),
  v.object({ by: v.string(), kind: v.literal("revoked"), id: v.string() }),
  v.object({ by: v.string(), kind: v.literal("not revoked"), id: v.string() }),
]);
/** How often, in milliseconds, a process reads whether another has ended a revocation. */
const betweenReads = 500;

type Note = v.InferOutput<typeof note>;
type Unsigned<Kind> = Kind extends unknown ? Omit<Kind, "by"> : never;

/**
 * What the provider processes of one deployment tell each other.
 *
 * One deployment may have several: the dynamic host beside the plugin, two versions of the plugin (an SDK upgrade changes
 * the default provider), explicit providers. The process that deletes for an old provider has seen no check. So each
 * appends what it notes to one file, named after the engine's address, and reads what the others have appended before it
 * decides. A line is written before the engine learns of its cause, so it is there before any call that follows from it.
 */
export class Peers {
  readonly #declared = new Map<string, PeerDeclaration>();
  readonly #unknownProjects = new Set<string>();
  readonly #inState = new Map<string, string>();
  readonly #ours = new Set<string>();
  /** By permission, the process that is revoking it. */
  readonly #revoking = new Map<string, string>();
  readonly #revoked = new Set<string>();
  /** The processes that write, by their number. */
  readonly #writers = new Map<string, number>();
  readonly #me = randomBytes(6).toString("hex");
  readonly #file: { path: string; descriptor: number } | undefined;
  readonly #engine: string;
  readonly #salt: string;
  #readTo = 0;
  #rest = "";
  /** Where what is of this deployment begins. */
  #validFrom = 0;

  /**
   * @param engine the engine's address; undefined where there are no other processes.
   * @param baseUrl the API's: what providers of other APIs note is about other permissions.
   * @param folder where the file is, in a folder of the user's own.
   * @throws {Error} when it cannot be used.
   */
  constructor(engine?: string, baseUrl = "", folder = defaultFolder()) {
    this.#engine = engine ?? "";
    this.#salt = `${this.#engine} ${baseUrl}`;
    if (engine === undefined) return;
    makeOwnFolder(folder);
    removeLeftovers(folder);
    const path = join(folder, `${hashOf(engine)}.jsonl`);
    this.#file = { path, descriptor: openSync(path, "a+", 0o600) };
    this.#read();
    const isAnyoneAlive = [...this.#writers.values()].some(isAlive);
    // Left by a deployment that crashed, whose engine had the same address.
    if (!isAnyoneAlive && this.#readTo > 0) {
      this.#forget();
      this.#write({ kind: "reset", offset: this.#readTo });
    }
    this.#write({ kind: "writer", pid: process.pid });
  }

  /** An ID as the notes have it. */
  hash(...parts: string[]): string {
    return hashOf(this.#salt, ...parts);
  }

  noteDeclared({ urn, checkpoint, projectIds, exclusive }: Declaration, isAhead: boolean): void {
    if (this.#file === undefined) return;
    const projects = [...projectIds].map((projectId) => this.hash(checkpoint, projectId));
    const hashes = { urn: this.hash(urn), checkpoint: this.hash(checkpoint), projects };
    this.#write({ kind: "declared", ...hashes, typeAndName: typeAndNameOf(urn), exclusive, isAhead });
  }

  noteUnknownProjects(checkpoint: string): void {
    if (this.#file !== undefined) this.#write({ kind: "unknown projects", checkpoint: this.hash(checkpoint) });
  }

  noteInState(checkpoint: string, projectId: string, permissionId: string): void {
    if (this.#file === undefined) return;
    this.#write({ kind: "in state", access: this.hash(checkpoint, projectId), id: this.#idHash(permissionId) });
  }

  noteOurs(permissionId: string): void {
    if (this.#file !== undefined) this.#write({ kind: "ours", id: this.#idHash(permissionId) });
  }

  /**
   * Notes that a permission is about to be revoked. A process that puts it in state notes that, too, and each reads
   * the other's notes only then: so at least one of them learns of the other.
   */
  noteRevoking(permissionId: string): void {
    if (this.#file !== undefined) this.#write({ kind: "revoking", id: this.#idHash(permissionId) });
  }

  /** Notes how a revocation has ended. */
  noteOutcome(permissionId: string, outcome: "revoked" | "not revoked"): void {
    if (this.#file !== undefined) this.#write({ kind: outcome, id: this.#idHash(permissionId) });
  }

  /** Waits while another process is revoking a permission, and says whether it has. */
  async isRevokedAfterAll(permissionId: string, clock: Clock): Promise<boolean> {
    const id = this.#idHash(permissionId);
    for (;;) {
      this.#read();
      if (this.#revoked.has(id)) return true;
      const by = this.#revoking.get(id);
      if (by === undefined || !isAlive(this.#writers.get(by)!)) return false;
      await clock.sleep(betweenReads);
    }
  }

  /** What other processes' resources declare for a checkpoint, besides the resource with this URN. */
  declaredFor(checkpoint: string, besides?: string): PeerDeclaration[] {
    this.#read();
    if (this.#declared.size === 0) return [];
    const of = this.hash(checkpoint);
    const except = besides === undefined ? undefined : this.hash(besides);
    return [...this.#declared].flatMap(([urn, one]) => (one.checkpoint === of && urn !== except ? one : []));
  }

  /** What other processes' resources declare for any checkpoint. */
  get declared(): Iterable<PeerDeclaration> {
    this.#read();
    return this.#declared.values();
  }

  hasUnknownProjects(checkpoint: string): boolean {
    this.#read();
    return this.#unknownProjects.has(this.hash(checkpoint));
  }

  /** Whether a resource of another process has a permission for the access in state by now. */
  isInState(checkpoint: string, projectId: string): boolean {
    this.#read();
    return this.#inState.has(this.hash(checkpoint, projectId));
  }

  /** Whether a resource of another process has this permission in state by now. */
  hasInState(permissionId: string): boolean {
    this.#read();
    return this.#inState.size > 0 && [...this.#inState.values()].includes(this.#idHash(permissionId));
  }

  isOurs(permissionId: string): boolean {
    this.#read();
    return this.#ours.size > 0 && this.#ours.has(this.#idHash(permissionId));
  }

  /** Which permissions other processes have revoked by now. */
  revoked(): (permissionId: string) => boolean {
    this.#read();
    return this.#revoked.size === 0 ? () => false : (permissionId) => this.#revoked.has(this.#idHash(permissionId));
  }

  /** Removes the file, unless another process still writes to it. */
  close(): void {
    if (this.#file === undefined) return;
    this.#read();
    const areOthersAlive = [...this.#writers.values()].some((pid) => pid !== process.pid && isAlive(pid));
    closeSync(this.#file.descriptor);
    if (!areOthersAlive) rmSync(this.#file.path, { force: true });
  }

  /** A permission has the same ID at every URL of the API. */
  #idHash(permissionId: string): string {
    return hashOf(this.#engine, permissionId);
  }

  #write(unsigned: Unsigned<Note>): void {
    // One write of a short line to a file that is opened for appending is not torn by another.
    writeSync(this.#file!.descriptor, `${JSON.stringify({ by: this.#me, ...unsigned })}\n`);
  }

  #read(): void {
    if (this.#file === undefined) return;
    const { descriptor } = this.#file;
    const { size } = fstatSync(descriptor);
    if (size <= this.#readTo) return;
    const bytes = Buffer.alloc(size - this.#readTo);
    const read = readSync(descriptor, bytes, 0, bytes.length, this.#readTo);
    const from = this.#readTo - Buffer.byteLength(this.#rest);
    this.#readTo += read;
    const lines = (this.#rest + bytes.toString("utf8", 0, read)).split("\n");
    this.#rest = lines.pop()!;
    let offset = from;
    const notes = lines.flatMap((line) => {
      const at = offset;
      offset += Buffer.byteLength(line) + 1;
      const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), note), line);
      return parsed.success ? { at, note: parsed.output } : [];
    });
    const resets = notes.flatMap(({ note: one }) => (one.kind === "reset" ? one.offset : []));
    // Two processes that start together may both reset a file that was left.
    const validFrom = Math.max(this.#validFrom, ...resets);
    if (validFrom > this.#validFrom) this.#forget();
    this.#validFrom = validFrom;
    for (const { at, note: one } of notes) if (at >= validFrom && one.by !== this.#me) this.#take(one);
  }

  #take(one: Note): void {
    switch (one.kind) {
      case "writer":
        this.#writers.set(one.by, one.pid);
        break;
      case "declared":
        this.#declared.set(one.urn, { ...one, projects: new Set(one.projects) });
        break;
      case "unknown projects":
        this.#unknownProjects.add(one.checkpoint);
        break;
      case "in state":
        this.#inState.set(one.access, one.id);
        break;
      case "ours":
        this.#ours.add(one.id);
        break;
      case "revoking":
        this.#revoking.set(one.id, one.by);
        break;
      case "revoked":
      case "not revoked":
        if (this.#revoking.get(one.id) === one.by) this.#revoking.delete(one.id);
        if (one.kind === "revoked") this.#revoked.add(one.id);
    }
  }

  #forget(): void {
    for (const notes of [
      this.#declared,
      this.#unknownProjects,
      this.#inState,
      this.#ours,
      this.#revoking,
      this.#revoked,
      this.#writers,
    ]) {
      notes.clear();
    }
  }
}

/**
 * What this process shares with the others of its deployment, until it ends.
 *
 * @param say prints a warning, if it cannot be shared.
 */
export function sharePeers(engine: string | undefined, baseUrl: string, say: (line: string) => void): Peers {
  try {
    const peers = new Peers(engine, baseUrl);
    process.once("exit", () => {
      peers.close();
    });
    return peers;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(
      `The provider processes of this run cannot tell each other what they do (${reason}). If several versions or ` +
        "explicit providers give access to the same checkpoint, a permission that moves between them may be revoked.",
    );
    return new Peers();
  }
}

function hashOf(...parts: string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 16);
}

function defaultFolder(): string {
  // Windows keeps temporary folders apart by user, and knows no user ID.
  const user = process.getuid?.() ?? "user";
  return join(tmpdir(), `pulumi-openai-checkpoint-permissions-${user}`);
}

/** Removes the files of deployments whose processes were killed. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    try {
      // A process that has just opened it will write to it.
      if (Date.now() - statSync(path).mtimeMs < 60_000) continue;
      const pids = [...readFileSync(path, "utf8").matchAll(/"kind":"writer","pid":(\d+)/g)].map(([, pid]) =>
        Number(pid),
      );
      if (!pids.some(isAlive)) unlinkSync(path);
    } catch {
      // Another process has removed it.
    }
  }
}

/** Another user must not be able to write what decides about access. */
function makeOwnFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stats = lstatSync(folder);
  // Windows has no such modes.
  if (process.platform === "win32") return;
  if (!stats.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (stats.uid !== process.getuid!()) throw new Error(`${folder} belongs to another user`);
  if ((stats.mode & 0o077) !== 0) throw new Error(`other users have access to ${folder}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
