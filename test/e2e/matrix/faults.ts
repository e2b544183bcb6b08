import { randomBytes } from "node:crypto";
import type { Method, PermissionRow } from "../../../sandbox/api/api";
import type { Fault, FaultyApi, ServedRequest } from "../../../sandbox/api/faults";

/** How a run must end that meets a fault. */
export type Outcome = "succeeds" | "fails" | "either";

/** Something that goes wrong with a request. */
export interface FaultKind {
  title: string;
  methods: readonly Method[];
  /** What becomes of a run that meets it once, and whether it may last: then the run fails. */
  once: Outcome;
  lasts: boolean;
  /** Whether a write has happened all the same. */
  takesEffect?: boolean;
  /** Whether the answer is that the checkpoint does not exist. */
  saysCheckpointIsDeleted?: boolean;
  kind: (scene: Scene) => Fault["kind"];
}

/** Where it goes wrong. */
export interface Scene {
  checkpoint: string;
  /** A project that is being granted access to the checkpoint. */
  project: string;
  /** Called for what was granted outside of Pulumi. */
  onUnmanaged: (row: PermissionRow) => void;
}

const every = ["GET", "POST", "DELETE"] as const;
const writes = ["POST", "DELETE"] as const;

/** What the retries are to get over. */
function passing(
  title: string,
  kind: Fault["kind"],
  { methods = every, takesEffect = false }: Partial<Pick<FaultKind, "methods" | "takesEffect">> = {},
): FaultKind {
  return { title, methods, once: "succeeds", lasts: true, takesEffect, kind: () => kind };
}

/** What is the API's last word. */
function refusal(
  status: number,
  message: string,
  code: string | null = null,
  methods: readonly Method[] = every,
): FaultKind {
  const title = `${status}${code === null ? "" : ` ${code}`} (${message.slice(0, 20)}…)`;
  return { title, methods, once: "either", lasts: true, kind: () => ({ status, error: { message, code } }) };
}

function rateLimit(title: string, headers: () => Record<string, string>): FaultKind {
  return { title, methods: every, once: "succeeds", lasts: false, kind: () => ({ status: 429, headers: headers() }) };
}

interface ListBody {
  data: PermissionRow[];
  has_more: boolean;
  last_id: string | null;
}

/** A list that is not what it should be. */
function wrongList(
  title: string,
  { once, lasts }: Pick<FaultKind, "once" | "lasts">,
  change: (list: ListBody, scene: Scene) => Partial<ListBody>,
  methods: readonly Method[] = ["GET"],
): FaultKind {
  const kind = (scene: Scene): Fault["kind"] => ({
    rewrite: (body) => {
      const list = body as ListBody;
      return Array.isArray(list.data) ? { ...list, ...change(list, scene) } : list;
    },
  });
  return { title, methods, once, lasts, kind };
}

function unmanagedRow(projectId: string): PermissionRow {
  const id = `cp_${randomBytes(12).toString("hex")}`;
  return { object: "checkpoint.permission", id, created_at: 1_721_764_800, project_id: projectId };
}

export const rateLimits: readonly FaultKind[] = [
  rateLimit("429 that does not say when to come back", () => ({})),
  rateLimit("429 with Retry-After in seconds", () => ({ "retry-after": "1" })),
  rateLimit("429 with Retry-After as a date", () => ({ "retry-after": new Date(Date.now() + 1500).toUTCString() })),
];

export const faults: readonly FaultKind[] = [
  passing("a connection that is cut before the effect", "reset"),
  passing("a connection that is cut after the effect", "lost answer", { methods: writes, takesEffect: true }),
  passing("no answer, and no effect", "hang"),
  passing("no answer after the effect", "late", { methods: writes, takesEffect: true }),
  passing("500", { status: 500 }),
  passing("502 in HTML", "html"),
  passing("an answer that breaks off", "cut json", { takesEffect: true }),
  passing("an answer of another shape", "wrong shape", { takesEffect: true }),
  refusal(400, "The request is not valid."),
  refusal(401, "Incorrect API key provided: sk-admin-repeated-by-the-server.", "invalid_api_key"),
  refusal(403, "You have insufficient permissions for this operation.", "insufficient_permissions"),
  refusal(404, "Invalid URL (GET /fine_tuning/checkpoints)"),
  refusal(404, "The model does not exist or you do not have access to it.", "model_not_found", ["GET", "POST"]),
  { ...refusal(404, "No such checkpoint exists.", "model_not_found", ["GET"]), saysCheckpointIsDeleted: true },
  refusal(409, "The request conflicts with another one."),
  wrongList("a list that repeats its cursor", { once: "either", lasts: true }, () => ({
    data: [unmanagedRow("proj_endless")],
    has_more: true,
    last_id: "cp_again",
  })),
  wrongList("a list that never ends", { once: "either", lasts: true }, () => {
    const row = unmanagedRow("proj_endless");
    return { data: [row], has_more: true, last_id: row.id };
  }),
  wrongList("a list without cursors", { once: "succeeds", lasts: false }, () => ({ last_id: null })),
  wrongList(
    "a row of another project in place of ours",
    { once: "either", lasts: false },
    ({ data }) => ({ data: data.map(() => unmanagedRow("proj_unmanaged")) }),
    ["GET", "POST"],
  ),
  {
    title: "a permission granted outside of Pulumi just before",
    methods: ["POST"],
    // Where a repeated POST is refused, the project has what it is to have.
    once: "succeeds",
    lasts: false,
    kind: ({ checkpoint, project, onUnmanaged }) => ({
      before: (api: FaultyApi) => onUnmanaged(api.grant(checkpoint, project)),
    }),
  },
  {
    title: "a permission revoked outside of Pulumi just before",
    methods: ["DELETE"],
    once: "succeeds",
    lasts: false,
    kind: () => ({
      before: (api: FaultyApi, { path }: ServedRequest) => api.revoke(path.slice(path.lastIndexOf("/") + 1)),
    }),
  },
];
