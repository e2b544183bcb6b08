import fc from "fast-check";
import type { RepeatedPost } from "../../sandbox/api/api";
import { run } from "./programs";
import { keepsThePromise } from "./sequence";

/** So many, and fewer, are the same ones each time; more are random ones. */
const usual = 150;
const sequences = Number(process.env["PROMISE_SEQUENCES"] ?? usual);

describe("the promise", function () {
  it(`the promise is kept in ${sequences} random sequences of programs with faults`, async function () {
    this.timeout(1_800_000);
    const repeatedPost = fc.constantFrom<RepeatedPost>("return", "omit", "duplicate", "refuse");
    const property = fc.asyncProperty(repeatedPost, fc.array(run, { minLength: 2, maxLength: 4 }), keepsThePromise);
    await fc.assert(property, { numRuns: sequences, ...(sequences > usual ? {} : { seed: -1172065862 }) });
  });
});
