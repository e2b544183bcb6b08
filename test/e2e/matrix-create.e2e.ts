import { throughEachEntryPoint } from "./engines";
import {
  casesOf,
  Matrix,
  projectsOf,
  repeats,
  selected,
  shapes,
  type Call,
  type Case,
  type Matrices,
} from "./matrix/matrix";
import { throttlings, faults } from "./matrix/faults";

const look: Call = { title: "the look before (GET)", method: "GET" };
const calls: Call[] = [
  { title: "the grant (POST)", method: "POST" },
  {
    title: "the look after a lost answer (GET)",
    method: "GET",
    first: { method: "POST", kind: "lost answer" },
  },
];
const few = ["one alone", "a set of three"] as const;

/**
 * A whole list that lacks what was just granted and lost cannot be recognized: it is granted once more, and
 * where that makes a second permission, nobody knows of the first. Nor does an exclusive set know then who else is on it.
 */
function isBeyondTelling({ call, faultKind, shape, repeatedPost }: Case): boolean {
  const isExclusive = shape === "an exclusive set of three";
  const isTold = call.first === undefined || !faultKind.title.startsWith("a row of") || !shape.includes("three");
  return !isTold && (repeatedPost === "duplicate" || isExclusive);
}

const matrices: Matrices[] = [
  // An exclusive set looks as early as in its check, which stops the whole run.
  ["at the look before", casesOf("create", { calls: [look], faults, shapes: shapes.slice(0, 4) })],
  ...repeats.map((repeatedPost): Matrices => [
    `where a repeated POST is to ${repeatedPost}`,
    casesOf("create", { calls, faults, repeatedPost }).filter((one) => !isBeyondTelling(one)),
  ]),
  ...throttlings.map((throttling): Matrices => [
    `after ${throttling.title}`,
    casesOf("create", { calls: [look, ...calls], shapes: few, faults: [throttling] }),
  ]),
];

throughEachEntryPoint("whatever goes wrong while creating", function (createScenario) {
  for (const [title, cases] of selected(matrices)) {
    it(`ends as declared, ${title} (${cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createScenario(), cases);
      await matrix.declare(projectsOf);
      await matrix.runFaulty("up");
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    });
  }
});
