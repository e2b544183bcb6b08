import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import type { Permission } from "../api/permission";
import * as messages from "./messages";

/** How permissions in state differ from what the API lists. */
export interface Drift<Recorded extends Permission> {
  /** Listed, or too young to be listed. */
  present: Recorded[];
  /** Revoked outside of Pulumi, and the project has no other permission. */
  missing: Recorded[];
  /** Revoked outside of Pulumi, and the project has another permission. */
  recreated: { recorded: Recorded; permission: Permission }[];
}

/** Compares permissions in state with what the API lists. */
export async function driftOf<Recorded extends Permission>(
  context: ProviderContext,
  checkpoint: Checkpoint,
  recorded: readonly Recorded[],
): Promise<Drift<Recorded>> {
  const looks = await Promise.all(recorded.map((one) => checkpoint.access(one.projectId).look(one)));
  const drift: Drift<Recorded> = { present: [], missing: [], recreated: [] };
  const notListedYet: Recorded[] = [];
  for (const [index, { permission, isMissing, isNotListedYet }] of looks.entries()) {
    const one = recorded[index]!;
    if (!isMissing) drift.present.push(one);
    else if (permission === undefined) drift.missing.push(one);
    else drift.recreated.push({ recorded: one, permission });
    if (isNotListedYet) notListedYet.push(one);
  }
  if (notListedYet.length > 0) context.say(messages.notListedYet(checkpoint.id, notListedYet));
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
  for (;;) {
    const drift = await driftOf(context, checkpoint, recorded);
    if (!checkpoint.isDeleted || (await checkpoint.confirmDeleted())) return drift;
  }
}

/** Reports what was found, unless the checkpoint itself is deleted, which is reported once. */
export async function reportDrift(
  context: ProviderContext,
  checkpoint: Checkpoint,
  { missing, recreated }: Omit<Drift<Permission>, "present">,
  { isRefresh }: { isRefresh: boolean },
): Promise<void> {
  if (checkpoint.isDeleted) return;
  const { clock, organization } = context;
  const revoked = [...missing, ...recreated.map(({ recorded }) => recorded)];
  const described = (await organization?.describe(revoked, { areMissing: true })) ?? revoked;
  const found = {
    ...{ checkpoint: checkpoint.id, date: clock.date(), isRefresh },
    missing: described.slice(0, missing.length),
    recreated: recreated.map((one, index) => ({ ...one, recorded: described[missing.length + index]! })),
    newApi: context.hasNewBaseUrl ? new URL(context.config.baseUrl).host : undefined,
  };
  for (const line of messages.drift(found)) context.say(line);
}
