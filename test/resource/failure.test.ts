import { inspect } from "node:util";
import { expect } from "chai";
import { ApiError, refused as refusedBy } from "../../provider/api/error";
import { natures, type ErrorKind, type Refusal } from "../../provider/api/error-kinds";
import { MissingKey, UsageError, type Config } from "../../provider/config";
import {
  combined,
  failureOf as failureFor,
  notRevoked,
  OperationFailed,
  PartialFailure,
  withFailure,
} from "../../provider/resource/failure";
import { remedyFor, remedyIfLasting, type Attempt } from "../../provider/resource/remedies";
import { contextWith } from "../support/api";
import { failureOf } from "../support/failure";

const permission = { fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd", projectId: "proj_web" };
const operations: readonly Attempt["operation"][] = ["grant", "look up", "revoke", "list"];

async function failed(
  operation: Attempt["operation"],
  error: Error,
  config: Record<string, string> = {},
): Promise<OperationFailed> {
  const { context } = contextWith(config);
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

function refused(status = 403, message = "No.", details: Partial<Refusal> = {}): ApiError {
  const about = { checkpoint: permission.fineTunedModelCheckpoint, projectIds: [permission.projectId] };
  return refusedBy({ status, form: "own", message, about, ...details }, { requestId: "req_1" });
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

  it("each kind of error has a remedy for each operation, in whole sentences", async function () {
    for (const kind of Object.keys(natures) as ErrorKind[]) {
      for (const operation of operations) {
        const { remedy } = await failed(operation, new ApiError(kind, "no"));
        expect(remedy, kind).to.match(/^[A-Z].*\.$/);
        if (operation === "list") expect(remedy, kind).not.to.match(/pulumi|Nothing is lost/);
      }
    }
  });

  it("a grant that may have taken effect says so, where to look, and what to do", async function () {
    const accepted = new ApiError("contradiction", "no", { mayBeGranted: true });
    const look = `look with \`npx --no -- checkpoint-permissions list ${permission.fineTunedModelCheckpoint}\`. `;
    const { remedy } = await failed("grant", accepted);
    expect(remedy)
      .to.match(/^Access may have been granted, and is not in state: /)
      .and.to.include(`${look}If the project is there, run the same command again, which adopts the permission; `)
      .and.to.include("in another spelling, correct projectId. If it is not there, look for a proxy")
      .and.not.to.match(/State stays/);
    expect((await failed("grant", new ApiError("unreadable", "no", { mayBeGranted: true }))).remedy)
      .to.match(/^Nothing is lost; .* Access may have been granted, and is not in state: /)
      .and.to.include(look);
    expect((await failed("grant", accepted, { "openai:adoptExisting": "false" })).remedy).to.match(
      /run the same command again, with \S+adoptExisting set to true, which adopts/,
    );
    for (const [operation, error] of [
      ["look up", accepted],
      ["revoke", accepted],
      ["grant", new ApiError("contradiction", "no")],
    ] as const) {
      expect((await failed(operation, error)).remedy).to.match(
        /^State stays as it was\. Run the same command again; if/,
      );
    }
  });

  it("a failure that quotes state or an argument is one line without escapes", function () {
    const { message } = new OperationFailed('Cannot import "a\nb\u001b[2J"', "no\u202e.", "Do it.");
    expect(message).to.equal('Cannot import "a b [2J": no. Do it.');
  });

  const remedies: [what: string, error: ApiError, remedy: RegExp, config?: Record<string, string>][] = [
    [
      "another region",
      refused(401, "Use https://eu.api.openai.com."),
      /^Set openai:baseUrl to https:\/\/eu\.api\.openai\.com\/v1\.$/,
    ],
    ["an unnamed region", refused(401, "no", { code: "incorrect_hostname" }), /https:\/\/us\.api\.openai\.com\/v1/],
    [
      "a host that only looks like OpenAI's",
      refused(401, "Use eu.api.openai.com.evil.example"),
      /your region's base URL/,
    ],
    [
      "a header that does not fit",
      refused(401, "no", { code: "mismatched_organization" }),
      /^Correct or unset openai:organization \(sent as OpenAI-Organization\): /,
      { "openai:organization": "org-1" },
    ],
    ["a header that was not sent", refused(401, "no", { code: "mismatched_project" }), /^Set an admin API key/],
    [
      "a key without the scopes",
      refused(403, "Missing scopes: x"),
      /^The key in openai:adminApiKey lacks the scopes that the API names, or is no admin key\. Use an admin API key/,
    ],
    ["an unsupported country", refused(403, "Country, region, or territory not supported"), /^Run it from a country/],
    ["an address that is not admitted", refused(403, "Your IP address is not allowed."), /IP allowlist/],
    ["no quota", refused(429, "no", { code: "insufficient_quota" }), /settings\/organization\/billing/],
    ["an archived project", refused(400, "The project is archived."), /^Remove the project from the program/],
    ["a proxy that wants a password", refused(407, "no"), /http:\/\/USER:PASSWORD@HOST:PORT/],
    ["an intercepting proxy", new ApiError("certificate", "no"), /NODE_EXTRA_CA_CERTS/],
    ["a gateway", refused(403, "an HTML page", { form: "other" }), /^It is not the API that answers/],
  ];
  for (const [what, error, remedy, config] of remedies) {
    it(`the remedy for ${what} says what to do, and advises no other key`, async function () {
      const failure = await failed("grant", error, config);
      expect(failure.remedy).to.match(remedy);
      if (!remedy.source.includes("key")) expect(failure.remedy).not.to.match(/admin-keys|Set an admin/);
    });
  }

  it("both headers are named if both were sent and one does not fit", async function () {
    const config = { "openai:organization": "org-1", "openai:project": "proj_1" };
    const { remedy } = await failed("grant", refused(401, "no", { code: "mismatched_project" }), config);
    expect(remedy).to.match(
      /^Correct or unset openai:organization \(sent as OpenAI-Organization\) and openai:project \(sent as OpenAI-Project\): it/,
    );
  });

  it("an archived project is removed from the program, or restored before its permission can be revoked", async function () {
    for (const operation of operations) {
      const { remedy } = await failed(operation, new ApiError("archived-project", "no"));
      const isInProgram = operation === "grant" || operation === "look up";
      expect(remedy).to.match(isInProgram ? /^Remove the project from the program/ : /once the project is restored/);
    }
  });

  it("a permission that is unknown and listed is revoked again later, and asked for again at once", async function () {
    for (const operation of operations) {
      const { remedy } = await failed(operation, new ApiError("unknown-permission", "no"));
      if (operation === "revoke") expect(remedy).to.match(/still lists it; run the same command again in a minute\.$/);
      else expect(remedy).to.equal("Run the same command again.");
    }
  });

  it("that nothing was changed is said where something could have been", async function () {
    for (const operation of operations) {
      const { remedy } = await failed(operation, new ApiError("not-found", "no"));
      const nothing = operation === "list" ? "" : "; nothing was changed";
      expect(remedy).to.equal(`Check openai:baseUrl (it ends in /v1) and the checkpoint's ID${nothing}.`);
    }
  });

  it("where a provider of another key may be meant, a refused revocation says so, and nothing else does", function () {
    const { config } = contextWith().context;
    const ofProvider = { ...config, onRevoking: "The provider may be an old one." };
    const remedyOf = (operation: Attempt["operation"], from: Config) =>
      remedyFor(new ApiError("refused-key", "no"), { operation, checkpoint: "ft:x" }, from);
    expect(remedyOf("revoke", ofProvider)).to.match(/admin-keys\. The provider may be an old one\.$/);
    expect(remedyOf("revoke", config)).to.match(/admin-keys\.$/);
    expect(remedyOf("grant", ofProvider)).to.match(/admin-keys\.$/);
  });

  it("a failure that may not come again needs no remedy before the next run", function () {
    const { config } = contextWith().context;
    const remedyOf = (error: Error) => remedyIfLasting(error, { operation: "grant", checkpoint: "ft:x" }, config);
    for (const error of [new ApiError("rate-limited", "no"), new ApiError("unreachable", "no"), new Error("a bug")]) {
      expect(remedyOf(error), error.message).to.equal(undefined);
    }
    expect(remedyOf(new ApiError("refused-key", "no"))).to.match(/^Set an admin API key/);
    expect(remedyOf(new UsageError("It is wrong.", "Correct it."))).to.equal("Correct it.");
  });

  it("a lookup without a key tells how previews do without one", async function () {
    const { context } = contextWith();
    const missing = new MissingKey(context.config);
    const previews =
      " For previews without a key: `pulumi config set openai-checkpoint-permissions:driftDetection false`.";
    for (const operation of operations) {
      const { remedy } = await failed(operation, missing);
      expect(remedy).to.equal(`${missing.remedy}${operation === "look up" ? previews : ""}`);
    }
  });

  it("a search for checkpoints is named as such", function () {
    const { config } = contextWith().context;
    const failure = failureFor(refused(500, "no"), { operation: "find" }, () => config);
    expect(String(failure)).to.include("Cannot find the checkpoints of the organization: ");
  });

  it("the failure of a rejected key names the setting and where to create another key", async function () {
    const { remedy } = await failed("grant", refused(401));
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
      () => contextWith().context,
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
    const failures = ["a", "b"].map((name) => new OperationFailed(`No ${name}`, "no", "Use a key."));
    expect(combined("Not done", failures, "Again.").message).to.equal(
      "Not done: No a: no. No b: no. Use a key. Again.",
    );
  });

  it("a 404 about a permission does not advise another key", async function () {
    const error = refused(404, "No such permission: cp_1", { code: "permission_not_found" });
    expect((await failed("revoke", error)).remedy).not.to.include("key");
  });

  it("an ambiguous 404 advises another key, unless the organization is the checkpoint's own", async function () {
    const unclear = (organization?: string) =>
      refused(404, "The model does not exist or you do not have access to it.", {
        code: "model_not_found",
        organization,
      });
    for (const organization of ["other", undefined]) {
      expect((await failed("grant", unclear(organization))).remedy).to.include("Set an admin key");
    }
    expect((await failed("grant", unclear("acme"))).remedy)
      .to.include("Correct fineTunedModelCheckpoint")
      .and.to.include("remove its resources from the program");
  });

  it("a failure does not end a sentence twice", async function () {
    const { headline } = await failed("grant", refused(401, "Incorrect API key provided: [key]."));
    expect(headline).to.match(/: 401 "Incorrect API key provided: \[key\]\." \(request req_1\)\.$/);
    const unnumbered = await failed("grant", new ApiError("refused-key", '401 "Incorrect API key provided."'));
    expect(unnumbered.headline).to.match(/: 401 "Incorrect API key provided\."$/);
  });

  it("the failure for a permission that is still declared names every way out", function () {
    const { message } = notRevoked("ft:x", "proj_a", "cp_1");
    expect(message).to.include("proj_a").and.to.include("ft:x").and.to.include("cp_1 stays in state");
    expect(message).to.include("deleteBeforeReplace").and.to.include("remove it from the program first");
  });
});
