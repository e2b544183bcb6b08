import * as v from "valibot";
import { plainCell } from "../api/plain-text";
import { isCheckpointId } from "../resource/ids";
import type { Difference } from "./drift-report";
import { CommandFailed } from "./failure";
import { textIn } from "./read-files";

const words = v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"), v.transform(plainCell));
const acceptance = v.strictObject({
  fineTunedModelCheckpoint: v.pipe(v.string(), v.check(isCheckpointId, "must be a checkpoint's ID")),
  projectId: v.pipe(v.string(), v.startsWith("proj_", "must be a project's ID")),
  id: v.optional(words),
  reason: words,
  until: v.optional(v.pipe(v.string(), v.isoDate("must be a date, as 2027-01-31"))),
});
const file = v.strictObject({ accepted: v.array(acceptance) });

/** A permission that no stack has in state, and that somebody has found to be fine: until the end of a day, in UTC. */
export type Acceptance = v.InferOutput<typeof acceptance>;

/** @throws {CommandFailed} naming what is wrong with the file. */
export function readAccepted(path: string): Acceptance[] {
  const problem = (what: string) => new CommandFailed(`${path} is no list of accepted permissions: ${what}.`);
  let content: unknown;
  try {
    content = JSON.parse(textIn(path));
  } catch (error) {
    throw error instanceof CommandFailed ? error : problem("it is not JSON");
  }
  const parsed = v.safeParse(file, content);
  if (parsed.success) return parsed.output.accepted;
  const [issue] = parsed.issues;
  throw problem(`${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`);
}

/**
 * Tells accepted differences from the others, and what is to be said of the list of acceptances itself.
 *
 * @param today as 2027-01-31, in UTC.
 */
export function accept(found: readonly Difference[], acceptances: readonly Acceptance[], today: string) {
  const used = new Set<Acceptance>();
  const accepted: Difference[] = [];
  const differences: Difference[] = [];
  for (const one of found) {
    const matching = acceptances.filter((acceptance) => isAbout(acceptance, one));
    for (const acceptance of matching) used.add(acceptance);
    const valid = matching.find(({ until = today }) => until >= today);
    if (valid === undefined) differences.push(one);
    else accepted.push({ ...one, change: "accepted", reason: reasonIn(valid) });
  }
  const remarks = acceptances.flatMap((one) => {
    const what = `${one.projectId} for ${one.fineTunedModelCheckpoint}`;
    if (!used.has(one)) return [`Accepted, but not there: ${what}. Remove it from the list.`];
    return one.until !== undefined && one.until < today ? [`Accepted until ${one.until}: ${what}.`] : [];
  });
  return { differences, accepted, remarks };
}

/** A permission that is in state is not accepted, but managed. */
function isAbout({ fineTunedModelCheckpoint, projectId, id }: Acceptance, one: Difference): boolean {
  const isOutsideOfState = one.change === "unmanaged" || one.change === "duplicate";
  const isSame = one.checkpoint === fineTunedModelCheckpoint && one.projectId === projectId;
  return isOutsideOfState && isSame && (id === undefined || id === one.presentId);
}

function reasonIn({ reason, until }: Acceptance): string {
  return until === undefined ? reason : `${reason}, until ${until}`;
}
