import { expect } from "chai";
import type { Config } from "../../provider/config";
import { ApiError } from "../../provider/api/error";
import { retryAfter, Throttle } from "../../provider/api/throttle";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";
import { refusal } from "../support/server";

interface TestAnswer {
  status: number;
  retryAfter?: number;
}

/** A throttle whose requests answer with no more than a status. */
class TestThrottle extends Throttle {
  async send(answer: () => Promise<TestAnswer>, units?: number): Promise<number> {
    const { status } = await this.run(async () => {
      const { status, retryAfter } = await answer();
      const error = status === 200 ? {} : { error: refusal(status, "Slow down.") };
      return { status, retryAfter, isRateLimited: status === 429, ...error };
    }, units);
    return status;
  }
}

function throttle(settings: Partial<Pick<Config, "requestsPerMinute" | "maxWaitSeconds">> = {}) {
  const clock = new TestClock();
  const said: string[] = [];
  const gate = new TestThrottle({
    ...{ requests: "grants (POST)", unit: "permissions", clock },
    config: { requestsPerMinute: undefined, maxWaitSeconds: 900, nameOf: (name) => `openai:${name}`, ...settings },
    say: (line) => said.push(line),
  });
  return { gate, clock, said };
}

/** A server that lets `burst` pass at once and refills steadily, as token buckets do. */
function bucket(clock: TestClock, perMinute: number, burst: number, retryAfterSeconds = false) {
  let tokens = burst;
  let at = clock.now();
  const served = { passed: 0, refused: 0 };
  const send = async () => {
    tokens = Math.min(burst, tokens + ((clock.now() - at) * perMinute) / 60_000);
    at = clock.now();
    if (tokens < 1) {
      served.refused++;
      const seconds = Math.ceil(((1 - tokens) / perMinute) * 60);
      return retryAfterSeconds ? { status: 429, retryAfter: seconds * 1000 } : { status: 429 };
    }
    tokens--;
    served.passed++;
    return { status: 200 };
  };
  return { send, served };
}

describe("an endpoint's throttle", function () {
  it("requests that the API accepts are not delayed", async function () {
    const { gate, clock } = throttle();
    await Promise.all(Array.from({ length: 50 }, () => gate.send(async () => ({ status: 200 }))));
    expect(clock.slept).to.deep.equal([]);
  });

  it("every answer but a 429 is passed on", async function () {
    const { gate } = throttle();
    for (const status of [200, 400, 500]) {
      expect(await gate.send(async () => ({ status }))).to.equal(status);
    }
  });

  it("Retry-After pauses all requests, which then continue one by one", async function () {
    const { gate, clock, said } = throttle();
    const start = clock.now();
    const sent: number[] = [];
    let refusals = 3;
    const send = async () => {
      if (refusals-- > 0) return { status: 429, retryAfter: 20_000 };
      sent.push(clock.now() - start);
      return { status: 200 };
    };
    await Promise.all([gate.send(send), gate.send(send), gate.send(send)]);
    // Then one by one: what waited would only be refused together again.
    expect(sent).to.deep.equal([20_000, 20_500, 20_900]);
    expect(said[0]).to.equal(
      "OpenAI is rate-limiting grants (POST): 0 of 3 permissions done, the rest as fast as it allows.",
    );
  });

  for (const retryAfterZero of [0, 1]) {
    it(`a Retry-After of ${retryAfterZero} ms does not cause endless retries`, async function () {
      const { gate, clock } = throttle({ maxWaitSeconds: 10 });
      let asked = 0;
      const send = async () => {
        asked++;
        return { status: 429, retryAfter: retryAfterZero };
      };
      expect(await gate.send(send).catch((error: unknown) => error)).to.be.instanceOf(ApiError);
      expect(asked).to.be.below(6);
      expect(clock.slept.length).to.be.below(6);
    });
  }

  it("the pause doubles with each 429 without Retry-After, up to a minute", async function () {
    const { gate, clock } = throttle();
    let refusals = 9;
    await gate.send(async () => ({ status: refusals-- > 0 ? 429 : 200 }));
    expect(clock.slept).to.deep.equal([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  for (const [perMinute, burst] of [
    [60, 10],
    [7, 7],
    [10, 10],
  ] as const) {
    it(`100 requests, 8 at a time, take at most 1.2 times the minimum at ${perMinute} a minute`, async function () {
      const { gate, clock, said } = throttle();
      const { send, served } = bucket(clock, perMinute, burst);
      const start = clock.now();
      let left = 100;
      const worker = async () => {
        while (left-- > 0) await gate.send(send);
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      const least = ((100 - burst) / perMinute) * 60_000;
      expect(served.passed).to.equal(100);
      expect((clock.now() - start) / least).to.be.within(1, 1.2);
      expect(served.refused).to.be.below(60);
      expect(said.length).to.be.at.most(1 + least / 15_000);
    });
  }

  for (const [perMinute, burst] of [
    [7, 7],
    [60, 10],
  ] as const) {
    it(`requests that will be refused are rarely sent at ${perMinute} a minute with Retry-After`, async function () {
      const { gate, clock } = throttle();
      const { send, served } = bucket(clock, perMinute, burst, true);
      await Promise.all(Array.from({ length: 60 }, () => gate.send(send)));
      expect(served.passed).to.equal(60);
      // The whole burst is sent at once, and refused together but for what passes.
      expect(served.refused).to.be.at.most(60 - burst + 10);
      served.refused = 0;
      const start = clock.now();
      for (let request = 0; request < 20; request++) await gate.send(send);
      expect(served.refused).to.be.at.most(3);
      expect((clock.now() - start) / ((20 / perMinute) * 60_000)).to.be.below(1.2);
    });
  }

  it("60 requests in windows of 10 a minute with Retry-After meet at most three refusals", async function () {
    const { gate, clock } = throttle();
    let refused = 0;
    let passed = 0;
    const windows = new Map<number, number>();
    const send = async () => {
      const window = Math.floor(clock.now() / 60_000);
      const used = windows.get(window) ?? 0;
      if (used >= 10) {
        refused++;
        return { status: 429, retryAfter: (window + 1) * 60_000 - clock.now() };
      }
      windows.set(window, used + 1);
      passed++;
      return { status: 200 };
    };
    for (let request = 0; request < 60; request++) await gate.send(send);
    expect(passed).to.equal(60);
    expect(refused).to.be.at.most(3);
    expect(clock.now()).to.be.below(7 * 60_000);
  });

  it("full speed soon resumes after a refusal that stays the only one", async function () {
    const { gate, clock } = throttle();
    let sent = 0;
    const send = async () => (++sent === 4 ? { status: 429, retryAfter: 5_000 } : { status: 200 });
    for (let request = 0; request < 1000; request++) await gate.send(send);
    expect(clock.now()).to.be.below(60_000);
  });

  it("idle time is ignored in the estimate of the rate", async function () {
    const { gate, clock } = throttle();
    await gate.send(async () => ({ status: 200 }));
    clock.pass(20 * 60_000);
    let refusals = 1;
    const send = async () => (refusals-- > 0 ? { status: 429, retryAfter: 5_000 } : { status: 200 });
    const start = clock.now();
    for (let request = 0; request < 100; request++) await gate.send(send);
    expect(clock.now() - start).to.be.below(30_000);
  });

  it("requestsPerMinute spaces requests from the start, and a message gives the finish time", async function () {
    const { gate, clock, said } = throttle({ requestsPerMinute: 60 });
    const start = clock.now();
    await Promise.all(Array.from({ length: 5 }, () => gate.send(async () => ({ status: 200 }))));
    expect(clock.now() - start).to.equal(4000);
    expect(said).to.deep.equal([]);
    await Promise.all(Array.from({ length: 20 }, () => gate.send(async () => ({ status: 200 }))));
    expect(said).to.have.length(1);
    expect(said[0]).to.match(
      /^openai:requestsPerMinute limits grants \(POST\): 5 of 2\d permissions done, about 60 per minute, finishing around 00:00 UTC\.$/,
    );
  });

  it("a queue of any length may outlast maxWaitSeconds while requests are served", async function () {
    const { gate, clock } = throttle();
    const { send, served } = bucket(clock, 7, 7);
    await Promise.all(Array.from({ length: 300 }, () => gate.send(send)));
    expect(served.passed).to.equal(300);
    expect(clock.now()).to.be.above(40 * 60_000);
  });

  it("a rate-limited run reports progress, rate and finish time, at most every 15 seconds", async function () {
    const { gate, clock, said } = throttle();
    const { send } = bucket(clock, 7, 7);
    gate.progress.expect(50);
    for (let request = 0; request < 50; request++) await gate.send(send);
    expect(said[0]).to.equal(
      "OpenAI is rate-limiting grants (POST): 7 of 50 permissions done, the rest as fast as it allows.",
    );
    expect(said.at(-1)).to.match(
      /: 4\d of 50 permissions done, about [678] per minute, finishing around 00:0\d UTC\.$/,
    );
    expect(said.length).to.be.at.most(1 + clock.now() / 15_000);
    expect(said.join()).not.to.include("waiting");
  });

  it("progress counts every permission in a request and drops those no longer expected", async function () {
    const { gate, said } = throttle();
    gate.progress.expect(10);
    gate.progress.expect(-10);
    let refusals = 1;
    const once = async () => ({ status: refusals-- > 0 ? 429 : 200, retryAfter: 20_000 });
    await gate.send(async () => ({ status: 200 }), 40);
    await gate.send(once, 100);
    expect(said[0]).to.include("40 of 140 permissions done, about 300 per minute");
  });

  it("a change of the computer's clock does not affect a wait", async function () {
    for (const hours of [-1, 1]) {
      const { gate, clock } = throttle();
      let refusals = 1;
      const once = async () => {
        clock.epoch += hours * 3_600_000;
        return { status: refusals-- > 0 ? 429 : 200, retryAfter: 20_000 };
      };
      await gate.send(once);
      expect(clock.now()).to.equal(20_000);
    }
  });

  it("a Retry-After beyond maxWaitSeconds fails at once, naming the limit and what was done", async function () {
    const { gate, clock } = throttle({ maxWaitSeconds: 30 });
    await gate.send(async () => ({ status: 200 }));
    const error = await failureOf(gate.send(async () => ({ status: 429, retryAfter: 31_000 })));
    expect(error).to.be.instanceOf(ApiError);
    expect(error.message)
      .to.include("nothing for longer than 30 s (openai:maxWaitSeconds)")
      .and.to.include("1 of 2 permissions done")
      .and.to.match(/its last answer: 429 "Slow down\."$/);
    expect(clock.slept).to.deep.equal([]);
  });

  it("what one request has waited out in vain, the next does not wait out again", async function () {
    const { gate, clock } = throttle({ maxWaitSeconds: 30 });
    let sent = 0;
    const limited = async () => {
      sent++;
      return { status: 429 };
    };
    await failureOf(gate.send(limited));
    const [waited, before] = [clock.now(), sent];
    expect(waited).to.be.above(10_000);
    await failureOf(gate.send(limited));
    expect([clock.now(), sent]).to.deep.equal([waited, before]);
    // Soon after it is tried once; when it is served, or long after, there is patience again.
    clock.pass(25_000);
    await failureOf(gate.send(limited));
    expect(sent).to.equal(before + 1);
    clock.pass(60_000);
    for (let request = 0; request < 30; request++) {
      clock.pass(60_000);
      await gate.send(async () => ({ status: 200 }));
    }
    const start = clock.now();
    await failureOf(gate.send(limited));
    expect(clock.now() - start).to.be.above(10_000);
  });

  it("patience lasts as long for one request that meets rate limits and faults as for one of either", async function () {
    const { gate, clock } = throttle({ maxWaitSeconds: 30 });
    let answers = 0;
    const send = () => gate.send(async () => ({ status: ++answers % 2 === 0 ? 429 : 503 }));
    while ((await send().catch(() => undefined)) === 503 && gate.beginWait(5_000)) await clock.sleep(5_000);
    expect(answers).to.be.above(3);
    expect(clock.now()).to.be.within(15_000, 30_000);
  });
});

describe("Retry-After headers", function () {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0);
  const cases: [Record<string, string>, number | undefined][] = [
    [{}, undefined],
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Sun, 22 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Sun, 22 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after-ms": "120", "retry-after": "9" }, 120],
    [{ "retry-after-ms": "", "retry-after": "9" }, 9000],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after": "-1" }, undefined],
  ];
  for (const [headers, expected] of cases) {
    it(`the headers ${JSON.stringify(headers)} ask for ${expected === undefined ? "no wait" : `a wait of ${expected} ms`}`, function () {
      expect(retryAfter(headers, now)).to.equal(expected);
    });
  }
});
