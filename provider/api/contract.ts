import * as v from "valibot";
import type { Permission } from "./permission";

/** One page of a list of permissions. */
export interface Page {
  permissions: Permission[];
  hasMore: boolean;
  /** Where the next page begins: the `after` of its request. Undefined on an empty page. */
  lastId: string | undefined;
  /** When the API answered, by its own clock, in Unix seconds. */
  date: number;
}

/** What cannot harm a terminal, a table or a spreadsheet that shows it. */
const id = v.pipe(
  v.string(),
  v.check((value) => /^[\w.:-]+$/.test(value)),
);

const permission = v.pipe(
  v.object({
    object: v.literal("checkpoint.permission"),
    id,
    // The largest time a JavaScript Date can represent.
    created_at: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8_640_000_000_000)),
    project_id: id,
  }),
  v.transform((row): Permission => ({ id: row.id, projectId: row.project_id, createdAt: row.created_at })),
);

/** What GET and POST answer: a list of permissions. */
export const page = v.pipe(
  v.object({
    object: v.literal("list"),
    data: v.array(permission),
    has_more: v.boolean(),
    last_id: v.nullish(v.string()),
  }),
  // The reference page leaves last_id optional; the last row's ID is the same cursor.
  v.transform((list): Omit<Page, "date"> => ({
    permissions: list.data,
    hasMore: list.has_more,
    lastId: list.last_id ?? list.data.at(-1)?.id,
  })),
);

/** What DELETE answers. */
export const deletion = v.object({
  object: v.literal("checkpoint.permission"),
  id: v.string(),
  deleted: v.boolean(),
});

/** The message of an error, and what it is about. */
interface ErrorBody {
  /** Whether the body has the API's own form. */
  isOwn: boolean;
  message: string;
  code?: string | undefined;
  param?: string | undefined;
}

const text = v.pipe(v.string(), v.nonEmpty());

/** An error body: the API's own, or one of the forms that compatible gateways have. */
export const errorBody = v.union([
  v.pipe(
    v.object({ error: v.object({ message: text, code: v.nullish(v.string()), param: v.nullish(v.string()) }) }),
    v.transform(({ error: { message, code, param } }): ErrorBody => ({
      isOwn: true,
      message,
      code: code ?? undefined,
      param: param ?? undefined,
    })),
  ),
  v.pipe(
    v.union([
      v.pipe(
        v.object({ error: v.object({ message: text }) }),
        v.transform(({ error }) => error.message),
      ),
      v.pipe(
        v.object({ error: text }),
        v.transform(({ error }) => error),
      ),
      v.pipe(
        v.object({ message: text }),
        v.transform(({ message }) => message),
      ),
      v.pipe(
        v.object({ detail: text }),
        v.transform(({ detail }) => detail),
      ),
    ]),
    v.transform((message): ErrorBody => ({ isOwn: false, message })),
  ),
]);

/** A text that is JSON, and keeps the contract. */
export function jsonOf<Contract extends v.GenericSchema>(contract: Contract) {
  return v.pipe(v.string(), v.parseJson(), contract);
}

/** Where a value breaks its contract, in one line that does not repeat the value. */
export function contractBreach(issues: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const first = issues[0];
  if (first.type === "parse_json") return "it is not JSON";
  const where = v.getDotPath(first) ?? "the body";
  return first.received === "undefined"
    ? `${where} is missing`
    : `${where} is not ${first.expected ?? "as documented"}`;
}
