/** What Pulumi's CLI takes for a colour in any text that it prints; one that it does not know ends it. */
const pulumiDirective = /(<\{|%\})(%|>)/g;

/** In characters: more than any real name has. */
const longestName = 200;
/** Several names, or a URN. */
const longestCell = 2_000;

/**
 * Text that others wrote, from the API or a file, in one line that cannot change how a terminal, a log or Pulumi's CLI
 * shows what follows. Markdown, HTML and CSV have marks of their own, which the report escapes.
 */
export function plainLine(text: string): string {
  return (
    text
      .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
      // What is invisible or turns the direction, except for the joiners of emoji and of some scripts.
      .replace(/(?![\u200c\u200d\ufe00-\ufe0f])[\p{Cf}\p{DI}]/gu, "")
      .replace(/\p{Cs}/gu, "\ufffd")
      .replace(pulumiDirective, "$1 $2")
      .trim()
  );
}

/** The same, without anything that may be a key. */
export function lineWithoutKey(text: string, adminApiKey: string | undefined): string {
  const withoutKey = adminApiKey === undefined ? text : text.replaceAll(adminApiKey, "[key]");
  return plainLine(
    withoutKey
      // A dot at the end belongs to the sentence.
      .replace(/\bBearer\s+[^\s"',;]*[^\s"',;.]/gi, "[key]")
      .replace(/\bsk-[\w*.-]*[\w*-]/g, "[key]"),
  );
}

/** One line, cut where it is longer than any real name. */
export function plainText(text: string, longest = longestName): string {
  const characters = Array.from(plainLine(text));
  return characters.length <= longest ? characters.join("") : `${characters.slice(0, longest - 1).join("")}…`;
}

/** The same for a cell of a table. */
export function plainCell(text: string): string {
  return plainText(text, longestCell);
}

/** JSON that means the same, in which nothing can change how a terminal or an editor shows it. */
export function plainJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /(?!\n)[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}]/gu,
    // An astral character takes two escapes.
    (character) => [...Array(character.length).keys()].map((index) => escapeOf(character, index)).join(""),
  );
}

function escapeOf(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, "0")}`;
}
