import type { Clock } from "../clock";
import { UsageError, type Config } from "../config";
import { deletion, events, page, projects, type Page } from "./contract";
import { ApiError } from "./error";
import { Http } from "./http";
import type { Permission } from "./permission";

/** The part of a checkpoint's list to read. */
export interface ListQuery {
  /** Only this project's permissions. */
  projectId?: string;
  /** Only the permissions after the one with this ID, the last of the page before. */
  after?: string | undefined;
}

/** Rows per page. Other lists of this API give at most 100. */
const pageSize = 100;

/**
 * The endpoints, one method each.
 *
 * Not OpenAI's own client, since the requests need a shared throttle, a look after an ambiguous POST, and errors that
 * never hold a header.
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning
 */
export class Client {
  readonly #http: Http;

  /** @param say prints one line for the user. */
  constructor(config: Config, clock: Clock, say: (line: string) => void) {
    this.#http = new Http(config, clock, say);
  }

  /** Keeps the API's ID of each request that it answers from now on, in the order of the answers. */
  keepRequestIds(ids: string[]): void {
    this.#http.requestIds = ids;
  }

  /**
   * One page of a checkpoint's permissions, newest first.
   *
   * https://platform.openai.com/docs/api-reference/fine-tuning/list-permissions
   */
  async listPermissions(checkpoint: string, query: ListQuery = {}): Promise<Page> {
    const { body, date } = await this.#http.send(page, {
      endpoint: "list",
      method: "GET",
      path: permissionsPath(checkpoint),
      query: { project_id: query.projectId, after: query.after, limit: pageSize },
      about: { checkpoint, projectIds: query.projectId === undefined ? [] : [query.projectId] },
    });
    return { ...body, date };
  }

  /**
   * Grants projects access to a checkpoint. The answer may leave out projects that had it before.
   *
   * https://platform.openai.com/docs/api-reference/fine-tuning/create-permission
   */
  async createPermissions(checkpoint: string, projectIds: readonly string[]): Promise<Permission[]> {
    const { body } = await this.#http.send(page, {
      endpoint: "grant",
      method: "POST",
      path: permissionsPath(checkpoint),
      body: { project_ids: projectIds },
      about: { checkpoint, projectIds },
      units: projectIds.length,
    });
    return body.permissions;
  }

  /**
   * Revokes a project's permission.
   *
   * @returns whether the answer confirms it in the documented form. Else only a list can show it.
   *
   * https://platform.openai.com/docs/api-reference/fine-tuning/delete-permission
   */
  async deletePermission(checkpoint: string, projectId: string, permissionId: string): Promise<boolean> {
    const path = permissionPath(checkpoint, permissionId);
    const about = { checkpoint, projectIds: [projectId], permissionId };
    try {
      const { body } = await this.#http.send(deletion, { endpoint: "revoke", method: "DELETE", path, about });
      return body.deleted && body.id === permissionId;
    } catch (error) {
      if (error instanceof ApiError && error.kind === "unreadable") return false;
      throw error;
    }
  }

  /**
   * One page of the organization's projects, archived ones among them.
   *
   * https://platform.openai.com/docs/api-reference/projects/list
   */
  async listProjects(after: string | undefined, timeoutSeconds?: number) {
    const { body } = await this.#http.send(projects, {
      endpoint: "projects",
      method: "GET",
      path: "/organization/projects",
      query: { include_archived: true, after, limit: pageSize },
      timeoutSeconds,
    });
    return body;
  }

  /**
   * One page of the audit log's events about permissions, newest first.
   *
   * https://platform.openai.com/docs/api-reference/audit-logs/list
   */
  async listEvents(after: string | undefined, timeoutSeconds?: number) {
    const { body } = await this.#http.send(events, {
      endpoint: "events",
      method: "GET",
      path: "/organization/audit_logs",
      query: {
        event_types: ["checkpoint.permission.created", "checkpoint.permission.deleted"],
        after,
        limit: pageSize,
      },
      timeoutSeconds,
    });
    return body;
  }

  /** The organization of the key, as the last answer named it. */
  get organization(): string | undefined {
    return this.#http.organization;
  }

  /** Fails the requests that wait, and sends no more. */
  cancel(): void {
    this.#http.cancel();
  }

  /** Adds requests that will come later to the progress of a rate-limited run; a negative count takes them off again. */
  expect(endpoint: "list" | "revoke", count: number): void {
    this.#http.throttles[endpoint].progress.expect(count);
  }
}

/** Below the base URL, encoded. */
export function permissionPath(checkpoint: string, permissionId: string): string {
  return `${permissionsPath(checkpoint)}/${segment(permissionId)}`;
}

function permissionsPath(checkpoint: string): string {
  return `/fine_tuning/checkpoints/${segment(checkpoint)}/permissions`;
}

function segment(value: string): string {
  // Encoded, these still climb out of the path on many servers.
  if (value === "" || value === "." || value === "..") throw new UsageError(`"${value}" is not an ID.`, "Correct it.");
  return encodeURIComponent(value);
}
