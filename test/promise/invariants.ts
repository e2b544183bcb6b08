import { isDeepStrictEqual } from "node:util";
import { expect } from "chai";
import {
  accessesOf,
  checkpoints,
  effective,
  parsed,
  projects,
  unharmed,
  unmanagedProject,
  type AccessKey,
  type Declared,
  type Run,
} from "./programs";
import type { Stack } from "./stack";

/** What a run started from. */
export interface Before {
  /** Accesses that the program before declared and that were granted. */
  granted: ReadonlySet<AccessKey>;
  /** All accesses that were granted, by any program. */
  present: ReadonlySet<AccessKey>;
  /** How many permissions gave them. */
  grantedCount: number;
  /** The resources that had each access in state, by name. */
  holders: ReadonlyMap<AccessKey, ReadonlySet<string>>;
}

/**
 * Whether an access moves, and may lapse: a set that gives up a project cannot know in time which resource is to have it,
 * where an output names it, a policy writes it, or either of the two is native.
 */
function movesUnannounced(run: Run, { holders }: Before): (access: AccessKey) => boolean {
  const { program } = run;
  return (access) => {
    const [checkpoint, project] = parsed(access);
    const to = program.find((one) => one.checkpoint === checkpoint && effective(one).includes(project))!;
    const from = program.filter(({ name }) => name !== to.name && holders.get(access)?.has(name) === true);
    const isNamedByOutput = to.listsFailure && to.projects[0] === project;
    // Without hints a list that lacks what an output named looks complete.
    if (isNamedByOutput && run.harm.hints === "missing") return true;
    // What a policy writes comes only with the create.
    const isSkipped = run.dependencyFails && run.continueOnError && to.dependsOnFailure;
    if (isSkipped && !to.projects.includes(project)) return true;
    // Without hints nothing is announced.
    const isAnnounced = to.projects.includes(project) && !isNamedByOutput && run.harm.hints === "given";
    return from.some(({ isSet, process }) => isSet && (!isAnnounced || process > 0));
  };
}

/** What the program declared before and still declares is granted throughout. */
export function declaredAccessIsKept(stack: Stack, run: Run, before: Before): void {
  const { program } = run;
  // Delete-before-replace asks for a lapse.
  if (program.some(({ deleteBeforeReplace }) => deleteBeforeReplace)) return;
  const mayLapse = movesUnannounced(run, before);
  for (const access of accessesOf(program)) {
    if (!before.granted.has(access) || mayLapse(access)) continue;
    expect(stack.has(...parsed(access)), `${access} is declared before and after, and loses access`).to.equal(true);
  }
}

/** Where nothing goes wrong, no more is sent than the change needs. */
export function requestsAreFew(stack: Stack, run: Run, before: Before): void {
  const { program } = run;
  const isPlain = (one: Declared) =>
    !one.deleteBeforeReplace && !one.listsFailure && one.trigger === 0 && one.remediated === undefined;
  const isFaultless = [run.lost, run.refused, run.misleading].every(({ length }) => length === 0) && run.lag === 0;
  if (
    !isFaultless ||
    run.killedAfter !== undefined ||
    run.dependencyFails ||
    !isDeepStrictEqual(run.harm, unharmed) ||
    !program.every(isPlain)
  )
    return;
  const wanted = accessesOf(program);
  const mayLapse = movesUnannounced(run, before);
  const moving = [...wanted].filter(mayLapse).length;
  const gained = [...wanted].filter((access) => !before.present.has(access)).length;
  const exclusive = new Set(program.flatMap(({ exclusive, checkpoint }) => (exclusive ? checkpoint : [])));
  // Of two permissions for one access, one goes.
  const staying = [...wanted].filter((access) => before.present.has(access)).length;
  // Of a single record whose permission is gone, only a DELETE tells.
  const gone = [...before.holders.keys()].filter((access) => !before.present.has(access)).length;
  // Of two records of one permission that go at the same time in two processes, each may send one.
  const twice = [...before.holders.values()].reduce((sum, { size }) => sum + size - 1, 0);
  const lost = before.grantedCount - staying + gone + twice + exclusive.size;
  const count = (method: string) => stack.api.requests.filter((request) => request.method === method).length;
  // What is under way together in one process, for one checkpoint, shares a POST.
  const batches = new Set(program.map(({ process, checkpoint }) => `${process} ${checkpoint}`)).size;
  const together = run.parallel >= program.length ? batches : gained;
  expect(count("POST"), "POSTs").to.be.at.most(Math.min(gained, together) + moving);
  expect(count("DELETE"), "DELETEs").to.be.at.most(lost + moving);
  expect(count("GET"), "GETs").to.be.at.most(2 * (program.length + before.holders.size) + 2 * checkpoints.length);
}

/** Each resource that succeeded has access as declared, and the permission in state. */
export function succeededIsGranted(stack: Stack, { program }: Run, succeeded: ReadonlySet<string>): void {
  const inState = stack.permissionsInState();
  for (const declared of program.filter(({ name }) => succeeded.has(name))) {
    // What an output names, a set that had it before may take for unmanaged, and give up.
    for (const project of effective(declared).slice(declared.listsFailure ? 1 : 0)) {
      const rows = stack.api.permissions(checkpoints[declared.checkpoint]!);
      const mine = rows.filter((row) => row.project_id === projects[project]);
      const isInState = mine.some(({ id }) => inState.has(id));
      expect(isInState, `${declared.name} succeeded and is not granted`).to.equal(true);
    }
  }
}

/** Every permission that was granted is in state, unless the answer was lost, or its process. */
export function nothingIsForgotten(stack: Stack, { lost, killedAfter }: Run): void {
  if (lost.length > 0 || killedAfter !== undefined) return;
  const inState = stack.permissionsInState();
  for (const checkpoint of checkpoints) {
    const ours = stack.api.permissions(checkpoint).filter((row) => row.project_id !== unmanagedProject);
    const forgotten = ours.filter((row) => !inState.has(row.id));
    expect(forgotten, "granted and not in state").to.deep.equal([]);
  }
}

/** What an `up` says that it has done is so once it has ended. */
export function deedsAreTrue(stack: Stack, before: ReadonlySet<string>): void {
  const rows = checkpoints.flatMap((id) => stack.api.permissions(id));
  const there = new Set(rows.map(({ id }) => id));
  for (const line of stack.said) {
    const ids = line.match(/\bcp_\w+/g) ?? [];
    expect(line, "an up tells what it did").not.to.match(/ (gains?|loses?|may lose) access to /);
    if (line.startsWith("Revoked")) for (const id of ids) expect(there.has(id), line).to.equal(false);
    if (line.startsWith("Kept")) for (const id of ids) expect(there.has(id), line).to.equal(true);
    const drift = /^Drift: (.*?) lost (?:its|their) access to (\S+?): /.exec(line);
    if (drift !== null)
      for (const [id] of drift[1]!.matchAll(/\bcp_\w+/g)) expect(before.has(id), line).to.equal(false);
    const [, projectIds, checkpoint] = /^(.*) ha(?:s|ve) access to (\S+) now\.$/.exec(line) ?? [];
    const having = new Set(stack.api.projects(checkpoint ?? ""));
    for (const [project] of projectIds?.matchAll(/\bproj_\w+/g) ?? []) expect(having.has(project), line).to.equal(true);
  }
}

/** Access that no program declares stays, unless an exclusive set was declared for the checkpoint. */
export function unmanagedAccessIsKept(stack: Stack, hadExclusiveSet: ReadonlySet<number>): void {
  for (const [checkpoint, id] of checkpoints.entries()) {
    if (!hadExclusiveSet.has(checkpoint)) expect(stack.api.projects(id)).to.include(unmanagedProject);
  }
}

/** After two runs in which nothing goes wrong, access is what the program declares, and no more. */
export function goodRunsReachTheProgram(stack: Stack, runs: readonly Run[]): void {
  const { program } = runs.at(-1)!;
  for (const [checkpoint, id] of checkpoints.entries()) {
    const declared = program.filter((one) => one.checkpoint === checkpoint).flatMap(effective);
    const rows = stack.api.projects(id).filter((project) => project !== unmanagedProject);
    // Where a list lags, the resource that adopts a permission may get a second one: both are in state.
    const mine = runs.some(({ lag }) => lag > 0) ? [...new Set(rows)] : rows;
    expect(mine, "after good runs").to.deep.equal(declared.map((project) => projects[project]!).sort());
  }
}
