import { isFull } from "../e2e/full";
import { unharmed, type Declared, type Run } from "./programs";
import { keepsThePromise } from "./sequence";

/**
 * All pairs of programs with up to three resources over two projects of one checkpoint, each pair with every way to keep
 * or change names, to serve the resources, to order them, and with one thing that goes wrong.
 *
 * By default a part of them runs, evenly spread; all of them with FULL_TESTS.
 */

type Resource = Pick<Declared, "isSet" | "exclusive" | "projects">;

const permission = (project: number): Resource => ({ isSet: false, exclusive: false, projects: [project] });
const set = (...projects: number[]): Resource => ({ isSet: true, exclusive: false, projects });
const exclusiveSet = (...projects: number[]): Resource => ({ isSet: true, exclusive: true, projects });

/** No two give the same project access. */
const programs: Resource[][] = [
  [],
  ...[0, 1].map((project) => [permission(project)]),
  ...[[0], [1], [0, 1]].flatMap((list) => [[set(...list)], [exclusiveSet(...list)]]),
  [exclusiveSet()],
  [permission(0), permission(1)],
  [permission(0), set(1)],
  [set(0), permission(1)],
  [set(0), set(1)],
  [permission(0), permission(1), set()],
];

/** How the resources of a program are called: the first permission, the second, the first set… */
const namings: Record<string, (index: number, count: number) => number> = {
  "by position": (index) => index,
  swapped: (index, count) => (count === 1 ? 1 : count - 1 - index),
  "all new": (index) => index + 10,
};

/** The processes that serve resources before and after: 0 is the dynamic host, and the others are native providers. */
const servings: Record<string, (one: Resource, isAfter: boolean) => number> = {
  dynamic: () => 0,
  native: () => 1,
  "native, upgraded": (_, isAfter) => (isAfter ? 2 : 1),
  "sets native": ({ isSet }) => (isSet ? 1 : 0),
};

const orders: Record<string, { isReversed: boolean; parallel: number }> = {
  "one by one": { isReversed: false, parallel: 1 },
  "one by one, in reverse": { isReversed: true, parallel: 1 },
  "all at once": { isReversed: false, parallel: 8 },
};

/** What goes wrong in the run that changes the stack. */
const faults: Record<string, Partial<Run>> = {
  nothing: {},
  "a GET is refused": { refused: ["GET"] },
  "a POST is refused": { refused: ["POST"] },
  "a DELETE is refused": { refused: ["DELETE"] },
  "a POST is refused, and the rest goes on": { refused: ["POST"], continueOnError: true },
  "the answer to a POST is lost": { lost: ["POST"] },
  "the answer to a DELETE is lost": { lost: ["DELETE"] },
  "a process is killed after its first write": { killedAfter: 0 },
  "a process is killed after its second write, and the rest goes on": { killedAfter: 1, continueOnError: true },
  "lists lag": { lag: 8 },
  "the shared file is removed": { harm: { ...unharmed, file: "removed", after: 4 } },
  "the shared file is full": { harm: { ...unharmed, file: "full", after: 4 } },
  "constructors tell nothing": { harm: { ...unharmed, hints: "missing" } },
};

const plain: Run = {
  ...{ program: [], dependencyFails: false, continueOnError: false, parallel: 8, pause: 3600, lag: 0 },
  ...{ lost: [], refused: [], misleading: [], harm: unharmed, refresh: false },
};

function declared(resources: readonly Resource[], naming: string, serving: string, isAfter: boolean): Declared[] {
  return resources.map((one) => {
    const ofKind = resources.filter(({ isSet }) => isSet === one.isSet);
    const number = namings[naming]!(ofKind.indexOf(one), ofKind.length);
    return {
      ...{ ...one, name: `${one.isSet ? "set" : "permission"}${number}`, checkpoint: 0 },
      ...{
        dependsOnFailure: false,
        listsFailure: false,
        deleteBeforeReplace: false,
        trigger: 0,
        remediated: undefined,
      },
      process: servings[serving]!(one, isAfter),
    };
  });
}

function* cases(): Generator<[title: string, runs: [Run, Run]]> {
  for (const [index, before] of programs.entries()) {
    for (const [other, after] of programs.entries()) {
      // Exchanging the two projects gives the same case.
      if (isMirrored(before, after, index, other)) continue;
      for (const naming of Object.keys(namings)) {
        for (const serving of Object.keys(servings)) {
          for (const [order, { isReversed, parallel }] of Object.entries(orders)) {
            for (const [fault, change] of Object.entries(faults)) {
              const title = [textOf(before), textOf(after), naming, serving, order, fault].join("; ");
              const program = declared(after, naming, serving, true);
              if (isReversed) program.reverse();
              const first = { ...plain, program: declared(before, "by position", serving, false) };
              yield [title, [first, { ...plain, parallel, program, ...change }]];
            }
          }
        }
      }
    }
  }
}

const mirrored = (program: readonly Resource[]) =>
  program
    .map((one) => ({ ...one, projects: one.projects.map((project) => 1 - project).sort() }))
    .sort((one, another) => (textOf([one]) < textOf([another]) ? -1 : 1));
const sorted = (program: readonly Resource[]) =>
  textOf(program.toSorted((a, b) => (textOf([a]) < textOf([b]) ? -1 : 1)));

/** Whether the mirror image of this pair comes earlier. */
function isMirrored(before: Resource[], after: Resource[], index: number, other: number): boolean {
  const positionOf = (program: Resource[]) => programs.findIndex((one) => sorted(one) === textOf(mirrored(program)));
  const [mirroredIndex, mirroredOther] = [positionOf(before), positionOf(after)];
  return mirroredIndex < index || (mirroredIndex === index && mirroredOther < other);
}

function textOf(program: readonly Resource[]): string {
  const texts = program.map(({ isSet, exclusive, projects }) => {
    const kind = exclusive ? "exclusive set" : isSet ? "set" : "permission";
    return `${kind} of ${projects.map((project) => "ab"[project]).join("") || "nothing"}`;
  });
  return texts.join(" and ") || "nothing";
}

const all = [...cases()];
/** A prime, so that each factor takes turns with every other. */
const stride = 149;
const chosen = isFull ? all : all.filter((_, index) => index % stride === 0);

describe("the promise, exhaustively", function () {
  it(`the promise is kept in ${chosen.length} of ${all.length} pairs of small programs`, async function () {
    this.timeout(3_600_000);
    for (const [title, runs] of chosen) {
      try {
        await keepsThePromise("return", runs);
      } catch (error) {
        (error as Error).message = `${title}\n${(error as Error).message}`;
        throw error;
      }
    }
  });
});
