import axios from "axios";

/** What {@link tryReal} needs. */
export interface TrialOptions {
  baseUrl: string;
  adminApiKey: string;
  checkpoint: string;
  /** It must have no permission for the checkpoint; at the end it has none again. */
  projectId: string;
  /** Asks the user before each write. */
  ask: (question: string) => Promise<boolean>;
  say: (line: string) => void;
  sleep: (milliseconds: number) => Promise<void>;
  /** Milliseconds since the Unix epoch. */
  now: () => number;
}

/** Something that no page documents, and what was seen of it. */
export interface Fact {
  what: string;
  /** What the emulator does by default. */
  assumed: string;
  /** Undefined: it could not be seen. */
  seen: string | undefined;
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

interface Row {
  id: string;
  project_id: string;
  created_at: number;
}

/** How often, and after how many milliseconds, a list is read again until it shows what was written. */
const lagPauses = [0, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
/** How often a request is sent again that the rate limit has refused, and after how many milliseconds. */
const limitPauses = [5_000, 10_000, 20_000, 30_000];

/** A trial that must not go on. */
export class TrialStopped extends Error {}

/**
 * Grants one project access to one checkpoint, looks, and revokes, to find out what no page documents.
 *
 * It revokes all that it has granted, even if it fails.
 *
 * @throws {TrialStopped} when it must not begin, or the user stops it.
 */
export async function tryReal(options: TrialOptions): Promise<Fact[]> {
  const trial = new Trial(options);
  try {
    await trial.run();
  } finally {
    await trial.cleanUp();
  }
  return trial.facts;
}

class Trial {
  readonly facts: Fact[] = [];
  readonly #options: TrialOptions;
  /** Whether a POST was sent, even if no answer came. */
  #hasPosted = false;
  /** Whether the answer of the last POST did not come, or had no row. */
  #isLost = false;
  /** A list that lags may show them still. */
  readonly #revoked = new Set<string>();
  /** IDs of permissions that were granted here, and are not known to be revoked. */
  readonly #granted = new Set<string>();
  /** IDs of all permissions of the checkpoint before anything was granted: they are others'. */
  #before = new Set<string>();
  #refusals: { afterRequests: number; retryAfter: boolean }[] = [];
  #requests = 0;
  #headers = new Set<string>();

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { checkpoint, projectId, ask } = this.#options;
    const first = await this.#list({ limit: "100" });
    if (first.status !== 200) {
      throw new TrialStopped(
        `The list of permissions is answered with ${first.status}: ${messageOf(first)}. Nothing was written.`,
      );
    }
    const before = await this.#all(first);
    this.#before = new Set(before.map(({ id }) => id));
    if (before.some((row) => row.project_id === projectId)) {
      throw new TrialStopped(
        `${projectId} has access to ${checkpoint} already. Name a project that has none. Nothing was written.`,
      );
    }
    this.#note("limit=100 is accepted", "200", String(first.status));
    this.#note("limit=101", "400", String((await this.#list({ limit: "101" })).status));
    this.#note("after= an unknown permission", "400", String((await this.#list({ after: "cp_unknown" })).status));
    this.#note("a wrong path", "404 null", statusAndCode(await this.#send("GET", `${this.#path()}/x/y`)));
    const unknown = await this.#send("GET", this.#path(`${checkpoint}x`));
    this.#note("a checkpoint that does not exist", "404 model_not_found", statusAndCode(unknown));

    if (!(await ask(`Grant ${projectId} access to ${checkpoint}?`)))
      throw new TrialStopped("Stopped. Nothing was written.");
    const granting = await this.#post();
    const [row] = rowsOf(granting);
    this.#note(
      "a POST",
      "200 with the new row",
      `${granting.status} with ${row === undefined ? "no row" : "the new row"}`,
    );
    const shown = await this.#secondsUntil((rows) => rows.some((one) => one.project_id === projectId));
    this.#note("a list shows a grant", "at once", shown);
    const { body } = await this.#list({ project_id: projectId });
    const own = (body as { data?: Row[] }).data ?? [];
    this.#keep(own);
    this.#note(
      "project_id= filters",
      "only that project's rows",
      own.every((one) => one.project_id === projectId) ? "only that project's rows" : "other projects' rows, too",
    );
    const all = rowsOf(await this.#list({ limit: "100" }));
    const order = all.length < 2 ? undefined : all[0]?.project_id === projectId ? "newest first" : "not newest first";
    this.#note("the order of a list", "newest first", order);
    const date = Date.parse(String(granting.headers["date"])) / 1000;
    const age = row === undefined || Number.isNaN(date) ? undefined : Math.abs(date - row.created_at);
    this.#note(
      "created_at and the answer's Date",
      "within 5 s",
      age === undefined ? undefined : age <= 5 ? "within 5 s" : `${age} s apart`,
    );

    if (await ask(`Grant it once more, to see what a repeated POST does?`)) await this.#repeat();
    await this.#revoke();
    this.#note("headers of answers", "openai-organization, x-request-id", [...this.#headers].sort().join(", "));
    const [refusal] = this.#refusals;
    this.#note(
      "rate limit",
      "none met",
      refusal === undefined
        ? "none met"
        : `429 after ${refusal.afterRequests} requests, ${refusal.retryAfter ? "with" : "without"} Retry-After`,
    );
  }

  async #repeat(): Promise<void> {
    const { projectId } = this.#options;
    const before = new Set(this.#granted);
    const repeated = await this.#post();
    await this.#options.sleep(2_000);
    const own = rowsOf(await this.#list({ project_id: projectId })).filter((row) => row.project_id === projectId);
    const ids = own.map(({ id }) => id);
    this.#keep(own);
    const isSecond = ids.some((id) => !before.has(id));
    const rows = rowsOf(repeated).length;
    const seen =
      repeated.status >= 400
        ? `refused: ${statusAndCode(repeated)}`
        : isSecond
          ? "a second permission"
          : rows === 0
            ? "left out of the answer"
            : "the existing permission";
    this.#note("a repeated POST", "the existing permission", seen);
  }

  async #revoke(): Promise<void> {
    const { ask } = this.#options;
    const [id] = this.#granted;
    if (id === undefined) return;
    if (!(await ask(`Revoke it (${id})?`))) throw new TrialStopped("Stopped; what was granted is revoked now.");
    const revoking = await this.#delete(id);
    const isConfirmed = (revoking.body as { deleted?: unknown } | undefined)?.deleted === true;
    this.#note(
      "a DELETE",
      "200 with deleted: true",
      `${revoking.status} ${isConfirmed ? "with deleted: true" : "without it"}`,
    );
    const omitted = await this.#secondsUntil((rows) => !rows.some((one) => one.id === id));
    this.#note("a list omits what was revoked", "at once", omitted);
    this.#note("a repeated DELETE", "404 permission_not_found", statusAndCode(await this.#delete(id)));
  }

  /**
   * Revokes all that was granted and is not known to be revoked; and what a lost answer has granted, once a list shows it.
   *
   * @throws {TrialStopped} naming what may be left.
   */
  async cleanUp(): Promise<void> {
    if (!this.#hasPosted) return;
    const { projectId, checkpoint, sleep } = this.#options;
    const left = () => (this.#granted.size === 0 ? "a permission of it" : [...this.#granted].join(", "));
    try {
      for (const pause of this.#isLost ? lagPauses : [0]) {
        await sleep(pause);
        for (const id of this.#granted) await this.#delete(id);
        const list = await this.#list({ project_id: projectId });
        if (list.status !== 200) throw new TrialStopped(`the list is answered with ${list.status}`);
        this.#keep(rowsOf(list));
      }
      for (const id of this.#granted) await this.#delete(id);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TrialStopped(
        `${projectId} may still have access to ${checkpoint} (${left()}): ${why}. Revoke it by hand.`,
      );
    }
    if (this.#granted.size > 0) {
      throw new TrialStopped(`${projectId} still has access to ${checkpoint} (${left()}). Revoke it by hand.`);
    }
  }

  /** Takes note of rows that were granted here: of this project, and new. */
  #keep(rows: readonly Row[]): void {
    for (const { id, project_id } of rows) {
      if (project_id === this.#options.projectId && !this.#before.has(id) && !this.#revoked.has(id))
        this.#granted.add(id);
    }
  }

  /** All pages of the list whose first page this is. */
  async #all(first: Answer): Promise<Row[]> {
    const rows = rowsOf(first);
    for (let page = first; hasMore(page);) {
      const after = rowsOf(page).at(-1)?.id;
      if (after === undefined)
        throw new TrialStopped("The list says that there are more, and does not say which. Nothing was written.");
      page = await this.#list({ limit: "100", after });
      if (page.status !== 200)
        throw new TrialStopped(`A page of the list is answered with ${page.status}. Nothing was written.`);
      rows.push(...rowsOf(page));
    }
    return rows;
  }

  #note(what: string, assumed: string, seen: string | undefined): void {
    this.facts.push({ what, assumed, seen });
    this.#options.say(
      `${seen === undefined ? "not seen  " : seen === assumed ? "as assumed" : "DIFFERENT "}  ${what}${seen === undefined ? "" : `: ${seen}`}`,
    );
  }

  /** How long a list takes to show something, as far as that is waited for. */
  async #secondsUntil(isSo: (rows: Row[]) => boolean): Promise<string> {
    const { now, sleep, projectId } = this.#options;
    const start = now();
    for (const [index, pause] of lagPauses.entries()) {
      await sleep(pause);
      if (!isSo(rowsOf(await this.#list({ project_id: projectId })))) continue;
      return index === 0 ? "at once" : `after ${Math.round((now() - start) / 1000)} s`;
    }
    return "not within a minute";
  }

  #path(checkpoint = this.#options.checkpoint): string {
    return `/fine_tuning/checkpoints/${encodeURIComponent(checkpoint)}/permissions`;
  }

  #list(query: Record<string, string>): Promise<Answer> {
    return this.#send("GET", `${this.#path()}?${new URLSearchParams(query).toString()}`);
  }

  async #post(): Promise<Answer> {
    this.#hasPosted = true;
    // Until it is answered with rows, it may have granted what only a list can show.
    this.#isLost = true;
    const answer = await this.#send("POST", this.#path(), { project_ids: [this.#options.projectId] });
    this.#keep(rowsOf(answer));
    this.#isLost = this.#granted.size === 0;
    return answer;
  }

  async #delete(id: string): Promise<Answer> {
    const answer = await this.#send("DELETE", `${this.#path()}/${encodeURIComponent(id)}`);
    if (answer.status < 300 || answer.status === 404) {
      this.#granted.delete(id);
      this.#revoked.add(id);
    }
    return answer;
  }

  async #send(method: string, path: string, data?: unknown): Promise<Answer> {
    const { baseUrl, adminApiKey, sleep } = this.#options;
    for (const pause of [...limitPauses, undefined]) {
      this.#requests++;
      const response = await axios
        .request({
          url: `${baseUrl}${path}`,
          method,
          data,
          headers: { Authorization: `Bearer ${adminApiKey}` },
          maxRedirects: 0,
          timeout: 60_000,
          validateStatus: () => true,
          ...(baseUrl.startsWith("http:") ? { proxy: false } : {}),
        })
        .catch((error: unknown) => {
          // What axios throws holds the key.
          throw new TrialStopped(`No answer: ${axios.isAxiosError(error) ? (error.code ?? "") : "unknown reason"}.`);
        });
      const headers = response.headers as Record<string, unknown>;
      for (const name of ["x-request-id", "openai-organization"])
        if (headers[name] !== undefined) this.#headers.add(name);
      if (response.status !== 429 || pause === undefined) {
        return { status: response.status, headers, body: response.data as unknown };
      }
      this.#refusals.push({ afterRequests: this.#requests, retryAfter: headers["retry-after"] !== undefined });
      await sleep(pause);
    }
    throw new Error("unreachable");
  }
}

function rowsOf({ body }: Answer): Row[] {
  const { data } = (typeof body === "object" && body !== null ? body : {}) as { data?: unknown };
  return Array.isArray(data) ? (data as Row[]) : [];
}

function hasMore({ body }: Answer): boolean {
  return (body as { has_more?: unknown } | undefined)?.has_more === true;
}

function statusAndCode({ status, body }: Answer): string {
  const { error } = (typeof body === "object" && body !== null ? body : {}) as { error?: { code?: unknown } };
  return error === undefined ? String(status) : `${status} ${String(error.code)}`;
}

function messageOf({ body }: Answer): string {
  const { error } = (typeof body === "object" && body !== null ? body : {}) as { error?: { message?: string } };
  return (error?.message ?? "no message").replace(/sk-[\w*.-]+/g, "[key]");
}

/** The facts as a table for an issue, without what identifies the organization. */
export function reportOf(
  facts: readonly Fact[],
  { checkpoint, projectId }: Pick<TrialOptions, "checkpoint" | "projectId">,
): string {
  const plain = (text: string) =>
    text
      .replaceAll(checkpoint, "CHECKPOINT")
      .replaceAll(projectId, "PROJECT")
      .replace(/\bcp_\w+/g, "cp_…");
  const rows = facts.map(({ what, assumed, seen }) => {
    const verdict = seen === undefined ? "not seen" : seen === assumed ? "yes" : "**no**";
    return `| ${plain(what)} | ${assumed} | ${plain(seen ?? "")} | ${verdict} |`;
  });
  const confirmed = facts.filter(({ seen, assumed }) => seen === assumed).length;
  return [
    `${confirmed} of ${facts.length} assumptions of the emulator are confirmed.`,
    "",
    "| fact | assumed | seen | confirmed |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
