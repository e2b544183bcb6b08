import { expect } from "chai";
import { ProviderContext } from "../../provider/access/context";
import { readConfig } from "../../provider/config";
import { adminKey, checkpoint } from "../support/api";
import { TestClock } from "../support/clock";

function contextPrinting(print: (line: string, kind: string) => void, env: Record<string, string> = {}) {
  return new ProviderContext(
    readConfig((key) => (key === "openai:adminApiKey" ? adminKey : undefined), env),
    new TestClock(),
    print,
  );
}

describe("What the resources of a process share", function () {
  it("messages and warnings are printed once, each as what it is", function () {
    const printed: string[] = [];
    const context = contextPrinting((line, kind) => printed.push(`${kind}: ${line}`), { OPENAI_ORG_ID: "org-1" });
    for (let times = 0; times < 2; times++) {
      context.say("granted");
      context.warn("in plain text");
    }
    expect(printed.slice(1)).to.deep.equal(["message: granted", "warning: in plain text"]);
    // What the config has to say comes first.
    expect(printed[0]).to.match(/^warning: OPENAI_ORG_ID is ignored/);
  });

  it("a line that cannot be printed fails nothing", function () {
    const context = contextPrinting(() => {
      throw new Error("write EPIPE");
    });
    context.say("granted");
    context.warn("in plain text");
  });

  it("a refresh that has read a resource is known to its diff, and only where no program runs", function () {
    const context = contextPrinting(() => undefined);
    expect(context.wasChangedByRefresh("cp_1")).to.equal(undefined);
    context.noteRefresh("cp_1", false);
    expect(context.wasChangedByRefresh("cp_1")).to.equal(false);
    // Of two sets that have ended up the same, one has changed.
    context.noteRefresh("cp_1", true);
    context.noteRefresh("cp_1", false);
    expect(context.wasChangedByRefresh("cp_1")).to.equal(true);
    context.noteCheck();
    expect(context.wasChangedByRefresh("cp_1")).to.equal(undefined);
  });

  it("that a checkpoint is deleted is said at the end, unless it has turned out to exist", function () {
    for (const isDeleted of [true, false]) {
      const printed: string[] = [];
      const context = contextPrinting((line) => printed.push(line));
      const existence = { checkpointId: checkpoint, isDeleted: true };
      context.onDeleted(existence);
      existence.isDeleted = isDeleted;
      expect(printed).to.deep.equal([]);
      context.lines.end();
      expect(printed).to.have.length(isDeleted ? 1 : 0);
    }
  });

  it("that `pulumi up` fails for a deleted checkpoint is said where a program declares access to it", function () {
    for (const [runs, declares] of [
      [true, true],
      [true, false],
      [false, true],
    ] as const) {
      const printed: string[] = [];
      const context = contextPrinting((line) => printed.push(line));
      if (runs) context.noteCheck();
      const projectIds = new Set(declares ? ["proj_a"] : []);
      context.declarations.set({ urn: "urn:pulumi:s::p::t::web", checkpoint, projectIds, exclusive: false });
      context.onDeleted({ checkpointId: checkpoint, isDeleted: true });
      context.lines.end();
      expect(printed.join().includes("`pulumi up` fails")).to.equal(runs && declares);
    }
  });
});
