/**
 * A project of an organization.
 *
 * https://platform.openai.com/docs/api-reference/projects/object
 */
export interface Project {
  /** `proj_…`. */
  id: string;
  name: string | undefined;
  isArchived: boolean;
}

/**
 * Something that was done to a permission, according to the organization's audit log.
 *
 * https://platform.openai.com/docs/api-reference/audit-logs/object
 */
export interface AuditEvent {
  id: string;
  what: "granted" | "revoked";
  /** `cp_…`; undefined if the event does not name it. */
  permissionId: string | undefined;
  /** Of a grant, the checkpoint and the project, if the event names them. */
  checkpoint: string | undefined;
  projectId: string | undefined;
  /** In Unix seconds. */
  at: number;
  /** Who did it, in words: a user's e-mail address, or an API key and who is behind it. */
  actor: string | undefined;
}
