import { readFileSync } from "node:fs";
import { expect } from "chai";
import { releaseOf } from "../../provider/access/release";

type Facts = Parameters<typeof releaseOf>[0];
type Row = [facts: Partial<Facts>, outcome: ReturnType<typeof releaseOf>];

/** The table in docs/architecture.md, row by row. What a row leaves out does not matter to it. */
const table: Row[] = [
  [{ isMissing: true }, "missing"],
  [{ isMissing: false, inState: "this permission" }, "kept"],
  [{ isMissing: false, inState: "this permission, for another project" }, "missing"],
  [{ isMissing: false, inState: "another permission" }, "revoke"],
  [{ isMissing: false, inState: "nothing", isDeclared: "no" }, "revoke"],
  [{ isMissing: false, inState: "nothing", isDeclared: "maybe" }, "maybeDeclared"],
  [{ isMissing: false, inState: "nothing", isDeclared: "yes", isDeletedFirst: true }, "revoke"],
  [{ isMissing: false, inState: "nothing", isDeclared: "yes", isDeletedFirst: false }, "stillDeclared"],
];

/** All facts that there may be. */
function* everything(): Generator<Facts> {
  const inStates = [
    "this permission",
    "this permission, for another project",
    "another permission",
    "nothing",
  ] as const;
  for (const isMissing of [true, false])
    for (const inState of inStates)
      for (const isDeclared of ["yes", "maybe", "no"] as const)
        for (const isDeletedFirst of [true, false]) yield { isMissing, inState, isDeclared, isDeletedFirst };
}

describe("What becomes of a permission that is given up", function () {
  it("each case is in one row of the table, and comes out as the row says", function () {
    for (const facts of everything()) {
      const names = Object.keys(facts) as (keyof Facts)[];
      const rows = table.filter(([row]) => names.every((name) => row[name] === undefined || row[name] === facts[name]));
      expect(rows, JSON.stringify(facts)).to.have.length(1);
      expect(releaseOf(facts), JSON.stringify(facts)).to.equal(rows[0]![1]);
    }
  });

  it("the table in docs/architecture.md says the same", function () {
    const [, section] = readFileSync("docs/architecture.md", "utf8").split("## Giving up a permission");
    const rows = section!
      .split("\n\n")
      .find((part) => part.startsWith("|"))!
      .split("\n")
      .slice(2);
    const outcomes = rows.map((row) => /`(\w+)`\s*\|$/.exec(row)![1]);
    expect(outcomes).to.deep.equal(table.map(([, outcome]) => (outcome === "revoke" ? "revoked" : outcome)));
  });
});
