import { userInfo } from "node:os";
import type { Actor } from "./api";
import type { Emulator } from "./server";

/** Who types: in the audit log, you. */
export const you: Actor = {
  type: "session",
  session: { user: { id: "user-you", email: `${userName()}@acme.example` }, ip_address: "127.0.0.1" },
};

/** The checkpoint of examples/quickstart. */
const usual = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

export const help = `Changes behind Pulumi's back, one per line (CHECKPOINT is the quickstart's unless you name one):
  list [CHECKPOINT]
  grant PROJECT… [CHECKPOINT]
  revoke PROJECT-OR-ID… [CHECKPOINT]
  projects                     the organization's; archive PROJECT archives one, or brings it back
  retire [CHECKPOINT]          it is deleted with its permissions; restore brings it back
  throttle N                   requests a minute for each endpoint; 0 ends it
  lag SECONDS                  how long lists lag behind
  keys refuse                  every key is refused; keys accept ends it
  help, quit`;

/** Changes the emulated API by hand while it serves; each line's answer is for the user. */
export class Prompt {
  readonly #retired = new Set<string>();

  /** @param retired checkpoints that are deleted from the beginning. */
  constructor(
    readonly api: Emulator,
    retired: readonly string[] = [],
  ) {
    for (const checkpoint of retired) this.#retired.add(checkpoint);
  }

  answer(line: string): string {
    const [command = "", ...words] = line.trim().split(/[\s,]+/);
    const checkpoint = words.find((word) => word.startsWith("ft:")) ?? usual;
    const names = words.filter((word) => !word.startsWith("ft:") && word !== "");
    const [first = ""] = names;
    switch (command) {
      case "":
        return "";
      case "list":
        return this.#list(checkpoint);
      case "grant":
        if (names.length === 0) return "Which project? As in: grant proj_web";
        for (const projectId of names) this.api.grant(checkpoint, projectId, undefined, you);
        return this.#list(checkpoint);
      case "revoke":
        if (names.length === 0) return "Which project, or permission? As in: revoke proj_web";
        return [this.#revoke(names, checkpoint), this.#list(checkpoint)].join("\n");
      case "projects":
        return this.#projects();
      case "archive": {
        const projects = this.api.knownProjects.map((project) =>
          project.id === first
            ? { ...project, archived_at: project.archived_at === null ? Math.floor(Date.now() / 1000) : null }
            : project,
        );
        if (!projects.some(({ id }) => id === first)) return "Which project? As in: archive proj_web";
        this.api.set({ projects });
        return this.#projects();
      }
      case "retire":
      case "restore":
        if (command === "retire") this.#retired.add(checkpoint);
        else this.#retired.delete(checkpoint);
        this.api.set({ unknownCheckpoints: [...this.#retired] });
        return `${checkpoint} is ${command === "retire" ? "deleted" : "back"}.`;
      case "throttle":
      case "lag": {
        if (!/^\d+$/.test(first)) return `How much? As in: ${command} 7`;
        const number = Number(first);
        if (command === "lag") this.api.set({ lag: number });
        else this.api.set({ throttle: number === 0 ? undefined : { perMinute: number, burst: number } });
        return command === "lag"
          ? `Lists lag ${number} s behind.`
          : `${number === 0 ? "No throttle" : `${number} a minute`}.`;
      }
      case "keys":
        this.api.clearFaults();
        if (first === "accept") return "Keys are accepted.";
        if (first !== "refuse") return "As in: keys refuse, or keys accept";
        for (const method of ["GET", "POST", "DELETE"] as const) {
          this.api.fail({ method, times: Infinity, kind: { status: 401 } });
        }
        for (const endpoint of ["projects", "audit_logs"] as const) {
          this.api.fail({ endpoint, times: Infinity, kind: { status: 401 } });
        }
        return "Every key is refused.";
      case "help":
        return help;
      default:
        return `There is no "${command}".\n${help}`;
    }
  }

  #projects(): string {
    const lines = this.api.knownProjects.map(
      ({ id, name, archived_at }) => `  ${id.padEnd(24)} ${name ?? ""}${archived_at === null ? "" : " (archived)"}`,
    );
    return lines.length === 0 ? "Any project is known, by no name." : lines.join("\n");
  }

  #revoke(names: readonly string[], checkpoint: string): string {
    const found = this.api.permissions(checkpoint).filter(({ id, project_id }) => {
      return names.includes(id) || names.includes(project_id);
    });
    for (const { id } of found) this.api.revoke(id, you);
    return found.length === 0 ? "There was nothing to revoke." : `Revoked ${found.map(({ id }) => id).join(", ")}.`;
  }

  #list(checkpoint: string): string {
    const rows = this.api.permissions(checkpoint);
    if (rows.length === 0) return `No project has access to ${checkpoint}.`;
    return rows.map(({ id, project_id }) => `  ${project_id.padEnd(24)} ${id}`).join("\n");
  }
}

/** In a container, a user may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "you";
  }
}
