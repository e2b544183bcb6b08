import * as pulumi from "@pulumi/pulumi";
import { inspect } from "node:util";
import { expect } from "chai";
import nock from "nock";
import {
  CheckpointPermissionsError,
  listCheckpointPermissions,
  listCheckpointPermissionsOutput,
  type ListOptions,
} from "../../provider/index";
import { startProgram } from "../support/program";
import { failureOf } from "../support/failure";
import { checkpoint, fakeApi, host, permissions } from "../support/api";

let keys = 0;

/** With a key of its own, since calls with the same settings share what they read. */
function api() {
  const adminApiKey = `sk-admin-test-${++keys}`;
  const emulator = fakeApi({ adminKey: adminApiKey });
  return { emulator, requests: emulator.requests, adminApiKey };
}

describe("listCheckpointPermissions", function () {
  it("listCheckpointPermissions returns every permission, from all pages", async function () {
    const { emulator, requests, adminApiKey } = api();
    for (let index = 0; index < 250; index++) emulator.grant(checkpoint, `proj_${index}`);
    const { permissions: rows } = await listCheckpointPermissions(
      { fineTunedModelCheckpoint: checkpoint },
      { adminApiKey },
    );
    expect(rows).to.have.length(250);
    expect(rows[0]).to.have.keys(["id", "projectId", "createdAt"]);
    expect(requests).to.have.length(3);
  });

  it("listCheckpointPermissions reads one project's permissions in one request", async function () {
    const { emulator, requests, adminApiKey } = api();
    const { id } = emulator.grant(checkpoint, "proj_a");
    emulator.grant(checkpoint, "proj_b");
    const args = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" };
    const { permissions: rows } = await listCheckpointPermissions(args, { adminApiKey });
    expect(rows.map((row) => row.id)).to.deep.equal([id]);
    expect(requests.map(({ query }) => query["project_id"])).to.deep.equal(["proj_a"]);
  });

  it("listCheckpointPermissionsOutput takes outputs, and the key from the stack's config", async function () {
    const { emulator, adminApiKey } = api();
    emulator.grant(checkpoint, "proj_a");
    await startProgram();
    pulumi.runtime.setAllConfig({ "openai:adminApiKey": adminApiKey }, ["openai:adminApiKey"]);
    const rows = listCheckpointPermissionsOutput({ fineTunedModelCheckpoint: pulumi.output(checkpoint) }).permissions;
    const projects = await new Promise((resolve) => rows.apply((all) => resolve(all.map((row) => row.projectId))));
    expect(projects).to.deep.equal(["proj_a"]);
  });

  it("the options of Pulumi's functions leave the stack's config in force, and a provider is refused", async function () {
    const { emulator, adminApiKey } = api();
    emulator.grant(checkpoint, "proj_a");
    await startProgram();
    pulumi.runtime.setAllConfig({ "openai:adminApiKey": adminApiKey }, ["openai:adminApiKey"]);
    const args = { fineTunedModelCheckpoint: checkpoint };
    const parent = new pulumi.ComponentResource("test:index:Group", "group");
    expect((await listCheckpointPermissions(args, { parent })).permissions).to.have.length(1);
    const wrong = listCheckpointPermissions(args, { parent, provider: parent } as ListOptions);
    expect((await failureOf(wrong)).message).to.include('There is no option "provider"');
  });

  it("a misspelled setting of the stack is an error before listCheckpointPermissions makes a request", async function () {
    const { requests } = api();
    await startProgram();
    pulumi.runtime.setAllConfig({ "openai-checkpoint-permissions:requestPerMinute": "7" });
    const error = await failureOf(listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }));
    pulumi.runtime.setAllConfig({});
    expect(error.message).to.include("Did you mean requestsPerMinute?");
    expect(requests).to.have.length(0);
  });

  it("a script's error says in one line what failed and what to do", async function () {
    const adminApiKey = "sk-admin-test";
    const body = { error: { message: "Incorrect API key provided: sk-admin-test", code: null, param: null } };
    nock(host).get(permissions).query(true).reply(401, body, { "x-request-id": "req_1" });
    const error = await failureOf<CheckpointPermissionsError>(
      listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }, { adminApiKey }),
    );
    expect(error).to.be.instanceOf(CheckpointPermissionsError);
    expect(error).to.include({ status: 401, code: undefined, requestId: "req_1" });
    expect(error.message)
      .to.match(/^Cannot list who has access to ft:\S+: 401 ".*\[key\]" \(request req_1\)\. Set an admin API key/)
      .and.to.include(" in adminApiKey.")
      .and.not.to.include(adminApiKey);
    // As Node.js and Pulumi show what a program does not catch.
    expect(inspect(error))
      .to.include(error.message)
      .and.not.to.match(/^\s+at /m);
  });

  it("invalid IDs are an error before listCheckpointPermissions makes a request", async function () {
    const args = { fineTunedModelCheckpoint: "gpt-4o", projectId: "web" };
    const error = await failureOf(listCheckpointPermissions(args, {}));
    expect(error.message).to.include("fineTunedModelCheckpoint").and.to.include("projectId");
  });

  it("an argument or option that does not exist is an error naming those that do", async function () {
    const args = { fineTunedModelCheckpoint: checkpoint, projectID: "proj_a" };
    expect((await failureOf(listCheckpointPermissions(args, {}))).message).to.include(
      'There is no argument "projectID". Use fineTunedModelCheckpoint, projectId.',
    );
    const options = { apiKey: "sk-admin-test" };
    const wrong = listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }, options as ListOptions);
    expect((await failureOf(wrong)).message)
      .to.include('There is no option "apiKey"')
      .and.to.include("adminApiKey");
  });

  it("a script's error says how to pass the key or which option to correct", async function () {
    const list = (options: ListOptions) => listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }, options);
    expect((await failureOf(list({}))).message)
      .to.include("Set OPENAI_ADMIN_KEY, or pass adminApiKey")
      .and.not.to.include("pulumi");
    expect((await failureOf(list({ timeoutSeconds: 0 }))).message).to.include(
      'timeoutSeconds must be a number above 0, but is "0". Correct it in the options',
    );
  });

  it("another program in the same process reads the list again", async function () {
    const { emulator, requests, adminApiKey } = api();
    for (const project of ["proj_a", "proj_b"]) {
      emulator.grant(checkpoint, project);
      await startProgram();
      pulumi.runtime.setAllConfig({ "openai:adminApiKey": adminApiKey }, ["openai:adminApiKey"]);
      for (let calls = 0; calls < 2; calls++) await listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint });
    }
    expect(requests).to.have.length(2);
  });

  it("a script's error never mentions programs, stacks or state", async function () {
    const errors = [
      { status: 404, error: { message: "The model does not exist or you do not have access to it." } },
      { status: 404, error: { message: "Invalid URL" } },
      { status: 409, error: {} },
      { status: 500 },
    ];
    for (const kind of errors) {
      const { emulator, adminApiKey } = api();
      emulator.fail({ method: "GET", times: 4, kind });
      const list = listCheckpointPermissions({ fineTunedModelCheckpoint: checkpoint }, { adminApiKey });
      expect((await failureOf(list)).message).not.to.match(/pulumi|program|state|openai:|recorded|Nothing is lost/i);
    }
  });

  it("calls of listCheckpointPermissions with the same settings share what they read", async function () {
    const { emulator, requests, adminApiKey } = api();
    for (let index = 0; index < 50; index++) emulator.grant(checkpoint, `proj_${index}`);
    for (let index = 0; index < 50; index++) {
      const args = { fineTunedModelCheckpoint: checkpoint, projectId: `proj_${index}` };
      expect((await listCheckpointPermissions(args, { adminApiKey })).permissions).to.have.length(1);
    }
    expect(requests).to.have.length(2);
  });
});
