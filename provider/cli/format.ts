import { stringify } from "csv-stringify/sync";

export const formats = ["table", "json", "csv", "markdown"] as const;
export type Format = (typeof formats)[number];

/** Where a result comes from. */
export interface Evidence {
  /** The base URL of the API that was read. */
  api: string;
  /** The organization of the key, according to the API. */
  organization: string | null;
}

export function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2);
}

/** Rows as CSV, safe to open in a spreadsheet. */
export function csv(rows: readonly Record<string, string>[], columns: readonly string[]): string {
  return stringify([...rows], { header: true, columns: [...columns], escape_formulas: true }).trimEnd();
}

/** Rows in columns of a terminal; the first row is the head. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  return rows.map((row) => `  ${padded(row, widths).join("  ")}`.trimEnd()).join("\n");
}

/** Rows as a table in Markdown; the first row is the head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = widthsOf(escaped);
  const [head, ...body] = escaped.map((row) => `| ${padded(row, widths).join(" | ")} |`);
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body].join("\n");
}

/** Unix seconds as a person reads them, in UTC: 2026-11-02 14:05. */
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

/** An ID as Markdown shows code. */
export function inCode(id: string): string {
  return `\`${id}\``;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The order of IDs in results: the same on every machine, whatever its language. */
export function compareIds(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Where a result comes from, in a sentence. */
export function source({ api, organization }: Evidence): string {
  return `${api}, organization ${organization ?? "not named by the API"}`;
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
}

function padded(row: readonly string[], widths: readonly number[]): string[] {
  return row.map((cell, column) => cell.padEnd(widths[column]!));
}
