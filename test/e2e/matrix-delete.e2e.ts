import { throughEachEntryPoint } from "./engines";
import { casesOf, Matrix, projectsOf, selected, type Call, type Matrices } from "./matrix/matrix";
import { throttlings, faults } from "./matrix/faults";

const calls: Call[] = [
  { title: "the revocation (DELETE)", method: "DELETE" },
  {
    title: "the look after a lost revocation (GET)",
    method: "GET",
    first: { method: "DELETE", kind: "lost answer" },
  },
];

const matrices: Matrices[] = [
  ["whatever it is", casesOf("delete", { calls, faults })],
  ...throttlings.map((throttling): Matrices => [
    `after ${throttling.title}`,
    casesOf("delete", { calls, faults: [throttling] }),
  ]),
];

throughEachEntryPoint("whatever goes wrong while deleting", function (createScenario) {
  for (const [title, cases] of selected(matrices)) {
    it(`state keeps what is left, and the next up and destroy go on from there, ${title} (${cases.length} cases)`, async function () {
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
