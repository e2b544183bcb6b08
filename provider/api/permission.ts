/**
 * A project's permission for a checkpoint.
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning/permission-object
 */
export interface Permission {
  /** The permission's ID, `cp_…`. */
  id: string;
  /** The project that has access, `proj_…`. */
  projectId: string;
  /** When the permission was granted, in Unix seconds. */
  createdAt: number;
}
