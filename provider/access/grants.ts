import type { Permission } from "../api/permission";
import { ApiError } from "../api/error";
import type { Clock } from "../clock";
import * as messages from "../messages";
import { Batches } from "./batches";
import type { Ledger } from "./ledger";
import type { LookupOptions, Lookups } from "./lookups";
import type { PermissionList } from "./snapshot";
import { recoveryOf } from "./refusal";
import { lagPauses } from "./revocation";

/** A project's permission, after a grant. */
export interface GrantResult {
  permission: Permission;
  /** Whether it existed before, and was not known to be ours. */
  isAdopted: boolean;
}

interface PendingGrant {
  projectId: string;
  isOurs: (permissionId: string) => boolean;
  isWanted: LookupOptions["isWanted"];
  /** Whether it was refused once because the API did not know the project. */
  isSecondTry?: boolean;
  /** Whether a POST for it may have taken effect. */
  mayBeDone?: boolean;
  resolve: (result: GrantResult) => void;
  reject: (error: unknown) => void;
}

/** A request whose outcome is unknown is sent this many times in all. */
const maxAttempts = 3;
/** After this many equal refusals in a row, each of one project, a refusal is taken to be about all projects. */
const maxEqualRefusals = 8;
/** The greatest age, in milliseconds, of what a write relies on. */
export const maxAgeOfWrite = 600_000;
/** After this pause, in milliseconds, a project that the API does not know is asked about once more. */
const unknownProjectPause = 10_000;

/** Grants for one checkpoint. Those that are asked for together cost one look, and one POST of what is missing. */
export class Grants {
  readonly #batches: Batches<PendingGrant>;
  /** Grants that were refused because the API does not know the project. */
  #unknown: PendingGrant[] = [];
  #isWaitingForProjects = false;
  /** Refusals in a row, each of one project alone, and all in the same words. */
  #refusedAlike: string[] = [];

  /** @param create grants access in one request. Its answer may leave out projects that had it before. */
  constructor(
    readonly create: (projectIds: readonly string[]) => Promise<Permission[]>,
    readonly lookups: Lookups,
    readonly clock: Clock,
    ledger: Ledger,
    outlook: Batches<PendingGrant>["outlook"],
    readonly say: (line: string) => void = () => undefined,
  ) {
    this.#batches = new Batches(this.#process, clock, ledger, outlook);
  }

  /**
   * Returns the project's permission, and grants one if there is none.
   *
   * @param isOurs whether a permission is ours: if the project has several, ours is returned.
   * @param isWanted which permission lists are searched for. Default: any will do.
   */
  grant(
    projectId: string,
    isOurs: (permissionId: string) => boolean = () => false,
    isWanted?: LookupOptions["isWanted"],
  ): Promise<GrantResult> {
    return new Promise((resolve, reject) => this.#batches.add({ projectId, isOurs, isWanted, resolve, reject }));
  }

  /**
   * Settles each grant of the batch, one way or the other.
   *
   * It looks only now, since a batch may wait for minutes behind the one before it, and a look must be younger than that.
   */
  readonly #process = async (batch: PendingGrant[]): Promise<void> => {
    this.#refusedAlike = [];
    try {
      await this.#post(await this.#resolveExisting(batch, maxAgeOfWrite), 1);
    } catch (error) {
      for (const grant of batch) reject(grant, error);
    }
    if (this.#unknown.length > 0 && !this.#isWaitingForProjects) void this.#tryUnknownAgain();
  };

  async #post(batch: PendingGrant[], attempt: number): Promise<void> {
    if (batch.length === 0) return;
    const projectIds = [...new Set(batch.map(({ projectId }) => projectId))];
    let permissions: Permission[];
    try {
      permissions = await this.create(projectIds);
    } catch (error) {
      return this.#recover(batch, attempt, error);
    }
    this.lookups.granted(permissions);
    this.#refusedAlike = [];
    const byProject = new Map(permissions.map((permission) => [permission.projectId, permission]));
    const leftOut: PendingGrant[] = [];
    for (const grant of batch) {
      const permission = byProject.get(grant.projectId);
      if (permission === undefined) leftOut.push(Object.assign(grant, { mayBeDone: true }));
      else grant.resolve({ permission, isAdopted: false });
    }
    const others = permissions.filter(({ projectId }) => !projectIds.includes(projectId)).slice(0, 3);
    const instead = others.map(({ id, projectId }) => `${id} for ${projectId}`).join(", ");
    const why =
      "the API accepted the request, but lists no permission for the project" +
      (instead === "" ? "" : `; its answer has ${instead} instead`);
    for (const grant of await this.#waitUntilListed(leftOut)) reject(grant, new ApiError("contradiction", why));
  }

  /** Settles the grants that the API has accepted, once it lists them; returns those that it never listed. */
  async #waitUntilListed(batch: PendingGrant[]): Promise<PendingGrant[]> {
    let missing = batch;
    for (const pause of [0, ...lagPauses]) {
      if (missing.length === 0) break;
      await this.clock.sleep(pause);
      missing = await this.#lookAgain(missing);
    }
    return missing;
  }

  /** @param isNew whether nothing was done about the refusal yet. */
  async #recover(batch: PendingGrant[], attempt: number, error: unknown, isNew = true): Promise<void> {
    if (!(error instanceof ApiError)) {
      this.#refuseAll(batch, error);
      return;
    }
    if (error.isAmbiguous) for (const grant of batch) grant.mayBeDone = true;
    /** Sends on what is missing after a look that has shown something, and else goes on with the refusal. */
    const postOrGoOn = (missing: PendingGrant[], reason = error) =>
      missing.length < batch.length ? this.#post(missing, attempt) : this.#recover(batch, attempt, reason, false);
    const recovery = recoveryOf({
      isTemporary: error.isTemporary && attempt < maxAttempts,
      isAmbiguous: error.isAmbiguous,
      isConflict: error.kind === "conflict",
      isAboutProjects: error.isAboutProjects,
      mayBeDone: isNew && batch.some(({ mayBeDone }) => mayBeDone),
      hasLooked: attempt > 1 || !isNew,
      isOnlyOne: batch.length === 1,
    });
    switch (recovery) {
      case "postAgain":
        await this.clock.sleep(1000 * attempt);
        return this.#post(await this.#lookAgain(batch), attempt + 1);
      case "settle":
        this.#refuseAll(await this.#lookAgain(batch), error);
        return;
      case "await":
        return postOrGoOn(await this.#waitUntilListed(batch), error.with({ mayBeGranted: true }));
      case "look":
        return postOrGoOn(await this.#lookAgain(batch));
      case "split":
        return this.#postInParts(batch, error);
      case "refuse":
        this.#refusedAlike = [...this.#refusedAlike.filter((message) => message === error.message), error.message];
        this.#refuseAll(batch, error);
    }
  }

  #refuseAll(batch: readonly PendingGrant[], error: unknown): void {
    for (const grant of batch) this.#refuse(grant, error);
  }

  /** A project that was created a moment ago may be unknown to this endpoint: such a grant is tried once more. */
  #refuse(grant: PendingGrant, error: unknown): void {
    const isUnknown = error instanceof ApiError && error.kind === "unknown-project";
    if (grant.isSecondTry !== true && isUnknown) this.#unknown.push(grant);
    else grant.reject(error);
  }

  async #tryUnknownAgain(): Promise<void> {
    const projectIds = this.#unknown.map(({ projectId }) => projectId);
    this.say(messages.unknownProjects(projectIds, unknownProjectPause / 1000));
    this.#isWaitingForProjects = true;
    try {
      await this.clock.sleep(unknownProjectPause);
    } catch (error) {
      for (const grant of this.#unknown.splice(0)) grant.reject(error);
    }
    this.#isWaitingForProjects = false;
    await this.#process(this.#unknown.splice(0).map((grant) => ({ ...grant, isSecondTry: true })));
  }

  /**
   * Finds out which projects a refusal is about: those that it names, or else by halving.
   *
   * If it names all, or once many were refused one by one in the same words, it is about all of them.
   */
  async #postInParts(batch: PendingGrant[], refusal: ApiError): Promise<void> {
    const isAboutAll = () => this.#refusedAlike[0] === refusal.message && this.#refusedAlike.length >= maxEqualRefusals;
    const [named, others] = partsOf(batch, refusal.namedProjects);
    for (const part of [named, others]) {
      if (others.length === 0 || isAboutAll()) this.#refuseAll(part, refusal);
      else await this.#post(part, 2);
    }
  }

  /** Reads the list anew, settles the grants that are in it by now, and returns the others. */
  #lookAgain(batch: PendingGrant[]): Promise<PendingGrant[]> {
    this.lookups.forget();
    return this.#resolveExisting(batch, Infinity);
  }

  /** Asks the lookups directly: a 404 about the checkpoint must fail a grant, where a look takes it for an empty list. */
  async #resolveExisting(batch: PendingGrant[], maxAge: number): Promise<PendingGrant[]> {
    const missing: PendingGrant[] = [];
    const looks = batch.map(({ projectId, isWanted }) => this.lookups.listFor(projectId, { maxAge, isWanted }));
    const answers = await Promise.allSettled(looks);
    for (const [index, grant] of batch.entries()) {
      const answer = answers[index]!;
      if (answer.status === "rejected") {
        reject(grant, answer.reason);
        continue;
      }
      const permission = oursOrNewest(answer.value, grant.isOurs);
      if (permission === undefined) missing.push(grant);
      // What was missing before a POST that may have granted it is ours, too.
      else grant.resolve({ permission, isAdopted: grant.mayBeDone !== true && !grant.isOurs(permission.id) });
    }
    return missing;
  }
}

/** Fails a grant. If it may have taken effect, the failure says so. */
function reject(grant: PendingGrant, error: unknown): void {
  grant.reject(grant.mayBeDone === true && error instanceof ApiError ? error.with({ mayBeGranted: true }) : error);
}

/** The one of a project's permissions that counts: ours if it is there, else the newest. */
export function oursOrNewest(
  { permissions }: PermissionList,
  isOurs: (permissionId: string) => boolean,
): Permission | undefined {
  return permissions.find(({ id }) => isOurs(id)) ?? permissions[0];
}

/** The grants for the projects that a refusal names, and the others; two halves, if it names none. */
function partsOf(batch: PendingGrant[], projectIds: readonly string[]): [PendingGrant[], PendingGrant[]] {
  const named = new Set(projectIds);
  if (named.size === 0) {
    const half = Math.ceil(batch.length / 2);
    return [batch.slice(0, half), batch.slice(half)];
  }
  const isNamed = ({ projectId }: PendingGrant) => named.has(projectId);
  return [batch.filter(isNamed), batch.filter((grant) => !isNamed(grant))];
}
