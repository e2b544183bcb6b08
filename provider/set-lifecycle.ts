import type { dynamic } from "@pulumi/pulumi";
import { grantOrAdopt } from "./adopt";
import type { Permission } from "./contract";
import type { Deployment } from "./deployment";
import { attempt, configFailure, HalfDone, incomplete, OperationFailed, told } from "./failure";
import { checkId, isUnknown } from "./input";
import { revoke } from "./revoke";

export interface PermissionSetInputs {
  fineTunedModelCheckpoint: string;
  projectIds: string[];
  exclusive: boolean;
}

/** As a program gives them. */
type Unchecked = Omit<PermissionSetInputs, "exclusive"> & { exclusive?: boolean };

export interface PermissionSetOutputs extends PermissionSetInputs {
  /** Sorted by project. */
  permissions: Permission[];
}

/** So many names are said in one line; of more, how many. */
const namesInALine = 20;
/** So many revocations are under way at a time; the throttle decides how fast they go. */
const revocationsAtATime = 8;

/** What Pulumi's operations mean for the whole list of projects that may use a checkpoint. */
export class PermissionSetLifecycle implements dynamic.ResourceProvider<PermissionSetInputs, PermissionSetOutputs> {
  /** @param deployment gives what the process shares, or throws what is wrong with the config. */
  constructor(readonly deployment: () => Deployment) {}

  /** Sorts the projects, so that order and repeats make no diff. */
  async check(olds: Partial<PermissionSetInputs>, news: Unchecked) {
    const { fineTunedModelCheckpoint: checkpoint, projectIds, exclusive = false } = news;
    const failures = [checkId("fineTunedModelCheckpoint", checkpoint) ?? []].flat();
    if (!isUnknown(exclusive) && typeof exclusive !== "boolean") {
      failures.push({ property: "exclusive", reason: "exclusive must be true or false." });
    }
    if (isUnknown(projectIds)) {
      try {
        if (isTrue(exclusive)) this.#sayUnknown(checkpoint);
      } catch (error) {
        failures.push(configFailure(error));
      }
      return { inputs: { ...news, exclusive }, failures };
    }
    if (!Array.isArray(projectIds)) {
      failures.push({
        property: "projectIds",
        reason: "projectIds must be a list of project IDs, such as proj_abc123.",
      });
      return { inputs: { ...news, exclusive }, failures };
    }
    for (const [index, projectId] of projectIds.entries()) {
      const failure = checkId("projectId", projectId);
      if (failure === undefined) continue;
      const reason = failure.reason.replace(/^projectId/, `projectIds[${index}]`);
      failures.push({ property: `projectIds[${index}]`, reason });
    }
    if (failures.length > 0) return { inputs: { ...news, exclusive }, failures };
    const inputs = { ...news, exclusive, projectIds: [...new Set(projectIds)].sort() };
    try {
      const deployment = this.deployment();
      if (!isUnknown(checkpoint)) {
        for (const projectId of inputs.projectIds) if (!isUnknown(projectId)) deployment.want(checkpoint, projectId);
        const isNew = olds.fineTunedModelCheckpoint === undefined;
        if (isNew && isTrue(exclusive) && deployment.config.driftDetection) {
          if (isKnown(inputs.projectIds)) await deployment.planning(() => this.#showOutsiders(inputs));
          else this.#sayUnknown(checkpoint);
        }
      }
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs, failures };
  }

  async diff(_id: string, olds: PermissionSetOutputs, news: PermissionSetInputs): Promise<dynamic.DiffResult> {
    const { fineTunedModelCheckpoint: checkpoint } = olds;
    if (news.fineTunedModelCheckpoint !== checkpoint) return { changes: true, replaces: ["fineTunedModelCheckpoint"] };
    const isChanged =
      news.exclusive !== olds.exclusive ||
      isUnknown(news.projectIds) ||
      !sameProjects(news.projectIds, olds.projectIds) ||
      outside(olds.permissions, olds.projectIds).length > 0;
    const deployment = await attempt("look up", named(olds), async () => this.deployment());
    return deployment.planning(() =>
      attempt("look up", named(olds), async () => {
        const wanted = new Set(Array.isArray(news.projectIds) ? news.projectIds : []);
        for (const { id, projectId } of olds.permissions) {
          if (wanted.has(projectId)) deployment.hold(checkpoint, projectId, id);
          else deployment.own(id);
        }
        if (!deployment.config.driftDetection) return { changes: isChanged };

        const rows = await this.#rows(olds);
        const vanished = this.#showVanished(olds, rows);
        const held = new Set(olds.permissions.map(({ projectId }) => projectId));
        const isIncomplete = olds.projectIds.some((projectId) => !held.has(projectId));
        const outsiders =
          isTrue(news.exclusive) && isKnown(news.projectIds) ? await this.#showOutsiders(news, olds.permissions) : [];
        return { changes: isChanged || isIncomplete || vanished.length > 0 || outsiders.length > 0 };
      }),
    );
  }

  async create(inputs: PermissionSetInputs): Promise<dynamic.CreateResult<PermissionSetOutputs>> {
    const id = inputs.fineTunedModelCheckpoint;
    const { outs, failure } = await this.#reconcile(inputs, []);
    if (failure === undefined) return { id, outs };
    // What landed must be in state; where nothing did, there is nothing to record.
    if (outs.permissions.length > 0) throw new HalfDone(id, { ...inputs, ...outs }, failure);
    throw failure;
  }

  async update(id: string, olds: PermissionSetOutputs, news: PermissionSetInputs): Promise<dynamic.UpdateResult> {
    const { outs, failure } = await this.#reconcile(news, olds.permissions);
    if (failure !== undefined) throw new HalfDone(id, { ...news, ...outs }, failure);
    return { outs };
  }

  async read(id: string, props?: Partial<PermissionSetOutputs>): Promise<dynamic.ReadResult<PermissionSetOutputs>> {
    const state = completeSet(id, props);
    return attempt("look up", named(state), async () => {
      const { fineTunedModelCheckpoint, exclusive } = state;
      const rows = await this.#rows(state);
      this.#showVanished(state, rows);
      if (exclusive) await this.#showOutsiders(state, state.permissions);
      const ids = new Set(state.permissions.map((permission) => permission.id));
      const found = new Map<string, Permission>();
      // Of two permissions of a project ours counts, else the newest.
      for (const row of rows) {
        if (ids.has(row.id) || !found.has(row.projectId)) found.set(row.projectId, row);
      }
      const held = state.permissions.map(({ projectId }) => projectId);
      const known = new Set([...held, ...(this.deployment().config.adoptExisting ? state.projectIds : [])]);
      const permissions = [...known].sort().flatMap((projectId) => found.get(projectId) ?? []);
      this.#sayAdopted(fineTunedModelCheckpoint, outside(permissions, held));
      const projectIds = permissions.map(({ projectId }) => projectId);
      const inputs = { fineTunedModelCheckpoint, exclusive, projectIds };
      return { id, props: { ...inputs, permissions }, inputs: inputs as PermissionSetOutputs };
    });
  }

  /** Revokes what state holds, exclusive or not: of the rest nobody saw a preview. */
  async delete(id: string, props: Partial<PermissionSetOutputs>): Promise<void> {
    const state = completeSet(id, props);
    const failures = await this.#revokeAll(state.fineTunedModelCheckpoint, state.permissions);
    if (failures.size > 0) {
      throw new OperationFailed(
        "revoke",
        `Not all permissions to use ${state.fineTunedModelCheckpoint} could be revoked: ${told([...failures.values()])}`,
        "Run the same command again: what is revoked already is found to be gone.",
      );
    }
  }

  /** Brings what is granted to what is wanted, as far as it goes, and tells what state must hold then. */
  async #reconcile(inputs: PermissionSetInputs, held: readonly Permission[]) {
    const { fineTunedModelCheckpoint: checkpoint, projectIds, exclusive } = inputs;
    const deployment = await attempt("grant", named(inputs), async () => this.deployment());
    const outs = { fineTunedModelCheckpoint: checkpoint, projectIds, exclusive, permissions: [] as Permission[] };
    const failures: unknown[] = [];

    const grants = await Promise.allSettled(
      projectIds.map((projectId) => {
        const permission = { fineTunedModelCheckpoint: checkpoint, projectId };
        return attempt("grant", permission, () => grantOrAdopt(deployment, permission));
      }),
    );
    const adopted: Permission[] = [];
    for (const grant of grants) {
      if (grant.status === "rejected") failures.push(grant.reason);
      else {
        outs.permissions.push(grant.value.permission);
        if (grant.value.adopted) adopted.push(grant.value.permission);
      }
    }
    this.#sayAdopted(checkpoint, adopted);

    // What a grant re-made is not revoked here.
    const current = new Set(outs.permissions.map(({ id }) => id));
    const wanted = new Set(projectIds);
    let leaving = outside(held, projectIds).filter(({ id }) => !current.has(id));
    const granted = new Set(outs.permissions.map(({ projectId }) => projectId));
    const kept = held.filter(({ projectId }) => wanted.has(projectId) && !granted.has(projectId));
    // What no preview looked up, nobody saw.
    const outsiders =
      exclusive && deployment.config.driftDetection
        ? await attempt("look up", named(inputs), () => this.#outsiders(inputs, held)).catch((error: unknown) => {
            failures.push(error);
            return [];
          })
        : [];
    if (leaving.length + outsiders.length > 0) {
      await deployment.whenProgramIsQuiet();
      await Promise.all(leaving.map(({ projectId }) => deployment.whenNotGranting(checkpoint, projectId)));
      // What another resource is yet to take over stays on record here until it has.
      const awaited = leaving.filter(
        ({ projectId }) =>
          deployment.isWanted(checkpoint, projectId) && deployment.heldFor(checkpoint, projectId) === undefined,
      );
      kept.push(...awaited);
      leaving = leaving.filter((permission) => !awaited.includes(permission));
      const unrevoked = await this.#revokeAll(checkpoint, [...leaving, ...outsiders]);
      failures.push(...unrevoked.values());
      kept.push(...leaving.filter(({ id }) => unrevoked.has(id)));
      const revoked = outsiders.filter(({ id }) => !unrevoked.has(id));
      if (revoked.length > 0) deployment.say(`Revoked what the list does not name: ${listed(revoked)}.`);
    }
    outs.permissions = [...outs.permissions, ...kept].sort((a, b) => (a.projectId < b.projectId ? -1 : 1));
    return { outs, failure: failures.length > 0 ? incomplete(checkpoint, failures) : undefined };
  }

  /** Gives the failures, by the permission's ID. */
  async #revokeAll(
    fineTunedModelCheckpoint: string,
    permissions: readonly Permission[],
  ): Promise<Map<string, unknown>> {
    const failures = new Map<string, unknown>();
    const queue = [...permissions];
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { id, projectId } = next;
        const permission = { fineTunedModelCheckpoint, projectId };
        await attempt("revoke", permission, () => {
          const deployment = this.deployment();
          return deployment.whileRevoking(fineTunedModelCheckpoint, projectId, () =>
            revoke(deployment, id, permission),
          );
        }).catch((error: unknown) => failures.set(id, error));
      }
    };
    await Promise.all(Array.from({ length: revocationsAtATime }, work));
    return failures;
  }

  /** The rows that matter to the set: everybody's when it is exclusive. */
  async #rows({ fineTunedModelCheckpoint: checkpoint, projectIds, exclusive, permissions }: PermissionSetOutputs) {
    const { lookups } = this.deployment();
    if (exclusive) return lookups.all(checkpoint);
    const ids = new Map(permissions.map(({ projectId, id }) => [projectId, id]));
    const projects = new Set([...projectIds, ...ids.keys()]);
    return (
      await Promise.all([...projects].map((project) => lookups.find(checkpoint, project, ids.get(project))))
    ).flat();
  }

  #sayAdopted(checkpoint: string, adopted: readonly Permission[]): void {
    if (adopted.length === 0) return;
    this.deployment().say(
      `Adopted: ${listed(adopted)} may already use ${checkpoint}; from now on it belongs to this stack, and is revoked with it.`,
    );
  }

  /** What no look-up can show in a preview is said at least. */
  #sayUnknown(checkpoint: string): void {
    this.deployment().say(
      `The exclusive list of projects that may use ${checkpoint} is not known yet; \`pulumi up\` revokes whoever it does ` +
        `not name.`,
    );
  }

  #showVanished({ fineTunedModelCheckpoint, permissions }: PermissionSetOutputs, rows: readonly Permission[]) {
    const deployment = this.deployment();
    const ids = new Set(rows.map(({ id }) => id));
    const vanished = permissions.filter(({ id }) => !ids.has(id));
    for (const { id } of vanished) deployment.lose(id);
    // What was re-made in its place is a repair, not an adoption.
    const projects = new Set(vanished.map(({ projectId }) => projectId));
    for (const row of rows) if (projects.has(row.projectId)) deployment.own(row.id);
    if (vanished.length > 0) {
      const seen = new Date(deployment.clock.now()).toISOString();
      deployment.say(
        `Drift: of the permissions to use ${fineTunedModelCheckpoint}, ${listed(vanished)} ` +
          `${vanished.length === 1 ? "was" : "were"} revoked outside of Pulumi (seen ${seen}).`,
      );
    }
    return vanished;
  }

  /** What the list does not name, and no other resource of the program either. */
  async #outsiders(
    { fineTunedModelCheckpoint: checkpoint, projectIds }: PermissionSetInputs,
    held: readonly Permission[],
  ) {
    const deployment = this.deployment();
    const listed = new Set(projectIds);
    // By ID: beside the permission that a project loses it may have another, made behind our back.
    const ours = new Set(held.map(({ id }) => id));
    const rows = await deployment.lookups.all(checkpoint);
    return rows.filter(
      ({ id, projectId }) => !listed.has(projectId) && !ours.has(id) && !deployment.isWanted(checkpoint, projectId),
    );
  }

  async #showOutsiders(inputs: PermissionSetInputs, held: readonly Permission[] = []): Promise<Permission[]> {
    const { fineTunedModelCheckpoint: checkpoint, projectIds } = inputs;
    const { say } = this.deployment();
    const outsiders = await attempt("look up", named(inputs), () => this.#outsiders(inputs, held));
    if (outsiders.length > 0) {
      say(
        `Drift: Pulumi did not let ${listed(outsiders)} use ${checkpoint}, and the exclusive list does not name ` +
          `${outsiders.length === 1 ? "it" : "them"}.`,
      );
    }
    if (projectIds.length === 0) say(`Nobody: the exclusive list of projects that may use ${checkpoint} is empty.`);
    return outsiders;
  }
}

function listed(permissions: readonly Permission[]): string {
  const shown = permissions.slice(0, namesInALine).map(({ id, projectId }) => `${projectId} (${id})`);
  const more = permissions.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** The permissions of projects that a list does not name. */
function outside(permissions: readonly Permission[], projectIds: readonly string[]): Permission[] {
  const listed = new Set(projectIds);
  return permissions.filter(({ projectId }) => !listed.has(projectId));
}

/** Whether a preview knows the whole list already. */
function isKnown(projectIds: readonly string[]): boolean {
  return Array.isArray(projectIds) && !projectIds.some(isUnknown);
}

/** Whether a flag is set, and known to be. */
function isTrue(flag: unknown): boolean {
  return flag === true;
}

/** The set, where a message names one permission. */
function named({ fineTunedModelCheckpoint, projectIds }: PermissionSetInputs) {
  return {
    fineTunedModelCheckpoint,
    projectId: projectIds.length === 1 ? projectIds[0]! : `${projectIds.length} projects`,
  };
}

function sameProjects(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((projectId, index) => projectId === b[index]);
}

function completeSet(id: string, state: Partial<PermissionSetOutputs> | undefined): PermissionSetOutputs {
  const { fineTunedModelCheckpoint, projectIds, permissions, exclusive = false } = state ?? {};
  if (fineTunedModelCheckpoint && projectIds && permissions) {
    return { fineTunedModelCheckpoint, projectIds, permissions, exclusive };
  }
  throw new OperationFailed(
    "look up",
    `The state of ${id} is incomplete, so nothing was done.`,
    "To bring existing permissions under Pulumi, declare them and run `pulumi up`, which adopts them.",
  );
}
