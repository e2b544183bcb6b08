import { expect } from "chai";
import { systemClock } from "../provider/clock";

describe("the system clock", function () {
  it("the system clock tells the time, sleeps and draws random numbers", async function () {
    const before = systemClock.now();
    expect(systemClock.date()).to.be.closeTo(Date.now(), 1000);
    await systemClock.sleep(1);
    expect(systemClock.now()).to.be.at.least(before);
    expect(systemClock.random()).to.be.at.least(0).and.below(1);
  });
});
