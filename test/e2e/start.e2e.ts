import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { expect } from "chai";

describe("npm start", function () {
  it("npm start shows the main job from beginning to end and leaves nothing behind", async function () {
    const before = readdirSync("examples/quickstart");
    const { stdout } = await promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "sandbox/start.ts"]);
    const expected = [
      "Running on",
      "+ 3 to create",
      "+ 3 created",
      "proj_mobile",
      "was revoked outside of Pulumi",
      "+- 1 to replace, 2 unchanged",
      "+- 1 replaced, 2 unchanged",
      "- 3 deleted",
      "no project",
      "Done, with 5 GET, 2 POST and 3 DELETE requests.",
    ];
    let from = 0;
    for (const text of expected) {
      const at = stdout.indexOf(text, from);
      expect(at, `${text}\n${stdout}`).to.be.at.least(from);
      from = at;
    }
    expect(stdout).not.to.include("sk-admin");
    expect(readdirSync("examples/quickstart")).to.deep.equal(before);
  });
});
