import { expect } from "chai";
import { GatheredLines, ImmediateLines, type Line, type Lines } from "../../provider/access/lines";
import { TestClock } from "../support/clock";

const has: Line = (checkpoint, permissions) =>
  `${checkpoint}: ${permissions.map(({ projectId }) => projectId).join(", ")}`;
const loses: Line = (checkpoint, permissions) => `${has(checkpoint, permissions)} loses`;
const permissions = (...projectIds: string[]) =>
  projectIds.map((projectId) => ({ id: `cp_${projectId}`, projectId, createdAt: 1 }));

const kinds: [title: string, make: (say: (line: string) => void, clock: TestClock) => Lines][] = [
  ["Gathered lines", (say, clock) => new GatheredLines(say, clock)],
  ["Immediate lines", (say) => new ImmediateLines(say)],
];

for (const [title, make] of kinds) {
  const isGathered = title === "Gathered lines";
  describe(title, function () {
    function lines() {
      const said: string[] = [];
      const clock = new TestClock();
      return { said, clock, lines: make((line) => said.push(line), clock) };
    }

    it(`lines of one checkpoint are ${isGathered ? "one, said once nothing more has come" : "said one by one"}`, async function () {
      const { said, clock, lines: all } = lines();
      for (const project of ["b", "a"]) all.add(has, "one", permissions(project));
      all.add(has, "two", permissions("a"));
      all.add(loses, "one", permissions("a"));
      if (isGathered) expect(said).to.deep.equal([]);
      await clock.sleep(5_000);
      const first = isGathered ? ["one: a, b"] : ["one: b", "one: a"];
      expect(said).to.deep.equal([...first, "two: a", "one: a loses"]);
    });

    it("projects are said in one order, and each once", async function () {
      const { said, clock, lines: all } = lines();
      all.add(has, "one", permissions("b", "a"));
      await clock.sleep(5_000);
      all.add(has, "one", permissions("a", "b"));
      await clock.sleep(5_000);
      all.end();
      expect(said).to.deep.equal(["one: a, b"]);
    });

    it(`what may change is said ${isGathered ? "as it is at the end" : "as it is now"}`, async function () {
      const { said, clock, lines: all } = lines();
      const given = new Set(["a"]);
      all.addAtEnd("one", permissions("a", "b", "c"), ({ projectId }) => (given.has(projectId) ? undefined : loses));
      await clock.sleep(5_000);
      given.add("b");
      all.end();
      expect(said).to.deep.equal([isGathered ? "one: c loses" : "one: b, c loses"]);
    });

    it(`minor lines are ${isGathered ? "said, too" : "left out"}`, function () {
      const { said, lines: all } = lines();
      all.addMinor(has, "one", permissions("a"));
      all.end();
      expect(said).to.deep.equal(isGathered ? ["one: a"] : []);
    });
  });
}
