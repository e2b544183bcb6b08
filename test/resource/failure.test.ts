import { inspect } from "node:util";
import { expect } from "chai";
import { ApiError, type ApiErrorDetails } from "../../provider/api/error";
import {
  attempt,
  HalfDone,
  OperationFailed,
  stillWanted,
  sumOf,
  type Operation,
} from "../../provider/resource/failure";
import { deploymentWith } from "../support/api";
import { failureOf } from "../support/failure";

const permission = { fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd", projectId: "proj_web" };
const { deployment } = deploymentWith();
const operations: readonly Operation[] = ["grant", "look up", "revoke", "list"];

async function failed(operation: Operation, error: Error): Promise<OperationFailed> {
  const { fineTunedModelCheckpoint, projectId } = permission;
  const failing = attempt(
    () => deployment,
    operation,
    fineTunedModelCheckpoint,
    projectId,
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

describe("a failure", function () {
  for (const operation of operations) {
    it(`to ${operation} is one line: what was attempted on what, what the API said, the request's ID`, async function () {
      const { message } = await failed(operation, refused());
      expect(message)
        .to.include("Cannot ")
        .and.to.include(permission.projectId.slice(0, operation === "list" ? 0 : undefined))
        .and.to.include(permission.fineTunedModelCheckpoint)
        .and.to.include('403 "No." (request req_1)')
        .and.not.to.include("\n");
    });
  }

  const remedies: [what: string, details: Parameters<typeof refused>[0], operation: Operation, remedy: string][] = [
    ["401", { status: 401 }, "look up", "https://platform.openai.com/settings/organization/admin-keys"],
    ["403", {}, "grant", "Use an admin API key of the checkpoint's organization"],
    [
      "404 that names the checkpoint",
      { status: 404, fromApi: true, code: "model_not_found" },
      "grant",
      "Correct fineTunedModelCheckpoint",
    ],
    [
      "404 that names the project",
      { status: 404, fromApi: true, message: '404 "Project proj_web not found"' },
      "grant",
      "Correct projectId",
    ],
    ["404 of a wrong path", { status: 404, fromApi: true, code: "unknown_url" }, "revoke", "Check openai:baseUrl"],
    ["400", { status: 400 }, "grant", "Correct what the API refuses"],
    ["409", { status: 409 }, "grant", "Correct what the API refuses"],
    ["429", { status: 429 }, "grant", "Nothing is lost: run the same command again"],
    ["500", { status: 500 }, "revoke", "run the same command again"],
    ["no answer at all", { status: undefined } as never, "look up", "run the same command again"],
  ];
  for (const [what, details, operation, remedy] of remedies) {
    it(`by ${what} says what to do`, async function () {
      expect((await failed(operation, refused(details))).remedy).to.include(remedy);
    });
  }

  it("holds nothing but words: no headers, no body, no cause, no trace of our code", async function () {
    for (const operation of operations) {
      const error = await failed(operation, refused());
      for (const one of [error, new HalfDone("ft:x", { projectIds: [] }, sumOf("Not done.", [error], "Again."))]) {
        expect(inspect(one, { depth: 9, showHidden: true })).not.to.match(/headers|Bearer|authorization/i);
        expect(one.cause).to.equal(undefined);
      }
      expect(error.stack).not.to.match(/^\s+at /m);
    }
  });

  it("that is none of these is thrown on as it is", async function () {
    const bug = new TypeError("a bug");
    expect(
      await failureOf(
        attempt(
          () => deployment,
          "grant",
          "ft:x",
          "proj_a",
          () => Promise.reject(bug),
        ),
      ),
    ).to.equal(bug);
  });

  it("of many has each message once, as far as a person would read, and then each remedy once", function () {
    const many = Array.from({ length: 30 }, (_, index) => new Error(`e${index % 15}.`));
    expect(sumOf("Not done:", many, "Again.").message).to.equal(
      "Not done: e0. e1. e2. e3. e4. e5. e6. e7. e8. e9. (and 5 more) Again.",
    );
    expect(sumOf("Not done:", ["e.", new Error("e.")], "Again.").message).to.equal("Not done: e. Again.");
    const failures = ["a", "b"].map((name) => new OperationFailed(`No ${name}.`, "Use a key."));
    expect(sumOf("Not done:", failures, "Again.").message).to.equal("Not done: No a. No b. Use a key. Again.");
  });

  it("of a 404 that is about a permission advises no other key", async function () {
    const details = {
      status: 404,
      fromApi: true,
      message: '404 "No such permission: cp_1"',
      code: "permission_not_found",
    };
    expect((await failed("revoke", refused(details))).remedy).not.to.include("key");
  });

  it("of a 404 that may be about the key is about the key, unless the organization is the checkpoint's own", async function () {
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

  it("ends no sentence twice", async function () {
    const { headline } = await failed("grant", refused({ message: "host not found. Is the base URL right?" }));
    expect(headline).to.match(/Is the base URL right\? \(request req_1\)\.$/);
  });

  it("for a permission that is still wanted names every way out", function () {
    expect(stillWanted("ft:x", "proj_a", "cp_1").message)
      .to.include("The program still gives proj_a access to ft:x")
      .and.to.include("cp_1")
      .and.to.include("this record stays in state")
      .and.to.include("deleteBeforeReplace");
  });
});
