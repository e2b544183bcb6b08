import { compareIds, groupBy } from "../resource/ids";
import { minuteOf } from "../time";
import { CommandFailed } from "./failure";
import { listIn, type FiledPermission, type ListFile } from "./list-file";
import { counted, occurring, withoutEmptyColumns, type Report } from "./report";

/** What each change means, in the order of a summary. */
const meanings = {
  gained: "it has access since",
  found: "granted before the older list was made, which did not read the checkpoint",
  lost: "it has no access any more",
  recreated: "it has access in both, by another permission",
  added: "one more permission of a project that had access",
  removed: "one permission less of a project that has access still",
  between: "granted and revoked in between",
  archived: "its project is archived since",
  restored: "its project was archived before",
  declared: "a resource declares it since",
  undeclared: "no resource declares it any more",
} as const;
const changes = Object.keys(meanings) as (keyof typeof meanings)[];

interface ListDifference {
  change: keyof typeof meanings;
  checkpoint: string;
  projectId: string;
  projectName: string;
  /** The permission before, and the one since. */
  oldId?: string;
  newId?: string;
  /** ISO 8601. */
  grantedAt?: string;
  grantedBy?: string;
  revokedAt?: string;
  revokedBy?: string;
}

/**
 * Compares two files of `list`, as JSON or CSV. It reads nothing else.
 *
 * @throws {CommandFailed} when a file is something else, or the two are about different things, or in the wrong order.
 */
export function compareReviews(oldFile: string, newFile: string): { report: Report; isDifferent: boolean } {
  const [before, after] = [listIn(oldFile), listIn(newFile)];
  if (before.source !== undefined && after.source !== undefined && before.source !== after.source) {
    throw new CommandFailed(`${oldFile} is of ${before.source}, and ${newFile} of ${after.source}.`);
  }
  if (before.readAt !== undefined && after.readAt !== undefined && before.readAt > after.readAt) {
    throw new CommandFailed(`${oldFile} was read after ${newFile}. Name the older one first.`);
  }
  if (before.projects !== undefined && after.projects !== undefined) {
    const [old, now] = [scopeOf(before.projects), scopeOf(after.projects)];
    if (old !== now) {
      throw new CommandFailed(
        `${oldFile} is about ${old}, and ${newFile} about ${now}. Compare lists of the same projects.`,
      );
    }
  }
  const checkpoints = [before, after].flatMap((one) => [
    ...one.entries.map(({ checkpoint }) => checkpoint),
    ...(one.checkpoints?.keys() ?? []),
  ]);
  const all = [...new Set(checkpoints)].sort(compareIds);
  // What was not read may still be there.
  const unread = all.filter((one) => after.checkpoints?.has(one) === false);
  const differences = all
    .filter((one) => !unread.includes(one))
    .flatMap((one) => [...differencesOf(one, before, after), ...betweenOf(one, before, after)]);
  return {
    report: reportOf(differences, unread, all.length, before, after),
    isDifferent: differences.length + unread.length > 0,
  };
}

function scopeOf(projects: "all" | readonly string[]): string {
  return projects === "all" ? "all projects" : projects.join(", ");
}

function differencesOf(checkpoint: string, before: ListFile, after: ListFile): ListDifference[] {
  const entriesOf = ({ entries }: ListFile) =>
    groupBy(
      entries.filter((one) => one.checkpoint === checkpoint),
      ({ projectId }) => projectId,
    );
  const [old, now] = [entriesOf(before), entriesOf(after)];
  const projectIds = [...new Set([...old.keys(), ...now.keys()])].sort(compareIds);
  return projectIds.flatMap((projectId): ListDifference[] => {
    const [had, has] = [old.get(projectId) ?? [], now.get(projectId) ?? []];
    const projectName = [...has, ...had].find((one) => one.projectName !== "")?.projectName ?? "";
    const about = { checkpoint, projectId, projectName };
    const added = has.filter(({ id }) => !had.some((one) => one.id === id));
    const removed = had.filter(({ id }) => !has.some((one) => one.id === id));
    if (had.length === 0) {
      const isFound = ({ grantedAt }: FiledPermission) =>
        before.checkpoints?.has(checkpoint) === false && before.readAt !== undefined && grantedAt <= before.readAt;
      return added.map((one) => ({ ...about, change: isFound(one) ? "found" : "gained", ...grantOf(one) }));
    }
    if (has.length === 0) {
      return removed.map((one) => ({ ...about, change: "lost", ...lossOf(one, after) }));
    }
    // The project has access before and after.
    const pairs = Math.min(added.length, removed.length);
    return [
      ...added.slice(0, pairs).map((one, index) => ({
        ...{ ...about, change: "recreated" as const },
        ...{ ...grantOf(one), ...lossOf(removed[index]!, after) },
      })),
      ...added.slice(pairs).map((one) => ({ ...about, change: "added" as const, ...grantOf(one) })),
      ...removed.slice(pairs).map((one) => ({ ...about, change: "removed" as const, ...lossOf(one, after) })),
      ...becoming(had, has, "isArchived", ["archived", "restored"]).map((change) => ({ ...about, change })),
      // By other stacks others declare.
      ...(before.stacks !== after.stacks ? [] : becoming(had, has, "isDeclared", ["declared", "undeclared"])).map(
        (change) => ({ ...about, change }),
      ),
    ];
  });
}

/** The change of something that all permissions of a project have; none if one of the files does not say. */
function becoming(
  had: readonly FiledPermission[],
  has: readonly FiledPermission[],
  what: "isArchived" | "isDeclared",
  [begins, ends]: [keyof typeof meanings, keyof typeof meanings],
) {
  const [before, after] = [had, has].map((entries) => entries.map((one) => one[what]));
  if ([...before!, ...after!].includes(undefined)) return [];
  const [was, is] = [before!.every(Boolean), after!.every(Boolean)];
  return was === is ? [] : [is ? begins : ends];
}

/** What was granted after the older list, and is on neither, because it was revoked before the newer one. */
function betweenOf(
  checkpoint: string,
  before: ListFile,
  { entries, events, checkpoints, projects }: ListFile,
): ListDifference[] {
  const known = new Set([...before.entries, ...entries].map(({ id }) => id));
  const [from, to] = [before.readAt, checkpoints?.get(checkpoint)?.readAt];
  if (from === undefined || to === undefined) return [];
  const isAsked = (projectId: string) => projects === "all" || projects?.includes(projectId) === true;
  return events.flatMap(({ what, permissionId, fineTunedModelCheckpoint, projectId, at, by }): ListDifference[] => {
    if (what !== "granted" || fineTunedModelCheckpoint !== checkpoint || at <= from) return [];
    if (permissionId === null || known.has(permissionId) || projectId === null || !isAsked(projectId)) return [];
    const revocation = revocationOf(permissionId, events);
    if (revocation.revokedAt === undefined || revocation.revokedAt > to) return [];
    const about = { checkpoint, projectId, projectName: "", newId: permissionId };
    return [{ ...about, change: "between", grantedAt: at, ...(by === null ? {} : { grantedBy: by }), ...revocation }];
  });
}

function grantOf({ id, grantedAt, grantedBy }: FiledPermission): Partial<ListDifference> {
  return { newId: id, grantedAt, ...(grantedBy === "" ? {} : { grantedBy }) };
}

function lossOf({ id }: FiledPermission, { events }: ListFile): Partial<ListDifference> {
  return { oldId: id, ...revocationOf(id, events) };
}

function revocationOf(id: string, events: ListFile["events"]): Partial<ListDifference> {
  const revocation = events.find((one) => one.what === "revoked" && one.permissionId === id);
  if (revocation === undefined) return {};
  return { revokedAt: revocation.at, ...(revocation.by === null ? {} : { revokedBy: revocation.by }) };
}

function reportOf(
  differences: readonly ListDifference[],
  unread: readonly string[],
  checkpoints: number,
  before: ListFile,
  after: ListFile,
): Report {
  const byCheckpoint = groupBy(differences, ({ checkpoint }) => checkpoint);
  const sayNothing = [before, after].filter((one) => one.checkpoints === undefined).map(({ file }) => file);
  return {
    title:
      differences.length + unread.length === 0
        ? `Access to ${counted(checkpoints, "checkpoint")}: the same in both`
        : `Access to checkpoints: ${counted(differences.length, "difference")}`,
    sections: [...byCheckpoint].map(([checkpoint, ofCheckpoint]) => ({
      checkpoint,
      summary: summaryOf(checkpoint, ofCheckpoint, after),
      rows: (code, plain) =>
        withoutEmptyColumns(
          ["Change", "Name", "Project", "Permission", "Granted (UTC)", "Revoked (UTC)"],
          ofCheckpoint.map((one) => [
            one.change,
            plain(one.projectName),
            code(one.projectId),
            [one.oldId, one.newId].flatMap((id) => (id === undefined ? [] : code(id))).join(" → "),
            plain(actOf(one.grantedAt, one.grantedBy)),
            plain(actOf(one.revokedAt, one.revokedBy)),
          ]),
        ),
      lines: ofCheckpoint.map(entry),
    })),
    notes: (plain) => {
      const dated = ({ file, readAt }: ListFile) => `${plain(file)}${readAt === undefined ? "" : `, read ${readAt}`}`;
      const ofCsv = `${sayNothing.map(plain).join(" and ")}: CSV does not say what was read; what has no row counts as without access.`;
      return [
        ...unread.map(
          (checkpoint) => `${checkpoint} was not read for ${plain(after.file)}: name it there, or give its stack.`,
        ),
        ...meaningsOf(differences),
        [`Compared ${dated(before)} with ${dated(after)}.`, ...(sayNothing.length === 0 ? [] : [ofCsv])].join("\n"),
      ];
    },
    json: {
      old: before.file,
      new: after.file,
      notRead: unread,
      differences: differences.map(({ checkpoint, ...one }) => ({ fineTunedModelCheckpoint: checkpoint, ...one })),
    },
    csv: {
      columns: [
        ...["change", "checkpoint", "project_id", "project_name", "old_id", "new_id"],
        ...["granted_at", "granted_by", "revoked_at", "revoked_by"],
      ],
      rows: differences.map((one) => ({
        change: one.change,
        checkpoint: one.checkpoint,
        project_id: one.projectId,
        project_name: one.projectName,
        old_id: one.oldId ?? "",
        new_id: one.newId ?? "",
        granted_at: one.grantedAt ?? "",
        granted_by: one.grantedBy ?? "",
        revoked_at: one.revokedAt ?? "",
        revoked_by: one.revokedBy ?? "",
      })),
    },
  };
}

function summaryOf(checkpoint: string, differences: readonly ListDifference[], { checkpoints }: ListFile): string {
  const counts = occurring(changes, differences).map(([change, count]) => `${count} ${change}`);
  return `${counts.join(", ")}${checkpoints?.get(checkpoint)?.isDeleted === true ? "; the checkpoint is deleted" : ""}`;
}

function entry(one: ListDifference): string {
  const { change, projectId, projectName, oldId, newId } = one;
  const name = projectName === "" ? projectId : `${projectName} (${projectId})`;
  const [granted, revoked] = [actOf(one.grantedAt, one.grantedBy), actOf(one.revokedAt, one.revokedBy)];
  const details = [
    [oldId, newId].filter((id) => id !== undefined).join(" → "),
    granted === "" ? "" : `granted ${granted}`,
    revoked === "" ? "" : `revoked ${revoked}`,
  ];
  return [
    `  ${change.padEnd(10)}  ${name}`,
    ...details.filter((line) => line !== "").map((line) => `              ${line}`),
  ].join("\n");
}

/** As `2026-11-26 21:09 by alice@example.com`. */
function actOf(at: string | undefined, by: string | undefined): string {
  if (at === undefined) return "";
  return `${minuteOf(at)}${by === undefined ? "" : ` by ${by}`}`;
}

function meaningsOf(differences: readonly ListDifference[]): string[] {
  const lines = occurring(changes, differences).map(([change]) => `- ${change}: ${meanings[change]}`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}
