import { throughEachDoor } from "./engines";
import { casesOf, Matrix, projectsOf, selected, type Call, type Matrices } from "./matrix/matrix";
import { throttlings, troubles } from "./matrix/troubles";

const calls: Call[] = [
  { title: "the revocation (DELETE)", method: "DELETE" },
  {
    title: "the look after a lost revocation (GET)",
    method: "GET",
    first: { method: "DELETE", kind: "lost answer" },
  },
];

const matrices: Matrices[] = [
  ["whatever it is", casesOf("delete", { calls, troubles })],
  ...throttlings.map((throttling): Matrices => [
    `after ${throttling.title}`,
    casesOf("delete", { calls, troubles: [throttling] }),
  ]),
];

throughEachDoor("whatever goes wrong while deleting", function (createWorld) {
  for (const [title, cases] of selected(matrices)) {
    it(`state keeps what is left, and the next up and destroy go on from there, ${title} (${cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createWorld(), cases);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      await matrix.runFaulty("destroy");
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    });
  }
});
