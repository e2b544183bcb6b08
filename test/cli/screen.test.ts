import { expect } from "chai";
import { TestScreen } from "../support/screen";

describe("the screen", function () {
  it("takes away a status that covers three lines of the terminal", function () {
    const screen = new TestScreen(10);
    screen.progress("x".repeat(21));
    screen.progress("done");
    expect(screen.text).to.equal(`${"x".repeat(21)}\u001b[2A\u001b[1G\u001b[0Jdone`);
  });

  it("keeps the status below a message", function () {
    const screen = new TestScreen(80);
    screen.progress("reading");
    screen.say("look");
    expect(screen.text).to.equal("reading\u001b[1G\u001b[0Jlook\nreading");
  });

  it("shows what a throttle says until something is served", function () {
    const screen = new TestScreen(80);
    screen.progress("1 page");
    screen.wait("throttled");
    screen.progress("2 pages");
    expect(screen.text.split("\u001b[1G\u001b[0J")).to.deep.equal(["1 page", "1 page throttled", "2 pages"]);
  });

  it("writes no control codes to a terminal that knows none", function () {
    const screen = new TestScreen(80, { TERM: "dumb" });
    screen.progress("1 page");
    screen.wait("throttled");
    screen.end();
    expect(screen.text).to.equal("throttled\n");
  });

  it("shows what a throttle says as a line of its own where there is no terminal", function () {
    const screen = new TestScreen();
    screen.progress("1 page");
    screen.wait("throttled");
    expect(screen.text).to.equal("throttled\n");
  });
});
