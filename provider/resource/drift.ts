import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { lag } from "../access/revocation";
import { ApiError } from "../api/error";
import type { Permission } from "../api/permission";
import * as messages from "../messages";

/** How permissions in state, which are `recorded`, differ from what the API lists. */
export interface Drift<Recorded extends Permission> {
  /** Listed, or too young to be listed. */
  present: { recorded: Recorded; listed?: Permission }[];
  /** Revoked outside of Pulumi, and the project has no other permission. */
  missing: { recorded: Recorded }[];
  /** Revoked outside of Pulumi, and the project has another permission. */
  recreated: { recorded: Recorded; listed: Permission }[];
}

/** Compares permissions in state with what the API lists. */
export async function driftOf<Recorded extends Permission>(
  context: ProviderContext,
  checkpoint: Checkpoint,
  recorded: readonly Recorded[],
): Promise<Drift<Recorded>> {
  const looks = await Promise.all(recorded.map((one) => checkpoint.access(one.projectId).look(one)));
  const drift: Drift<Recorded> = { present: [], missing: [], recreated: [] };
  for (const [index, look] of looks.entries()) {
    const one = { recorded: recorded[index]! };
    if (look.is === "listed") drift.present.push({ ...one, listed: look.permission });
    else if (look.is === "tooYoung") drift.present.push(one);
    else if (look.is === "recreated") drift.recreated.push({ ...one, listed: look.by });
    else drift.missing.push(one);
  }
  const notListedYet = drift.present.flatMap((one) => (one.listed === undefined ? one.recorded : []));
  if (notListedYet.length > 0) context.say(messages.notListedYet(checkpoint.id, notListedYet, lag));
  return drift;
}

/**
 * The same for a refresh. Missing permissions leave state by it, so that a checkpoint does not exist is confirmed first.
 */
export async function confirmedDriftOf<Recorded extends Permission>(
  context: ProviderContext,
  checkpoint: Checkpoint,
  recorded: readonly Recorded[],
): Promise<Drift<Recorded>> {
  for (let contradictions = 0; contradictions < 2; contradictions++) {
    const drift = await driftOf(context, checkpoint, recorded);
    if (!checkpoint.existence.isDeleted || (await checkpoint.existence.confirmDeleted())) return drift;
  }
  throw new ApiError("contradiction", `the API says that ${checkpoint.id} does not exist, and lists its permissions`);
}

/**
 * Reports what was found, unless the checkpoint itself is deleted, which is reported once.
 *
 * @param outcomeOf what follows from a missing permission. Default: it is granted again.
 */
export async function reportDrift(
  context: ProviderContext,
  checkpoint: Checkpoint,
  { missing, recreated }: Omit<Drift<Permission>, "present">,
  outcomeOf: (permission: Permission) => (typeof messages.driftOutcomes)[number] = () => "grantedAgain",
): Promise<void> {
  if (checkpoint.existence.isDeleted) return;
  const { clock, organization, lines } = context;
  const pairs = [
    ...missing.map(({ recorded }) => ({ recorded, replacedBy: undefined })),
    ...recreated.map(({ recorded, listed }) => ({ recorded, replacedBy: listed })),
  ];
  // What this run has revoked itself is no drift.
  const found = pairs.filter(({ recorded }) => !checkpoint.access(recorded.projectId).wasRevokedHere(recorded.id));
  const recorded = found.map((one) => one.recorded);
  const described: messages.ToldPermission[] =
    (await organization?.describe(recorded, { areMissing: true })) ?? recorded;
  const told = found.map(({ replacedBy }, index): messages.ToldPermission => ({ ...described[index]!, replacedBy }));
  const newApi = context.hasNewBaseUrl ? new URL(context.config.baseUrl).host : undefined;
  const lineOf = messages.driftLines(clock.date(), newApi);
  for (const outcome of messages.driftOutcomes) {
    const some = told.filter((one) => (one.replacedBy === undefined ? outcomeOf(one) : "recreated") === outcome);
    if (outcome === "undeclared") {
      // A resource that is checked later may declare it.
      const isDeclared = ({ projectId }: messages.ToldPermission) => checkpoint.access(projectId).isDeclared();
      lines.addAtEnd(checkpoint.id, some, (one) => lineOf[isDeclared(one) ? "declaredElsewhere" : "undeclared"]);
    } else lines.add(lineOf[outcome], checkpoint.id, some);
    if (outcome !== "grantedAgain") continue;
    for (const { projectId } of some) checkpoint.access(projectId).markToldAsDrift();
    lines.add(
      messages.notWhileArchived,
      checkpoint.id,
      some.filter(({ isArchived }) => isArchived === true),
    );
  }
}
