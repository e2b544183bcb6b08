import { stringify } from "csv-stringify/sync";
import { plainCell, plainJson } from "../api/plain-text";
import { htmlOf } from "./html";

export const formats = ["table", "json", "csv", "markdown", "html"] as const;
export type Format = (typeof formats)[number];

/** The greatest number of items of one finding in a terminal. */
const itemsInTerminal = 10;

/** What a command found, in a form that each format can be made from. */
export interface Report {
  title: string;
  /** What stands out. Undefined: nothing is looked for. */
  findings?: readonly Finding[];
  matrix?: Matrix;
  sections: Section[];
  /**
   * Paragraphs that follow the sections, in Markdown.
   *
   * @param plain marks what others have written, such as a stack's name.
   */
  notes: (plain: (text: string) => string) => string[];
  /** What it cannot tell, and why, in sentences. */
  gaps?: readonly string[];
  /** Commands for a shell, for those who read the report. */
  commands?: { title: string; lines: readonly string[] };
  json: unknown;
  csv: { columns: readonly string[]; rows: readonly Record<string, string>[] };
}

/** Something that stands out, of these permissions or checkpoints. */
export interface Finding {
  what: string;
  /** Each in parts, which are a line each where there is little room. */
  items: readonly (readonly string[])[];
}

/** Which projects have access to which checkpoints. */
export interface Matrix {
  checkpoints: readonly string[];
  /** For each checkpoint, the project's permissions, and what stands out of each, if anything does. */
  rows: readonly { project: string; cells: readonly (readonly { id: string; remark: string }[])[] }[];
}

/** What was found for one checkpoint. */
export interface Section {
  checkpoint: string;
  summary: string;
  /**
   * The rows of a table; the first is the head. None if there is no table.
   *
   * @param code marks an ID.
   * @param plain marks what others have written, such as a name.
   */
  rows: (code: (id: string) => string, plain: (text: string) => string) => string[][];
  /** What stands for the table in a terminal that is too narrow for it. */
  lines: string[];
}

/** Where a result comes from. */
export interface Evidence {
  /** The base URL of the API that was read. */
  api: string;
  /** The organization of the key, according to the API. */
  organization: string | null;
}

/** @param width how many columns a terminal has for a table. */
export function render(report: Report, format: Format, width = Infinity): string {
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
    case "markdown":
      return [
        `# ${title}`,
        ...(findings.length === 0 ? [] : ["## Findings", findings.map(markdownFinding).join("\n")]),
        ...sections.flatMap(({ checkpoint, summary, rows }) => {
          const table = rows(inCode, escaped);
          return [`## ${inCode(checkpoint)}`, `${summary}.`, ...(table.length > 0 ? [markdownTable(table)] : [])];
        }),
        ...notes(escaped),
        ...gaps.map(escaped),
        ...(commands === undefined ? [] : [commands.title, ["```sh", ...commands.lines, "```"].join("\n")]),
      ].join("\n\n");
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

/** Unix seconds as a user reads them, in UTC: 2026-11-02 14:05. */
export function minute(seconds: number): string {
  return minuteOf(iso(seconds));
}

/** The same of a time as {@link iso} gives it. */
export function minuteOf(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}

/** The same to the second: 2026-11-02 14:05:09 UTC. */
export function second(seconds: number): string {
  return iso(seconds).replace("T", " ").replace("Z", " UTC");
}

/** Unix seconds as a program reads them. */
export function iso(seconds: number): string {
  return `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

/** A table without the columns that no row fills. None if there are no rows. */
export function withoutEmptyColumns(head: readonly string[], rows: readonly (readonly string[])[]): string[][] {
  if (rows.length === 0) return [];
  const isFilled = head.map((_, column) => rows.some((row) => row[column] !== ""));
  return [head, ...rows].map((row) => row.filter((_, column) => isFilled[column]));
}

/** The changes that occur, in this order, and how often each does. */
export function occurring<Change extends string>(
  changes: readonly Change[],
  differences: readonly { change: Change }[],
): [change: Change, count: number][] {
  return changes
    .map((change): [Change, number] => [change, differences.filter((one) => one.change === change).length])
    .filter(([, count]) => count > 0);
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Where a result comes from, in a sentence. */
export function source({ api, organization }: Evidence, plain: (text: string) => string): string {
  return `Source: ${api}, organization ${organization === null ? "not named by the API" : plain(organization)}.`;
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
