import { expect } from "chai";
import fc from "fast-check";
import { readConfig, UsageError, type Config } from "../provider/config";
import { problemsWithKeys } from "../provider/config-keys";

/** The settings themselves. */
function settings(config: Config): Omit<Config, "nameOf" | "howToSetKey" | "onRevoking"> {
  const { nameOf, howToSetKey, onRevoking, ...rest } = config;
  expect(nameOf).to.be.a("function");
  expect(howToSetKey).to.include("OPENAI_ADMIN_KEY");
  expect(onRevoking).to.equal(undefined);
  return rest;
}

function read(stack: Record<string, string> = {}, env: Record<string, string> = {}): Config {
  return readConfig((key) => stack[key], env);
}

function problem(stack: Record<string, string>, env: Record<string, string> = {}): string {
  try {
    read(stack, env);
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return (error as UsageError).message;
  }
  throw new Error("The config was accepted.");
}

describe("the config", function () {
  it("every setting but the key has a default", function () {
    expect(settings(read())).to.deep.equal({
      adminApiKey: undefined,
      baseUrl: "https://api.openai.com/v1",
      organization: undefined,
      project: undefined,
      requestsPerMinute: undefined,
      timeoutSeconds: 60,
      maxWaitSeconds: 900,
      driftDetection: true,
      adoptExisting: true,
      auditDetails: true,
      notices: [],
    });
  });

  it("a project's key is an error that names where it was set and what to use, and never the key", function () {
    for (const key of ["sk-proj-abc", "sk-svcacct-abc"]) {
      const inStack = problem({ "openai:adminApiKey": key });
      expect(inStack).to.include("openai:adminApiKey holds a project's key").and.to.include("admin-keys");
      expect(inStack).not.to.include(key);
      expect(problem({}, { OPENAI_ADMIN_KEY: key })).to.include("OPENAI_ADMIN_KEY holds a project's key");
    }
    expect(read({ "openai:adminApiKey": "sk-admin-abc" }).adminApiKey).to.equal("sk-admin-abc");
  });

  it("one line says to which host the environment sends its key, unless that is OpenAI's or this machine", function () {
    const noticesWith = (url: string, stack = {}) =>
      read(stack, { OPENAI_ADMIN_KEY: "sk-admin-1", OPENAI_BASE_URL: url }).notices;
    const [notice] = noticesWith("https://gateway.example/v1");
    expect(notice).to.include("OPENAI_ADMIN_KEY").and.to.include("gateway.example").and.to.include("OPENAI_BASE_URL");
    for (const url of ["https://eu.api.openai.com/v1", "https://api.openai.com/v1", "http://127.0.0.1:4100/v1"])
      expect(noticesWith(url)).to.deep.equal([]);
    expect(noticesWith("https://openai.com.example/v1")).to.have.length(1);
    expect(
      read({ "openai:adminApiKey": "sk-admin-1", "openai:baseUrl": "https://gateway.example/v1" }).notices,
    ).to.deep.equal([]);
  });

  it("a setting comes from the package's own namespace first, then from the openai namespace", function () {
    const own = "openai-checkpoint-permissions";
    const shared = { "openai:adminApiKey": "sk-1", "openai:baseUrl": "https://a/v1", "openai:organization": "org-1" };
    const config = read({ ...shared, "openai:project": "proj_1", [`${own}:organization`]: "org-2" });
    expect(config).to.include({
      adminApiKey: "sk-1",
      baseUrl: "https://a/v1",
      organization: "org-2",
      project: "proj_1",
    });
    expect(read({ [`${own}:requestsPerMinute`]: "7", "openai:requestsPerMinute": "9" }).requestsPerMinute).to.equal(7);
    expect(problem({ [`${own}:timeoutSeconds`]: "0" })).to.include(`${own}:timeoutSeconds must be`);
    expect(problem({ "openai:timeoutSeconds": "0" })).to.include("openai:timeoutSeconds must be");
    expect([config.nameOf("adminApiKey"), config.nameOf("maxWaitSeconds")]).to.deep.equal([
      "openai:adminApiKey",
      `${own}:maxWaitSeconds`,
    ]);
  });

  it("every setting can come from the stack's config", function () {
    const config = read({
      "openai:adminApiKey": "sk-admin-1",
      "openai:baseUrl": "https://proxy.example/openai/v1/",
      "openai:organization": "org-1",
      "openai:project": "proj_1",
      "openai:requestsPerMinute": "7",
      "openai:timeoutSeconds": "2.5",
      "openai:maxWaitSeconds": "60",
      "openai:driftDetection": "false",
      "openai:adoptExisting": "false",
      "openai:auditDetails": "false",
    });
    expect(settings(config)).to.deep.equal({
      adminApiKey: "sk-admin-1",
      baseUrl: "https://proxy.example/openai/v1",
      organization: "org-1",
      project: "proj_1",
      requestsPerMinute: 7,
      timeoutSeconds: 2.5,
      maxWaitSeconds: 60,
      driftDetection: false,
      adoptExisting: false,
      auditDetails: false,
      notices: [],
    });
  });

  const shell = {
    OPENAI_ADMIN_KEY: "sk-admin-2",
    OPENAI_BASE_URL: "http://127.0.0.1:8080/v1",
    OPENAI_ORG_ID: "org-2",
    OPENAI_PROJECT_ID: "proj_2",
  };

  it("the shell's address, organization and project are used if the key is the shell's, too", function () {
    expect(read({}, shell)).to.include({
      adminApiKey: "sk-admin-2",
      baseUrl: "http://127.0.0.1:8080/v1",
      organization: "org-2",
      project: "proj_2",
    });
  });

  it("the shell's address, organization and project are ignored, with notices, if the key is the stack's", function () {
    const config = read({ "openai:adminApiKey": "sk-admin-1" }, shell);
    expect(config).to.include({ adminApiKey: "sk-admin-1", baseUrl: "https://api.openai.com/v1" });
    expect(config.organization).to.equal(undefined);
    expect(config.project).to.equal(undefined);
    expect(config.notices.map((notice) => notice.split(" ")[0])).to.deep.equal([
      "OPENAI_BASE_URL",
      "OPENAI_ORG_ID",
      "OPENAI_PROJECT_ID",
    ]);
  });

  it("OPENAI_API_KEY is never used as the admin key", function () {
    expect(read({}, { OPENAI_API_KEY: "sk-proj-1" }).adminApiKey).to.equal(undefined);
  });

  it("an empty or blank value counts as unset", function () {
    const env = { OPENAI_ADMIN_KEY: "", OPENAI_BASE_URL: " " };
    const stack = { "openai:adminApiKey": "", "openai:timeoutSeconds": "" };
    expect(settings(read(stack, env))).to.deep.equal(settings(read()));
  });

  for (const host of ["127.0.0.1:1", "127.1.2.3", "localhost:8080", "[::1]:9"]) {
    it(`plain HTTP to ${host} is allowed`, function () {
      expect(read({ "openai:baseUrl": `http://${host}/v1` }).baseUrl).to.equal(`http://${host}/v1`);
    });
  }

  const wrongUrls = {
    "http://api.openai.com/v1": "must begin with https://",
    "http://127.0.0.1.evil.example/v1": "must begin with https://",
    "http://localhost.evil.example/v1": "must begin with https://",
    "ftp://127.0.0.1/v1": "must begin with https://",
    "file:///v1": "must begin with https://",
    "https://user:secret@api.openai.com/v1": "must not hold a user name or password",
    "https://api.openai.com/v1?key=secret": "must not have a query",
    "https://api.openai.com/v1#secret": "must not have a query",
    "api.openai.com/v1": "must be a URL",
    "https://": "must be a URL",
  };
  for (const [url, why] of Object.entries(wrongUrls)) {
    it(`the base URL ${url} is rejected without repeating it`, function () {
      expect(problem({ "openai:baseUrl": url }))
        .to.include(`openai:baseUrl ${why}`)
        .and.not.to.include("secret");
      expect(problem({}, { OPENAI_BASE_URL: url })).to.include(`OPENAI_BASE_URL ${why}`);
    });
  }

  it("the base URL's scheme, host and final slash are normalized", function () {
    expect(read({ "openai:baseUrl": "HTTP://LOCALHOST:8080/v1/" }).baseUrl).to.equal("http://localhost:8080/v1");
  });

  it("the error for an invalid header value names the variable it comes from", function () {
    const env = { OPENAI_ADMIN_KEY: "sk-admin-x", OPENAI_ORG_ID: "org ä" };
    expect(problem({}, env)).to.include("OPENAI_ORG_ID must be plain ASCII");
  });

  it("an error about the config names all invalid values at once", function () {
    const message = problem({
      "openai:requestsPerMinute": "0",
      "openai:timeoutSeconds": "soon",
      "openai:maxWaitSeconds": "-1",
      "openai:driftDetection": "no",
      "openai:adoptExisting": "1",
    });
    expect(message.match(/openai:\w+ must be/g)).to.have.length(5);
  });

  it("a key with line breaks or non-ASCII letters is rejected without repeating it", function () {
    expect(problem({ "openai:adminApiKey": "sk-admin\r\nX-Evil: 1" }))
      .to.include("openai:adminApiKey must be plain ASCII")
      .and.not.to.include("Evil");
    expect(problem({}, { OPENAI_ADMIN_KEY: "sk-ädmin" })).to.include("OPENAI_ADMIN_KEY must be plain ASCII");
  });

  it("any value is either accepted or rejected with an error naming its setting", function () {
    const numbers = ["requestsPerMinute", "timeoutSeconds", "maxWaitSeconds"] as const;
    const flags = ["driftDetection", "adoptExisting", "auditDetails"] as const;
    const headers = ["organization", "project", "adminApiKey"] as const;
    const keys = [...numbers, ...flags, ...headers, "baseUrl" as const];
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.string({ unit: "binary" }), (key, value) => {
        let config: Config;
        try {
          config = read({ [`openai:${key}`]: value });
        } catch (error) {
          expect(error).to.be.instanceOf(UsageError);
          expect((error as UsageError).message)
            .to.include(`openai:${key}`)
            .and.to.match(/^\P{Cc}+$/u);
          return;
        }
        for (const name of numbers) if (config[name] !== undefined) expect(config[name]).to.be.above(0);
        for (const name of headers) if (config[name] !== undefined) expect(config[name]).to.match(/^[\x21-\x7e]+$/);
        expect(new URL(config.baseUrl).protocol).to.be.oneOf(["https:", "http:"]);
      }),
    );
  });

  it("an error does not repeat a value that may be a misplaced key", function () {
    const message = problem({
      "openai:timeoutSeconds": "sk-admin-misplaced",
      "openai:adoptExisting": "sk-admin-misplaced",
    });
    expect(message).to.include("openai:timeoutSeconds must be").and.not.to.include("misplaced");
  });

  it("a misspelled openai: key gets a suggestion; keys of other packages are ignored", function () {
    const keys = ["openai:adminKey", "openai:adminApiKey", "openai:somethingElse", "aws:region", "acme:baseUrll"];
    expect(problemsWithKeys(keys)).to.deep.equal({
      errors: [],
      notices: ["openai:adminKey is not read here. Did you mean openai:adminApiKey?"],
    });
  });
});
