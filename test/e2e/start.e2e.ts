import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect } from "chai";

/** What README shows of a preview is what the CLI prints, but for names, IDs and dates. */
function assertReadmeIsSo(stdout: string): void {
  const plain = (text: string) =>
    text
      .replace(/cp_\w+/g, "cp_")
      .replace(/\S+@acme\.example/g, "EMAIL")
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d/g, "DATE")
      .replace(/\s+/g, " ")
      .trim();
  const printed = plain(stdout);
  const [, shown] = /\$ pulumi preview\n([^]*?)```/.exec(readFileSync("README.md", "utf8"))!;
  const lines = shown!.trim().split("\n");
  expect(lines).to.have.length.above(8);
  for (const line of lines) expect(printed).to.include(plain(line));
}

describe("npm start", function () {
  it("npm start shows the main job from beginning to end and leaves nothing behind", async function () {
    const before = readdirSync("examples/quickstart");
    const { stdout } = await promisify(execFile)(process.execPath, ["--require", "tsx/cjs", "sandbox/start.ts"]);
    const expected = [
      "Running on",
      "to create",
      "created",
      "an hour ago",
      "proj_mobile (Mobile app) lost its access",
      "was revoked outside of Pulumi by",
      "1 to replace",
      "1 replaced",
      "deleted",
      "no project",
      "Done, with 5 GET, 2 POST and 3 DELETE requests.",
      "Next: start `npm run sandbox`",
    ];
    const words = stdout.replace(/\s+/g, " ");
    let from = 0;
    for (const text of expected) {
      const at = words.indexOf(text, from);
      expect(at, `${text}\n${stdout}`).to.be.at.least(from);
      from = at;
    }
    const wide = stdout.split("\n").filter((line) => line.length > 80 && /\S \S/.test(line.trim().slice(0, 60)));
    expect(wide.filter((line) => !line.startsWith("$ curl"))).to.deep.equal([]);
    if (words.includes("Running on the Pulumi CLI")) assertReadmeIsSo(stdout);
    expect(stdout).not.to.include("sk-admin");
    expect(readdirSync("examples/quickstart")).to.deep.equal(before);
  });
});
