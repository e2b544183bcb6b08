import { readFileSync } from "node:fs";
import { expect } from "chai";
import { schemaFile, schemaText } from "../../scripts/schema";

describe("the native plugin's schema", function () {
  it("the schema is what `npm run dev:schema` makes of the types, their docstrings and the examples", async function () {
    expect(readFileSync(schemaFile, "utf8")).to.equal(await schemaText());
  });
});
