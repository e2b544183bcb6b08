import { expect } from "chai";
import { Gathered, type Line } from "../../provider/access/gathered";
import { TestClock } from "../support/clock";

const has: Line = (checkpoint, permissions) =>
  `${checkpoint}: ${permissions.map(({ projectId }) => projectId).join(", ")}`;
const loses: Line = (checkpoint) => `${checkpoint} loses`;
const permission = (projectId: string) => ({ id: `cp_${projectId}`, projectId, createdAt: 1 });

describe("What is said of single permissions", function () {
  function gathering(isImmediate = false) {
    const said: string[] = [];
    const clock = new TestClock();
    return { said, clock, gathered: new Gathered((line) => said.push(line), clock, isImmediate) };
  }

  it("permissions of one checkpoint are one line, said once nothing more has come for a while", async function () {
    const { said, clock, gathered } = gathering();
    for (const project of ["a", "b"]) gathered.add(has, "one", permission(project));
    gathered.add(has, "two", permission("a"));
    gathered.add(loses, "one", permission("a"));
    expect(said).to.deep.equal([]);
    await clock.sleep(5_000);
    expect(said).to.deep.equal(["one: a, b", "two: a", "one loses"]);
  });

  it("what was said is not said again", async function () {
    const { said, clock, gathered } = gathering();
    gathered.add(has, "one", permission("a"));
    gathered.flush();
    expect(said).to.deep.equal(["one: a"]);
    gathered.add(has, "one", permission("a"));
    await clock.sleep(5_000);
    expect(said).to.deep.equal(["one: a"]);
  });

  it("what may turn out not to be so is said at the end, if it is so", async function () {
    const { said, clock, gathered } = gathering();
    let isTrue = false;
    gathered.addAtEnd(has, "one", permission("a"), () => isTrue);
    gathered.addAtEnd(loses, "two", permission("a"), () => !isTrue);
    await clock.sleep(5_000);
    gathered.flush();
    expect(said).to.deep.equal([]);
    isTrue = true;
    gathered.end();
    expect(said).to.deep.equal(["one: a"]);
  });

  it("a process that may be killed says each at once", function () {
    const { said, gathered } = gathering(true);
    gathered.add(has, "one", permission("a"));
    gathered.add(has, "one", permission("b"));
    expect(said).to.deep.equal(["one: a", "one: b"]);
  });
});
