import { expect } from "chai";
import { Lines } from "../../provider/access/lines";
import type { Line } from "../../provider/messages";
import { TestClock } from "../support/clock";

const has: Line = (checkpoint, permissions) =>
  `${checkpoint}: ${permissions.map(({ projectId }) => projectId).join(", ")}`;
const loses: Line = (checkpoint, permissions) => `${has(checkpoint, permissions)} loses`;
const permissions = (...projectIds: string[]) =>
  projectIds.map((projectId) => ({ id: `cp_${projectId}`, projectId, createdAt: 1 }));

describe("Lines", function () {
  function lines() {
    const said: string[] = [];
    const clock = new TestClock();
    return { said, clock, lines: new Lines((line) => said.push(line), clock) };
  }

  it("lines of one checkpoint are one, said once nothing more has come", async function () {
    const { said, clock, lines: all } = lines();
    for (const project of ["b", "a"]) all.add(has, "one", permissions(project));
    all.add(has, "two", permissions("a"));
    all.add(loses, "one", permissions("a"));
    expect(said).to.deep.equal([]);
    await clock.sleep(5_000);
    expect(said).to.deep.equal(["one: a, b", "two: a", "one: a loses"]);
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

  it("what may change is said as it is at the end", async function () {
    const { said, clock, lines: all } = lines();
    const given = new Set(["a"]);
    const text = { current: "early" };
    all.addAtEnd("one", permissions("a", "b", "c"), ({ projectId }) => (given.has(projectId) ? undefined : loses));
    all.sayAtEnd(() => text.current);
    await clock.sleep(5_000);
    expect(said).to.deep.equal([]);
    given.add("b");
    text.current = "late";
    all.end();
    all.end();
    expect(said).to.deep.equal(["late", "one: c loses"]);
  });
});
