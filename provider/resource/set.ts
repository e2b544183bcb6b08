import type { dynamic } from "@pulumi/pulumi";
import type { Checkpoint, Release } from "../access/checkpoint";
import type { Deployment } from "../access/deployment";
import type { Permission } from "../api/contract";
import { attempt, configFailure, HalfDone, OperationFailed, stillWanted, summed } from "./failure";
import { checkId, isUnknown } from "./ids";
import * as lines from "./lines";
import type { ProgramNews } from "./single";

export interface SetInputs {
  fineTunedModelCheckpoint: string;
  projectIds: string[];
  exclusive: boolean;
}

export interface SetOutputs extends SetInputs {
  /**
   * Sorted by project. A project that is not on the list has its permission here until the resource of the program that
   * is to take it over has done so, and the set is updated after that.
   */
  permissions: Permission[];
}

/** As a program gives them. */
type Unchecked = Omit<SetInputs, "exclusive"> & { exclusive?: boolean; __program?: ProgramNews };

/** What Pulumi's operations mean for the whole list of projects that may use a checkpoint. */
export class SetResource implements dynamic.ResourceProvider<SetInputs, SetOutputs> {
  /** @param deployment gives what the process shares, or throws what is wrong with the config. */
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
      if (olds.fineTunedModelCheckpoint === undefined) await tellCreate(deployment, inputs);
    } catch (error) {
      failures.push(configFailure(error));
    }
    return { inputs, failures };
  }

  async diff(_id: string, olds: SetOutputs, news: SetInputs): Promise<dynamic.DiffResult> {
    return attempt("look up", olds.fineTunedModelCheckpoint, whoOf(olds), async () => {
      const deployment = this.deployment();
      const checkpoint = deployment.checkpoint(olds.fineTunedModelCheckpoint);
      if (news.fineTunedModelCheckpoint !== checkpoint.id) {
        for (const { projectId, id } of olds.permissions) checkpoint.access(projectId).own(id);
        tellLosers(deployment, checkpoint, olds.permissions);
        if (isUnknown(news.fineTunedModelCheckpoint)) tellUnknown(deployment, news);
        return { changes: true, replaces: ["fineTunedModelCheckpoint"] };
      }

      const { driftDetection } = deployment.config;
      const looks = driftDetection ? await lookForDrift(deployment, olds) : [];
      const vanished = looks.filter(({ isGone }) => isGone).map(({ recorded }) => recorded);
      const gone = new Set(vanished.map(({ id }) => id));
      const listed = new Set(isUnknown(news.projectIds) ? [] : news.projectIds);
      const there = olds.permissions.filter(({ id }) => !gone.has(id));
      for (const { projectId, id } of there) if (listed.has(projectId)) checkpoint.access(projectId).keep(id);

      // What another resource of the program is to take over stays here in silence until it has.
      const isLeaving = ({ projectId }: Permission) =>
        deployment.runsProgram && !listed.has(projectId) && !checkpoint.access(projectId).isDeclared;
      const held = new Set(there.map(({ projectId }) => projectId));
      const joining = [...listed].filter((projectId) => !held.has(projectId));
      const isChanged =
        news.exclusive !== olds.exclusive ||
        isUnknown(news.projectIds) ||
        !sameProjects(news.projectIds, olds.projectIds) ||
        there.some(isLeaving);

      if (!isKnown(news)) tellUnknown(deployment, news);
      else if (isChanged) {
        tellLosers(deployment, checkpoint, there.filter(isLeaving));
        await tellJoining(deployment, checkpoint, joining, vanished);
      }
      const outsiders = await tellOutsiders(deployment, news, olds.permissions);
      const isIncomplete = driftDetection && joining.some((projectId) => !isUnknown(projectId));
      return { changes: isChanged || isIncomplete || vanished.length > 0 || outsiders.length > 0 };
    });
  }

  async create(inputs: SetInputs): Promise<dynamic.CreateResult<SetOutputs>> {
    const id = inputs.fineTunedModelCheckpoint;
    const { outs, failure } = await this.#reconcile(inputs, []);
    if (failure === undefined) return { id, outs };
    // What landed must be in state; where nothing did, there is nothing to record.
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
    return attempt("look up", fineTunedModelCheckpoint, whoOf(state), async () => {
      const deployment = this.deployment();
      const checkpoint = deployment.checkpoint(fineTunedModelCheckpoint);
      const looks = await lookForDrift(deployment, state);
      await tellOutsiders(deployment, state, state.permissions);
      const permissions = looks.flatMap(({ permission }) => permission ?? []);
      const heldProjects = new Set(state.permissions.map(({ projectId }) => projectId));
      if (deployment.config.adoptExisting) {
        const missing = state.projectIds.filter((projectId) => !heldProjects.has(projectId));
        const found = await existing(checkpoint, missing);
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

  /** Revokes what state holds, exclusive or not, since no preview has shown the others. */
  async delete(id: string, props: Partial<SetOutputs>): Promise<void> {
    const state = completeState(id, props);
    const { fineTunedModelCheckpoint, permissions } = state;
    return attempt("revoke", fineTunedModelCheckpoint, whoOf(state), async () => {
      const deployment = this.deployment();
      const { failures, by } = await release(deployment.checkpoint(fineTunedModelCheckpoint), permissions, "delete");
      if (by("kept").length > 0) deployment.say(lines.kept(fineTunedModelCheckpoint, by("kept")));
      const awaited = by("awaited");
      if (awaited.length > 0) {
        const who = awaited.length === 1 ? awaited[0]!.projectId : `${awaited.length} projects`;
        const ids = awaited.length === 1 ? awaited[0]!.id : "their permissions";
        failures.push(stillWanted(fineTunedModelCheckpoint, who, ids));
      }
      if (failures.length > 0) {
        throw summed(
          `Not all permissions for ${fineTunedModelCheckpoint} could be revoked:`,
          failures,
          "Run the same command again: what is revoked already is found to be gone.",
        );
      }
    });
  }

  /** Brings what is granted to what is declared, as far as it goes, and gives what state must hold then. */
  async #reconcile(inputs: SetInputs, held: readonly Permission[]) {
    const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
    const deployment = await attempt("grant", fineTunedModelCheckpoint, whoOf(inputs), async () => this.deployment());
    const checkpoint = deployment.checkpoint(fineTunedModelCheckpoint);
    const { granted, failures } = await grantAll(deployment, checkpoint, projectIds, held);
    const listed = new Set(projectIds);
    const grantedTo = new Set(granted.map(({ projectId }) => projectId));
    const kept = held.filter(({ projectId }) => listed.has(projectId) && !grantedTo.has(projectId));
    const leaving = held.filter(({ projectId }) => !listed.has(projectId));
    const others = await attempt("look up", checkpoint.id, whoOf(inputs), () =>
      outsidersOf(deployment, inputs, held),
    ).catch((error: unknown) => {
      failures.push(error);
      return [];
    });
    const { failures: unrevoked, by, untouched } = await release(checkpoint, [...leaving, ...others], "update");
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
    const failure = summed(
      `The list of projects that may use ${checkpoint.id} is not as declared yet.`,
      failures,
      "What was done is recorded: run `pulumi up` again, and it goes on from there.",
    );
    return { outs, failure };
  }
}

/** What is wrong with inputs, each with its property. */
function problemsWith({ fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs): dynamic.CheckFailure[] {
  const failures = [checkId("fineTunedModelCheckpoint", fineTunedModelCheckpoint) ?? []].flat();
  if (!isUnknown(exclusive) && typeof exclusive !== "boolean") {
    failures.push({ property: "exclusive", reason: "exclusive must be true or false." });
  }
  if (isUnknown(projectIds)) return failures;
  if (!Array.isArray(projectIds)) {
    const reason = "projectIds must be a list of project IDs, such as proj_abc123.";
    return [...failures, { property: "projectIds", reason }];
  }
  for (const [index, projectId] of projectIds.entries()) {
    const failure = checkId("projectId", projectId);
    if (failure === undefined) continue;
    const reason = failure.reason.replace(/^projectId/, `projectIds[${index}]`);
    failures.push({ property: `projectIds[${index}]`, reason });
  }
  return failures;
}

/** Notes what the program declares, as far as a check can name it. */
function noteProgram(deployment: Deployment, olds: Partial<SetInputs>, news: SetInputs, program?: ProgramNews): void {
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
  for (const projectId of olds.projectIds) old.access(projectId).isOf(live);
}

/** Says in a preview what a create will do to whom. */
async function tellCreate(deployment: Deployment, inputs: SetInputs): Promise<void> {
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  if (isUnknown(fineTunedModelCheckpoint) || !isKnown(inputs)) {
    if (exclusive && deployment.config.driftDetection) tellUnknown(deployment, inputs);
    return;
  }
  await attempt("look up", fineTunedModelCheckpoint, whoOf(inputs), () => tellOutsiders(deployment, inputs, []));
  if (!deployment.tellsWhatExists) return;
  try {
    const checkpoint = deployment.checkpoint(fineTunedModelCheckpoint);
    const found = await existing(checkpoint, projectIds);
    if (found.length > 0) deployment.say(lines.exists(deployment.config, checkpoint.id, found));
  } catch {
    // What cannot be looked up now is the create's to report.
    deployment.tellsWhatExists = false;
  }
}

/** What no look-up can show in a preview is said at least. */
function tellUnknown(deployment: Deployment, { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs): void {
  const what = [
    isUnknown(fineTunedModelCheckpoint) ? "its checkpoint" : [],
    knownOf(projectIds).length === projectIds.length ? [] : "a project on it",
    isUnknown(exclusive) ? "whether it is exclusive" : [],
  ].flat();
  const checkpoint = isUnknown(fineTunedModelCheckpoint) ? undefined : fineTunedModelCheckpoint;
  const revokes = isUnknown(exclusive) ? "may revoke" : "revokes";
  const consequence = exclusive && deployment.config.driftDetection ? revokes : undefined;
  deployment.say(lines.unknown(what.join(", and "), checkpoint, consequence));
}

/** Says who loses access, but for those to whom something else in the program gives it. */
function tellLosers(deployment: Deployment, checkpoint: Checkpoint, permissions: readonly Permission[]): void {
  const losers = permissions.filter(({ projectId }) => !checkpoint.access(projectId).isDeclared);
  if (losers.length > 0) deployment.say(lines.loses(checkpoint.id, losers));
}

/** Says who gains access, and whose permission is taken over. */
async function tellJoining(
  deployment: Deployment,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
  vanished: readonly Permission[],
): Promise<void> {
  // Of those the drift line tells.
  const known = new Set(vanished.map(({ projectId }) => projectId));
  const joining = projectIds.filter((projectId) => !known.has(projectId));
  const found = deployment.config.driftDetection ? await existing(checkpoint, joining) : [];
  const isThere = new Set(found.map(({ projectId }) => projectId));
  const gaining = joining.filter((projectId) => !isThere.has(projectId));
  if (gaining.length > 0) deployment.say(lines.gains(checkpoint.id, gaining));
  if (found.length > 0) deployment.say(lines.exists(deployment.config, checkpoint.id, found));
}

/** Looks up what state holds, and says what is gone of it. */
async function lookForDrift(deployment: Deployment, state: SetOutputs) {
  const checkpoint = deployment.checkpoint(state.fineTunedModelCheckpoint);
  // An exclusive list needs everybody's in any case.
  if (state.exclusive) await checkpoint.all();
  const looks = await Promise.all(
    state.permissions.map(async (recorded) => ({
      recorded,
      ...(await checkpoint.access(recorded.projectId).look(recorded)),
    })),
  );
  const unlisted = looks.filter(({ isUnlisted }) => isUnlisted).map(({ recorded }) => recorded);
  if (unlisted.length > 0) deployment.say(lines.unlisted(checkpoint.id, unlisted));
  const gone = looks.filter(({ isGone }) => isGone);
  if (gone.length > 0 && !checkpoint.isGone) {
    const [lost, remade] = [false, true].map((isRemade) =>
      gone.filter(({ permission }) => (permission !== undefined) === isRemade).map(({ recorded }) => recorded),
    );
    deployment.say(lines.driftOfSet(checkpoint.id, lost!, remade!, deployment.clock.date()));
  }
  return looks;
}

/** Says whom an exclusive list will lock out. */
async function tellOutsiders(
  deployment: Deployment,
  inputs: SetInputs,
  held: readonly Permission[],
): Promise<Permission[]> {
  if (!isKnown(inputs)) return [];
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  const outsiders = await outsidersOf(deployment, inputs, held);
  if (outsiders.length > 0) deployment.say(lines.outsiders(fineTunedModelCheckpoint, outsiders));
  if (exclusive && projectIds.length === 0) deployment.say(lines.nobody(fineTunedModelCheckpoint));
  return outsiders;
}

/** Who has access beside an exclusive list. Without look-ups no preview shows them, so none counts. */
async function outsidersOf(
  deployment: Deployment,
  { fineTunedModelCheckpoint, projectIds, exclusive }: SetInputs,
  held: readonly Permission[],
): Promise<Permission[]> {
  if (!exclusive || !deployment.config.driftDetection) return [];
  // By ID: beside the permission that a project loses it may have another, made behind our back.
  const ours = new Set(held.map(({ id }) => id));
  const outsiders = await deployment.checkpoint(fineTunedModelCheckpoint).outsiders(projectIds);
  return outsiders.filter(({ id }) => !ours.has(id));
}

/** The permissions that projects have already. */
async function existing(checkpoint: Checkpoint, projectIds: readonly string[]): Promise<Permission[]> {
  const looks = await Promise.all(projectIds.map((projectId) => checkpoint.access(projectId).look()));
  return looks.flatMap(({ permission }) => permission ?? []);
}

async function grantAll(
  deployment: Deployment,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
  held: readonly Permission[],
) {
  const recorded = new Map(held.map((permission) => [permission.projectId, permission]));
  const grants = await Promise.allSettled(
    projectIds.map((projectId) =>
      attempt("grant", checkpoint.id, projectId, () => checkpoint.access(projectId).grant(recorded.get(projectId))),
    ),
  );
  const granted = grants.flatMap((grant) => (grant.status === "fulfilled" ? grant.value : []));
  const takenOver = granted.filter(({ isTakenOver }) => isTakenOver).map(({ permission }) => permission);
  if (takenOver.length > 0) deployment.say(lines.takenOver(checkpoint.id, takenOver));
  return {
    granted: granted.map(({ permission }) => permission),
    failures: grants.flatMap((grant) => (grant.status === "rejected" ? [grant.reason as unknown] : [])),
  };
}

/** Gives permissions up, and sorts them by what became of each. */
async function release(checkpoint: Checkpoint, permissions: readonly Permission[], occasion: "update" | "delete") {
  const outcomes = await checkpoint.releaseAll(permissions, occasion);
  const failures: unknown[] = [];
  const untouched: Permission[] = [];
  let untried = 0;
  for (const permission of permissions) {
    const outcome = outcomes.get(permission.id);
    if (typeof outcome === "string") continue;
    untouched.push(permission);
    if (outcome === undefined) untried++;
    else {
      const failing = attempt("revoke", checkpoint.id, permission.projectId, () => Promise.reject(outcome));
      failures.push(await failing.catch((error: unknown) => error));
    }
  }
  if (untried > 0) {
    const done = permissions.length - untouched.length;
    failures.push(new Error(`${done} of ${permissions.length} are done; the rest was not tried.`));
  }
  const by = (outcome: Release) => permissions.filter(({ id }) => outcomes.get(id) === outcome);
  return { failures, untouched, by };
}

/** Whether a preview knows the whole list already, and whether it is exclusive. */
function isKnown({ projectIds, exclusive }: SetInputs): boolean {
  return !isUnknown(exclusive) && knownOf(projectIds).length === projectIds.length;
}

/** The projects that are known; none of a list that is not. */
function knownOf(projectIds: readonly string[]): string[] {
  return isUnknown(projectIds) ? [] : projectIds.filter((projectId) => !isUnknown(projectId));
}

/** The projects of a set, where a message names one. */
function whoOf({ projectIds }: SetInputs): string {
  return projectIds.length === 1 ? projectIds[0]! : `${projectIds.length} projects`;
}

function sameProjects(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((projectId, index) => projectId === b[index]);
}

function byProject(a: Permission, b: Permission): number {
  return a.projectId < b.projectId ? -1 : 1;
}

function completeState(id: string, state: Partial<SetOutputs> | undefined): SetOutputs {
  const { fineTunedModelCheckpoint, projectIds, permissions, exclusive = false } = state ?? {};
  if (fineTunedModelCheckpoint && projectIds && permissions) {
    return { fineTunedModelCheckpoint, projectIds, permissions, exclusive };
  }
  throw new OperationFailed(
    `The state of ${id} is incomplete, so nothing was done.`,
    "To bring existing permissions under Pulumi, declare them and run `pulumi up`, which takes them over.",
  );
}
