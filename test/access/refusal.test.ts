import { readFileSync } from "node:fs";
import { expect } from "chai";
import { recoveryOf } from "../../provider/access/refusal";

type Facts = Parameters<typeof recoveryOf>[0];
type Row = [facts: Partial<Facts>, outcome: ReturnType<typeof recoveryOf>];

/** What is refused for good. */
const final = { isTemporary: false, isAmbiguous: false };
/** The same, once there is nothing to look for any more. */
const looked = { ...final, hasLooked: true };

/** What a row leaves out does not matter to it. */
const table: Row[] = [
  [{ isTemporary: true }, "postAgain"],
  [{ isTemporary: false, isAmbiguous: true }, "settle"],
  [{ ...final, isConflict: true, mayBeDone: true }, "await"],
  [{ ...final, isConflict: true, mayBeDone: false, hasLooked: false }, "look"],
  [{ ...final, isConflict: false, isAboutProjects: true, hasLooked: false }, "look"],
  [{ ...looked, isConflict: false, isAboutProjects: true, isOnlyOne: false }, "split"],
  [{ ...looked, isConflict: true, mayBeDone: false, isAboutProjects: true, isOnlyOne: false }, "split"],
  [{ ...looked, isConflict: false, isAboutProjects: true, isOnlyOne: true }, "refuse"],
  [{ ...looked, isConflict: true, mayBeDone: false, isAboutProjects: true, isOnlyOne: true }, "refuse"],
  [{ ...looked, isConflict: true, mayBeDone: false, isAboutProjects: false }, "refuse"],
  [{ ...final, isConflict: false, isAboutProjects: false }, "refuse"],
];
const names = [
  ...(["isTemporary", "isAmbiguous", "isConflict", "isAboutProjects"] as const),
  ...(["mayBeDone", "hasLooked", "isOnlyOne"] as const),
];

/** All facts that there may be. */
function everything(): Facts[] {
  const all = Array.from({ length: 2 ** names.length }, (_, bits) =>
    Object.fromEntries(names.map((name, index) => [name, (bits & (1 << index)) !== 0])),
  );
  return all as unknown as Facts[];
}

describe("What follows from a refused grant", function () {
  it("each case is in one row of the table, and comes out as the row says", function () {
    for (const facts of everything()) {
      const rows = table.filter(([row]) => names.every((name) => row[name] === undefined || row[name] === facts[name]));
      expect(rows, JSON.stringify(facts)).to.have.length(1);
      expect(recoveryOf(facts), JSON.stringify(facts)).to.equal(rows[0]![1]);
    }
  });

  it("the table in docs/architecture.md has the same outcomes in the same order", function () {
    const [, section] = readFileSync("docs/architecture.md", "utf8").split("## When a grant is refused");
    const rows = section!.split("\n\n").find((part) => part.startsWith("|"));
    const outcomes = rows!
      .split("\n")
      .slice(2)
      .map((row) => /`(\w+)`\s*\|$/.exec(row)![1]);
    expect(outcomes).to.deep.equal([...new Set(table.map(([, outcome]) => outcome))]);
  });
});
