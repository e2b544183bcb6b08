import { throughEachEntryPoint } from "./engines";
import {
  casesOf,
  changedProjectsOf,
  Matrix,
  projectsOf,
  repeats,
  selected,
  type Call,
  type Matrices,
} from "./matrix/matrix";
import { rateLimits, faults } from "./matrix/faults";

const granting: Call[] = [
  { title: "the grant (POST)", method: "POST" },
  { title: "the look after a lost answer (GET)", method: "GET", first: { method: "POST", kind: "lost answer" } },
];
const revoking: Call[] = [
  { title: "the revocation (DELETE)", method: "DELETE" },
  {
    title: "the look after a revocation with a lost answer (GET)",
    method: "GET",
    first: { method: "DELETE", kind: "lost answer" },
  },
];
const shapes = ["a set of one", "a set of three", "an exclusive set of three"] as const;

const matrices: Matrices[] = [
  ["faults at a revocation", casesOf("update", { calls: revoking, faults, shapes })],
  ...repeats.map((repeatedPost): Matrices => [
    `faults where a repeated POST is to ${repeatedPost}`,
    casesOf("update", { calls: granting, faults, shapes, repeatedPost }),
  ]),
  ...rateLimits.map((rateLimit): Matrices => [
    `a ${rateLimit.title}`,
    casesOf("update", { calls: [...granting, ...revoking], shapes, faults: [rateLimit] }),
  ]),
];

throughEachEntryPoint("faults while updating", function (createScenario) {
  for (const [title, cases] of selected(matrices)) {
    it(`updates end as declared after ${title} (${cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createScenario(), cases);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      await matrix.declare(changedProjectsOf);
      await matrix.runFaulty("up");
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    });
  }
});
