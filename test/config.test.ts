import { expect } from "chai";
import fc from "fast-check";
import { ConfigError, ofOptions, problemsWithKeys, readConfig, type Config } from "../provider/config";

/** The settings themselves. */
function settings(config: Config): Omit<Config, "nameOf" | "howToSetKey"> {
  const { nameOf, howToSetKey, ...rest } = config;
  expect(nameOf).to.be.a("function");
  expect(howToSetKey).to.include("OPENAI_ADMIN_KEY");
  return rest;
}

function read(stack: Record<string, string> = {}, env: Record<string, string> = {}): Config {
  return readConfig((key) => stack[key], env);
}

function problem(stack: Record<string, string>, env: Record<string, string> = {}): string {
  try {
    read(stack, env);
  } catch (error) {
    expect(error).to.be.instanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("The config was accepted.");
}

describe("the config", function () {
  it("has defaults for everything but the key", function () {
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
      notices: [],
    });
  });

  it("comes from the package's own namespace, then from the one of OpenAI's own provider", function () {
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

  it("comes from a script's options by their bare names", function () {
    const config = readConfig((key) => ({ timeoutSeconds: "5" })[key], {}, ofOptions);
    expect(config.timeoutSeconds).to.equal(5);
    expect(config.nameOf("adminApiKey")).to.equal("adminApiKey");
  });

  it("comes from the stack", function () {
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
      notices: [],
    });
  });

  const shell = {
    OPENAI_ADMIN_KEY: "sk-admin-2",
    OPENAI_BASE_URL: "http://127.0.0.1:8080/v1",
    OPENAI_ORG_ID: "org-2",
    OPENAI_PROJECT_ID: "proj_2",
  };

  it("comes from the environment, when the key does", function () {
    expect(read({}, shell)).to.include({
      adminApiKey: "sk-admin-2",
      baseUrl: "http://127.0.0.1:8080/v1",
      organization: "org-2",
      project: "proj_2",
    });
  });

  it("leaves the environment's destination alone when the key comes from the stack, and says so of each", function () {
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

  it("never takes a project's own key", function () {
    expect(read({}, { OPENAI_API_KEY: "sk-proj-1" }).adminApiKey).to.equal(undefined);
  });

  it("takes an empty value for none", function () {
    const env = { OPENAI_ADMIN_KEY: "", OPENAI_BASE_URL: " " };
    const stack = { "openai:adminApiKey": "", "openai:timeoutSeconds": "" };
    expect(settings(read(stack, env))).to.deep.equal(settings(read()));
  });

  for (const host of ["127.0.0.1:1", "127.1.2.3", "localhost:8080", "[::1]:9"]) {
    it(`lets plain HTTP go to ${host}`, function () {
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
    it(`refuses ${url}, without repeating it`, function () {
      expect(problem({ "openai:baseUrl": url }))
        .to.include(`openai:baseUrl ${why}`)
        .and.not.to.include("secret");
      expect(problem({}, { OPENAI_BASE_URL: url })).to.include(`OPENAI_BASE_URL ${why}`);
    });
  }

  it("reads a base URL as every client does", function () {
    expect(read({ "openai:baseUrl": "HTTP://LOCALHOST:8080/v1/" }).baseUrl).to.equal("http://localhost:8080/v1");
  });

  it("names the variable that a wrong header comes from", function () {
    const env = { OPENAI_ADMIN_KEY: "sk-admin-x", OPENAI_ORG_ID: "org ä" };
    expect(problem({}, env)).to.include("OPENAI_ORG_ID must be plain ASCII");
  });

  it("names every wrong value at once", function () {
    const message = problem({
      "openai:requestsPerMinute": "0",
      "openai:timeoutSeconds": "soon",
      "openai:maxWaitSeconds": "-1",
      "openai:driftDetection": "no",
      "openai:adoptExisting": "1",
    });
    expect(message.match(/openai:\w+ must be/g)).to.have.length(5);
  });

  it("refuses a key that would break the header, without repeating it", function () {
    expect(problem({ "openai:adminApiKey": "sk-admin\r\nX-Evil: 1" }))
      .to.include("openai:adminApiKey must be plain ASCII")
      .and.not.to.include("Evil");
    expect(problem({}, { OPENAI_ADMIN_KEY: "sk-ädmin" })).to.include("OPENAI_ADMIN_KEY must be plain ASCII");
  });

  it("either reads or names the key, whatever the values", function () {
    const numbers = ["requestsPerMinute", "timeoutSeconds", "maxWaitSeconds"] as const;
    const flags = ["driftDetection", "adoptExisting"] as const;
    const headers = ["organization", "project", "adminApiKey"] as const;
    const keys = [...numbers, ...flags, ...headers, "baseUrl" as const];
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.string({ unit: "binary" }), (key, value) => {
        let config: Config;
        try {
          config = read({ [`openai:${key}`]: value });
        } catch (error) {
          expect(error).to.be.instanceOf(ConfigError);
          expect((error as ConfigError).message)
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

  it("repeats no value that could be a key which was set in the wrong place", function () {
    const message = problem({
      "openai:timeoutSeconds": "sk-admin-misplaced",
      "openai:adoptExisting": "sk-admin-misplaced",
    });
    expect(message).to.include("openai:timeoutSeconds must be").and.not.to.include("misplaced");
  });

  it("tells a mistyped key of the shared namespace from one that is somebody else's", function () {
    const keys = ["openai:adminKey", "openai:adminApiKey", "openai:somethingElse", "aws:region", "acme:baseUrll"];
    expect(problemsWithKeys(keys)).to.deep.equal({
      errors: [],
      notices: ["openai:adminKey is not read here. Did you mean openai:adminApiKey?"],
    });
  });
});
