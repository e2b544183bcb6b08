import { expect } from "chai";
import fc from "fast-check";
import { plainCell, plainJson, plainLine, plainText } from "../../provider/api/plain-text";

/** Characters that change how what follows is shown. */
const harmful = ["\u0000", "\u001b", "\u009b", "\n", "\r", "\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\u061c"];
const invisible = ["\u200b", "\u2060", "\u00ad", "\ufeff", "\ufff9", "\u3164", "\u{e0041}"];

describe("Text that others wrote", function () {
  for (const character of [...harmful, ...invisible]) {
    const code = character.codePointAt(0)!.toString(16);
    it(`U+${code} is not shown, and JSON has it as an escape`, function () {
      for (const shown of [plainLine, plainText, plainCell]) {
        expect(shown(`web${character}error: all is well`))
          .to.match(/^web ?error: all is well$/)
          .and.not.to.include(character);
      }
      const json = plainJson({ [character]: `web${character}` });
      expect(json).not.to.include(character);
      expect(JSON.parse(json)).to.deep.equal({ [character]: `web${character}` });
    });
  }

  it("no text at all has a control character, a line break, or a directive of Pulumi's CLI", function () {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom(...harmful, "<{%", "%}>", "<{", "%"), fc.string({ unit: "binary" })),
    });
    fc.assert(
      fc.property(text, (value) => {
        expect(plainText(value)).not.to.match(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]|<\{%|\p{Cs}/u);
      }),
    );
  });

  it("emoji, accents and other scripts stay as they are", function () {
    for (const name of ["👩‍👩‍👧 Família", "❤️ ops", "مشروع", "پروژه‌ها", "東京 API"])
      expect(plainText(name)).to.equal(name);
  });

  it("what is longer than any name is cut where a character ends, and says so", function () {
    expect(plainText("🚀".repeat(200))).to.equal("🚀".repeat(200));
    expect(plainText("🚀".repeat(201))).to.equal(`${"🚀".repeat(199)}…`);
    expect(plainCell("x".repeat(5_000))).to.have.lengthOf(2_000);
  });
});
