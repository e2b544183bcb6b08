import { expect } from "chai";
import { TestScreen } from "../support/screen";

describe("the screen", function () {
  it("a status that wraps to three lines of the terminal is cleared", function () {
    const screen = new TestScreen(10);
    screen.progress("x".repeat(21));
    screen.progress("done");
    expect(screen.text).to.equal(`${"x".repeat(21)}\u001b[2A\u001b[1G\u001b[0Jdone`);
  });

  it("the status stays below a message", function () {
    const screen = new TestScreen(80);
    screen.progress("reading");
    screen.print("look");
    expect(screen.text).to.equal("reading\u001b[1G\u001b[0Jlook\nreading");
  });

  it("a rate-limit message is shown until something is served", function () {
    const screen = new TestScreen(80);
    screen.progress("1 page");
    screen.rateLimited("throttled");
    screen.progress("2 pages");
    expect(screen.text.split("\u001b[1G\u001b[0J")).to.deep.equal(["1 page", "1 page throttled", "2 pages"]);
  });

  it("a terminal that knows no control codes gets none", function () {
    const screen = new TestScreen(80, { TERM: "dumb" });
    screen.progress("1 page");
    screen.rateLimited("throttled");
    screen.end();
    expect(screen.text).to.equal("throttled\n");
  });

  it("without a terminal, a rate-limit message is a line of its own", function () {
    const screen = new TestScreen();
    screen.progress("1 page");
    screen.rateLimited("throttled");
    expect(screen.text).to.equal("throttled\n");
  });
});
