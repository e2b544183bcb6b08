import type { Release } from "../access/access";
import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { maxAgeOfWrite } from "../access/grants";
import type { Permission } from "../api/permission";
import { declareAgain } from "./declare";
import { isRevokedBy } from "./effects";
import { combined, failureOf, failuresOf, maybeDeclared, type OperationFailed } from "./failure";
import * as messages from "../messages";
import { byProject, declarationOf, isKnown, subjectOf, type SetInputs, type SetOutputs } from "./permission-set-inputs";
import { planOf } from "./permission-set-plan";
import { reportEnded, unmanagedOf } from "./access-reports";

/**
 * How long, in milliseconds, an update waits for other resources: for their IDs to be known, and for them to adopt what it
 * gives up. They may need what the engine creates only after this update, so then it keeps what may be theirs until the
 * next run.
 */
const patience = 5_000;

/** Grants and revokes until access is as declared, as far as possible, and returns what must be in state then. */
export async function reconcile(
  context: ProviderContext,
  checkpoint: Checkpoint,
  urn: string | undefined,
  inputs: SetInputs,
  olds: Pick<SetOutputs, "projectIds" | "permissions">,
): Promise<{ outs: SetOutputs; failure: OperationFailed | undefined }> {
  declareAgain(context, urn, (known) => declarationOf(known, inputs));
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  const { granted, failures } = await grantAll(context, checkpoint, projectIds, olds.permissions);
  const isDeclaredElsewhere = (projectId: string) => checkpoint.access(projectId).isDeclared(urn);
  const { giveUp: mayBeTheirs } = planOf(olds.permissions, inputs, isDeclaredElsewhere);
  if (mayBeTheirs.length > 0) await untilNoneIsLate(context, checkpoint);
  const areSomeLate = context.declarations.areSomeLate(checkpoint.id);
  // Only now, since more resources may have been checked meanwhile.
  const { keep, giveUp, handOver } = planOf(olds.permissions, inputs, isDeclaredElsewhere);
  // What an earlier update has not given up belongs to another resource, which may be checked later than this one.
  await adopted(context, checkpoint, [...handOver, ...giveUp.filter(isLeftOverFrom(olds))]);
  const revoke = await announcedUnmanaged(context, checkpoint, inputs, olds.permissions, maxAgeOfWrite).catch(
    (error: unknown) => {
      const attempt = { operation: "look up", checkpoint: checkpoint.id, subject: subjectOf(inputs) } as const;
      failures.push(failureOf(error, attempt, () => context.config));
      return [];
    },
  );
  if (areSomeLate && giveUp.length > 0) context.say(messages.late(checkpoint.id, giveUp));
  const leaving = areSomeLate ? handOver : [...giveUp, ...handOver];
  const released = await release(context, checkpoint, [...leaving, ...revoke]);
  failures.push(...released.failures);
  const revoked = revoke.filter(released.isAny("revoked"));
  if (revoked.length > 0) context.say(messages.unmanagedRevoked(revoked));
  await reportEnded(context, checkpoint, leaving.filter(released.isAny("missing")), { isRevoked: false });
  await reportEnded(context, checkpoint, leaving.filter(released.isAny("revoked")), { isRevoked: true });

  // What failed stays in state.
  const grantedTo = new Set(granted.map(({ projectId }) => projectId));
  const failed = [
    ...keep.filter(({ projectId }) => !grantedTo.has(projectId)),
    ...[...giveUp, ...handOver].filter((one) => !released.isAny("revoked", "missing", "kept")(one)),
  ];
  const permissions = [...granted, ...failed].sort(byProject);
  const outs: SetOutputs = { fineTunedModelCheckpoint, projectIds, exclusive, permissions };
  if (failures.length === 0) return { outs, failure: undefined };
  const failure = combined(
    `Access to ${checkpoint.id} is not as declared yet`,
    failures,
    "What was done is in state; run `pulumi up` again to continue.",
  );
  return { outs, failure };
}

/** The permissions that are not on an exclusive list and that its check has named; others are reported. */
export async function announcedUnmanaged(
  context: ProviderContext,
  checkpoint: Checkpoint,
  inputs: SetInputs,
  inState: readonly Permission[],
  maxAge?: number,
): Promise<Permission[]> {
  if (!isKnown(inputs)) return [];
  const isNamed = isRevokedBy(inputs);
  const unmanaged = await unmanagedOf(context, inputs, inState, maxAge);
  const unannounced = unmanaged.filter((permission) => !isNamed(permission));
  if (unannounced.length > 0) context.say(messages.unannounced(checkpoint.id, unannounced));
  return unmanaged.filter(isNamed);
}

/** Waits a while for resources whose IDs come from others: what a set gives up may be theirs. */
async function untilNoneIsLate({ ledger, declarations, clock }: ProviderContext, { id }: Checkpoint): Promise<void> {
  await ledger.until(
    () => !declarations.areSomeLate(id),
    () => clock.sleep(patience),
  );
}

/**
 * Waits a moment until other resources have adopted what a set gives up, so that its state need not keep it any longer.
 * Access does not depend on that: what they have not adopted stays in state.
 */
async function adopted(
  context: ProviderContext,
  checkpoint: Checkpoint,
  permissions: readonly Permission[],
): Promise<void> {
  const accesses = permissions.map(({ projectId }) => checkpoint.access(projectId));
  await context.ledger.until(
    () => accesses.every((access) => access.isInState),
    () => context.clock.sleep(patience),
  );
}

/** What an earlier update of a set has left in state: its project was not on the list then either. */
export function isLeftOverFrom(olds: Pick<SetOutputs, "projectIds">): (permission: Permission) => boolean {
  const listed = new Set(olds.projectIds);
  return ({ projectId }) => !listed.has(projectId);
}

async function grantAll(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectIds: readonly string[],
  inState: readonly Permission[],
) {
  const recorded = new Map(inState.map((permission) => [permission.projectId, permission]));
  const grants = await Promise.allSettled(
    projectIds.map((projectId) => checkpoint.access(projectId).grant(recorded.get(projectId))),
  );
  const granted = grants.flatMap((grant) => (grant.status === "fulfilled" ? grant.value : []));
  const adopted = granted.filter(({ isAdopted }) => isAdopted).map(({ permission }) => permission);
  if (adopted.length > 0) context.say(messages.adopted(checkpoint.id, adopted));
  const failed = grants.flatMap((grant, index): [string, unknown][] =>
    grant.status === "rejected" ? [[projectIds[index]!, grant.reason]] : [],
  );
  return {
    granted: granted.map(({ permission }) => permission),
    failures: failuresOf(failed, { operation: "grant", checkpoint: checkpoint.id }, context.config),
  };
}

/** Releases permissions. `isAny` tells of one whether its release has one of some outcomes. */
export async function release(context: ProviderContext, checkpoint: Checkpoint, permissions: readonly Permission[]) {
  const outcomes = await checkpoint.releaseAll(permissions);
  const failed = permissions.flatMap(({ id, projectId }): [string, unknown][] => {
    const outcome = outcomes.get(id);
    return outcome instanceof Error ? [[projectId, outcome]] : [];
  });
  const failures = failuresOf(failed, { operation: "revoke", checkpoint: checkpoint.id }, context.config);
  const isAny =
    (...some: Release[]) =>
    ({ id }: Permission) =>
      some.some((outcome) => outcome === outcomes.get(id));
  const unknown = permissions.filter(isAny("maybeDeclared"));
  if (unknown.length > 0) failures.push(maybeDeclared(context, checkpoint.id, unknown));
  const untried = permissions.filter(({ id }) => !outcomes.has(id)).length;
  if (untried > 0) {
    const done = permissions.length - failed.length - untried;
    failures.push(new Error(`${done} of ${permissions.length} are done; the rest was not tried.`));
  }
  return { failures, isAny };
}
