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
import { rateLimits, faults } from "./matrix/faults";

const look: Call = { title: "the look before (GET)", method: "GET" };
const calls: Call[] = [
  { title: "the grant (POST)", method: "POST" },
  {
    title: "the look after a lost answer (GET)",
    method: "GET",
    first: { method: "POST", kind: "lost answer" },
  },
];
const few = ["a permission", "a set of three"] as const;

/**
 * After a grant whose answer never arrived, a whole list that lacks the new permission cannot be recognized as wrong: it is
 * granted once more. Where that creates a second permission, no state has the first. Nor does an exclusive set then know
 * which unmanaged permissions there are.
 */
function isUndecidable({ call, faultKind, shape, repeatedPost }: Case): boolean {
  const isExclusive = shape === "an exclusive set of three";
  const isRecognizable =
    call.first === undefined || !faultKind.title.startsWith("a row of") || !shape.includes("three");
  return !isRecognizable && (repeatedPost === "duplicate" || isExclusive);
}

const matrices: Matrices[] = [
  // An exclusive set looks as early as in its check, which stops the whole run.
  ["faults at the look before", casesOf("create", { calls: [look], faults, shapes: shapes.slice(0, 4) })],
  ...repeats.map((repeatedPost): Matrices => [
    `faults where a repeated POST is to ${repeatedPost}`,
    casesOf("create", { calls, faults, repeatedPost }).filter((one) => !isUndecidable(one)),
  ]),
  ...rateLimits.map((rateLimit): Matrices => [
    `a ${rateLimit.title}`,
    casesOf("create", { calls: [look, ...calls], shapes: few, faults: [rateLimit] }),
  ]),
];

throughEachEntryPoint("faults while creating", function (createScenario) {
  for (const [title, cases] of selected(matrices)) {
    it(`creates end as declared after ${title} (${cases.length} cases)`, async function () {
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
