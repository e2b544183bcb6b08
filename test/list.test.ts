import * as pulumi from "@pulumi/pulumi";
import { inspect } from "node:util";
import { expect } from "chai";
import nock from "nock";
import { listCheckpointPermissions, listCheckpointPermissionsOutput } from "../provider/index";
import { checkpoint, fakeApi, host, permissions } from "./api";

const adminApiKey = "sk-admin-test";

describe("asking who may use a checkpoint", function () {
  it("gives every permission, from all pages, newest first", async function () {
    const { emulator, requests } = fakeApi({ adminKey: adminApiKey });
    for (let index = 0; index < 250; index++) emulator.grant(checkpoint, `proj_${index}`);
    const rows = await listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }, { adminApiKey });
    expect(rows).to.have.length(250);
    expect(rows[0]).to.have.keys(["id", "projectId", "createdAt"]);
    expect(requests).to.have.length(3);
  });

  it("gives one project's, in one request", async function () {
    const { emulator, requests } = fakeApi({ adminKey: adminApiKey });
    const { id } = emulator.grant(checkpoint, "proj_a");
    emulator.grant(checkpoint, "proj_b");
    const args = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" };
    const rows = await listCheckpointPermissions(args, { adminApiKey });
    expect(rows.map((row) => row.id)).to.deep.equal([id]);
    expect(requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_a"]);
  });

  it("takes the key from the stack's config in a program, and outputs as arguments", async function () {
    const { emulator } = fakeApi({ adminKey: adminApiKey });
    emulator.grant(checkpoint, "proj_a");
    await pulumi.runtime.setMocks({
      newResource: ({ name, inputs }) => ({ id: name, state: inputs as object }),
      call: ({ inputs }) => inputs as Record<string, unknown>,
    });
    pulumi.runtime.setConfig("openai:adminApiKey", adminApiKey);
    const rows = listCheckpointPermissionsOutput({ fineTunedModelCheckpoint: pulumi.output(checkpoint) });
    const projects = await new Promise((resolve) => rows.apply((all) => resolve(all.map((row) => row.projectId))));
    expect(projects).to.deep.equal(["proj_a"]);
  });

  it("says in one line what failed and what to do", async function () {
    const body = { error: { message: "Incorrect API key provided: sk-admin-test", code: null, param: null } };
    nock(host).get(permissions).query(true).reply(401, body, { "x-request-id": "req_1" });
    const error = await listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }, { adminApiKey }).catch(
      (thrown: unknown) => thrown as Error,
    );
    expect((error as Error).message)
      .to.match(/^Cannot list who may use ft:\S+: 401 ".*\[key\]" \(request req_1\)\. Use an admin API key/)
      .and.not.to.include(adminApiKey);
    // As Node.js and Pulumi show what a program does not catch.
    expect(inspect(error)).to.equal(`[${(error as Error).message}]`);
  });

  it("refuses bad IDs before any request", async function () {
    const args = { fineTunedModelCheckpoint: "gpt-4o", projectId: "web" };
    const error = await listCheckpointPermissions(args, { adminApiKey }).catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message)
      .to.include("fineTunedModelCheckpoint")
      .and.to.include("projectId");
  });
});
