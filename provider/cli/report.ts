/** What a command found, in a form that each format can be made from. */
export interface Report {
  title: string;
  /** What there is, and what stands out, in a few numbers. */
  figures?: readonly { count: number; what: string }[];
  /** Whether HTML has room for a decision about each row, and for a signature. */
  isToBeSigned?: true;
  /** The command that was run. */
  command?: string;
  /** What stands out. Undefined: nothing is looked for. */
  findings?: readonly Finding[];
  /** Which projects have access to which checkpoints. */
  matrix?: {
    checkpoints: readonly string[];
    /** For each checkpoint, the project's permissions, and what stands out of each, if anything does. */
    rows: readonly { project: string; cells: readonly (readonly { id: string; remark: string }[])[] }[];
  };
  /** What was found for each checkpoint. */
  sections: {
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
  }[];
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

/** Where a result comes from. */
export interface Evidence {
  /** The base URL of the API that was read. */
  api: string;
  /** The organization of the key, according to the API. */
  organization: string | null;
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
