import fc from "fast-check";
import type { RepeatedPost } from "../../sandbox/api/api";
import { run } from "./programs";
import { keepsThePromise } from "./sequence";

/** The default run is the same each time; so many other sequences can be asked for. */
const asked = process.env["PROMISE_SEQUENCES"];
const sequences = Number(asked ?? 150);

describe("the promise", function () {
  it(`the promise is kept in ${sequences} random sequences of programs with faults`, async function () {
    this.timeout(1_800_000);
    const repeatedPost = fc.constantFrom<RepeatedPost>("return", "omit", "duplicate", "refuse");
    const property = fc.asyncProperty(repeatedPost, fc.array(run, { minLength: 2, maxLength: 4 }), keepsThePromise);
    await fc.assert(property, { numRuns: sequences, ...(asked === undefined ? { seed: -1172065862 } : {}) });
  });
});
