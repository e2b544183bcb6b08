import { inspect } from "node:util";
import { expect } from "chai";
import { ApiError, ConfigError, type ApiErrorDetails } from "../provider/errors";
import {
  attempt,
  completeState,
  HalfDone,
  incomplete,
  OperationFailed,
  told,
  type Operation,
} from "../provider/failure";

const permission = { fineTunedModelCheckpoint: "ft:gpt-4o-mini-2024-07-18:acme::B7R9VjQd", projectId: "proj_web" };
const operations: readonly Operation[] = ["grant", "look up", "revoke", "list"];

async function failed(operation: Operation, error: Error): Promise<OperationFailed> {
  const thrown = await attempt(operation, permission, () => Promise.reject(error)).catch((caught: unknown) => caught);
  expect(thrown).to.be.instanceOf(OperationFailed);
  return thrown as OperationFailed;
}

function refused(details: Partial<ApiErrorDetails> & { message?: string } = {}): ApiError {
  const { message = '403 "No."', ...rest } = details;
  return new ApiError(message, { method: "POST", path: "/…", status: 403, requestId: "req_1", ...rest });
}

describe("a failure", function () {
  for (const operation of operations) {
    it(`to ${operation} is told in one line: what was attempted on what, what the API said, the request's ID`, async function () {
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
    ["429", { status: 429 }, "grant", "Nothing is lost."],
    ["500", { status: 500 }, "revoke", "run the same command again"],
    ["no answer at all", { status: undefined } as never, "look up", "run the same command again"],
  ];
  for (const [what, details, operation, remedy] of remedies) {
    it(`by ${what} says what to do`, async function () {
      expect((await failed(operation, refused(details))).remedy).to.include(remedy);
    });
  }

  it("says what to do once, wherever Pulumi shows it", async function () {
    // Of a grant Pulumi shows the message alone.
    expect((await failed("grant", refused())).message).to.include("Use an admin API key");
    // Of the others its host prints this besides.
    const printed = (error: Error) => `${String(error)}: ${error.stack}`;
    const config = (what: string) => new ConfigError("No admin API key is set.", what);
    const first = await failed("look up", config("Set it."));
    expect(first.message).to.include("No admin API key is set.").and.not.to.include("Set it.");
    expect(printed(first)).to.equal("What to do: Set it.");
    expect(printed(await failed("revoke", config("Set it.")))).to.equal("What to do: the same.");
    expect(printed(await failed("revoke", config("Set it now.")))).to.equal("What to do: Set it now.");
  });

  it("holds nothing but words: no headers, no body, no cause, no trace of our code", async function () {
    for (const operation of operations) {
      const error = await failed(operation, refused());
      for (const one of [error, new HalfDone("ft:x", { projectIds: [] }, incomplete("ft:x", [error]))]) {
        expect(inspect(one, { depth: 9, showHidden: true })).not.to.match(/headers|Bearer|authorization/i);
        expect(one.cause).to.equal(undefined);
      }
      expect(error.stack).not.to.match(/^\s+at /m);
    }
  });

  it("that is none of these is thrown on as it is", async function () {
    const bug = new TypeError("a bug");
    expect(await attempt("grant", permission, () => Promise.reject(bug)).catch((error: unknown) => error)).to.equal(
      bug,
    );
  });

  it("of many is told once each, as far as a person would read", function () {
    const many = Array.from({ length: 30 }, (_, index) => new Error(`e${index % 15}.`));
    expect(told(many)).to.equal("e0. e1. e2. e3. e4. e5. e6. e7. e8. e9. (and 5 more)");
    expect(told(["e.", new Error("e.")])).to.equal("e.");
    for (const operation of ["grant", "revoke"] as const) {
      const failures = ["a", "b"].map((name) => new OperationFailed(operation, `No ${name}.`, "Use a key."));
      expect(told(failures)).to.equal("No a. No b. Use a key.");
    }
  });

  for (const [id, state, missing] of [
    ["", permission, "id"],
    ["cp_1", undefined, "fineTunedModelCheckpoint and projectId"],
    ["cp_1", { projectId: "proj_a" }, "fineTunedModelCheckpoint"],
    ["cp_1", { fineTunedModelCheckpoint: "ft:a" }, "projectId"],
  ] as const) {
    it(`is what a record is that lacks its ${missing}, and it says how to go on`, function () {
      expect(() => completeState(id, state))
        .to.throw(OperationFailed, `lacks its ${missing}, so nothing was done.`)
        .with.property("remedy")
        .that.includes("pulumi up");
    });
  }
});
