import { expect } from "chai";
import { releaseNotes } from "../../scripts/release-notes";

const changelog = "# Changelog\n\n## Unreleased\n\n## 1.2.0 (2026-11-24)\n\n- New.\n- Newer.\n\n## 1.1.0\n\n- Old.\n";

describe("Release notes", function () {
  it("release notes are the changelog's section for that version alone", function () {
    expect(releaseNotes("v1.2.0", changelog)).to.equal("- New.\n- Newer.");
    expect(releaseNotes("v1.1.0", changelog)).to.equal("- Old.");
  });

  it("a version without a section in the changelog is an error", function () {
    expect(() => releaseNotes("v1.2", changelog)).to.throw('no section "## 1.2"');
    expect(() => releaseNotes("v2.0.0", changelog)).to.throw('no section "## 2.0.0"');
  });
});
