import { throughEachEntryPoint } from "./engines";
import { casesOf, Matrix, projectsOf, selected, type Call, type Matrices } from "./matrix/matrix";
import { rateLimits, faults } from "./matrix/faults";

const calls: Call[] = [
  { title: "the revocation (DELETE)", method: "DELETE" },
  {
    title: "the look after a revocation with a lost answer (GET)",
    method: "GET",
    first: { method: "DELETE", kind: "lost answer" },
  },
];

const matrices: Matrices[] = [
  ["any fault", casesOf("delete", { calls, faults })],
  ...rateLimits.map((rateLimit): Matrices => [
    `a ${rateLimit.title}`,
    casesOf("delete", { calls, faults: [rateLimit] }),
  ]),
];

throughEachEntryPoint("faults while deleting", function (createScenario) {
  for (const [title, cases] of selected(matrices)) {
    it(`up and destroy recover from ${title} (${cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createScenario(), cases);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      await matrix.runFaulty("destroy");
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    });
  }
});
