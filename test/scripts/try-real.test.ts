import { expect } from "chai";
import nock from "nock";
import { Emulator, type EmulatorOptions } from "../../sandbox/api/server";
import { reportOf, tryReal, type Fact } from "../../scripts/try-real/facts";
import { failureOf } from "../support/failure";

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";
const projectId = "proj_trial";

describe("npm run try:real", function () {
  let emulator: Emulator;
  let asked: string[];
  let said: string[];

  before(function () {
    nock.enableNetConnect("127.0.0.1");
  });
  after(function () {
    nock.disableNetConnect();
  });
  afterEach(async function () {
    expect(emulator.projects(checkpoint), "left behind").not.to.include(projectId);
    await emulator.stop();
  });

  async function trial(options: EmulatorOptions = {}, answer: (question: string) => boolean = () => true) {
    emulator = await Emulator.start({ unknownCheckpoints: [`${checkpoint}x`], ...options });
    for (const one of ["proj_a", "proj_b"]) emulator.grant(checkpoint, one);
    [asked, said] = [[], []];
    return tryReal({
      ...{ baseUrl: emulator.url, adminApiKey: emulator.adminKey, checkpoint, projectId },
      ask: (question) => {
        asked.push(question);
        return Promise.resolve(answer(question));
      },
      say: (line) => said.push(line),
      sleep: (milliseconds) => {
        emulator.pass(milliseconds);
        return Promise.resolve();
      },
      now: Date.now,
    });
  }

  /** For a trial that is refused before it asks or waits. */
  const optionsFor = (project: string) => ({
    ...{ baseUrl: emulator.url, adminApiKey: emulator.adminKey, checkpoint, projectId: project },
    ask: () => Promise.resolve(true),
    say: () => undefined,
    sleep: () => Promise.resolve(),
    now: Date.now,
  });

  const different = (facts: readonly Fact[]) =>
    Object.fromEntries(facts.flatMap(({ what, assumed, seen }) => (seen === assumed ? [] : [[what, seen]])));

  it("every assumption is confirmed by the emulator itself, and the user is asked before each write", async function () {
    const facts = await trial();
    expect(different(facts)).to.deep.equal({});
    expect(facts.length).to.be.at.least(12);
    expect(asked).to.have.lengthOf(3);
    expect(emulator.requests.filter(({ method }) => method === "POST")).to.have.lengthOf(2);
  });

  const modes: [string, EmulatorOptions, Record<string, string>][] = [
    ["omits repeated grants", { repeatedPost: "omit" }, { "a repeated POST": "left out of the answer" }],
    ["grants twice", { repeatedPost: "duplicate" }, { "a repeated POST": "a second permission" }],
    ["refuses repeated grants", { repeatedPost: "refuse" }, { "a repeated POST": "refused: 409 already_exists" }],
    [
      "has lists that lag",
      { lag: 5 },
      { "a list shows a grant": "after 0 s", "a list omits what was revoked": "after 0 s" },
    ],
    [
      "limits the rate",
      { throttle: { perMinute: 60, burst: 3, retryAfter: "seconds" } },
      { "rate limit": "429 after 5 requests, with Retry-After" },
    ],
    ["has a clock of its own", { age: 3600 }, { "created_at and the answer's Date": "3600 s apart" }],
  ];
  for (const [what, options, expected] of modes) {
    it(`an API that ${what} is told from the emulator's default, and nothing is left behind`, async function () {
      const found = different(await trial(options));
      for (const [fact, seen] of Object.entries(expected)) {
        expect(found[fact]?.replace(/after \d s/, "after 0 s").replace(/^36\d\d s/, "3600 s"), fact).to.equal(seen);
      }
    });
  }

  it("nothing is written unless the user agrees", async function () {
    const { message } = await failureOf(trial({}, () => false));
    expect(message).to.include("Nothing was written");
    expect(emulator.requests.every(({ method }) => method === "GET")).to.equal(true);
  });

  for (const last of ["Grant it once more", "Revoke it"]) {
    it(`what was granted is revoked if the user stops at "${last}"`, async function () {
      await trial({}, (question) => !question.startsWith(last)).catch(() => undefined);
      expect(emulator.requests.some(({ method }) => method === "POST")).to.equal(true);
    });
  }

  it("a grant whose answer is lost is revoked all the same", async function () {
    const { message } = await failureOf(
      trial({}, (question) => {
        if (question.startsWith("Grant proj_trial")) emulator.fail({ method: "POST", kind: "lost answer" });
        return true;
      }),
    );
    expect(message).to.include("No answer: ECONNRESET");
    expect(emulator.requests.filter(({ method }) => method === "DELETE")).to.have.lengthOf(1);
  });

  it("a grant whose answer is lost is revoked even if lists lag", async function () {
    await failureOf(
      trial({ lag: 10 }, (question) => {
        if (question.startsWith("Grant proj_trial")) emulator.fail({ method: "POST", kind: "lost answer" });
        return true;
      }),
    );
    expect(emulator.requests.filter(({ method }) => method === "DELETE")).to.have.lengthOf(1);
  });

  it("permissions of others are left alone, even if answers hold them", async function () {
    const others = (body: unknown) => ({ ...(body as object), data: emulator.permissions(checkpoint) });
    for (const method of ["GET", "POST"] as const) {
      await trial({}, (question) => {
        if (question.startsWith("Grant proj_trial"))
          emulator.fail({ method, times: Infinity, kind: { rewrite: others } });
        return true;
      }).catch(() => undefined);
      expect(emulator.projects(checkpoint)).to.deep.equal(["proj_a", "proj_b"]);
      if (method === "GET") await emulator.stop();
    }
  });

  it("what cannot be revoked is an error that names it", async function () {
    const { message } = await failureOf(
      trial({}, (question) => {
        if (question.startsWith("Revoke it"))
          emulator.fail({ method: "DELETE", times: Infinity, kind: { status: 500 } });
        return true;
      }),
    );
    expect(message).to.match(/^proj_trial still has access to ft:\S+ \(cp_\w+\)\. Revoke it by hand\.$/);
    emulator.revoke(emulator.permissions(checkpoint).find((row) => row.project_id === projectId)!.id);
  });

  it("a project whose permission is on the second page has access already", async function () {
    emulator = await Emulator.start();
    const kept = emulator.grant(checkpoint, "proj_a");
    for (let index = 0; index < 150; index++) emulator.grant(checkpoint, `proj_${index}`);
    expect((await failureOf(tryReal(optionsFor("proj_a")))).message).to.include("proj_a has access");
    expect(emulator.permissions(checkpoint).map(({ id }) => id)).to.include(kept.id);
  });

  it("a project that has access already is refused before any write", async function () {
    emulator = await Emulator.start();
    emulator.grant(checkpoint, "proj_a");
    const options = optionsFor("proj_a");
    expect((await failureOf(tryReal(options))).message).to.include("proj_a has access");
    expect((await failureOf(tryReal({ ...options, adminApiKey: "sk-admin-wrong" }))).message)
      .to.include("answered with 401")
      .and.not.to.include("sk-admin-wrong");
    expect(emulator.projects(checkpoint)).to.deep.equal(["proj_a"]);
  });

  it("the report counts what is confirmed, and names no checkpoint, project or permission", async function () {
    const report = reportOf(await trial({ repeatedPost: "duplicate" }), { checkpoint, projectId });
    expect(report)
      .to.match(/^\d+ of \d+ assumptions of the emulator are confirmed\./)
      .and.to.include("| a repeated POST | the existing permission | a second permission | **no** |");
    for (const secret of [checkpoint, projectId, emulator.adminKey]) expect(report).not.to.include(secret);
    expect(report).not.to.match(/cp_\w/);
  });
});
