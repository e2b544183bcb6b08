import { getEventListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import { cancellable, systemClock } from "../provider/clock";
import { TestClock } from "./support/clock";

describe("the system clock", function () {
  it("the system clock tells the time, sleeps and draws random numbers", async function () {
    const before = systemClock.now();
    expect(systemClock.date()).to.be.closeTo(Date.now(), 1000);
    await systemClock.sleep(1);
    expect(systemClock.now()).to.be.at.least(before);
    expect(systemClock.random()).to.be.at.least(0).and.below(1);
  });
});

describe("a clock that can be cancelled", function () {
  it("sleeps, begun before or after, fail with the signal's reason once it is aborted", async function () {
    const endless = { ...systemClock, sleep: () => new Promise<void>(() => undefined) };
    const ending = new AbortController();
    const clock = cancellable(endless, ending.signal);
    const thrown = (sleeping: Promise<void>) => sleeping.catch((error: unknown) => error);
    const sleeping = thrown(clock.sleep(1));
    const reason = new Error("cancelled");
    ending.abort(reason);
    expect(await sleeping).to.equal(reason);
    expect(await thrown(clock.sleep(1))).to.equal(reason);
  });

  it("a sleep that is over leaves nothing in the signal", async function () {
    const { signal } = new AbortController();
    await cancellable(new TestClock(), signal).sleep(1);
    expect(getEventListeners(signal, "abort")).to.have.length(0);
  });

  it("many sleeps at once cause no warning", async function () {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on("warning", listen);
    const clock = cancellable(
      { ...systemClock, sleep: () => new Promise(() => undefined) },
      new AbortController().signal,
    );
    for (let sleeps = 0; sleeps < 20; sleeps++) void clock.sleep(1);
    await setImmediate();
    process.off("warning", listen);
    expect(warnings).to.deep.equal([]);
  });
});
