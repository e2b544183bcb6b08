import { withoutEffects } from "../../../provider/resource/effects";
import { isDeepStrictEqual } from "node:util";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Method, PermissionRow, RepeatedPost } from "../../../sandbox/api/api";
import type { Fault } from "../../../sandbox/api/faults";
import { nameOf, type Command, type Run, type RunOptions } from "../../../sandbox/engines";
import type { Scenario } from "../scenario";
import { isFull } from "../full";
import type { Outcome, FaultKind } from "./faults";

export const shapes = [
  "a permission",
  "three permissions",
  "a set of one",
  "a set of three",
  "an exclusive set of three",
] as const;
export type Shape = (typeof shapes)[number];
export const repeats: readonly RepeatedPost[] = ["return", "omit", "duplicate", "refuse"];

/** A request of an operation, and the one that has to go wrong first for it to be made at all. */
export interface Call {
  title: string;
  method: Method;
  first?: Pick<Fault, "method" | "kind">;
  /** Whether nothing is written after it: then a deleted checkpoint takes its permissions along. */
  isPlan?: boolean;
}

/** One thing that goes wrong with one request of one operation. Each case has a checkpoint of its own. */
export interface Case {
  title: string;
  key: string;
  checkpoint: string;
  shape: Shape;
  call: Call;
  repeatedPost: RepeatedPost;
  faultKind: FaultKind;
  lasts: boolean;
  outcome: Outcome;
}

export type Matrices = readonly [title: string, cases: Case[]];

/** Every call × every kind of fault, once and lasting × every shape. */
export function casesOf(
  operation: string,
  options: {
    calls: readonly Call[];
    faults: readonly FaultKind[];
    shapes?: readonly Shape[];
    repeatedPost?: RepeatedPost;
  },
): Case[] {
  const { calls, faults, repeatedPost = "return" } = options;
  const cases: Case[] = [];
  for (const shape of options.shapes ?? shapes)
    for (const call of calls)
      for (const faultKind of faults.filter(({ methods }) => methods.includes(call.method)))
        for (const lasts of faultKind.lasts ? [false, true] : [false]) {
          const end = lasts ? ", without end" : "";
          cases.push({
            ...identityOf(cases.length),
            ...{ shape, call, repeatedPost, faultKind, lasts },
            title: `${operation} of ${shape}: at ${call.title}, ${faultKind.title}${end} (repeated POST: ${repeatedPost})`,
            outcome: outcomeOf(call, faultKind, lasts),
          });
        }
  return cases;
}

/**
 * The matrices of an operation: all of them, or two with a selection of their cases in which each pair of call, kind of
 * fault, shape and answer to a repeated POST occurs. Rate limits are apart, because they slow down everything beside them:
 * there each kind of 429 occurs once.
 */
export function selected(matrices: readonly Matrices[]): readonly Matrices[] {
  if (isFull) return matrices;
  const all = matrices.flatMap(([, cases]) => cases);
  const isRateLimit = ({ faultKind }: Case) => faultKind.title.startsWith("429");
  const faultOf = ({ faultKind, lasts }: Case) => `${faultKind.title} ${lasts}`;
  return [
    [
      "faults in each pair of call, kind, shape and repeated POST",
      covering(
        all.filter((one) => !isRateLimit(one)),
        (one) => [one.call.title, faultOf(one), one.shape, one.repeatedPost],
      ),
    ],
    ["each kind of 429", covering(all.filter(isRateLimit), (one) => ["429", faultOf(one)])],
  ];
}

/** As few of the cases as a single pass finds, with each pair of their factors. */
function covering(cases: readonly Case[], factorsOf: (one: Case) => string[]): Case[] {
  const seen = new Set<string>();
  const chosen = cases.filter((one) => {
    const factors = factorsOf(one);
    const pairs = factors.flatMap((factor, index) => factors.slice(index + 1).map((other) => `${factor} × ${other}`));
    const isNew = pairs.some((pair) => !seen.has(pair));
    for (const pair of pairs) seen.add(pair);
    return isNew;
  });
  return renamed(chosen);
}

/** Cases of several matrices have the same keys. */
function renamed(cases: readonly Case[]): Case[] {
  return cases.map((one, index) => ({ ...one, ...identityOf(index) }));
}

function identityOf(index: number): Pick<Case, "key" | "checkpoint"> {
  const key = `c${index}`;
  return { key, checkpoint: `ft:gpt-4.1-mini-2025-04-14:acme:${key}:B7R9VjQd` };
}

function outcomeOf(call: Call, faultKind: FaultKind, lasts: boolean): Outcome {
  if (!lasts) return faultKind.once;
  // Another look or try finds a write that did happen, however often its answer is lost.
  if (faultKind.takesEffect === true && call.method !== "GET") return "either";
  // Where the checkpoint is deleted there is nothing left to revoke.
  if (faultKind.saysCheckpointIsDeleted === true && (call.isPlan === true || mayHaveRevoked({ call }))) return "either";
  return "fails";
}

/** Whether a failed run may leave it open what became of a revocation: state keeps what it had. */
function mayHaveRevoked({ call }: Pick<Case, "call">): boolean {
  return call.method === "DELETE" || call.first?.method === "DELETE";
}

function isExclusive({ shape }: Case): boolean {
  return shape === "an exclusive set of three";
}

/** The projects that a case declares to begin with. */
export function projectsOf({ shape }: Case): string[] {
  return shape === "a permission" || shape === "a set of one" ? ["proj_a"] : ["proj_a", "proj_b", "proj_c"];
}

/** The same, with one changed for another. */
export function changedProjectsOf(one: Case): string[] {
  return [...projectsOf(one).slice(1), "proj_z"];
}

const program = `
for (const { key, set, exclusive, checkpoint: fineTunedModelCheckpoint, projects } of require("./cases.json")) {
  if (set) new CheckpointPermissionSet(key, { fineTunedModelCheckpoint, projectIds: projects, exclusive });
  else for (const projectId of projects) new CheckpointPermission(key + "-" + projectId, { fineTunedModelCheckpoint, projectId });
}`;

interface Recorded {
  projectId: string;
  id: string;
}

/** Many cases on one stack, and what must hold of them: state and server agree, and no project has access that is not declared. */
export class Matrix {
  readonly problems: string[] = [];
  readonly #unmanaged = new Map<string, PermissionRow[]>();
  #declared = new Map<string, string[]>();
  #hit = new Set<Case>();

  private constructor(
    readonly scenario: Scenario,
    readonly cases: readonly Case[],
  ) {}

  static async create(scenario: Scenario, cases: readonly Case[]): Promise<Matrix> {
    const matrix = new Matrix(scenario, cases);
    // Long enough for an answer on a busy machine, short enough to wait for one that never comes.
    scenario.config["openai:timeoutSeconds"] = "2";
    const repeatedPost = new Map(cases.map((one) => [one.checkpoint, one.repeatedPost]));
    scenario.api.set({ repeatedPost: (checkpoint) => repeatedPost.get(checkpoint) ?? "return" });
    for (const one of cases) {
      const row = scenario.api.grant(one.checkpoint, "proj_other");
      // An exclusive set is to revoke it.
      if (!isExclusive(one)) matrix.#noteUnmanaged(one.checkpoint, row);
    }
    await scenario.program(program);
    return matrix;
  }

  async declare(projects: (one: Case) => string[]): Promise<void> {
    this.#declared = new Map(this.cases.map((one) => [one.key, projects(one)]));
    const declared = this.cases.map((one) => ({
      ...{ key: one.key, checkpoint: one.checkpoint, set: one.shape.includes("set"), exclusive: isExclusive(one) },
      projects: this.#declared.get(one.key),
    }));
    await writeFile(join(this.scenario.project.folder, "cases.json"), JSON.stringify(declared));
  }

  /** Runs a command in which each of the cases goes wrong, and checks that each ends as it should. */
  async runFaulty(command: Command, options: RunOptions = {}): Promise<Run> {
    const { run, errors } = await this.#runWithFaults(command, this.cases, { continueOnError: true, ...options });
    const recorded = await this.#recorded();
    for (const one of this.cases) {
      const isFailed = errors.has(one);
      if (one.outcome === "succeeds" && isFailed) this.#addProblem(one, `fails: ${errors.get(one)!.join(" ")}`);
      if (one.outcome === "fails" && !isFailed) this.#addProblem(one, "fails without a word");
      for (const text of errors.get(one) ?? []) {
        const isClear = text.includes("Cannot ");
        if (!isClear || !text.includes(one.checkpoint)) this.#addProblem(one, `is unclear: ${text}`);
      }
      const mine = recorded.get(one.key) ?? [];
      if (command === "destroy") {
        // Once the checkpoint is known to be deleted, nothing more is asked about it.
        const mayBeLeft = one.faultKind.saysCheckpointIsDeleted === true;
        if (isFailed && !mayBeLeft) this.#assertAllRecorded(one, mine);
        else if (!mayBeLeft) this.#assertServerHas(one, []);
      } else if (command === "up" && !isFailed) this.#assertAsDeclared(one, mine);
      else if (!(isFailed && mayHaveRevoked(one))) this.#assertAllGranted(one, mine);
      this.#assertUnmanagedKept(one);
    }
    return run;
  }

  /** Runs a command that must stop at its first error, with state as it was. */
  async runExpectingFailure(command: Command, cases: readonly Case[]): Promise<void> {
    const before = await this.state();
    const { run } = await this.#runWithFaults(command, cases);
    const [one] = cases;
    const errors = run.messages.filter(({ severity }) => severity === "error");
    const isClear = errors.some(
      ({ text }) => /Cannot look up /.test(text) && cases.some(({ checkpoint }) => text.includes(checkpoint)),
    );
    if (run.ok) this.#addProblem(one!, `${command} succeeds`);
    else if (!isClear) this.#addProblem(one!, `${command} fails unclearly: ${run.output}`);
    if (!isDeepStrictEqual(await this.state(), before)) this.#addProblem(one!, `${command} changes state`);
  }

  /** Runs a command that must succeed. */
  async runClean(command: Command): Promise<Run> {
    const run = await this.scenario.run(command, { parallel: 200 });
    if (!run.ok) this.problems.push(`a clean ${command} fails:\n${run.output.slice(0, 4000)}`);
    return run;
  }

  /** State and server hold what is declared, each once, and the server what is unmanaged. */
  async assertAsDeclared(): Promise<void> {
    const recorded = await this.#recorded();
    for (const one of this.cases) this.#assertAsDeclared(one, recorded.get(one.key) ?? []);
  }

  /** Nothing of ours is left, everything unmanaged is, and no secret was shown. */
  async finish(): Promise<void> {
    await this.runClean("destroy");
    const recorded = await this.#recorded();
    for (const one of this.cases) {
      if ((recorded.get(one.key) ?? []).length > 0) this.#addProblem(one, "destroy leaves it in state");
      this.#assertServerHas(one, []);
      if (!this.#hit.has(one)) this.#addProblem(one, "the request that was to go wrong was never made");
    }
    const files = await this.scenario.files();
    for (const secret of [this.scenario.api.adminKey, "Bearer", "Authorization", "sk-admin-repeated-by-the-server"]) {
      if (this.scenario.output.includes(secret)) this.problems.push(`the output shows ${secret}`);
      if (files.includes(secret)) this.problems.push(`a file holds ${secret}`);
    }
    if (/^\s+at .*\.[jt]s:\d+/m.test(this.scenario.output)) this.problems.push("the output shows a stack trace");
    if (this.problems.length > 0) {
      throw new Error(`${this.problems.length} of ${this.cases.length} cases:\n${this.problems.join("\n")}`);
    }
  }

  /** What is in state, without the effects of the last `up`, which the next check or refresh leaves out. */
  async state(): Promise<object[]> {
    const resources = (await this.scenario.all()).filter((resource) => this.scenario.isOurs(resource));
    return resources.map(({ urn, id, inputs = {}, outputs }) => ({ urn, id, inputs: withoutEffects(inputs), outputs }));
  }

  async #runWithFaults(command: Command, cases: readonly Case[], options: RunOptions = {}) {
    for (const one of cases) this.scenario.api.fail(this.#faultOf(one));
    const run = await this.scenario.run(command, { parallel: 200, ...options });
    this.scenario.api.clearFaults();
    const errors = new Map<Case, string[]>();
    const byKey = new Map(cases.map((one) => [one.key, one]));
    for (const { severity, name, text } of run.messages) {
      const one = byKey.get(name?.split("-")[0] ?? "");
      if (severity === "error" && one !== undefined) errors.set(one, [...(errors.get(one) ?? []), text]);
    }
    return { run, errors };
  }

  #faultOf(one: Case): Fault {
    const { checkpoint, call, faultKind, lasts } = one;
    const onUnmanaged = (row: PermissionRow) => this.#noteUnmanaged(checkpoint, row);
    const project = this.#declared.get(one.key)!.at(-1)!;
    const fault: Fault = {
      ...{ method: call.method, checkpoint, times: lasts ? Infinity : 1 },
      kind: faultKind.kind({ checkpoint, project, onUnmanaged }),
      onHit: () => this.#hit.add(one),
    };
    return call.first === undefined ? fault : { ...call.first, checkpoint, then: fault };
  }

  #assertAsDeclared(one: Case, mine: readonly Recorded[]): void {
    const projects = mine.map(({ projectId }) => projectId).sort();
    const wanted = [...this.#declared.get(one.key)!].sort();
    if (projects.join() !== wanted.join()) this.#addProblem(one, `state has ${projects.join()} for ${wanted.join()}`);
    this.#assertServerHas(one, mine);
  }

  /** Everything in state is granted. */
  #assertAllGranted(one: Case, mine: readonly Recorded[]): void {
    const ids = this.#idsOnServer(one);
    for (const { projectId, id } of mine) {
      if (!ids.has(id)) this.#addProblem(one, `state says that ${projectId} has ${id}, and it has not`);
    }
  }

  /** Everything granted, besides what is unmanaged, is in state. */
  #assertAllRecorded(one: Case, mine: readonly Recorded[]): void {
    const known = new Set(mine.map(({ id }) => id));
    for (const { id, project_id } of this.#oursOnServer(one)) {
      if (!known.has(id)) this.#addProblem(one, `${project_id} has ${id}, and state does not know it`);
    }
  }

  #assertServerHas(one: Case, mine: readonly Recorded[]): void {
    this.#assertAllGranted(one, mine);
    this.#assertAllRecorded(one, mine);
    this.#assertUnmanagedKept(one);
  }

  #assertUnmanagedKept(one: Case): void {
    const ids = this.#idsOnServer(one);
    for (const row of this.#unmanaged.get(one.checkpoint) ?? []) {
      if (row.project_id === "proj_other" && !ids.has(row.id))
        this.#addProblem(one, "another's permission was revoked");
    }
  }

  #idsOnServer({ checkpoint }: Case): Set<string> {
    return new Set(this.scenario.api.permissions(checkpoint).map(({ id }) => id));
  }

  #oursOnServer({ checkpoint }: Case): PermissionRow[] {
    const unmanaged = new Set((this.#unmanaged.get(checkpoint) ?? []).map(({ id }) => id));
    return this.scenario.api.permissions(checkpoint).filter(({ id }) => !unmanaged.has(id));
  }

  #noteUnmanaged(checkpoint: string, row: PermissionRow): void {
    this.#unmanaged.set(checkpoint, [...(this.#unmanaged.get(checkpoint) ?? []), row]);
  }

  async #recorded(): Promise<Map<string, Recorded[]>> {
    const recorded = new Map<string, Recorded[]>();
    for (const resource of await this.scenario.all()) {
      if (!this.scenario.isOurs(resource)) continue;
      const { urn, id, outputs } = resource;
      const key = nameOf(urn).split("-")[0]!;
      const rows = (outputs?.["permissions"] as Recorded[] | undefined) ?? [
        { projectId: String(outputs?.["projectId"]), id: id! },
      ];
      recorded.set(key, [...(recorded.get(key) ?? []), ...rows]);
    }
    return recorded;
  }

  #addProblem(one: Case, what: string): void {
    this.problems.push(`- ${one.title}: ${what}`);
  }
}
