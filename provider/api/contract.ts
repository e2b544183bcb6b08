import * as v from "valibot";
import type { AuditEvent, Project } from "./organization";
import type { Permission } from "./permission";
import { plainText } from "./plain-text";

/** One page of a list of permissions. */
export interface Page {
  permissions: Permission[];
  hasMore: boolean;
  /** Where the next page begins: the `after` of its request. Undefined on an empty page. */
  lastId: string | undefined;
  /** When the API answered, by its own clock, in Unix seconds. */
  date: number;
}

/** A time in Unix seconds, up to the largest that a JavaScript Date can represent. */
export const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8_640_000_000_000));

/** What cannot harm a terminal, a table or a spreadsheet that shows it. */
export const id = v.pipe(
  v.string(),
  v.check((value) => /^[\w.:-]+$/.test(value)),
);

/** A cursor goes into the next request's URL, which cannot hold half of a surrogate pair. */
const cursor = v.pipe(
  v.string(),
  v.check((value) => !/\p{Surrogate}/u.test(value)),
);

const permission = v.pipe(
  v.object({
    object: v.literal("checkpoint.permission"),
    id,
    created_at: time,
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
    last_id: v.nullish(cursor),
  }),
  // The reference page leaves last_id optional; the last row's ID is the same cursor.
  v.transform((list): Omit<Page, "date"> => ({
    permissions: list.data,
    hasMore: list.has_more,
    lastId: list.last_id ?? list.data.at(-1)?.id,
  })),
);

/** A page of any list, with the rows of this form; others are left out. */
const pageOf = <Row extends v.GenericSchema>(row: Row) =>
  v.pipe(
    v.object({
      object: v.literal("list"),
      data: v.array(v.looseObject({ id: cursor })),
      has_more: v.boolean(),
      last_id: v.nullish(cursor),
    }),
    v.transform((list) => ({
      rows: list.data.flatMap((one): v.InferOutput<Row>[] => {
        const parsed = v.safeParse(row, one);
        return parsed.success ? [parsed.output] : [];
      }),
      hasMore: list.has_more,
      lastId: list.last_id ?? list.data.at(-1)?.id,
    })),
  );

/** What users have written. */
export const plain = v.pipe(
  v.string(),
  v.transform((value) => plainText(value)),
);

/** Projects of an organization. */
export const projects = pageOf(
  v.pipe(
    v.object({ id, name: v.nullish(plain), status: v.nullish(v.string()), archived_at: v.nullish(v.number()) }),
    v.transform((row): Project => ({
      id: row.id,
      name: row.name || undefined,
      isArchived: row.status === "archived" || row.archived_at != null,
    })),
  ),
);

const user = v.object({ id: v.optional(plain), email: v.optional(plain) });
const actor = v.pipe(
  v.object({
    session: v.nullish(v.object({ user: v.nullish(user) })),
    api_key: v.nullish(
      v.object({
        id: v.optional(plain),
        user: v.nullish(user),
        service_account: v.nullish(v.object({ id: v.optional(plain) })),
      }),
    ),
  }),
  v.transform(({ session, api_key: key }): string | undefined => {
    const nameOf = (one: v.InferOutput<typeof user> | null | undefined) => one?.email || one?.id;
    if (key == null) return nameOf(session?.user);
    const account = key.service_account?.id;
    const owner = nameOf(key.user) ?? (account === undefined ? undefined : `service account ${account}`);
    if (key.id === undefined) return owner;
    return owner === undefined ? `API key ${key.id}` : `${owner} (API key ${key.id})`;
  }),
);

// The specification has dots; some generated clients have an underscore.
const created = v.object({
  id,
  data: v.optional(v.object({ project_id: v.optional(id), fine_tuned_model_checkpoint: v.optional(id) })),
});
const deleted = v.object({ id });

/** Events of the audit log, about permissions. Those of other types are undefined. */
export const events = pageOf(
  v.pipe(
    v.object({
      id: plain,
      type: v.string(),
      effective_at: time,
      actor: v.nullish(actor),
      "checkpoint.permission.created": v.nullish(created),
      "checkpoint_permission.created": v.nullish(created),
      "checkpoint.permission.deleted": v.nullish(deleted),
      "checkpoint_permission.deleted": v.nullish(deleted),
    }),
    v.transform((row): AuditEvent => {
      const creation = row["checkpoint.permission.created"] ?? row["checkpoint_permission.created"];
      const deletion = row["checkpoint.permission.deleted"] ?? row["checkpoint_permission.deleted"];
      return {
        id: row.id,
        what: creation ? "granted" : "revoked",
        permissionId: creation?.id ?? deletion?.id,
        checkpoint: creation?.data?.fine_tuned_model_checkpoint,
        projectId: creation?.data?.project_id,
        at: row.effective_at,
        actor: row.actor ?? undefined,
      };
    }),
  ),
);

/** What DELETE answers. */
export const deletion = v.object({
  object: v.literal("checkpoint.permission"),
  id: v.string(),
  deleted: v.boolean(),
});

const text = v.pipe(v.string(), v.nonEmpty());

/** The message of an error, and what it is about: in the API's own form, or one of those that compatible gateways have. */
export const errorBody = v.union([
  v.pipe(
    v.object({ error: v.object({ message: text, code: v.nullish(v.string()), param: v.nullish(v.string()) }) }),
    v.transform(({ error: { message, code, param } }) => ({
      ...{ isOwn: true, message },
      ...{ code: code ?? undefined, param: param ?? undefined },
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
    v.transform((message) => ({ isOwn: false, message, code: undefined, param: undefined })),
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
