import { expect } from "chai";
import {
  ApiError,
  mayBeAboutTheKey,
  saysCheckpointIsDeleted,
  isFatalForCheckpoint,
  type ApiErrorDetails,
} from "../../provider/api/error";

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

function notFound(message: string, details: ApiErrorDetails = {}): ApiError {
  return new ApiError(`404 "${message}"`, { status: 404, fromApi: true, ...details });
}

/** A 404 in the title of a test. */
function described(message: string, details: ApiErrorDetails): string {
  return `${message.replace(checkpoint, "CHECKPOINT")} ${JSON.stringify(details)}`;
}

const ambiguous = "The model does not exist or you do not have access to it.";

describe("404 answers", function () {
  const deleted: [string, ApiErrorDetails][] = [
    [`The model '${checkpoint}' does not exist`, {}],
    ["No such checkpoint.", { code: "model_not_found" }],
    [ambiguous, { code: "model_not_found", organization: "acme" }],
  ];
  for (const [message, details] of deleted) {
    it(`a 404 means that the checkpoint was deleted: ${described(message, details)}`, function () {
      expect(saysCheckpointIsDeleted(notFound(message, details), checkpoint)).to.equal(true);
    });
  }

  const others: [string, ApiErrorDetails][] = [
    [ambiguous, { code: "model_not_found" }],
    [ambiguous, { code: "model_not_found", organization: "other" }],
    [`No permission cp_1 for checkpoint ${checkpoint}`, { code: "permission_not_found", organization: "acme" }],
    [`No permission cp_1 for checkpoint ${checkpoint}`, { organization: "acme" }],
    [`Project proj_x not found for ${checkpoint}`, { organization: "acme" }],
    [`Not found: ${checkpoint}`, { param: "project_id", organization: "acme" }],
    [`Invalid URL (GET /v1/fine_tuning/checkpoints/${checkpoint})`, { organization: "acme" }],
    ["It was not found.", { organization: "acme" }],
    [`The model '${checkpoint}' does not exist`, { fromApi: false }],
  ];
  for (const [message, details] of others) {
    it(`a 404 does not mean that the checkpoint was deleted: ${described(message, details)}`, function () {
      expect(saysCheckpointIsDeleted(notFound(message, details), checkpoint)).to.equal(false);
    });
  }

  it("a 404 may always be about the key if the checkpoint's ID names no organization", function () {
    for (const id of ["ft-abc123", "ft:gpt-4.1-mini::support:B7"]) {
      for (const details of [{}, { organization: "acme" }]) {
        const error = notFound(ambiguous, { code: "model_not_found", ...details });
        expect(mayBeAboutTheKey(error, id)).to.equal(true);
        expect(saysCheckpointIsDeleted(error, id)).to.equal(false);
      }
    }
  });
});

describe("Errors that hit every request", function () {
  const cases: [boolean, ApiError | Error][] = [
    [true, new ApiError("no answer", { ambiguous: true })],
    [true, new ApiError("401", { status: 401 })],
    [true, new ApiError('403 "You have insufficient permissions"', { status: 403, fromApi: true })],
    [true, new ApiError('403 "Your project lacks permissions"', { status: 403, fromApi: true })],
    [true, new ApiError("429", { status: 429 })],
    [true, notFound("Invalid URL (DELETE /x)")],
    [true, notFound(ambiguous, { organization: "other" })],
    [true, new TypeError("a bug")],
    [false, new ApiError("400", { status: 400, fromApi: true })],
    [false, new ApiError("409", { status: 409, fromApi: true })],
    [false, new ApiError('403 "Project proj_a is archived"', { status: 403, fromApi: true })],
    [false, notFound("No such permission: cp_1", { organization: "acme" })],
  ];
  for (const [isFatal, error] of cases) {
    it(`an error ${isFatal ? "would" : "would not"} hit every request for the checkpoint: ${error.message}`, function () {
      expect(isFatalForCheckpoint(error, checkpoint, "proj_a")).to.equal(isFatal);
    });
  }
});
