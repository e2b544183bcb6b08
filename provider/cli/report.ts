import { stringify } from "csv-stringify/sync";

export const formats = ["table", "json", "csv", "markdown"] as const;
export type Format = (typeof formats)[number];

/** What a command found, in a form that each format can be made from. */
export interface Report {
  title: string;
  sections: Section[];
  /** Paragraphs that follow the sections. */
  notes: string[];
  /** Commands for a shell, for those who read the report. */
  commands?: { title: string; lines: readonly string[] };
  json: unknown;
  csv: { columns: readonly string[]; rows: readonly Record<string, string>[] };
}

/** What was found for one checkpoint. */
export interface Section {
  checkpoint: string;
  summary: string;
  /**
   * The rows of a table; the first is the head. None if there is no table.
   *
   * @param code marks an ID.
   */
  rows: (code: (id: string) => string) => string[][];
  /** What stands for the table in a terminal, where it would be too wide. */
  lines?: string[];
}

/** Where a result comes from. */
export interface Evidence {
  /** The base URL of the API that was read. */
  api: string;
  /** The organization of the key, according to the API. */
  organization: string | null;
}

export function render({ title, sections, notes, commands, json, csv }: Report, format: Format): string {
  switch (format) {
    case "json":
      return JSON.stringify(json, undefined, 2);
    case "csv":
      // Safe to open in a spreadsheet.
      return stringify([...csv.rows], {
        header: true,
        columns: [...csv.columns],
        escape_formulas: true,
      }).trimEnd();
    case "markdown":
      return [
        `# ${title}`,
        ...sections.flatMap(({ checkpoint, summary, rows }) => {
          const table = rows(inCode);
          return [`## ${inCode(checkpoint)}`, `${summary}.`, ...(table.length > 0 ? [markdownTable(table)] : [])];
        }),
        ...notes,
        ...(commands === undefined ? [] : [commands.title, ["```sh", ...commands.lines, "```"].join("\n")]),
      ].join("\n\n");
    case "table":
      return [
        `${title}.`,
        ...sections.flatMap(({ checkpoint, summary, rows, lines }) => {
          const table = rows((id) => id);
          const body = lines?.join("\n") ?? (table.length > 0 ? aligned(table) : undefined);
          return [`${checkpoint}\n${summary}`, ...(body === undefined ? [] : [body])];
        }),
        ...notes,
        ...(commands === undefined ? [] : [commands.title, commands.lines.join("\n")]),
      ].join("\n\n");
  }
}

/** Rows in columns of a terminal; the first row is the head. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  return rows.map((row) => `  ${padded(row, widths).join("  ")}`.trimEnd()).join("\n");
}

/** Rows as a table in Markdown; the first row is the head. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = widthsOf(escaped);
  const [head, ...body] = escaped.map((row) => `| ${padded(row, widths).join(" | ")} |`);
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}

/** Unix seconds as a user reads them, in UTC: 2026-11-02 14:05. */
export function minute(seconds: number): string {
  return iso(seconds).slice(0, 16).replace("T", " ");
}

/** The same to the second: 2026-11-02 14:05:09 UTC. */
export function second(seconds: number): string {
  return iso(seconds).replace("T", " ").replace("Z", " UTC");
}

/** Unix seconds as a program reads them. */
export function iso(seconds: number): string {
  return `${new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19)}Z`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Where a result comes from, in a sentence. */
export function source({ api, organization }: Evidence): string {
  return `Source: ${api}, organization ${organization ?? "not named by the API"}.`;
}

/** An ID as Markdown shows code. */
function inCode(id: string): string {
  return `\`${id}\``;
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
}

function padded(row: readonly string[], widths: readonly number[]): string[] {
  return row.map((cell, column) => cell.padEnd(widths[column]!));
}
