import { stringify } from "csv-stringify/sync";
import { plainCell, plainJson } from "../api/plain-text";
import { htmlOf } from "./html";
import type { Finding, Report } from "./report";

export const formats = ["table", "json", "csv", "markdown", "html"] as const;
export type Format = (typeof formats)[number];

/** The greatest number of items of one finding in a terminal. */
const itemsInTerminal = 10;

/**
 * @param width how many columns a terminal has for a table.
 * @param maxItems how many rows, and how many commands, Markdown has at most. What is left out is counted.
 */
export function render(report: Report, format: Format, width = Infinity, maxItems = Infinity): string {
  const { title, findings = [], sections, notes, gaps = [], commands, json, csv } = report;
  switch (format) {
    case "html":
      return htmlOf(report);
    case "json":
      return plainJson(json, 2);
    case "csv":
      // Safe to open in a spreadsheet.
      return stringify(csv.rows.map(plainCells), {
        header: true,
        columns: [...csv.columns],
        escape_formulas: true,
      }).trimEnd();
    case "markdown": {
      let left = maxItems;
      /** A table of as many rows as there is room for. */
      const table = ([head = [], ...rows]: string[][]): string[] => {
        const shown = rows.slice(0, left);
        left -= shown.length;
        return [...(shown.length > 0 ? [markdownTable([head, ...shown])] : []), ...moreThan(shown, rows)];
      };
      return [
        `# ${title}`,
        ...(findings.length === 0 ? [] : ["## Findings", findings.map(markdownFinding).join("\n")]),
        ...sections.flatMap(({ checkpoint, summary, rows }) => {
          return [`## ${inCode(checkpoint)}`, `${summary}.`, ...table(rows(inCode, escaped))];
        }),
        ...notes(escaped),
        ...gaps.map(escaped),
        ...(commands === undefined ? [] : markdownCommands(commands, maxItems)),
      ].join("\n\n");
    }
    case "table":
      return [
        `${title}.`,
        ...(findings.length === 0 ? [] : [findings.map(terminalFinding).join("\n")]),
        ...sections.flatMap(({ checkpoint, summary, rows, lines }) => {
          const table = rows(plainCell, plainCell);
          const isWide = table.length > 0 && sum(widthsOf(table).map((one) => one + 2)) > width;
          const body = table.length === 0 || isWide ? lines.join("\n") : aligned(table);
          return [`${checkpoint}\n${summary}`, ...(body === "" ? [] : [body])];
        }),
        ...notes(plainCell),
        ...(gaps.length === 0 ? [] : [gaps.join("\n")]),
        ...(commands === undefined ? [] : [commands.title, commands.lines.join("\n")]),
      ].join("\n\n");
  }
}

function markdownCommands({ title, lines }: NonNullable<Report["commands"]>, maxItems: number): string[] {
  const shown = lines.slice(0, maxItems);
  return [title, ["```sh", ...shown, "```"].join("\n"), ...moreThan(shown, lines)];
}

function moreThan(shown: readonly unknown[], all: readonly unknown[]): string[] {
  const more = all.length - shown.length;
  return more > 0 ? [`… and ${more} more, which \`--format json\` or \`csv\` has.`] : [];
}

function markdownFinding({ what, items }: Finding): string {
  return [`- ${what}:`, ...items.map((item) => `  - ${escaped(item.join(" "))}`)].join("\n");
}

function terminalFinding({ what, items }: Finding): string {
  const more = items.length - itemsInTerminal;
  const shown = more > 0 ? [...items.slice(0, itemsInTerminal), [`and ${more} more`]] : items;
  return [`! ${what} (${items.length}):`, ...shown.map((item) => `    ${item.join("\n      ")}`)].join("\n");
}

function plainCells(row: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([column, cell]) => [column, plainCell(cell)]));
}

/** Rows in columns of a terminal; the first row is the head. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  return rows.map((row) => `  ${padded(row, widths).join("  ")}`.trimEnd()).join("\n");
}

/** Rows as a table in Markdown; the first row is the head. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  // A pipe ends the cell, even within code, unless an odd number of backslashes precedes it.
  const cells = rows.map((row) => row.map((cell) => cell.replace(/(?<!\\)((?:\\\\)*)\|/g, "$1\\|")));
  const widths = widthsOf(cells);
  const [head, ...body] = cells.map((row) => `| ${padded(row, widths).join(" | ")} |`);
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}

/** Text as Markdown shows code. */
function inCode(text: string): string {
  const code = plainCell(text);
  // A backtick ends it, unless more of them stand around it than in it.
  const longest = Math.max(0, ...(code.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  const space = /^`|`$/.test(code) ? " " : "";
  return code === "" ? "" : `${fence}${space}${code}${space}${fence}`;
}

/** Text that others wrote, such as a project's name, so that Markdown takes it for nothing else. */
function escaped(text: string): string {
  return (
    plainCell(text)
      .replace(/[\\|<>*_`[\]#!&~$]/g, "\\$&")
      // A mention or a link, which GitHub makes of plain text.
      .replace(/(?<!\w)@/g, "@\u200b")
      .replace(/:\/\//g, ":\u200b//")
      .replace(/\bwww\./gi, "www\u200b.")
  );
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column]!))));
}

function padded(row: readonly string[], widths: readonly number[]): string[] {
  return row.map((cell, column) => cell + " ".repeat(widths[column]! - widthOf(cell)));
}

const segmenter = new Intl.Segmenter();

/** How many columns a terminal takes for a text. */
function widthOf(text: string): number {
  const isWide = /\p{Emoji_Presentation}|\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}/u;
  return sum([...segmenter.segment(text)].map(({ segment }) => (isWide.test(segment) ? 2 : 1)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
