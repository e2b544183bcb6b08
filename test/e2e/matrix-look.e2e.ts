import { expect } from "chai";
import { throughEachEntryPoint } from "./engines";
import { isFull } from "./full";
import { casesOf, Matrix, projectsOf, selected, type Call, type Matrices } from "./matrix/matrix";
import { rateLimits, faults } from "./matrix/faults";

const calls: Call[] = [{ title: "the look (GET)", method: "GET", isPlan: true }];
const all = casesOf("read and diff", { calls, faults });
const passing = all.filter(({ outcome }) => outcome === "succeeds");
const lasting = all.filter(({ outcome }) => outcome === "fails");
const falseDeletions = all.filter(({ faultKind }) => faultKind.saysCheckpointIsDeleted === true);
const looks = ["refresh", "preview"] as const;

throughEachEntryPoint("faults while looking", function (createScenario) {
  const matrices = [
    ["faults that pass", passing],
    ...rateLimits.map((rateLimit): Matrices => [
      `a ${rateLimit.title}`,
      casesOf("read and diff", { calls, faults: [rateLimit] }),
    ]),
  ] satisfies Matrices[];
  for (const [title, cases] of selected(matrices)) {
    it(`refresh and preview see no drift after ${title} (${looks.length * cases.length} cases)`, async function () {
      this.timeout(300_000);
      const matrix = await Matrix.create(await createScenario(), cases);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      const state = await matrix.state();
      for (const command of looks) {
        const run = await matrix.runFaulty(command, { continueOnError: false });
        expect(run.ok, run.output).to.equal(true);
        expect(Object.keys(run.counts), run.output).to.deep.equal([command === "refresh" ? "refresh" : "same"]);
        expect(await matrix.state()).to.deep.equal(state);
      }
      await matrix.finish();
    });
  }

  it(`lasting faults fail clearly and leave state as it was (${(isFull ? 1.6 : 1) * lasting.length} cases)`, async function () {
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
          // A preview stops at the first, and looks at three permissions as it does at one.
          const apart = hit.filter(({ shape }) => shape === "a permission" || shape.endsWith("set of three"));
          for (const one of isFull ? apart : []) await matrix.runExpectingFailure("preview", [one]);
        }
        await matrix.runClean("up");
        await matrix.assertAsDeclared();
        await matrix.finish();
      }),
    );
  });

  it(`up adopts again what a false "checkpoint does not exist" hid (${looks.length * falseDeletions.length} cases)`, async function () {
    this.timeout(300_000);
    for (const command of looks) {
      const matrix = await Matrix.create(await createScenario(), falseDeletions);
      await matrix.declare(projectsOf);
      await matrix.runClean("up");
      await matrix.runFaulty(command, { continueOnError: false });
      await matrix.runClean("up");
      await matrix.assertAsDeclared();
      await matrix.finish();
    }
  });
});
