import type { ListQuery } from "../../provider/api/client";
import type { Page } from "../../provider/api/contract";
import type { Permission } from "../../provider/api/permission";
import { ApiError, refused } from "../../provider/api/error";
import type { Refusal } from "../../provider/api/error-kinds";
import { checkpoint } from "./api";

/** A checkpoint's permissions as a server has them, without HTTP, for rules that hold for all inputs. */
export class TestServer {
  rows: Permission[] = [];
  lists: ListQuery[] = [];
  posts: string[][] = [];
  /** Its own clock, in Unix seconds. */
  date = 1_767_225_600;
  #next = 1;

  constructor(
    projects: readonly string[] = [],
    readonly pageSize = 100,
  ) {
    for (const project of projects) this.add(project);
  }

  add(projectId: string): Permission {
    const permission = { id: `cp_${this.#next}`, projectId, createdAt: this.#next };
    this.#next++;
    this.rows.unshift(permission);
    return permission;
  }

  remove(id: string): void {
    this.rows = this.rows.filter((row) => row.id !== id);
  }

  /** How many pages the whole list has. */
  get pages(): number {
    return Math.max(1, Math.ceil(this.rows.length / this.pageSize));
  }

  readonly list = async (query: ListQuery): Promise<Page> => {
    this.lists.push(query);
    await new Promise(setImmediate);
    let rows = this.rows.filter(({ projectId }) => query.projectId === undefined || projectId === query.projectId);
    if (query.after !== undefined) rows = rows.slice(rows.findIndex(({ id }) => id === query.after) + 1);
    const permissions = rows.slice(0, this.pageSize);
    return { permissions, hasMore: rows.length > this.pageSize, lastId: permissions.at(-1)?.id, date: this.date };
  };

  readonly create = async (projectIds: readonly string[]): Promise<Permission[]> => {
    this.posts.push([...projectIds]);
    await new Promise(setImmediate);
    return projectIds.map((projectId) => this.add(projectId)).reverse();
  };
}

/** A refusal in the API's own form, unless another is given. */
export function refusal(status: number, message = "no", details: Partial<Refusal> = {}): ApiError {
  return refused({ status, form: "own", message, about: { checkpoint, projectIds: [] }, ...details });
}

/** A request whose outcome is not known. */
export function lost(): ApiError {
  return new ApiError("unreachable", "the connection was cut");
}
