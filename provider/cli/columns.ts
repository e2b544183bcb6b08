import { iso, minute } from "../time";
import type { ReviewedPermission } from "./review";

/** One thing that a list says of a permission. */
interface Column {
  /** Its name in CSV, on which scripts rely. */
  csv: string;
  value: (one: ReviewedPermission, checkpoint: string) => string;
  /** Its head in tables; without, CSV alone has it. */
  head?: string;
  /** What tables show in place of the value. */
  shown?: (one: ReviewedPermission) => string;
  /** An ID, or text that others have written. */
  is?: "id" | "text";
}

/** What a list says of a permission, in this order. */
export const columns = [
  { csv: "checkpoint", value: (_, checkpoint) => checkpoint },
  { csv: "project_name", head: "Name", is: "text", value: ({ projectName }) => projectName ?? "" },
  { csv: "project_id", head: "Project", is: "id", value: ({ projectId }) => projectId },
  { csv: "project_status", head: "Status", value: ({ projectStatus }) => projectStatus ?? "", shown: statusOf },
  { csv: "permission_id", head: "Permission", is: "id", value: ({ id }) => id },
  {
    csv: "granted_at",
    head: "Granted (UTC)",
    value: ({ createdAt }) => iso(createdAt),
    shown: ({ createdAt }) => minute(createdAt),
  },
  { csv: "granted_by", head: "Granted by", is: "text", value: ({ grantedBy }) => grantedBy ?? "" },
  { csv: "declared_by", head: "Declared by", is: "text", value: declarersIn },
] as const satisfies readonly Column[];

const inTables = columns.flatMap((column: Column) =>
  column.head === undefined ? [] : { ...column, head: column.head },
);

/** Columns that a reviewer fills in. */
export const decisionColumns = ["decision", "remark"] as const;

/**
 * A permission's row in a table, by the columns' heads.
 *
 * @param code marks an ID.
 * @param plain marks what others have written.
 */
export function tableRow(
  one: ReviewedPermission,
  code: (id: string) => string,
  plain: (text: string) => string,
): Record<string, string> {
  const marked = { id: code, text: plain };
  return Object.fromEntries(
    inTables.map(({ head, is, shown, value }) => {
      const text = shown?.(one) ?? value(one, "");
      return [head, is === undefined ? text : marked[is](text)];
    }),
  );
}

/** The heads of a table's columns. */
export function heads(): string[] {
  return inTables.map(({ head }) => head);
}

/** A permission's row in CSV. */
export function csvRow(one: ReviewedPermission, checkpoint: string): Record<string, string> {
  return Object.fromEntries(columns.map(({ csv, value }) => [csv, value(one, checkpoint)]));
}

/** What stands out of a project's permission, in a word or two. */
export function statusOf({ projectStatus, isDuplicate }: ReviewedPermission): string {
  return [projectStatus === "archived" ? "archived" : [], isDuplicate ? "duplicate" : []].flat().join(", ");
}

export function declarersIn({ declaredBy }: ReviewedPermission): string {
  if (declaredBy === null) return "";
  return declaredBy.length === 0 ? "nobody" : declaredBy.map(({ name, stack }) => `${name} in ${stack}`).join(", ");
}
