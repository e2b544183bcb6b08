import fc from "fast-check";

/** Random programs, and what goes wrong while they run. */

export const checkpoints = ["ft:m:acme::one", "ft:m:acme::two"];
export const projects = ["proj_a", "proj_b", "proj_c", "proj_d"];
/** A project that has access to each checkpoint and is in no program. */
export const unmanagedProject = "proj_unmanaged";

/** A resource that a program declares. */
export interface Declared {
  name: string;
  /** An index. */
  checkpoint: number;
  /** Indexes; a permission has one. */
  projects: number[];
  isSet: boolean;
  exclusive: boolean;
  /** Whether it depends on a resource that may fail. */
  dependsOnFailure: boolean;
  /** Of a set: whether an output of the failing resource is on its list, in place of the first project. */
  listsFailure: boolean;
  deleteBeforeReplace: boolean;
  trigger: number;
  /** The provider process that serves it: the dynamic host is 0, and the others are native providers. */
  process: number;
  /** What a policy makes of its projects, after the check. */
  remediated: number[] | undefined;
}

/** The projects that a resource is to give access in the end. */
export function effective({ remediated, projects: written }: Declared): number[] {
  return remediated ?? written;
}

/** One `up`, and what goes wrong. */
export interface Run {
  program: Declared[];
  /** Whether the resource fails that others depend on. */
  dependencyFails: boolean;
  continueOnError: boolean;
  parallel: number;
  /** Seconds since the run before. */
  pause: number;
  /** Seconds by which lists lag. */
  lag: number;
  /** Requests whose answer is lost. */
  lost: ("POST" | "DELETE")[];
  /** Requests of which the first is refused. */
  refused: ("GET" | "POST" | "DELETE")[];
  /** Answers that say what is not so. */
  misleading: Misleading[];
  /** What is wrong with what is there only to help. */
  harm: Harm;
  refresh: boolean;
  /** After so many writes a provider process is killed: what it has just done reaches nobody. */
  killedAfter?: number | undefined;
}

/**
 * One answer that the first checkpoint does not exist, to a GET, or to a DELETE and a GET; a gateway that gives it to each
 * GET of one project, whatever the whole list says; or the answers that a key of another organization gets to everything,
 * with or without words about the key.
 */
export type Misleading =
  | "404 to GET"
  | "404 to DELETE and GET"
  | "404 to each filtered GET"
  | "another organization"
  | "another organization, in plain words";

/** What is wrong with the extras of a run. */
export interface Harm {
  /** What constructors tell their checks: nothing, only what they know of themselves, or what is not so. */
  hints: "given" | "missing" | "own" | "wrong";
  /** What happens to the file that the processes share, once so many lines were written to it. */
  file: "kept" | "removed" | "truncated" | "full" | "unusable";
  after: number;
  /** Whether nothing can be printed. */
  isMute: boolean;
}

/** What the native plugin cannot know, as its documentation says. */
const unknownToPlugin = { listsFailure: false, deleteBeforeReplace: false };

const accesses = checkpoints.length * projects.length;

const program: fc.Arbitrary<Declared[]> = fc
  .record({
    // What gives each project access to each checkpoint.
    owners: fc.array(fc.constantFrom("nothing", "permission", "permission", "first set", "second set"), {
      minLength: accesses,
      maxLength: accesses,
    }),
    names: fc.shuffledSubarray(
      Array.from({ length: accesses }, (_, index) => `permission${index}`),
      { minLength: accesses },
    ),
    setNames: fc.shuffledSubarray(["set0", "set1", "set2", "set3", "set4"], { minLength: 4, maxLength: 4 }),
    flags: fc.array(
      fc
        .record({
          exclusive: rarely(),
          dependsOnFailure: rarely(),
          listsFailure: rarely(),
          deleteBeforeReplace: rarely(),
          trigger: fc.constantFrom(0, 0, 0, 1, 2),
          process: fc.constantFrom(0, 0, 0, 1, 2),
          isRemediated: rarely(),
        })
        .map((flag) => (flag.process === 0 ? flag : { ...flag, ...unknownToPlugin })),
      { minLength: 12, maxLength: 12 },
    ),
  })
  .map(({ owners, names, setNames, flags }) => {
    const declared: Declared[] = [];
    // By checkpoint, the projects that nothing gives access yet.
    const free = checkpoints.map((_, checkpoint) =>
      projects.flatMap((_, project) => (owners[checkpoint * projects.length + project] === "nothing" ? [project] : [])),
    );
    const rewritten = (checkpoint: number, written: number[]) => {
      const other = free[checkpoint]!.pop();
      if (written.length > 1) return other === undefined ? written.slice(1) : [...written, other];
      return other === undefined ? undefined : [other];
    };
    for (const [checkpoint] of checkpoints.entries()) {
      const ownerOf = (project: number) => owners[checkpoint * projects.length + project];
      for (const [slot, owner] of ["first set", "second set"].entries()) {
        const listed = projects.flatMap((_, project) => (ownerOf(project) === owner ? [project] : []));
        if (listed.length === 0) continue;
        const others = projects.some((_, project) => ![owner, "nothing"].includes(ownerOf(project)!));
        const { isRemediated, ...flag } = flags[8 + 2 * checkpoint + slot]!;
        declared.push({
          ...{ ...flag, name: setNames[2 * checkpoint + slot]!, checkpoint, projects: listed, isSet: true },
          exclusive: flag.exclusive && !others,
          remediated: isRemediated && !flag.listsFailure ? rewritten(checkpoint, listed) : undefined,
          // What such a set keeps for another resource it cannot give up before that one has come.
          deleteBeforeReplace: false,
        });
      }
      for (const [project] of projects.entries()) {
        const index = checkpoint * projects.length + project;
        if (ownerOf(project) !== "permission") continue;
        const { isRemediated, ...flag } = flags[index]!;
        declared.push({
          ...{ ...flag, name: names[index]!, checkpoint, projects: [project], isSet: false, exclusive: false },
          listsFailure: false,
          remediated: isRemediated ? rewritten(checkpoint, [project]) : undefined,
        });
      }
    }
    return declared;
  })
  .chain((declared) => fc.shuffledSubarray(declared, { minLength: declared.length }));

export const run: fc.Arbitrary<Run> = fc
  .record({
    program,
    dependencyFails: fc.boolean(),
    continueOnError: fc.boolean(),
    parallel: fc.constantFrom(1, 2, 8),
    pause: fc.constantFrom(0, 3600),
    lag: fc.constantFrom(0, 0, 8),
    lost: fc.array(fc.constantFrom("POST" as const, "DELETE" as const), { maxLength: 2 }),
    refused: fc.constant<Run["refused"]>([]),
    misleading: fc.array(
      fc.constantFrom<Misleading>(
        ...(["404 to GET", "404 to GET", "404 to DELETE and GET", "404 to each filtered GET"] as const),
        ...(["another organization", "another organization, in plain words"] as const),
      ),
      { maxLength: 1 },
    ),
    harm: fc.record<Harm>({
      hints: fc.constantFrom("given", "given", "given", "given", "missing", "own", "wrong"),
      file: fc.constantFrom("kept", "kept", "kept", "kept", "removed", "truncated", "full", "unusable"),
      after: fc.integer({ min: 0, max: 40 }),
      isMute: rarely(),
    }),
    refresh: rarely(),
  })
  // Where an answer is lost and no look shows what it was, the error says so, and the next program may not ask.
  .map((one) => (one.misleading.includes("404 to each filtered GET") ? { ...one, lost: [] } : one));

/** Nothing is wrong with the extras. */
export const unharmed: Harm = { hints: "given", file: "kept", after: 0, isMute: false };

function rarely(): fc.Arbitrary<boolean> {
  return fc.integer({ min: 0, max: 5 }).map((die) => die === 0);
}

/** One project's access to one checkpoint, as `checkpoint project`, both by index. */
export type AccessKey = string;

export function accessesOf(declared: readonly Declared[]): Set<AccessKey> {
  return new Set(declared.flatMap((one) => effective(one).map((project) => `${one.checkpoint} ${project}`)));
}

export function parsed(access: AccessKey): [checkpoint: number, project: number] {
  const [checkpoint, project] = access.split(" ").map(Number);
  return [checkpoint!, project!];
}
