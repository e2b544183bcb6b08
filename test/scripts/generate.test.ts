import { readFileSync } from "node:fs";
import { expect } from "chai";
import { generated } from "../../scripts/generate";

describe("generated files", function () {
  it("each is what `npm run generate` makes of the settings, the types, their docstrings and the examples", async function () {
    for (const [path, text] of Object.entries(await generated()))
      expect(readFileSync(path, "utf8"), path).to.equal(text);
  });
});
