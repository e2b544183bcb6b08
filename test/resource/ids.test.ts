import * as pulumi from "@pulumi/pulumi";
import { inspect } from "node:util";
import { expect } from "chai";
import fc from "fast-check";
import { checkId, compareIds, groupBy, isCheckpointId } from "../../provider/resource/ids";

describe("IDs in a program", function () {
  const good: [Parameters<typeof checkId>[0], string][] = [
    ["fineTunedModelCheckpoint", "ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd"],
    ["fineTunedModelCheckpoint", "ft:gpt-4.1-mini-2025-04-14:org::B7R9VjQd"],
    ["fineTunedModelCheckpoint", "ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd:ckpt-step-2000"],
    ["fineTunedModelCheckpoint", "ft-AF1WoRqd3aJAHsqc9NY7iL8F"],
    ["projectId", "proj_abGMw1llN8IrBb6SvvY5A1iH"],
    ["projectId", pulumi.runtime.unknownValue],
  ];
  for (const [property, value] of good) {
    it(`${property} accepts ${value === pulumi.runtime.unknownValue ? "a value not known yet" : value}`, function () {
      expect(checkId(property, value)).to.equal(undefined);
    });
  }

  const bad: [Parameters<typeof checkId>[0], unknown, string][] = [
    ["projectId", undefined, "is missing"],
    ["projectId", null, "is missing"],
    ["projectId", "", "is missing"],
    ["projectId", 7, "must be a string, but is of type number"],
    ["projectId", ["proj_a"], "must be a string, but is a list"],
    ["projectId", "My project", "may hold letters"],
    ["projectId", "web", '"web" must begin with "proj_"'],
    ["projectId", "proj_", 'must begin with "proj_"'],
    ["projectId", " proj_a", "may hold letters"],
    ["projectId", "org-abc", "must not be an organization's ID"],
    ["projectId", "sk-proj-abc", "must not be an API key"],
    ["fineTunedModelCheckpoint", "gpt-4o-mini", 'must begin with "ft:"'],
    ["fineTunedModelCheckpoint", "ftjob-abc", "must not be a fine-tuning job's ID"],
    ["fineTunedModelCheckpoint", "ftckpt_abc", "must not be a checkpoint object's own ID"],
    ["fineTunedModelCheckpoint", "cp_abc", "must not be a permission's ID"],
    ["fineTunedModelCheckpoint", "ft:../../admin", "may hold letters"],
    ["fineTunedModelCheckpoint", "ft:a?limit=1", "may hold letters"],
    ["fineTunedModelCheckpoint", "ft:a#b", "may hold letters"],
    ["fineTunedModelCheckpoint", "ft:a\u0000b", "may hold letters"],
    ["fineTunedModelCheckpoint", `ft:${"a".repeat(10_000)}`, "is 10003 characters long"],
  ];
  for (const [property, value, reason] of bad) {
    it(`${property} rejects ${inspect(value, { maxStringLength: 20 })}: ${reason}`, function () {
      const failure = checkId(property, value);
      expect(failure?.property).to.equal(property);
      expect(failure?.reason).to.include(`${property} `).and.to.include(reason).and.to.include("looks like");
    });
  }

  it("an error about an ID never repeats an API key", function () {
    expect(checkId("projectId", "sk-admin-secret")?.reason).not.to.include("secret");
  });

  it("only IDs that are safe in a URL's path are accepted", function () {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.anything()), (value) => {
        for (const prefix of ["", "proj_", "ft:"]) {
          const id = typeof value === "string" ? prefix + value : value;
          for (const property of ["projectId", "fineTunedModelCheckpoint"] as const) {
            const failure = checkId(property, id);
            if (failure === undefined) expect(id).to.match(/^[\w.:-]+$/);
            else expect(failure.reason).to.include(property);
          }
        }
      }),
    );
  });

  it("an ID that may begin in two ways is told both", function () {
    expect(checkId("fineTunedModelCheckpoint", "gpt")?.reason).to.include('"gpt" must begin with "ft:" or "ft-".');
  });

  for (const [property, value, isName] of [
    ["projectId", "My project", true],
    ["projectId", "  ", false],
    ["projectId", "proj_a b", false],
    ["fineTunedModelCheckpoint", "My model", false],
  ] as const) {
    it(`"${value}" is ${isName ? "taken" : "not taken"} for a project's name`, function () {
      const reason = checkId(property, value)?.reason;
      const question = " Is it the project's name?";
      expect(reason).to.include(`it has other characters, or spaces.${isName ? question : " "}`);
      expect(reason?.includes(question)).to.equal(isName);
    });
  }

  it("a checkpoint's ID is told from a project's by its beginning", function () {
    for (const id of ["ft:gpt-4.1", "ft-AF1W"]) expect(isCheckpointId(id), id).to.equal(true);
    for (const id of ["proj_abc", "proj_ft:", "gpt-ft-"]) expect(isCheckpointId(id), id).to.equal(false);
  });

  it("IDs are sorted in the same way on every machine", function () {
    expect(["b", "a", "B", "_", "a"].sort(compareIds)).to.deep.equal(["B", "_", "a", "a", "b"]);
    expect([compareIds("a", "b"), compareIds("b", "a"), compareIds("a", "a")]).to.deep.equal([-1, 1, 0]);
  });

  it("items are grouped in the order in which they come", function () {
    expect([...groupBy(["b1", "a1", "b2"], ([first]) => first!)]).to.deep.equal([
      ["b", ["b1", "b2"]],
      ["a", ["a1"]],
    ]);
  });
});
