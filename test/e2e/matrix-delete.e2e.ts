import { onEachEngine } from "./engines";
import { casesOf, Matrix, projectsOf, type Call, type Case } from "./matrix/matrix";
import { throttlings, troubles } from "./matrix/troubles";

const calls: Call[] = [
  { title: "the revocation (DELETE)", method: "DELETE" },
  {
    title: "the look after a lost revocation (GET)",
    method: "GET",
    first: { method: "DELETE", kind: "lost answer" },
  },
];

const matrices: [title: string, cases: Case[]][] = [
  ["", casesOf("delete", { calls, troubles })],
  ...throttlings.map((throttling): [string, Case[]] => [
    ` after ${throttling.title}`,
    casesOf("delete", { calls, troubles: [throttling] }),
  ]),
];

onEachEngine("whatever goes wrong while deleting", function (createWorld) {
  for (const [title, cases] of matrices) {
    it(`state keeps what is left, and the next up and destroy go on from there${title} (${cases.length} cases)`, async function () {
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
