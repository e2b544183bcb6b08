import * as pulumi from "@pulumi/pulumi";
import { expect } from "chai";
import { shareWith } from "./access";

const list = "openai-checkpoint-permissions:index:listCheckpointPermissions";

describe("shareWith", function () {
  let declared: pulumi.runtime.MockResourceArgs[];

  beforeEach(async function () {
    declared = [];
    await pulumi.runtime.setMocks({
      newResource: (args) => {
        declared.push(args);
        return { id: `cp_${args.name}`, state: { ...(args.inputs as object), createdAt: 1767225600 } };
      },
      // It answers in place of the API, so the test needs no key and sends nothing.
      call: ({ token }) => {
        expect(token).to.equal(list);
        return { permissions: [{ id: "cp_1", projectId: "proj_old", createdAt: 1767225600 }] };
      },
    });
  });

  it("each environment's project gets access", async function () {
    const { permissions } = await shareWith("chat", ["test", "prod"]);
    await Promise.all(permissions.map(({ urn }) => new Promise((resolve) => urn.apply(resolve))));
    const projects = declared.map(({ inputs }) => (inputs as { projectId: string }).projectId);
    expect(projects.sort()).to.deep.equal(["proj_chat_prod", "proj_chat_test"]);
  });

  it("who has access already is told", async function () {
    expect((await shareWith("chat", ["test"])).before).to.deep.equal(["proj_old"]);
  });
});
