import { expect } from "chai";
import schema from "../../provider/native/schema.json";
import { typesOf } from "../../provider/resource/reference";
import { checkpoint } from "../support/api";
import { permissionInputs, scenario, setInputs } from "../support/scenario";

const outputsOf = (type: keyof typeof schema.resources) => Object.keys(schema.resources[type].properties);

describe("The outputs of a resource", function () {
  it("a permission has those of the schema, and no others, when it is created, read and imported", async function () {
    const { permission } = scenario();
    const { id, outs } = await permission.create(permissionInputs);
    const { props } = await permission.read(id, outs);
    const imported = await permission.import(`${checkpoint}/proj_a`);
    for (const one of [outs, props, imported.props]) {
      expect(Object.keys(one!)).to.have.members(outputsOf(typesOf.permission.native));
    }
  });

  it("a set has those of the schema, and no others, when it is created, updated, read and imported", async function () {
    const { set } = scenario();
    const { outs } = await set.create(setInputs(["proj_a"]));
    const updated = (await set.update(checkpoint, outs!, setInputs(["proj_a", "proj_b"]))).outs as object;
    const { props } = await set.read(checkpoint, outs);
    const imported = await set.import(checkpoint);
    for (const one of [outs, updated, props, imported.props]) {
      expect(Object.keys(one!)).to.have.members(outputsOf(typesOf.permissionSet.native));
    }
  });
});
