import { onEachEngine } from "./engines";
import { casesOf, Matrix, projectsOf, repeats, type Call, type Case } from "./matrix/matrix";
import { throttlings, troubles } from "./matrix/troubles";

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
 * A whole list that lacks what was just granted and lost cannot be told from the truth: it is granted once more, and
 * where that makes a second permission, nobody knows of the first.
 */
function isBeyondTelling({ call, trouble, shape, repeatedPost }: Case): boolean {
  const isInPages = shape === "three in a batch" || shape === "a set of three";
  return repeatedPost === "duplicate" && call.first !== undefined && isInPages && trouble.title.startsWith("a row of");
}

const matrices: [title: string, cases: Case[]][] = [
  ["at the look before", casesOf("create", { calls: [look], troubles })],
  ...repeats.map((repeatedPost): [string, Case[]] => [
    `where a repeated POST is to ${repeatedPost}`,
    casesOf("create", { calls, troubles, repeatedPost }).filter((one) => !isBeyondTelling(one)),
  ]),
  ...throttlings.map((throttling): [string, Case[]] => [
    `after ${throttling.title}`,
    casesOf("create", { calls: [look, ...calls], shapes: few, troubles: [throttling] }),
  ]),
];

onEachEngine("whatever goes wrong while creating", function (createWorld) {
  for (const [title, cases] of matrices) {
    it(`ends as declared, ${title} (${cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createWorld(), cases);
      await matrix.declare(projectsOf);
      await matrix.runFaulty("up");
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    });
  }
});
