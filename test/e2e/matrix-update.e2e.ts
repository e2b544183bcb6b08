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
import { throttlings, faults } from "./matrix/faults";

const granting: Call[] = [
  { title: "the grant (POST)", method: "POST" },
  { title: "the look after a lost answer (GET)", method: "GET", first: { method: "POST", kind: "lost answer" } },
];
const revoking: Call[] = [
  { title: "the revocation (DELETE)", method: "DELETE" },
  { title: "the look after a lost revocation (GET)", method: "GET", first: { method: "DELETE", kind: "lost answer" } },
];
const shapes = ["a set of one", "a set of three", "an exclusive set of three"] as const;

const matrices: Matrices[] = [
  ["at a revocation", casesOf("update", { calls: revoking, faults, shapes })],
  ...repeats.map((repeatedPost): Matrices => [
    `where a repeated POST is to ${repeatedPost}`,
    casesOf("update", { calls: granting, faults, shapes, repeatedPost }),
  ]),
  ...throttlings.map((throttling): Matrices => [
    `after ${throttling.title}`,
    casesOf("update", { calls: [...granting, ...revoking], shapes, faults: [throttling] }),
  ]),
];

throughEachEntryPoint("whatever goes wrong while updating", function (createScenario) {
  for (const [title, cases] of selected(matrices)) {
    it(`ends as declared, ${title} (${cases.length} cases)`, async function () {
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
