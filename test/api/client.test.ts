import { inspect } from "node:util";
import { expect } from "chai";
import fc from "fast-check";
import nock from "nock";
import type { Permission } from "../../provider/api/permission";
import { ApiError } from "../../provider/api/error";
import { Client } from "../../provider/api/client";
import { readConfig, UsageError } from "../../provider/config";
import { failureOf } from "../support/failure";
import { checkpoint, contextWith, host, permissions } from "../support/api";

const key = "sk-admin-very-secret";
const row = { object: "checkpoint.permission", id: "cp_1", created_at: 1721764867, project_id: "proj_a" };
const onePage = { object: "list", data: [row], first_id: "cp_1", last_id: "cp_1", has_more: false };

function client(config: Record<string, string> = {}) {
  const { context, clock, said } = contextWith({ "openai:adminApiKey": key, ...config });
  return { client: context.client, clock, said };
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await failureOf<ApiError>(promise);
  expect(error).to.be.instanceOf(ApiError);
  return error;
}

describe("the API client", function () {
  it("a list request carries key, organization and project, and encodes the checkpoint's colons", async function () {
    nock(host, {
      reqheaders: {
        authorization: `Bearer ${key}`,
        "openai-organization": "org-1",
        "openai-project": "proj_home",
      },
    })
      .get(permissions)
      .query({ limit: "100", project_id: "proj_a", after: "cp_0" })
      .reply(200, onePage, { date: "Thu, 01 Jan 2026 00:00:10 GMT", "openai-organization": "acme" });
    const config = { "openai:organization": "org-1", "openai:project": "proj_home" };
    const page = await client(config).client.listPermissions(checkpoint, { projectId: "proj_a", after: "cp_0" });
    expect(page).to.deep.equal({
      permissions: [{ id: "cp_1", projectId: "proj_a", createdAt: 1721764867 }],
      hasMore: false,
      lastId: "cp_1",
      date: Date.UTC(2026, 0, 1) / 1000 + 10,
    });
    expect(permissions).to.include("ft%3Agpt-4.1-mini-2025-04-14%3Aacme%3A%3AB7R9VjQd");
  });

  for (const lastId of [null, undefined]) {
    it(`a page whose last_id is ${String(lastId)} is continued from its last row`, async function () {
      nock(host)
        .get(permissions)
        .query(true)
        .reply(200, { object: "list", data: [row], last_id: lastId, has_more: true });
      expect((await client().client.listPermissions(checkpoint)).lastId).to.equal("cp_1");
    });
  }

  it("many projects are granted in one request", async function () {
    nock(host)
      .post(permissions, { project_ids: ["proj_a", "proj_b"] })
      .reply(200, onePage);
    const granted = await client().client.createPermissions(checkpoint, ["proj_a", "proj_b"]);
    expect(granted.map(({ id }) => id)).to.deep.equal(["cp_1"]);
  });

  it("a permission is revoked by its ID", async function () {
    nock(host).delete(`${permissions}/cp_1`).reply(200, { object: "checkpoint.permission", id: "cp_1", deleted: true });
    expect(await client().client.deletePermission(checkpoint, "proj_a", "cp_1")).to.equal(true);
  });

  for (const answer of [
    { object: "checkpoint.permission", id: "cp_1", deleted: false },
    { object: "checkpoint.permission", id: "cp_2", deleted: true },
  ]) {
    it(`an answer with the ID ${answer.id} and deleted: ${answer.deleted} does not confirm a revocation of cp_1`, async function () {
      nock(host).delete(`${permissions}/cp_1`).reply(200, answer);
      expect(await client().client.deletePermission(checkpoint, "proj_a", "cp_1")).to.equal(false);
    });
  }

  describe("errors", function () {
    it("an error has status, code, request ID and organization, but never headers, key or body", async function () {
      const body = { error: { message: `Incorrect API key provided: ${key}`, type: "x", param: "p", code: "bad_key" } };
      nock(host).post(permissions).reply(401, body, { "x-request-id": "req_1", "openai-organization": "acme" });
      const error = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
      expect(error).to.include({ status: 401, code: "bad_key", param: "p", requestId: "req_1", kind: "refused-key" });
      for (const text of [inspect(error, { depth: 9 }), JSON.stringify(error), error.stack]) {
        expect(text).not.to.include(key);
        expect(text).not.to.match(/Bearer|Authorization|project_ids/i);
      }
    });

    for (const echo of [`Bearer ${key}`, "sk-admin-ab***yz", `key=${key}.`]) {
      it(`an error does not repeat "${echo.replace(key, "KEY")}" from the answer`, async function () {
        nock(host)
          .get(permissions)
          .query(true)
          .reply(401, { error: { message: `You sent ${echo}`, code: echo, param: null } }, { "x-request-id": echo });
        const error = await failure(client().client.listPermissions(checkpoint));
        expect(inspect(error)).not.to.include(key);
        expect(inspect(error)).not.to.include("sk-admin").and.not.to.include("Bearer");
        expect(error.message).to.include("You sent");
      });
    }

    it("an error is one short line without control characters", async function () {
      const message = `first\n\u001b[31msecond ${"x".repeat(5000)}`;
      nock(host)
        .get(permissions)
        .query(true)
        .reply(400, { error: { message, code: null, param: null } });
      const error = await failure(client().client.listPermissions(checkpoint));
      expect(error.message).to.match(/^400 "first \[31msecond x+"$/);
      expect(error.message.length).to.be.below(400);
    });
  });

  describe("unreadable answers", function () {
    const unreadable: [string, number, string][] = [
      ["HTML", 200, "<html>captive portal</html>"],
      ["truncated JSON", 200, JSON.stringify(onePage).slice(0, 60)],
      ["JSON of another shape", 200, JSON.stringify({ items: [] })],
      ["a row without an ID", 200, JSON.stringify({ ...onePage, data: [{ ...row, id: "" }] })],
      ["a row whose time is text", 200, JSON.stringify({ ...onePage, data: [{ ...row, created_at: "now" }] })],
      ["a page without has_more", 200, JSON.stringify({ object: "list", data: [] })],
      ["an empty body", 200, ""],
      ["a cursor that no URL can hold", 200, JSON.stringify({ ...onePage, last_id: "cp_\ud800" })],
    ];
    for (const [what, status, body] of unreadable) {
      it(`an unreadable answer is an ambiguous error: ${what}`, async function () {
        nock(host).post(permissions).reply(status, body);
        const error = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
        expect(error.message).to.match(/^the answer \(200\) cannot be read: /);
        expect(error.isAmbiguous).to.equal(true);
      });
    }

    it("any departure from the contract is either harmless or an error, never a crash", async function () {
      const anything = fc.oneof(fc.jsonValue(), fc.constant(undefined));
      const departures = fc.record(
        { object: anything, data: anything, has_more: anything, last_id: anything, first: anything },
        { requiredKeys: [] },
      );
      await fc.assert(
        fc.asyncProperty(departures, fc.dictionary(fc.string(), anything), async ({ first, ...changes }, more) => {
          const rows = first === undefined ? onePage.data : [first, ...onePage.data];
          nock(host)
            .post(permissions)
            .reply(200, JSON.stringify({ ...onePage, data: rows, ...changes, ...more }));
          const answer = await client()
            .client.createPermissions(checkpoint, ["proj_a"])
            .catch((error: unknown) => error);
          if (answer instanceof ApiError) {
            expect(answer.message).to.match(/^the answer \(200\) cannot be read: [^\n]+ is (not [^\n]+|missing)$/);
            return;
          }
          expect(answer).to.be.an("array");
          for (const { id, projectId, createdAt } of answer as Permission[]) {
            expect(id).to.be.a("string").and.not.to.equal("");
            expect(projectId).to.be.a("string").and.not.to.equal("");
            expect(createdAt).to.satisfy(Number.isInteger);
          }
        }),
      );
    });

    it("an error body of any form becomes one line without the key", async function () {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 400, max: 428 }),
          fc.jsonValue(),
          fc.string(),
          async (status, body, text) => {
            const error = { message: `${key} ${text}`, code: text, param: text };
            nock(host)
              .post(permissions)
              .reply(status, JSON.stringify(text.length % 2 === 0 ? body : { error }), { "x-request-id": "req_1" });
            const thrown = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
            expect(thrown).to.include({ status, isAmbiguous: status === 408, requestId: "req_1" });
            expect(thrown.message).to.match(/^\P{Cc}+$/u);
            expect(inspect(thrown)).not.to.include(key);
          },
        ),
      );
    });

    const forms: [body: unknown, message: string][] = [
      [{ error: "the gateway's own text" }, '403 "the gateway\'s own text"'],
      [{ error: { message: "with a number", code: 403 } }, '403 "with a number"'],
      [{ message: "at the top" }, '403 "at the top"'],
      [{ detail: "as FastAPI says it" }, '403 "as FastAPI says it"'],
      [{ error: { message: "" } }, "403, in a form that is not the API's own"],
      ["<!DOCTYPE html><title>Blocked &amp; logged</title>", '403, a page with the title "Blocked &amp; logged"'],
      ["<html>no</html>", "403, an HTML page"],
    ];
    for (const [body, message] of forms) {
      it(`an error of any form is shown: ${message}`, async function () {
        nock(host)
          .post(permissions)
          .reply(403, typeof body === "string" ? body : JSON.stringify(body));
        expect((await failure(client().client.createPermissions(checkpoint, ["proj_a"]))).message).to.equal(message);
      });
    }

    for (const bad of ["cp_\u001b[31m1", "cp_`rm`", "cp 1", "cp_\n1", "=cp_1", "cp|1"]) {
      it(`an ID that could harm what shows it is an error: ${JSON.stringify(bad)}`, async function () {
        for (const field of ["id", "project_id"]) {
          nock(host)
            .get(permissions)
            .query(true)
            .times(4)
            .reply(200, { ...onePage, data: [{ ...row, [field]: bad }] });
          const error = await failure(client().client.listPermissions(checkpoint));
          expect(error.kind).to.equal("unreadable");
          expect(error.message).not.to.include(bad);
        }
      });
    }

    it("an error in an answer of 200 is shown", async function () {
      const error = { message: `Not for ${key}\nnow.`, code: "later" };
      nock(host).post(permissions).reply(200, { error });
      expect(await failure(client().client.createPermissions(checkpoint, ["proj_a"]))).to.include({
        kind: "unreadable",
        message: 'the answer (200) cannot be read: it is an error, "Not for [key] now."',
      });
    });

    it("a proxy's error page does not count as an answer from the API", async function () {
      nock(host).post(permissions).reply(404, "<html>not found</html>");
      const error = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
      expect(error).to.include({ status: 404, kind: "gateway", isAmbiguous: false });
    });

    it("a redirect is an error and is not followed", async function () {
      nock(host).get(permissions).query(true).reply(302, "", { location: "https://elsewhere.example/v1?x=1" });
      const error = await failure(client().client.listPermissions(checkpoint));
      expect(error.kind).to.equal("redirect");
      expect(error.message).to.include("redirects to https://elsewhere.example (302)");
    });
  });

  describe("retries", function () {
    it("a GET or DELETE is retried after network errors and 5xx, with growing pauses", async function () {
      const { client: api, clock } = client();
      nock(host)
        .get(permissions)
        .query(true)
        .replyWithError(Object.assign(new Error("x"), { code: "ECONNRESET" }));
      nock(host).get(permissions).query(true).reply(500, {});
      nock(host).get(permissions).query(true).reply(200, onePage);
      await api.listPermissions(checkpoint);
      nock(host).delete(`${permissions}/cp_1`).reply(502, "<html>");
      nock(host)
        .delete(`${permissions}/cp_1`)
        .reply(200, { object: "checkpoint.permission", id: "cp_1", deleted: true });
      await api.deletePermission(checkpoint, "proj_a", "cp_1");
      expect(clock.slept).to.deep.equal([500, 1000, 500]);
    });

    it("a request is sent at most four times", async function () {
      nock(host).get(permissions).query(true).times(4).reply(500, {});
      expect((await failure(client().client.listPermissions(checkpoint))).status).to.equal(500);
    });

    it("a POST that fails with 5xx or a network error is ambiguous and not retried", async function () {
      for (const status of [500, 503]) {
        nock(host).post(permissions).reply(status, {});
        expect((await failure(client().client.createPermissions(checkpoint, ["proj_a"]))).isAmbiguous).to.equal(true);
      }
      nock(host)
        .post(permissions)
        .replyWithError(Object.assign(new Error("x"), { code: "ECONNRESET" }));
      const error = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
      expect(error.isAmbiguous).to.equal(true);
      expect(error.message).to.equal("api.openai.com: the connection was cut before the answer came (ECONNRESET)");
    });

    for (const status of [408, 409]) {
      it(`a GET or DELETE that fails with ${status} is retried`, async function () {
        const { client: api, clock } = client();
        nock(host).get(permissions).query(true).reply(status, {});
        nock(host).get(permissions).query(true).reply(200, onePage);
        await api.listPermissions(checkpoint);
        nock(host).delete(`${permissions}/cp_1`).reply(status, {});
        nock(host)
          .delete(`${permissions}/cp_1`)
          .reply(200, { object: "checkpoint.permission", id: "cp_1", deleted: true });
        await api.deletePermission(checkpoint, "proj_a", "cp_1");
        expect(clock.slept).to.deep.equal([500, 500]);
      });
    }

    it("a POST that fails with 408 may have taken effect; one that fails with 409 has not", async function () {
      for (const [status, outcome] of [
        [408, { isAmbiguous: true, isTemporary: true }],
        [409, { isAmbiguous: false, isTemporary: false }],
      ] as const) {
        nock(host).post(permissions).reply(status, {});
        expect(await failure(client().client.createPermissions(checkpoint, ["proj_a"]))).to.include(outcome);
      }
    });

    for (const status of [408, 409, 503]) {
      it(`Retry-After of a ${status} is obeyed, unless it is longer than maxWaitSeconds`, async function () {
        const { client: api, clock } = client({ "openai:maxWaitSeconds": "60" });
        nock(host).get(permissions).query(true).reply(status, {}, { "retry-after": "20" });
        nock(host).get(permissions).query(true).reply(200, onePage);
        await api.listPermissions(checkpoint);
        expect(clock.slept).to.deep.equal([20_000]);
        nock(host).get(permissions).query(true).reply(status, {}, { "retry-after": "61" });
        await failure(api.listPermissions(checkpoint));
        nock(host).post(permissions).reply(status, {}, { "retry-after": "61" });
        expect((await failure(api.createPermissions(checkpoint, ["proj_a"]))).isTemporary).to.equal(false);
        expect(clock.slept).to.deep.equal([20_000]);
      });
    }

    it("a long wait that the API asks for is told, and ends when the run is cancelled", async function () {
      for (const method of ["GET", "POST"] as const) {
        const said: string[] = [];
        const endless = {
          now: () => 0,
          date: () => 0,
          random: () => 0,
          sleep: () => new Promise<void>(() => undefined),
        };
        const settings = readConfig((name) => ({ "openai:adminApiKey": key })[name], {});
        const api = new Client(settings, { ...endless, sleep: () => new Promise(() => undefined) }, (line) =>
          said.push(line),
        );
        nock(host).intercept(permissions, method).query(true).reply(503, {}, { "retry-after": "800" });
        const asking =
          method === "GET" ? api.listPermissions(checkpoint) : api.createPermissions(checkpoint, ["proj_a"]);
        const failing = failure(asking);
        while (said.length === 0) await new Promise(setImmediate);
        api.cancel();
        expect((await failing).kind).to.equal("cancelled");
        expect(said).to.deep.equal([`OpenAI asks to wait 800 s before the next ${method}.`]);
      }
    });

    it("x-should-retry decides for every status", async function () {
      for (const status of [400, 403, 404]) {
        nock(host).get(permissions).query(true).reply(status, {}, { "x-should-retry": "true" });
        nock(host).get(permissions).query(true).reply(200, onePage);
        await client().client.listPermissions(checkpoint);
        nock(host).post(permissions).reply(status, {}, { "x-should-retry": "true" });
        const error = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
        expect(error).to.include({ isTemporary: true, isAmbiguous: false });
      }
      for (const status of [409, 429, 500]) {
        const { client: api, clock } = client();
        nock(host).get(permissions).query(true).reply(status, {}, { "x-should-retry": "false" });
        expect((await failure(api.listPermissions(checkpoint))).status).to.equal(status);
        expect(clock.slept).to.deep.equal([]);
      }
    });

    it("once a request was given up, the next are tried once, until one is served", async function () {
      const { client: api } = client();
      nock(host).get(permissions).query(true).times(5).reply(503, {});
      await failure(api.listPermissions(checkpoint));
      await failure(api.listPermissions(checkpoint));
      expect(nock.isDone()).to.equal(true);
      nock(host).get(permissions).query(true).reply(200, onePage);
      await api.listPermissions(checkpoint);
      nock(host).get(permissions).query(true).times(4).reply(503, {});
      await failure(api.listPermissions(checkpoint));
      expect(nock.isDone()).to.equal(true);
    });

    it("a 429 about quota, billing or the account fails at once, in the API's words", async function () {
      for (const code of ["insufficient_quota", "billing_not_active", "billing_hard_limit_reached"]) {
        const { client: api, clock } = client();
        const error = { message: "You exceeded your current quota.", code, param: null };
        nock(host).get(permissions).query(true).reply(429, { error }, { "retry-after": "259200" });
        expect(await failure(api.listPermissions(checkpoint))).to.include({
          kind: "inactive-account",
          message: '429 "You exceeded your current quota."',
        });
        expect(clock.slept).to.deep.equal([]);
      }
    });

    for (const status of [400, 401, 403, 404, 422]) {
      it(`a request that fails with ${status} is not retried`, async function () {
        nock(host)
          .get(permissions)
          .query(true)
          .reply(status, { error: { message: "no", code: null, param: null } });
        expect((await failure(client().client.listPermissions(checkpoint))).status).to.equal(status);
      });
    }

    it("every method is retried after a 429", async function () {
      const { client: api } = client();
      nock(host).get(permissions).query(true).reply(429, {});
      nock(host).get(permissions).query(true).reply(200, onePage);
      nock(host).post(permissions).reply(429, {});
      nock(host).post(permissions).reply(200, onePage);
      nock(host).delete(`${permissions}/cp_1`).reply(429, {});
      nock(host)
        .delete(`${permissions}/cp_1`)
        .reply(200, { object: "checkpoint.permission", id: "cp_1", deleted: true });
      await api.listPermissions(checkpoint);
      await api.createPermissions(checkpoint, ["proj_a"]);
      await api.deletePermission(checkpoint, "proj_a", "cp_1");
    });
  });

  const unreachable: [code: string | undefined, message: string, reason: string][] = [
    ["ECONNREFUSED", "connect ECONNREFUSED", "connection refused (ECONNREFUSED)"],
    ["ENOTFOUND", "getaddrinfo", "host not found (ENOTFOUND)"],
    ["CERT_HAS_EXPIRED", "certificate has expired", "certificate has expired (CERT_HAS_EXPIRED)"],
    [undefined, `something with ${key} in it`, "something with [key] in it"],
  ];
  for (const [code, message, reason] of unreachable) {
    it(`the error for an unreachable host says: ${reason}`, async function () {
      nock(host)
        .post(permissions)
        .replyWithError(code === undefined ? new Error(message) : Object.assign(new Error(message), { code }));
      const error = await failure(client().client.createPermissions(checkpoint, ["proj_a"]));
      expect(error.message).to.equal(`api.openai.com: ${reason}`);
    });
  }

  it("a certificate that is not trusted is an error of its own, after one request", async function () {
    for (const code of ["SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERT_HAS_EXPIRED"]) {
      nock(host)
        .get(permissions)
        .query(true)
        .replyWithError(Object.assign(new Error("not trusted"), { code }));
      const error = await failure(client().client.listPermissions(checkpoint));
      expect(error).to.include({ kind: "certificate", message: `api.openai.com: not trusted (${code})` });
    }
  });

  it("a request without an answer fails after timeoutSeconds", async function () {
    nock(host).post(permissions).delay(2000).reply(200, onePage);
    const { client: api } = client({ "openai:timeoutSeconds": "0.05" });
    const error = await failure(api.createPermissions(checkpoint, ["proj_a"]));
    expect(error.message).to.equal("api.openai.com: no answer within 0.05 s (openai:timeoutSeconds)");
    nock.abortPendingRequests();
  });

  for (const seconds of ["2.01", "0.9999", "3000000", "1e12"]) {
    it(`a request works with a timeoutSeconds of ${seconds}`, async function () {
      nock(host).get(permissions).query(true).reply(200, onePage);
      const page = await client({ "openai:timeoutSeconds": seconds }).client.listPermissions(checkpoint);
      expect(page.permissions).to.have.length(1);
    });
  }

  it("a missing key is an error before any request", async function () {
    const { context } = contextWith({ "openai:adminApiKey": "" });
    const thrown = await context.client.listPermissions(checkpoint).catch((error: unknown) => error);
    expect(thrown).to.be.instanceOf(UsageError);
    expect((thrown as UsageError).remedy)
      .to.include("openai:adminApiKey")
      .and.to.include("OPENAI_ADMIN_KEY");
  });

  for (const id of ["", ".", ".."]) {
    it(`the permission ID "${id}" is rejected, as it would change the request's path`, async function () {
      const thrown = await client()
        .client.deletePermission(checkpoint, "proj_a", id)
        .catch((error: unknown) => error);
      expect(thrown).to.be.instanceOf(UsageError);
    });
  }
});
