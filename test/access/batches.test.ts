import { expect } from "chai";
import { Batches } from "../../provider/access/batches";
import { Ledger } from "../../provider/access/ledger";
import { TestClock } from "../support/clock";

/** Batches of numbers, and when each was closed. */
function batches(outlook: Batches<number>["outlook"]) {
  const clock = new TestClock();
  const closed: { size: number; at: number }[] = [];
  const process = (batch: number[]) => {
    closed.push({ size: batch.length, at: clock.now() });
    return Promise.resolve();
  };
  const ledger = new Ledger();
  return { all: new Batches<number>(process, clock, ledger, outlook), clock, closed, ledger };
}

describe("Batches", function () {
  it("a batch does not wait once it has everything that was to come", async function () {
    let toCome = 3;
    const { all, clock, closed, ledger } = batches(() => ({ toCome, parallel: 8 }));
    for (let index = 0; index < 3; index++) {
      all.add(index);
      toCome--;
      ledger.append({ kind: "arrived", urn: "" });
      await clock.sleep(8);
    }
    expect(closed).to.deep.equal([{ size: 3, at: 16 }]);
  });

  it("a batch waits for an item known to come, even on a slow machine", async function () {
    let toCome = 3;
    const { all, clock, closed, ledger } = batches(() => ({ toCome, parallel: 8 }));
    for (let index = 0; index < 3; index++) {
      all.add(index);
      toCome--;
      ledger.append({ kind: "arrived", urn: "" });
      await clock.sleep(900);
    }
    expect(closed).to.deep.equal([{ size: 3, at: 1_800 }]);
  });

  it("a batch with as many items as the engine runs in parallel does not wait for more", async function () {
    const { all, clock, closed } = batches(() => ({ toCome: 92, parallel: 8 }));
    for (let index = 0; index < 8; index++) all.add(index);
    await clock.sleep(1);
    expect(closed).to.deep.equal([{ size: 8, at: 0 }]);
  });

  it("a batch closes when the item to come turns out to be in state", async function () {
    let toCome = 1;
    const { all, clock, closed, ledger } = batches(() => ({ toCome, parallel: 8 }));
    all.add(0);
    await clock.sleep(300);
    toCome = 0;
    ledger.append({ kind: "arrived", urn: "" });
    await clock.sleep(1);
    expect(closed).to.deep.equal([{ size: 1, at: 300 }]);
  });

  it("a batch waits at most a second for an item that does not come", async function () {
    const { all, clock, closed } = batches(() => ({ toCome: 1, parallel: 8 }));
    all.add(0);
    await clock.sleep(5_000);
    expect(closed).to.deep.equal([{ size: 1, at: 1_000 }]);
  });

  it("a batch waits 250 ms if nothing is known of further items", async function () {
    const { all, clock, closed } = batches(() => ({ toCome: undefined, parallel: undefined }));
    all.add(0);
    await clock.sleep(5_000);
    expect(closed).to.deep.equal([{ size: 1, at: 250 }]);
  });

  it("a batch closes after five seconds even if items keep coming", async function () {
    const { all, clock, closed } = batches(() => ({ toCome: undefined, parallel: undefined }));
    for (let index = 0; index < 200; index++) {
      all.add(index);
      await clock.sleep(50);
    }
    expect(closed[0]!.at).to.be.within(5_000, 5_100);
  });
});
