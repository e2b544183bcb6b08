import { expect } from "chai";
import fc from "fast-check";
import { parseHints } from "../../provider/resource/hints";

describe("the hints of a constructor", function () {
  it("what is not understood is left out, and the rest is kept", function () {
    expect(parseHints({ key: "k", urn: 1, others: "all", late: ["a"], declaredCount: null, more: true })).to.deep.equal(
      {
        ...{ key: "k", urn: undefined, others: undefined, late: ["a"], declaredCount: undefined },
      },
    );
  });

  it("hints of any form can be read", function () {
    const form = fc.dictionary(fc.constantFrom("key", "urn", "others", "late", "declaredCount"), fc.jsonValue());
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), form), (told) => {
        const { urn, others = {}, late = [] } = parseHints(told);
        expect(urn).to.satisfy((one: unknown) => one === undefined || typeof one === "string");
        expect([...Object.values(others).flat(), ...late]).to.satisfy((all: unknown[]) =>
          all.every((key) => typeof key === "string"),
        );
      }),
    );
  });
});
