import { expect } from "chai";
import { throughEachEntryPoint } from "./engines";
import { isFull } from "./full";
import { casesOf, Matrix, projectsOf, selected, type Call, type Matrices } from "./matrix/matrix";
import { throttlings, faults } from "./matrix/faults";

const calls: Call[] = [{ title: "the look (GET)", method: "GET", isPlan: true }];
const all = casesOf("read and diff", { calls, faults });
const passing = all.filter(({ outcome }) => outcome === "succeeds");
const lasting = all.filter(({ outcome }) => outcome === "fails");
const strange = all.filter(({ faultKind }) => faultKind.saysCheckpointIsDeleted === true);
const looks = ["refresh", "preview"] as const;

throughEachEntryPoint("whatever goes wrong while looking", function (createScenario) {
  const matrices = [
    ["what passes", passing],
    ...throttlings.map((one): Matrices => [one.title, casesOf("read and diff", { calls, faults: [one] })]),
  ] satisfies Matrices[];
  for (const [title, cases] of selected(matrices)) {
    it(`gets over it, ${title}, and sees no drift (${looks.length * cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createScenario(), cases);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      const state = await matrix.state();
      for (const command of looks) {
        const run = await matrix.runFaulty(command, { continueOnError: false });
        expect(run.ok, run.output).to.equal(true);
        expect(Object.keys(run.counts), run.output).to.deep.equal([command === "refresh" ? "refresh" : "same"]);
        expect(await matrix.state()).to.equal(state);
      }
      await matrix.finish();
    });
  }

  it(`fails clearly on what lasts, with state as it was (${(isFull ? 1.6 : 1) * lasting.length} cases)`, async function () {
    this.timeout(600_000);
    const titles = [...new Set(lasting.map(({ faultKind }) => faultKind.title))];
    // Most of it is waiting between retries.
    const atATime = 4;
    await Promise.all(
      Array.from({ length: atATime }, async (_, worker) => {
        const mine = titles.filter((_title, index) => index % atATime === worker);
        const cases = lasting.filter(({ faultKind }) => mine.includes(faultKind.title));
        const matrix = await Matrix.create(await createScenario(), cases);
        await matrix.declare(projectsOf);
        await matrix.runClean("up");
        for (const title of mine) {
          const hit = cases.filter(({ faultKind }) => faultKind.title === title);
          await matrix.runExpectingFailure("refresh", hit);
          // A preview stops at the first, and looks at three as it does at one.
          const apart = hit.filter(({ shape }) => shape === "one alone" || shape.endsWith("set of three"));
          for (const one of isFull ? apart : []) await matrix.runExpectingFailure("preview", [one]);
        }
        await matrix.runClean("up");
        await matrix.assertAsDeclared();
        await matrix.finish();
      }),
    );
  });

  it(`adopts again what a strange answer hid (${looks.length * strange.length} cases)`, async function () {
    this.timeout(300_000);
    for (const command of looks) {
      const matrix = await Matrix.create(await createScenario(), strange);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      await matrix.runFaulty(command, { continueOnError: false });
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    }
  });
});
