import { expect } from "chai";
import { withHostErrors } from "../../provider/host/failure";
import { OperationFailed } from "../../provider/resource/failure";
import { failureOf } from "../support/failure";

const failing = (headline: string, remedy: string) =>
  failureOf(withHostErrors(() => Promise.reject(new OperationFailed(headline, remedy))));
/** What Pulumi's host prints of an error, besides what the engine shows at the resource. */
const printed = (error: Error) => `${String(error)}: ${error.stack!}`;

describe("a failure, as Pulumi's host shows it", function () {
  it("says what to do at the resource, once for all that fail for the same reason", async function () {
    const first = await failing("Cannot look up the access of proj_a to ft:m: 403.", "Use another key.");
    expect(first.message).to.equal("Cannot look up the access of proj_a to ft:m: 403. Use another key.");
    const second = await failing("Cannot look up the access of proj_b to ft:m: 403.", "Use another key.");
    expect(second.message).to.equal("Cannot look up the access of proj_b to ft:m: 403.");
    const other = await failing("Cannot grant proj_c access to ft:m: 400.", "Correct it.");
    expect(other.message).to.equal("Cannot grant proj_c access to ft:m: 400. Correct it.");
  });

  it("is one short line under the stack, and no trace of our code", async function () {
    const lines: [headline: string, line: string][] = [
      [
        "Cannot look up the access of proj_a to ft:m:o::1: 403 “No.”",
        "Failed: Cannot look up the access of proj_a to ft:m:o::1",
      ],
      [
        "Not all permissions for ft:m could be revoked: proj_a: no.",
        "Failed: Not all permissions for ft:m could be revoked",
      ],
      ["The state of cp_1 lacks its projectId, so nothing was done.", "Failed: The state of cp_1 lacks its projectId"],
    ];
    for (const [headline, line] of lines) expect(printed(await failing(headline, "Do it."))).to.equal(line);
  });

  it("that is a bug is shown as it is", async function () {
    const bug = new TypeError("a bug");
    expect(await failureOf(withHostErrors(() => Promise.reject(bug)))).to.equal(bug);
  });
});
