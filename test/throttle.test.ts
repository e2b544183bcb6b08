import { expect } from "chai";
import { retryAfter, Throttle, WaitedTooLong, type ThrottleOptions } from "../provider/throttle";
import { TestClock } from "./clock";

function throttle(options: Partial<ThrottleOptions> = {}) {
  const clock = new TestClock();
  const said: string[] = [];
  const gate = new Throttle({
    endpoint: "granting (POST)",
    clock,
    maxWaitSeconds: 900,
    say: (line) => said.push(line),
    ...options,
  });
  return { gate, clock, said };
}

/** A server that lets `burst` pass at once and refills steadily, as token buckets do. */
function bucket(clock: TestClock, perMinute: number, burst: number) {
  let tokens = burst;
  let at = clock.now();
  const served = { passed: 0, refused: 0 };
  const send = async () => {
    tokens = Math.min(burst, tokens + ((clock.now() - at) * perMinute) / 60_000);
    at = clock.now();
    if (tokens < 1) {
      served.refused++;
      return { status: 429 };
    }
    tokens--;
    served.passed++;
    return { status: 200 };
  };
  return { send, served };
}

describe("the throttle of an endpoint", function () {
  it("does not hold up what the API lets pass", async function () {
    const { gate, clock } = throttle();
    await Promise.all(Array.from({ length: 50 }, () => gate.run(async () => ({ status: 200 }))));
    expect(clock.slept).to.deep.equal([]);
  });

  it("hands on every answer but a 429", async function () {
    const { gate } = throttle();
    for (const status of [200, 400, 500]) {
      expect(await gate.run(async () => ({ status }))).to.deep.equal({ status });
    }
  });

  it("waits as long as Retry-After says, for all at once, and says so once", async function () {
    const { gate, clock, said } = throttle();
    const start = clock.now();
    const sent: number[] = [];
    let refusals = 3;
    const send = async () => {
      if (refusals-- > 0) return { status: 429, retryAfter: 20_000 };
      sent.push(clock.now() - start);
      return { status: 200 };
    };
    await Promise.all([gate.run(send), gate.run(send), gate.run(send)]);
    // Then one by one: what waited would only be refused together again.
    expect(sent).to.deep.equal([20_000, 20_500, 20_900]);
    expect(said).to.deep.equal([
      "OpenAI throttles granting (POST): waiting 20 s, then going on as fast as it allows (0 of 3 requests done).",
    ]);
  });

  for (const retryAfterZero of [0, 1]) {
    it(`does not ask again without end when Retry-After is ${retryAfterZero} ms`, async function () {
      const { gate, clock } = throttle({ maxWaitSeconds: 10 });
      let asked = 0;
      const send = async () => {
        asked++;
        return { status: 429, retryAfter: retryAfterZero };
      };
      expect(await gate.run(send).catch((error: unknown) => error)).to.be.instanceOf(WaitedTooLong);
      expect(asked).to.be.below(6);
      expect(clock.slept.length).to.be.below(6);
    });
  }

  it("doubles its pause with each refusal that says nothing, up to a minute and a tenth", async function () {
    const { gate, clock } = throttle();
    let refusals = 9;
    await gate.run(async () => ({ status: refusals-- > 0 ? 429 : 200 }));
    expect(clock.slept).to.deep.equal([500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  for (const [perMinute, burst] of [
    [60, 10],
    [7, 7],
    [10, 10],
  ] as const) {
    it(`lands 100 requests, 8 at a time, close to what ${perMinute} a minute allow at the least`, async function () {
      const { gate, clock, said } = throttle();
      const { send, served } = bucket(clock, perMinute, burst);
      const start = clock.now();
      let left = 100;
      const worker = async () => {
        while (left-- > 0) await gate.run(send);
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      const least = ((100 - burst) / perMinute) * 60_000;
      expect(served.passed).to.equal(100);
      expect((clock.now() - start) / least).to.be.within(1, 1.2);
      expect(served.refused).to.be.below(60);
      expect(said.length).to.be.at.most(1 + least / 15_000);
    });
  }

  it("paces ahead of time when it is told a rate", async function () {
    const { gate, clock } = throttle({ requestsPerMinute: 60 });
    const start = clock.now();
    await Promise.all(Array.from({ length: 5 }, () => gate.run(async () => ({ status: 200 }))));
    expect(clock.now() - start).to.equal(4000);
  });

  it("fails at once when the wait would pass the limit, saying what was done and what to run", async function () {
    const { gate, clock } = throttle({ maxWaitSeconds: 30 });
    await gate.run(async () => ({ status: 200 }));
    const error = await gate
      .run(async () => ({ status: 429, retryAfter: 31_000 }))
      .catch((thrown: unknown) => thrown as Error);
    expect(error).to.be.instanceOf(WaitedTooLong);
    expect((error as Error).message)
      .to.include("longer than 30 s (openai:maxWaitSeconds)")
      .and.to.include("1 of 2 requests done")
      .and.to.include("run the same command again");
    expect(clock.slept).to.deep.equal([]);
  });
});

describe("the wait that an answer asks for", function () {
  const now = Date.UTC(2026, 10, 22, 12, 0, 0);
  const cases: [Record<string, string>, number | undefined][] = [
    [{}, undefined],
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "0.5" }, 500],
    [{ "retry-after": "Sun, 22 Nov 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Sun, 22 Nov 2026 11:00:00 GMT" }, 0],
    [{ "retry-after-ms": "120", "retry-after": "9" }, 120],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after": "-1" }, undefined],
  ];
  for (const [headers, expected] of cases) {
    it(`is ${String(expected)} ms for ${JSON.stringify(headers)}`, function () {
      expect(retryAfter(headers, now)).to.equal(expected);
    });
  }
});
