import type { dynamic } from "@pulumi/pulumi";
import type { Checkpoint, Occasion, Release } from "../access/checkpoint";
import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/permission";
import { existing } from "./existing";
import { attempt, configFailure, HalfDone, nothingToImport, OperationFailed, stillWanted, sumOf } from "./failure";
import { checkId, isUnknown } from "./ids";
import * as lines from "./lines";
import {
  byProject,
  completeState,
  isKnown,
  knownOf,
  problemsWith,
  sameProjects,
  whoOf,
  type SetInputs,
  type SetOutputs,
} from "./set-inputs";
import {
  lookForDrift,
  outsidersOf,
  sayWhatCreateDoes,
  sayWhoJoins,
  sayWhoLoses,
  sayWhoIsLockedOut,
  sayWhatIsUnknown,
} from "./set-preview";
import type { ProgramFacts } from "./single";

/** Inputs as the program has them. */
type Unchecked = Omit<SetInputs, "exclusive"> & { exclusive?: boolean; __program?: ProgramFacts };

export interface SetDiff extends dynamic.DiffResult {
  /** The projects that an update gives access. */
  gains?: string[];
  /** The projects whose access an update takes away. */
  loses?: string[];
}

/** What Pulumi's operations mean for the whole list of projects that have access to a checkpoint. */
export class SetResource implements dynamic.ResourceProvider<SetInputs, SetOutputs> {
  /** @param deployment returns what all resources share, or throws what is wrong with the config. */
  constructor(readonly deployment: () => Deployment) {}

  /** Sorts the projects, so that order and repeats make no diff. */
  async check(olds: Partial<SetInputs>, { __program: program, ...given }: Unchecked) {
    const news: SetInputs = { ...given, exclusive: given.exclusive ?? false };
    const failures = problemsWith(news);
    if (failures.length > 0) return { inputs: news, failures };
    const { projectIds } = news;
    const inputs = { ...news, projectIds: isUnknown(projectIds) ? projectIds : [...new Set(projectIds)].sort() };
    try {
      const deployment = this.deployment();
      deployment.runsProgram = true;
      noteProgram(deployment, olds, news, program);
      if (olds.fineTunedModelCheckpoint === undefined) await sayWhatCreateDoes(deployment, inputs);
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs, failures };
  }

  async diff(_id: string, olds: SetOutputs, news: SetInputs): Promise<SetDiff> {
    return attempt(this.deployment, "look up", olds.fineTunedModelCheckpoint, whoOf(olds), async (deployment) => {
      const checkpoint = deployment.checkpoint(olds.fineTunedModelCheckpoint);
      if (news.fineTunedModelCheckpoint !== checkpoint.id) {
        for (const { projectId, id } of olds.permissions) checkpoint.access(projectId).own(id);
        sayWhoLoses(deployment, checkpoint, olds.permissions);
        if (isUnknown(news.fineTunedModelCheckpoint)) sayWhatIsUnknown(deployment, news);
        return { changes: true, replaces: ["fineTunedModelCheckpoint"] };
      }

      const { driftDetection } = deployment.config;
      const looks = driftDetection ? await lookForDrift(deployment, olds) : [];
      const lost = looks.filter(({ isGone }) => isGone).map(({ recorded }) => recorded);
      const gone = new Set(lost.map(({ id }) => id));
      const before = new Set(olds.projectIds);
      const vanished = lost.filter(({ projectId }) => before.has(projectId));
      const listed = new Set(isUnknown(news.projectIds) ? [] : news.projectIds);
      const there = olds.permissions.filter(({ id }) => !gone.has(id));
      for (const { projectId, id } of there) if (listed.has(projectId)) checkpoint.access(projectId).keep(id);

      // A permission that another resource of the program will take over stays here, unmentioned, until it has.
      const isLeaving = ({ projectId }: Permission) =>
        deployment.runsProgram && !listed.has(projectId) && !checkpoint.access(projectId).isDeclared;
      const having = new Set(there.map(({ projectId }) => projectId));
      const joining = [...listed].filter((projectId) => !having.has(projectId));
      const isChanged =
        news.exclusive !== olds.exclusive ||
        isUnknown(news.projectIds) ||
        !sameProjects(news.projectIds, olds.projectIds) ||
        there.some(isLeaving);

      if (!isKnown(news)) sayWhatIsUnknown(deployment, news);
      else if (isChanged) {
        sayWhoLoses(deployment, checkpoint, there.filter(isLeaving));
        await sayWhoJoins(deployment, checkpoint, joining, vanished);
      }
      const outsiders = await sayWhoIsLockedOut(deployment, news, olds.permissions);
      const isIncomplete = driftDetection && joining.some((projectId) => !isUnknown(projectId));
      const changes = isChanged || isIncomplete || vanished.length > 0 || outsiders.length > 0;
      if (!changes || !isKnown(news)) return { changes };
      return { changes, gains: joining, loses: there.filter(isLeaving).map(({ projectId }) => projectId) };
    });
  }

  async create(inputs: SetInputs): Promise<dynamic.CreateResult<SetOutputs>> {
    const id = inputs.fineTunedModelCheckpoint;
    const { outs, failure } = await this.#reconcile(inputs, []);
    if (failure === undefined) return { id, outs };
    // Permissions that were granted must be in state, even if others were not.
    if (outs.permissions.length > 0) throw new HalfDone(id, { ...inputs, ...outs }, failure);
    throw failure;
  }

  async update(id: string, olds: SetOutputs, news: SetInputs): Promise<dynamic.UpdateResult> {
    const { outs, failure } = await this.#reconcile(news, olds.permissions);
    if (failure !== undefined) throw new HalfDone(id, { ...news, ...outs }, failure);
    return { outs };
  }

  async read(id: string, props?: Partial<SetOutputs>): Promise<dynamic.ReadResult<SetOutputs>> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, exclusive } = state;
    return attempt(this.deployment, "look up", fineTunedModelCheckpoint, whoOf(state), async (deployment) => {
      const checkpoint = deployment.checkpoint(fineTunedModelCheckpoint);
      const looks = await lookForDrift(deployment, state);
      await sayWhoIsLockedOut(deployment, state, state.permissions);
      const permissions = looks.flatMap(({ permission }) => permission ?? []);
      const recordedProjects = new Set(state.permissions.map(({ projectId }) => projectId));
      if (deployment.config.adoptExisting) {
        const missing = state.projectIds.filter((projectId) => !recordedProjects.has(projectId));
        const found = (await existing(checkpoint, missing)).map(({ permission }) => permission);
        if (found.length > 0) deployment.say(lines.takenOver(checkpoint.id, found));
        permissions.push(...found);
      }
      permissions.sort(byProject);
      const listed = new Set(state.projectIds);
      const projectIds = permissions.map(({ projectId }) => projectId).filter((projectId) => listed.has(projectId));
      const inputs = { fineTunedModelCheckpoint, exclusive, projectIds };
      return { id, props: { ...inputs, permissions }, inputs: inputs as SetOutputs };
    });
  }

  /**
   * Finds the permissions to import.
   *
   * @param id the checkpoint.
   * @param only the projects to import. Default: all that have access.
   * @throws {OperationFailed} when none has access.
   */
  async import(id: string, only?: ReadonlySet<string>): Promise<dynamic.ReadResult<SetOutputs>> {
    const problem = checkId("fineTunedModelCheckpoint", id);
    if (problem !== undefined) {
      const remedy = "The ID to import is the checkpoint, such as ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd.";
      throw new OperationFailed(`Cannot import "${id}": ${problem.reason}`, remedy);
    }
    return attempt(this.deployment, "list", id, "", async (deployment) => {
      // They come newest first, and the newest counts.
      const newest = new Map<string, Permission>();
      for (const permission of (await deployment.checkpoint(id).all()).permissions.toReversed()) {
        if (only?.has(permission.projectId) !== false) newest.set(permission.projectId, permission);
      }
      const permissions = [...newest.values()].sort(byProject);
      if (permissions.length === 0) throw nothingToImport(id, `nobody has a permission for ${id}`);
      const projectIds = permissions.map(({ projectId }) => projectId);
      const inputs = { fineTunedModelCheckpoint: id, projectIds, exclusive: false };
      return { id, props: { ...inputs, permissions }, inputs: inputs as SetOutputs };
    });
  }

  /** Revokes the permissions in state, even of an exclusive list, since no preview has shown the others. */
  async delete(id: string, props: Partial<SetOutputs>): Promise<void> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, permissions } = state;
    return attempt(this.deployment, "revoke", fineTunedModelCheckpoint, whoOf(state), async (deployment) => {
      const checkpoint = deployment.checkpoint(fineTunedModelCheckpoint);
      const { failures, by } = await release(deployment, checkpoint, permissions, "delete");
      if (by("kept").length > 0) deployment.say(lines.kept(fineTunedModelCheckpoint, by("kept")));
      const awaited = by("awaited");
      if (awaited.length > 0) {
        const who = awaited.length === 1 ? awaited[0]!.projectId : `${awaited.length} projects`;
        const ids = awaited.length === 1 ? awaited[0]!.id : "their permissions";
        failures.push(stillWanted(fineTunedModelCheckpoint, who, ids));
      }
      if (failures.length > 0) {
        throw sumOf(
          `Not all permissions for ${fineTunedModelCheckpoint} could be revoked:`,
          failures,
          "Run the same command again: what is revoked already is found to be gone.",
        );
      }
    });
  }

  /** Grants and revokes until access is as declared, as far as possible, and returns what must be in state then. */
  async #reconcile(inputs: SetInputs, inState: readonly Permission[]) {
    const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
    const deployment = await attempt(
      this.deployment,
      "grant",
      fineTunedModelCheckpoint,
      whoOf(inputs),
      async (ready) => ready,
    );
    const checkpoint = deployment.checkpoint(fineTunedModelCheckpoint);
    const { granted, failures } = await grantAll(deployment, checkpoint, projectIds, inState);
    const listed = new Set(projectIds);
    const grantedTo = new Set(granted.map(({ projectId }) => projectId));
    const kept = inState.filter(({ projectId }) => listed.has(projectId) && !grantedTo.has(projectId));
    const leaving = inState.filter(({ projectId }) => !listed.has(projectId));
    const others = await attempt(this.deployment, "look up", checkpoint.id, whoOf(inputs), () =>
      outsidersOf(deployment, inputs, inState),
    ).catch((error: unknown) => {
      failures.push(error);
      return [];
    });
    const {
      failures: unrevoked,
      by,
      untouched,
    } = await release(deployment, checkpoint, [...leaving, ...others], "update");
    failures.push(...unrevoked);
    const ours = new Set(leaving);
    kept.push(...[...by("awaited"), ...untouched].filter((permission) => ours.has(permission)));
    const revoked = by("revoked").filter((permission) => !ours.has(permission));
    if (revoked.length > 0) deployment.say(lines.outsidersRevoked(revoked));

    const outs: SetOutputs = {
      fineTunedModelCheckpoint,
      projectIds,
      exclusive,
      permissions: [...granted, ...kept].sort(byProject),
    };
    if (failures.length === 0) return { outs, failure: undefined };
    const failure = sumOf(
      `Access to ${checkpoint.id} is not as declared yet.`,
      failures,
      "What was done is recorded: run `pulumi up` again, and it goes on from there.",
    );
    return { outs, failure };
  }
}

/** Notes what the program declares, as far as a check knows. */
function noteProgram(deployment: Deployment, olds: Partial<SetInputs>, news: SetInputs, program?: ProgramFacts): void {
  if (isUnknown(news.fineTunedModelCheckpoint)) return;
  const checkpoint = deployment.checkpoint(news.fineTunedModelCheckpoint);
  if (program !== undefined && !isUnknown(program)) {
    for (const projectId of program.others ?? []) checkpoint.access(projectId).announce();
    if (program.listLength !== undefined && news.projectIds.length < program.listLength) {
      checkpoint.hasUnnamedWants = true;
    }
  }
  const accesses = new Set(knownOf(news.projectIds).map((projectId) => checkpoint.access(projectId)));
  for (const access of accesses) access.want();
  if (olds.fineTunedModelCheckpoint === undefined || !Array.isArray(olds.projectIds)) return;
  const old = deployment.checkpoint(olds.fineTunedModelCheckpoint);
  const live = { accesses, deleteBeforeReplace: program?.deleteBeforeReplace === true };
  for (const projectId of olds.projectIds) old.access(projectId).addLive(live);
}

async function grantAll(
  deployment: Deployment,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
  inState: readonly Permission[],
) {
  const recorded = new Map(inState.map((permission) => [permission.projectId, permission]));
  const grants = await Promise.allSettled(
    projectIds.map((projectId) => checkpoint.access(projectId).grant(recorded.get(projectId))),
  );
  const granted = grants.flatMap((grant) => (grant.status === "fulfilled" ? grant.value : []));
  const takenOver = granted.filter(({ isTakenOver }) => isTakenOver).map(({ permission }) => permission);
  if (takenOver.length > 0) deployment.say(lines.takenOver(checkpoint.id, takenOver));
  return {
    granted: granted.map(({ permission }) => permission),
    failures: await failuresOf(
      deployment,
      "grant",
      checkpoint.id,
      grants.flatMap((grant, index) => (grant.status === "rejected" ? [[projectIds[index]!, grant.reason]] : [])),
    ),
  };
}

/** Releases permissions. `by` returns those with one outcome. */
async function release(
  deployment: Deployment,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
  occasion: Occasion,
) {
  const outcomes = await checkpoint.releaseAll(permissions, occasion);
  const untouched = permissions.filter(({ id }) => typeof outcomes.get(id) !== "string");
  const failed = untouched.flatMap(({ id, projectId }): [string, unknown][] => {
    const outcome = outcomes.get(id);
    return outcome === undefined ? [] : [[projectId, outcome]];
  });
  const failures: unknown[] = await failuresOf(deployment, "revoke", checkpoint.id, failed);
  const untried = untouched.length - failed.length;
  if (untried > 0) {
    const done = permissions.length - untouched.length;
    failures.push(new Error(`${done} of ${permissions.length} are done; the rest was not tried.`));
  }
  const by = (outcome: Release) => permissions.filter(({ id }) => outcomes.get(id) === outcome);
  return { failures, untouched, by };
}

/** The failures of a set's projects, in words for the person: one for all that the API refused alike. */
async function failuresOf(
  deployment: Deployment,
  operation: "grant" | "revoke",
  checkpoint: string,
  failures: readonly [projectId: string, reason: unknown][],
): Promise<unknown[]> {
  const alike = new Map<string, [string[], unknown]>();
  for (const [projectId, reason] of failures) {
    const same = alike.get(String(reason));
    if (same === undefined) alike.set(String(reason), [[projectId], reason]);
    else same[0].push(projectId);
  }
  const failing = [...alike.values()].map(([projectIds, reason]) =>
    attempt(
      () => deployment,
      operation,
      checkpoint,
      lines.few(projectIds),
      () => Promise.reject(reason as Error),
    ),
  );
  return Promise.all(failing.map((one) => one.catch((error: unknown) => error)));
}
