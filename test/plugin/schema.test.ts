import { readFileSync } from "node:fs";
import { expect } from "chai";
import { schemaFile, schemaText } from "../../scripts/schema";

describe("the native plugin's schema", function () {
  it("is what `npm run schema` makes of the types, their docstrings and the examples", async function () {
    expect(readFileSync(schemaFile, "utf8")).to.equal(await schemaText());
  });
});
