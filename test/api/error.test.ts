import { expect } from "chai";
import fc from "fast-check";
import { ApiError, isFatalForCheckpoint, saysCheckpointIsDeleted } from "../../provider/api/error";
import { kindOf, natures, table, type ErrorKind, type Refusal } from "../../provider/api/error-kinds";
import { refusal } from "../support/server";

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";
const projectIds = ["proj_a", "proj_b"];
const unclear = "The model does not exist or you do not have access to it.";
const limitWords =
  "Rate limit reached for requests. Add a payment method at https://platform.openai.com/account/billing.";

type Answer = [status: number, message: string, details?: Partial<Refusal>];

function refused([status, message, details]: Answer): ApiError {
  return refusal(status, message, { about: { checkpoint, projectIds }, ...details });
}

/** What the API, or what stands between, is known or likely to answer. */
const answers: Record<Exclude<ErrorKind, WithoutAnswer>, Answer[]> = {
  "refused-key": [
    [401, "Incorrect API key provided.", { code: "invalid_api_key" }],
    [401, "Unauthorized", { form: "similar" }],
    [403, "You have insufficient permissions for this operation."],
    [403, "Your project does not have access to this endpoint."],
    [403, "Forbidden", { form: "similar" }],
  ],
  "unsupported-country": [
    [403, "Country, region, or territory not supported", { code: "unsupported_country_region_territory" }],
    [403, "no", { code: "unsupported_country_region_territory" }],
    [403, "Your country, region, or territory is not supported."],
  ],
  "missing-scopes": [
    [403, "You have insufficient permissions for this operation. Missing scopes: api.management.read."],
    [403, "You have insufficient permissions for this operation. Missing scopes: api.fine_tuning.checkpoints.write."],
    [401, "Missing scope: write"],
    [403, "no", { code: "missing_scope" }],
  ],
  "wrong-region": [
    [401, "Use https://us.api.openai.com for this organization.", { code: "incorrect_hostname" }],
    [403, "Please make your request to eu.api.openai.com."],
    [401, "no", { code: "incorrect_hostname" }],
  ],
  "wrong-header": [
    [401, "No such organization: org-1.", { code: "invalid_organization" }],
    [403, "no", { code: "mismatched_organization" }],
    [401, "The project does not match the API key.", { code: "mismatched_project" }],
    [401, "OpenAI-Organization header should match organization for API key"],
  ],
  "refused-address": [
    [403, "Your IP address 192.0.2.1 is not on the organization's allowlist."],
    [401, "no", { code: "ip_not_authorized" }],
    [403, "This IP is not allowed."],
  ],
  "other-organization": [
    [404, unclear, { code: "model_not_found" }],
    [404, unclear, { code: "model_not_found", organization: "other" }],
    [404, unclear, { about: { checkpoint: "ft-abc123", projectIds }, organization: "acme" }],
    // In plain words, and without any that name the key.
    [404, "The model does not exist.", { code: "model_not_found", organization: "other" }],
    [404, `The model '${checkpoint}' does not exist`, { organization: "other" }],
    [404, "No such permission.", { code: "permission_not_found", organization: "other" }],
  ],
  "inactive-account": [
    [429, "You exceeded your current quota.", { code: "insufficient_quota" }],
    [429, "Your account is not active.", { code: "billing_not_active" }],
    [429, "Billing hard limit has been reached", { code: "billing_hard_limit_reached" }],
    [429, "Your account was deactivated."],
  ],
  "rate-limited": [
    [429, limitWords, { code: "rate_limit_exceeded" }],
    [429, limitWords],
    [429, "an HTML page", { form: "other" }],
    [429, "You exceeded your current quota.", { form: "similar" }],
  ],
  "unknown-checkpoint": [
    [404, `The model '${checkpoint}' does not exist`],
    ...["project-phoenix", "url-tagger", "archived", "access"].map((suffix): Answer => {
      // A name that has the words of other errors.
      const named = `ft:gpt-4.1-mini-2025-04-14:acme:${suffix}:B7`;
      const about = { checkpoint: named, projectIds };
      return [404, `The model '${named}' does not exist`, { code: "model_not_found", organization: "acme", about }];
    }),
    [404, "No such checkpoint.", { code: "model_not_found" }],
    [404, unclear, { code: "model_not_found", organization: "acme" }],
  ],
  "unknown-project": [
    [404, `Project proj_x not found for ${checkpoint}`, { organization: "acme" }],
    [404, `Not found: ${checkpoint}`, { param: "project_id", organization: "acme" }],
    [404, "no", { code: "project_not_found" }],
    [404, "Project proj_a does not exist or you do not have access to it."],
    [400, "A project was not found in this organization.", { param: "project_ids" }],
    [422, "Unknown project"],
    [422, "no", { code: "project_not_found" }],
  ],
  "archived-project": [
    [400, "Project proj_a is archived."],
    [403, "proj_a has been archived."],
    [409, "no", { code: "project_archived" }],
  ],
  "refused-project": [
    [403, "proj_a may not use models of another project."],
    [403, "no", { param: "project_ids[1]" }],
  ],
  "unknown-permission": [
    [404, `No permission cp_1 for checkpoint ${checkpoint}`, { code: "permission_not_found", organization: "acme" }],
    [
      404,
      `No permission cp_1 for checkpoint ${checkpoint}`,
      { organization: "acme", about: { checkpoint, projectIds, permissionId: "cp_1" } },
    ],
  ],
  "not-found": [
    [404, "It was not found.", { organization: "acme" }],
    [404, `Not Found: /fine_tuning/checkpoints/${checkpoint}/permissions`, { organization: "acme" }],
    [404, `The model '${checkpoint}' does not exist`, { form: "similar" }],
  ],
  "refused-input": [
    [400, "Invalid 'limit'.", { param: "limit" }],
    [400, "no", { code: "invalid_project", param: "project_ids" }],
    [413, "Too large"],
    [422, "no", { form: "similar" }],
  ],
  conflict: [[409, "A permission for this project already exists.", { code: "already_exists" }]],
  "wrong-url": [
    [404, `Invalid URL (GET /v1/fine_tuning/checkpoints/${checkpoint})`, { organization: "acme" }],
    [404, "no", { code: "unknown_url" }],
  ],
  gateway: [
    [403, "an HTML page", { form: "other" }],
    [404, `<html>${checkpoint}</html>`, { form: "other" }],
    [401, "", { form: "other" }],
  ],
  proxy: [[407, "an HTML page", { form: "other" }]],
  unavailable: [
    [500, "The server had an error."],
    [503, "an HTML page", { form: "other" }],
    [408, "Timeout", { form: "similar" }],
  ],
  unexpected: [[418, "I'm a teapot"]],
};

/** The kinds that no answer has, or only one that was accepted. */
const withoutAnswer = [
  "redirect",
  "certificate",
  "unreachable",
  "unreadable",
  "contradiction",
  "cancelled",
] as const satisfies ErrorKind[];
type WithoutAnswer = (typeof withoutAnswer)[number];

describe("The table of errors", function () {
  for (const [kind, samples] of Object.entries(answers)) {
    for (const sample of samples) {
      const [status, message, details = {}] = sample;
      const title = `${status} "${message.replaceAll(checkpoint, "CHECKPOINT")}" ${details.code ?? details.form ?? ""}`;
      it(`an answer has the kind ${kind}: ${title.trim()}`, function () {
        expect(refused(sample).kind).to.equal(kind);
      });
    }
  }

  it("each kind comes from the table, or is known to come from elsewhere", function () {
    const fromTable = new Set<string>([...table.map(({ kind }) => kind), "unexpected"]);
    for (const kind of Object.keys(natures)) {
      expect(fromTable.has(kind), kind).to.equal(!(withoutAnswer as readonly string[]).includes(kind));
    }
  });

  it("each row of the table decides for some answer", function () {
    const deciding = new Set<number>();
    for (const [status, message, details] of Object.values(answers).flat()) {
      const whole: Refusal = { status, form: "own", message, about: { checkpoint, projectIds }, ...details };
      for (let row = 1; row <= table.length; row++) {
        if (kindOf(whole, table.slice(0, row)) !== "unexpected") {
          deciding.add(row);
          break;
        }
      }
    }
    expect([...deciding].sort((a, b) => a - b)).to.deep.equal(table.map((_, index) => index + 1));
  });

  it("words mean nothing unless they come in the API's own form", function () {
    const words = fc.constantFrom(...Object.values(answers).flat());
    const form = fc.constantFrom("similar", "other");
    fc.assert(
      fc.property(words, words, form, ([status, message, details], [, other, more], foreign) => {
        const kind = refused([status, message, { ...details, form: foreign }]).kind;
        expect(refused([status, other, { ...more, form: foreign }]).kind).to.equal(kind);
      }),
    );
  });

  it("a 404 may always be about the key if the checkpoint's ID names no organization", function () {
    for (const id of ["ft-abc123", "ft:gpt-4.1-mini::support:B7"]) {
      for (const organization of [undefined, "acme"]) {
        const about = { checkpoint: id, projectIds };
        const error = refused([404, unclear, { code: "model_not_found", organization, about }]);
        expect(error.kind).to.equal("other-organization");
        expect(saysCheckpointIsDeleted(error)).to.equal(false);
      }
    }
  });
});

describe("A refusal of several projects", function () {
  const cases: [boolean, Answer][] = [
    [true, [400, "A project was not found.", { param: "project_ids" }]],
    [true, [400, "proj_b cannot be granted access."]],
    [true, [404, "no", { code: "project_not_found" }]],
    [true, [413, "Too large"]],
    [false, [400, "Some project was not found."]],
    [false, [400, "proj_c cannot be granted access."]],
    [false, [403, "Your project lacks permissions."]],
    [false, [400, "proj_b cannot be granted access.", { form: "similar" }]],
    [false, [400, "no", { param: "fine_tuned_model_checkpoint" }]],
  ];
  for (const [isAboutProjects, answer] of cases) {
    const [status, message, { code = "", param = "", form = "" } = {}] = answer;
    it(`is about ${isAboutProjects ? "certain projects" : "all"}: ${status} "${message}" ${code}${param}${form}`, function () {
      expect(refused(answer).isAboutProjects).to.equal(isAboutProjects);
    });
  }
});

describe("Errors that hit every request", function () {
  const cases: [boolean, ApiError | Error][] = [
    [true, new ApiError("unreachable", "no answer")],
    [true, refused([401, "no"])],
    [true, refused([403, "You have insufficient permissions"])],
    [true, refused([403, "Your project lacks permissions"])],
    [true, refused([429, "no"])],
    [true, refused([404, "Invalid URL (DELETE /x)"])],
    [true, refused([404, unclear, { organization: "other" }])],
    [true, new TypeError("a bug")],
    [false, refused([400, "no"])],
    [false, refused([409, "no"])],
    [false, refused([403, "Project proj_a is archived"])],
    [false, refused([404, "No such permission: cp_1", { organization: "acme" }])],
  ];
  for (const [isFatal, error] of cases) {
    it(`an error ${isFatal ? "would" : "would not"} hit every request for the checkpoint: ${error.message}`, function () {
      expect(isFatalForCheckpoint(error)).to.equal(isFatal);
    });
  }
});
