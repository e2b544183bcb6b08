import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { pack } from "../../scripts/pack";

describe("a packed development version", function () {
  it("each has a version of its own, by which npm takes the later one for the newer", function () {
    this.timeout(30_000);
    const folder = mkdtempSync(join(tmpdir(), "pack it "));
    try {
      const files = ["2026-11-30T01:02:03Z", "2026-11-30T01:02:04Z"].map((time) => pack(folder, new Date(time)));
      const [name, version] = ["pulumi-openai-checkpoint-permissions", /^.*-(\d+\.\d+\.\d+-dev\.\d{14})\.tgz$/];
      expect(files.map((file) => file.startsWith(name) && version.exec(file)?.[1]?.slice(-14))).to.deep.equal([
        "20261130010203",
        "20261130010204",
      ]);
      expect(readdirSync(folder)).to.have.members(files);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
