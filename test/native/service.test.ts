import { EventEmitter } from "node:events";
import * as pulumi from "@pulumi/pulumi";
import * as grpc from "@grpc/grpc-js";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { expect } from "chai";
import nock from "nock";
import { systemClock } from "../../provider/clock";
import type { EngineLog } from "../../provider/native/engine-log";
import { service } from "../../provider/native/service";
import { unmarshal, marshal, type Properties } from "../../provider/native/marshal";
import { adminKey, checkpoint, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";

type Service = ReturnType<typeof service>["calls"];

/** What gRPC would tell the engine of a call that failed. */
class CallFailed extends Error {
  constructor(readonly status: Partial<grpc.StatusObject>) {
    super(status.details);
  }
}

const urnOf = (name: string, type = "CheckpointPermission") =>
  `urn:pulumi:dev::project::openai-checkpoint-permissions:index:${type}::${name}`;
const permission = (projectId: unknown) => ({ fineTunedModelCheckpoint: checkpoint, projectId });
const set = (projectIds: unknown, exclusive = false) => ({
  fineTunedModelCheckpoint: checkpoint,
  projectIds,
  exclusive,
});
const secret = (value: unknown) => ({ [pulumi.runtime.specialSigKey]: pulumi.runtime.specialSecretSig, value });

/** Calls the service as the engine does. */
class Engine {
  /** What was printed, with the resource it was printed at. */
  readonly said: [urn: string, line: string][] = [];
  readonly #service: Service;
  #urn = "";

  /** @param longest sleeps of this many milliseconds or more never end. */
  constructor(longest = 60_000) {
    const engineLog: Pick<EngineLog, "at" | "print" | "sent"> = {
      at: (urn, operation) => {
        this.#urn = urn;
        return operation();
      },
      print: (line) => this.said.push([this.#urn, line]),
      sent: () => Promise.resolve(),
    };
    const sleep = (milliseconds: number) =>
      milliseconds < longest ? Promise.resolve() : new Promise<void>(() => undefined);
    this.#service = service(engineLog as EngineLog, { ...systemClock, sleep }).calls;
  }

  ask<Request, Response>(
    call: (service: Service) => grpc.handleUnaryCall<Request, Response>,
    request: Request,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const unary = Object.assign(new EventEmitter(), { request }) as grpc.ServerUnaryCall<Request, Response>;
      call(this.#service)(unary, (error, response) => {
        if (response == null) reject(new CallFailed(error as Partial<grpc.StatusObject>));
        else resolve(response);
      });
    });
  }

  configure(args: Properties = {}) {
    const request = new messages.ConfigureRequest().setArgs(marshal({ adminApiKey: secret(adminKey), ...args }));
    return this.ask((one) => one.configure, request);
  }

  async check(urn: string, news: Properties, olds: Properties = {}) {
    const request = new messages.CheckRequest().setUrn(urn).setOlds(marshal(olds)).setNews(marshal(news));
    const response = await this.ask((one) => one.check, request);
    const failures = response.getFailuresList().map((failure) => [failure.getProperty(), failure.getReason()]);
    return { inputs: response.getInputs()!.toJavaScript(), failures };
  }

  async checkConfig(news: Properties) {
    const response = await this.ask((one) => one.checkConfig, new messages.CheckRequest().setNews(marshal(news)));
    return response.getFailuresList().map((failure) => [failure.getProperty(), failure.getReason()]);
  }

  async create(urn: string, inputs: Properties, preview = false) {
    const request = new messages.CreateRequest().setUrn(urn).setProperties(marshal(inputs)).setPreview(preview);
    const response = await this.ask((one) => one.create, request);
    return { id: response.getId(), outputs: response.getProperties()!.toJavaScript() };
  }

  async diff(urn: string, id: string, olds: Properties, oldInputs: Properties, news: Properties) {
    const request = new messages.DiffRequest().setUrn(urn).setId(id);
    request.setOlds(marshal(olds)).setOldInputs(marshal(oldInputs)).setNews(marshal(news));
    const response = await this.ask((one) => one.diff, request);
    const details: Record<string, messages.PropertyDiff.Kind> = {};
    response.getDetaileddiffMap().forEach((diff, path) => (details[path] = diff.getKind()));
    return { changes: response.getChanges(), replaces: response.getReplacesList(), details };
  }

  async delete(urn: string, id: string, properties: Properties) {
    const request = new messages.DeleteRequest().setUrn(urn).setId(id).setProperties(marshal(properties));
    await this.ask((one) => one.delete, request);
  }

  /** Ends the plugin. */
  async end() {
    await this.ask((one) => one.cancel, new Empty());
  }

  async read(urn: string, id: string, properties: Properties = {}) {
    const request = new messages.ReadRequest().setUrn(urn).setId(id).setProperties(marshal(properties));
    const response = await this.ask((one) => one.read, request);
    return {
      id: response.getId(),
      outputs: response.getProperties()?.toJavaScript(),
      inputs: response.getInputs()?.toJavaScript(),
    };
  }
}

describe("the native plugin's service", function () {
  const { ADD, DELETE, UPDATE, ADD_REPLACE, UPDATE_REPLACE } = messages.PropertyDiff.Kind;
  let engine: Engine;

  beforeEach(async function () {
    engine = new Engine();
    await engine.configure();
  });
  afterEach(() => nock.cleanAll());

  it("a native permission has the same outputs as a dynamic permission, its handler included", async function () {
    const api = fakeApi();
    const { id, outputs } = await engine.create(urnOf("web"), permission("proj_web"));
    const [row] = api.permissions(checkpoint);
    expect(id).to.equal(row!.id);
    expect(outputs).to.deep.equal({
      ...permission("proj_web"),
      createdAt: row!.created_at,
      __provider: 'exports.handler=require("pulumi-openai-checkpoint-permissions/dynamic").permission',
    });
  });

  it("a preview grants nothing and marks what is not known yet", async function () {
    const api = fakeApi();
    const { id, outputs } = await engine.create(urnOf("web"), permission("proj_web"), true);
    expect(id).to.equal("");
    expect(outputs).to.include({ projectId: "proj_web", createdAt: pulumi.runtime.unknownValue });

    const olds = { ...set(["proj_a"]), permissions: [] };
    const request = new messages.UpdateRequest().setUrn(urnOf("team", "CheckpointPermissionSet")).setPreview(true);
    request.setOlds(marshal(olds)).setNews(marshal(set(["proj_a", "proj_b"])));
    const updated = (await engine.ask((one) => one.update, request)).getProperties()!.toJavaScript();
    expect(updated["permissions"]).to.equal(pulumi.runtime.unknownValue);
    expect(api.requests).to.deep.equal([]);
  });

  it("secret inputs stay secret in outputs and are readable for requests", async function () {
    const api = fakeApi();
    const { inputs, failures } = await engine.check(urnOf("web"), permission(secret("proj_web")));
    expect(failures).to.deep.equal([]);
    expect(inputs["projectId"]).to.deep.equal(secret("proj_web"));
    const team = await engine.create(urnOf("team", "CheckpointPermissionSet"), set([secret("proj_a"), "proj_b"]));
    expect(api.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
    expect(team.outputs["projectIds"]).to.deep.equal(secret(["proj_a", "proj_b"]));
    expect((team.outputs["permissions"] as Properties)[pulumi.runtime.specialSigKey]).to.equal(
      pulumi.runtime.specialSecretSig,
    );
    expect(team.outputs["exclusive"]).to.equal(false);
  });

  for (const unknown of [
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
  ]) {
    it(`the placeholder ${unknown.slice(0, 8)}… stands for a value that is not known yet`, async function () {
      expect((await engine.check(urnOf("web"), permission(unknown))).failures).to.deep.equal([]);
    });
  }

  it("an invalid input is reported by its path", async function () {
    const { failures } = await engine.check(urnOf("team", "CheckpointPermissionSet"), set(["proj_a", "org-b"]));
    expect(failures).to.have.length(1);
    expect(failures[0]![0]).to.equal("projectIds[1]");
  });

  it("two native resources for the same checkpoint and project are an error naming both", async function () {
    fakeApi();
    await engine.check(urnOf("web"), permission("proj_web"));
    const { failures } = await engine.check(urnOf("shop"), permission("proj_web"));
    expect(failures).to.have.length(1);
    expect(failures[0]![0]).to.equal("projectId");
    expect(failures[0]![1]).to.include('"web" and "shop" both give project proj_web access to');
  });

  it("a resource may claim access that another gives up, and may be checked twice", async function () {
    fakeApi();
    await engine.check(urnOf("web"), permission("proj_web"));
    await engine.check(urnOf("web"), permission("proj_mobile"));
    expect((await engine.check(urnOf("shop"), permission("proj_web"))).failures).to.deep.equal([]);
  });

  it("a native permission beside an exclusive set is an error", async function () {
    fakeApi();
    await engine.check(urnOf("team", "CheckpointPermissionSet"), set(["proj_a"], true));
    const { failures } = await engine.check(urnOf("web"), permission("proj_web"));
    expect(failures.flat().join()).to.include('"team" is the exclusive set');
  });

  it("an update of a permission, which only `pulumi do patch --stateless` asks for, says what to do instead", async function () {
    const api = fakeApi();
    const request = new messages.UpdateRequest()
      .setUrn(urnOf("web"))
      .setId("cp_1")
      .setOlds(marshal(permission("proj_a")))
      .setNews(marshal(permission("proj_b")));
    expect((await failureOf(engine.ask((one) => one.update, request))).message).to.equal(
      "Cannot update cp_1: another project or checkpoint means another permission. Create one for the new values, and " +
        "delete this one. In a program, `pulumi up` does both.",
    );
    expect(api.requests).to.deep.equal([]);
  });

  it("a set's diff reports added, removed and replaced projects by index", async function () {
    fakeApi();
    const urn = urnOf("team", "CheckpointPermissionSet");
    const oldInputs = set(["proj_a", "proj_b", "proj_c"]);
    const { id, outputs } = await engine.create(urn, oldInputs);
    await engine.check(urn, set(["proj_a", "proj_bb", "proj_d"]), oldInputs);
    const news = set(["proj_a", "proj_bb", "proj_d", "proj_e"]);
    expect((await engine.diff(urn, id, outputs, oldInputs, news)).details).to.deep.equal({
      "projectIds[1]": UPDATE,
      "projectIds[2]": UPDATE,
      "projectIds[3]": ADD,
    });
    expect((await engine.diff(urn, id, outputs, oldInputs, set(["proj_a", "proj_c"]))).details).to.deep.equal({
      "projectIds[1]": DELETE,
    });
    expect((await engine.diff(urn, id, outputs, oldInputs, set(oldInputs.projectIds, true))).details).to.deep.equal({
      exclusive: UPDATE,
    });
  });

  it("a diff reports revoked access as an addition", async function () {
    const api = fakeApi();
    const web = await engine.create(urnOf("web"), permission("proj_web"));
    const team = await engine.create(urnOf("team", "CheckpointPermissionSet"), set(["proj_a", "proj_b"]));
    for (const { id } of api.permissions(checkpoint)) api.revoke(id);
    engine = new Engine();
    await engine.configure();
    const inputs = permission("proj_web");
    const diff = await engine.diff(urnOf("web"), web.id, web.outputs, inputs, inputs);
    expect(diff.details).to.deep.equal({ projectId: ADD_REPLACE });
    const setInputs = set(["proj_a", "proj_b"]);
    const ofSet = await engine.diff(
      urnOf("team", "CheckpointPermissionSet"),
      team.id,
      team.outputs,
      setInputs,
      setInputs,
    );
    expect(ofSet.details).to.deep.equal({ "projectIds[0]": ADD, "projectIds[1]": ADD });
    expect(engine.said.map(([urn]) => urn)).to.deep.equal([urnOf("web"), urnOf("team", "CheckpointPermissionSet")]);
    const moved = await engine.diff(urnOf("web"), web.id, web.outputs, inputs, permission("proj_shop"));
    expect(moved).to.deep.include({ replaces: ["projectId"], details: { projectId: UPDATE_REPLACE } });
  });

  it("a set that was applied in part is reported to the engine with the permissions it has", async function () {
    fakeApi({ unknownProjects: ["proj_b"] });
    const failing = engine.create(urnOf("team", "CheckpointPermissionSet"), set([secret("proj_a"), "proj_b"]));
    const failure = await failureOf<CallFailed>(failing);
    const status = Status.deserializeBinary(failure.status.metadata!.get("grpc-status-details-bin")[0] as Buffer);
    const [detail] = status.getDetailsList();
    expect(detail!.getTypeName()).to.equal("pulumirpc.ErrorResourceInitFailed");
    const initFailed = messages.ErrorResourceInitFailed.deserializeBinary(detail!.getValue_asU8());
    expect(initFailed.getId()).to.equal(checkpoint);
    const { values, secrets } = unmarshal(initFailed.getProperties());
    expect((values["permissions"] as Properties[]).map(({ projectId }) => projectId)).to.deep.equal(["proj_a"]);
    expect([...secrets]).to.have.members(["projectIds", "permissions"]);
    expect(initFailed.getReasonsList().join()).to.include("Cannot grant proj_b");
  });

  it("a permission is imported by CHECKPOINT/PROJECT, and a set by CHECKPOINT", async function () {
    const api = fakeApi();
    const [b, a] = [api.grant(checkpoint, "proj_b"), api.grant(checkpoint, "proj_a")];
    const web = await engine.read(urnOf("web"), `${checkpoint}/proj_a`);
    expect(web).to.deep.include({ id: a.id, inputs: permission("proj_a") });
    expect(web.outputs).to.include({ createdAt: a.created_at });
    const team = await engine.read(urnOf("team", "CheckpointPermissionSet"), checkpoint);
    expect(team).to.deep.include({ id: checkpoint, inputs: set(["proj_a", "proj_b"]) });
    expect((team.outputs!["permissions"] as Properties[]).map(({ id }) => id)).to.deep.equal([a.id, b.id]);
  });

  it("a failed import says what is wrong with the ID or what does not exist", async function () {
    fakeApi();
    const message = async (urn: string, id: string) => (await failureOf(engine.read(urn, id))).message;
    expect(await message(urnOf("web"), `${checkpoint}/proj_none`)).to.include(`proj_none has no permission for`);
    expect(await message(urnOf("web"), "cp_123")).to.equal(
      'Cannot import "cp_123": it is not a checkpoint and a project. The ID to import is CHECKPOINT/PROJECT, such as ft:gpt-4.1-mini-2025-04-14:org:weather:B7R9VjQd/proj_abc123.',
    );
    expect(await message(urnOf("web"), `${checkpoint}/web`)).to.include('"web" must begin with "proj_"');
    expect(await message(urnOf("team", "CheckpointPermissionSet"), checkpoint)).to.include(
      "no project has a permission",
    );
    expect(await message(urnOf("team", "CheckpointPermissionSet"), "proj_a")).to.include(
      "The ID to import is the checkpoint",
    );
  });

  it("a refresh keeps secret inputs, and returns nothing for a revoked permission", async function () {
    const api = fakeApi();
    const { id, outputs } = await engine.create(urnOf("web"), permission(secret("proj_web")));
    expect((await engine.read(urnOf("web"), id, outputs)).inputs).to.deep.equal(permission(secret("proj_web")));
    api.revoke(id);
    engine = new Engine();
    await engine.configure();
    expect((await engine.read(urnOf("web"), id, outputs)).id).to.equal("");
  });

  it("an unknown provider setting is an error suggesting the right one, and null counts as unset", async function () {
    expect(await engine.checkConfig({ requestPerMinute: "6", version: "0.1.0", baseUrl: null })).to.deep.equal([
      ["requestPerMinute", 'There is no setting "requestPerMinute". Did you mean requestsPerMinute?'],
    ]);
    const [wrong] = await engine.checkConfig({ timeoutSeconds: "soon" });
    expect(wrong![1]).to.include(
      'openai-checkpoint-permissions:timeoutSeconds must be a number above 0, but is "soon"',
    );
    expect(await engine.checkConfig({ timeoutSeconds: 5, driftDetection: false })).to.deep.equal([]);
    expect(await engine.checkConfig({ timeoutSeconds: pulumi.runtime.unknownValue })).to.deep.equal([]);
  });

  it("another key updates the provider without replacing it", async function () {
    const diff = async (news: Properties) => {
      const request = new messages.DiffRequest()
        .setOldInputs(marshal({ adminApiKey: secret("a") }))
        .setNews(marshal(news));
      const response = await engine.ask((one) => one.diffConfig, request);
      return [response.getChanges(), response.getReplacesList()];
    };
    const { DIFF_NONE, DIFF_SOME } = messages.DiffResponse.DiffChanges;
    expect(await diff({ adminApiKey: secret("a") })).to.deep.equal([DIFF_NONE, []]);
    expect(await diff({ adminApiKey: secret("b") })).to.deep.equal([DIFF_SOME, []]);
  });

  it("the plugin's listCheckpointPermissions returns permissions and rejects unknown arguments", async function () {
    const api = fakeApi();
    const row = api.grant(checkpoint, "proj_a");
    const list = async (args: Properties) => {
      const request = new messages.InvokeRequest()
        .setTok("openai-checkpoint-permissions:index:listCheckpointPermissions")
        .setArgs(marshal(args));
      return (await engine.ask((one) => one.invoke, request)).getReturn()!.toJavaScript();
    };
    const permissions = [{ id: row.id, projectId: "proj_a", createdAt: row.created_at }];
    expect(await list({ fineTunedModelCheckpoint: checkpoint })).to.deep.equal({ permissions });
    const failure = await failureOf<CallFailed>(list({ fineTunedModelCheckpoint: checkpoint, projectID: "x" }));
    expect(failure.message).to.include('There is no argument "projectID"');
  });

  it("a cancelled run fails waiting operations and sends no further requests", async function () {
    const api = fakeApi();
    api.fail({ method: "POST", times: 99, kind: { status: 429, headers: { "retry-after": "600" } } });
    const creating = failureOf(engine.create(urnOf("web"), permission("proj_web")));
    while (!api.requests.some(({ method }) => method === "POST")) await new Promise(setImmediate);
    await engine.end();
    expect((await creating).message).to.include("the run was cancelled");
    const asked = api.requests.length;
    await failureOf(engine.create(urnOf("shop"), permission("proj_shop")));
    expect(api.requests).to.have.length(asked);
  });

  it("thirty permissions that were revoked outside of Pulumi are one line, said before the engine ends the plugin", async function () {
    fakeApi();
    engine = new Engine(2_000);
    await engine.configure();
    const state = (projectId: string) => ({ ...permission(projectId), createdAt: 1 });
    for (let number = 0; number < 30; number++) {
      const [urn, project] = [urnOf(`p${number}`), `proj_${number}`];
      await engine.check(urn, permission(project), permission(project));
      await engine.diff(urn, `cp_${number}`, state(project), permission(project), permission(project));
    }
    await engine.end();
    expect(engine.said).to.have.length(1);
    expect(engine.said[0]![1]).to.match(
      /^Drift: proj_0 \(cp_0\), .* lost their access .* They will be granted again\.$/,
    );
  });

  for (const isPreview of [true, false]) {
    it(`${isPreview ? "a preview" : "an up"} of a permission that moves to another project says ${isPreview ? "who gains and who loses access" : "what it did"}`, async function () {
      const api = fakeApi();
      const { id } = api.grant(checkpoint, "proj_a");
      const olds = { ...permission("proj_a"), createdAt: 1 };
      const news = permission("proj_b");
      await engine.check(urnOf("web"), news, permission("proj_a"));
      await engine.diff(urnOf("web"), id, olds, permission("proj_a"), news);
      await engine.check(urnOf("web"), news);
      await engine.create(urnOf("web"), news, isPreview);
      if (!isPreview) await engine.delete(urnOf("web"), id, olds);
      await engine.end();
      const said = engine.said.map(([, line]) => line);
      const expected = isPreview
        ? [`proj_a (${id}) loses access to ${checkpoint}.`, `proj_b gains access to ${checkpoint}.`]
        : [`Revoked for ${checkpoint}: ${id}.`, `proj_b has access to ${checkpoint} now.`];
      expect(said.sort()).to.deep.equal(expected.sort());
    });
  }

  it("each of several failures has its remedy", async function () {
    fakeApi({ adminKey: "another" });
    const refused = async (project: string) =>
      (await failureOf(engine.create(urnOf(project), permission(project)))).message;
    const details = [await refused("proj_a"), await refused("proj_b")];
    for (const one of details) expect(one).to.include("An organization owner creates one at");
  });
});
