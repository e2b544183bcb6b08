import { inspect } from "node:util";
import { expect } from "chai";
import { ApiError, type ApiErrorDetails } from "../../provider/api/error";
import {
  combined,
  notRevoked,
  OperationFailed,
  PartialFailure,
  withFailure,
  type FailureCode,
  type Operation,
} from "../../provider/resource/failure";
import { contextWith } from "../support/api";
import { failureOf } from "../support/failure";

const permission = { fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd", projectId: "proj_web" };
const { context } = contextWith();
const operations: readonly Operation[] = ["grant", "look up", "revoke", "list"];

async function failed(operation: Operation, error: Error): Promise<OperationFailed> {
  const { fineTunedModelCheckpoint: checkpoint, projectId: subject } = permission;
  const failing = withFailure(
    () => context,
    { operation, checkpoint, subject },
    () => Promise.reject(error),
  );
  const thrown = await failureOf<OperationFailed>(failing);
  expect(thrown).to.be.instanceOf(OperationFailed);
  return thrown;
}

function refused(details: Partial<ApiErrorDetails> & { message?: string } = {}): ApiError {
  const { message = '403 "No."', ...rest } = details;
  return new ApiError(message, { status: 403, requestId: "req_1", ...rest });
}

describe("Failures", function () {
  for (const operation of operations) {
    it(`a failure to ${operation} is one line with the attempt, the API's message and the request ID`, async function () {
      const { message } = await failed(operation, refused());
      expect(message)
        .to.include("Cannot ")
        .and.to.include(permission.projectId.slice(0, operation === "list" ? 0 : undefined))
        .and.to.include(permission.fineTunedModelCheckpoint)
        .and.to.include('403 "No." (request req_1)')
        .and.not.to.include("\n");
    });
  }

  const answers: [what: string, details: Parameters<typeof refused>[0], operation: Operation, code: FailureCode][] = [
    ["a 401", { status: 401 }, "look up", "key-refused"],
    ["a 403", {}, "grant", "key-refused"],
    [
      "a 404 that names the checkpoint",
      { status: 404, fromApi: true, code: "model_not_found" },
      "grant",
      "checkpoint-not-found",
    ],
    [
      "a 404 that names the project",
      { status: 404, fromApi: true, message: '404 "Project proj_web not found"' },
      "grant",
      "project-not-found",
    ],
    ["a 404 for a wrong path", { status: 404, fromApi: true, code: "unknown_url" }, "revoke", "not-found"],
    [
      "a 404 for a listed permission",
      { status: 404, fromApi: true, code: "permission_not_found" },
      "revoke",
      "still-listed",
    ],
    ["a 400", { status: 400 }, "grant", "input-refused"],
    ["a 409", { status: 409 }, "grant", "input-refused"],
    ["a 429", { status: 429 }, "grant", "unavailable"],
    ["a 500", { status: 500 }, "revoke", "unavailable"],
    ["no answer at all", { status: undefined } as never, "look up", "unavailable"],
  ];
  for (const [what, details, operation, code] of answers) {
    it(`a failure to ${operation} with ${what} has the code ${code}`, async function () {
      expect((await failed(operation, refused(details))).code).to.equal(code);
    });
  }

  it("the failure of a rejected key names the setting and where to create another key", async function () {
    const { remedy } = await failed("grant", refused({ status: 401 }));
    expect(remedy).to.include("openai:adminApiKey").and.to.include("/settings/organization/admin-keys");
  });

  it("a failure holds only words: no headers, no body, no cause, no stack trace", async function () {
    for (const operation of operations) {
      const error = await failed(operation, refused());
      for (const failure of [
        error,
        new PartialFailure("ft:x", { projectIds: [] }, combined("Not done", [error], "Again.")),
      ]) {
        expect(inspect(failure, { depth: 9, showHidden: true })).not.to.match(/headers|Bearer|authorization/i);
        expect(failure.cause).to.equal(undefined);
      }
      expect(error.stack).not.to.match(/^\s+at /m);
    }
  });

  it("a bug is rethrown unchanged", async function () {
    const bug = new TypeError("a bug");
    const failing = withFailure(
      () => context,
      { operation: "grant", checkpoint: "ft:x", subject: "proj_a" },
      () => Promise.reject(bug),
    );
    expect(await failureOf(failing)).to.equal(bug);
  });

  it("a combined failure has each message once, ten at most, then each remedy once", function () {
    const many = Array.from({ length: 30 }, (_, index) => new Error(`e${index % 15}.`));
    expect(combined("Not done", many, "Again.").message).to.equal(
      "Not done: e0. e1. e2. e3. e4. e5. e6. e7. e8. e9. (and 5 more). Again.",
    );
    expect(combined("Not done", ["e.", new Error("e.")], "Again.").message).to.equal("Not done: e. Again.");
    const failures = ["a", "b"].map((name) => new OperationFailed("key-refused", `No ${name}`, "no", "Use a key."));
    expect(combined("Not done", failures, "Again.").message).to.equal(
      "Not done: No a: no. No b: no. Use a key. Again.",
    );
  });

  it("a 404 about a permission does not advise another key", async function () {
    const details = {
      status: 404,
      fromApi: true,
      message: '404 "No such permission: cp_1"',
      code: "permission_not_found",
    };
    expect((await failed("revoke", refused(details))).remedy).not.to.include("key");
  });

  it("an ambiguous 404 advises another key, unless the organization is the checkpoint's own", async function () {
    const message = '404 "The model does not exist or you do not have access to it."';
    const details = { status: 404, fromApi: true, message, code: "model_not_found" };
    for (const organization of ["other", undefined]) {
      const of = organization === undefined ? {} : { organization };
      expect((await failed("grant", refused({ ...details, ...of }))).remedy).to.include("Use an admin key");
    }
    expect((await failed("grant", refused({ ...details, organization: "acme" }))).remedy)
      .to.include("Correct fineTunedModelCheckpoint")
      .and.to.include("remove its resources from the program");
  });

  it("a failure does not end a sentence twice", async function () {
    const { headline } = await failed("grant", refused({ message: "host not found. Is the base URL right?" }));
    expect(headline).to.match(/Is the base URL right\? \(request req_1\)\.$/);
  });

  it("the failure for a permission that is still declared names every way out", function () {
    const { message, code } = notRevoked("ft:x", "proj_a", "cp_1");
    expect(code).to.equal("still-declared");
    expect(message).to.include("proj_a").and.to.include("ft:x").and.to.include("cp_1 stays in state");
    expect(message).to.include("deleteBeforeReplace").and.to.include("remove it from the program first");
  });
});
