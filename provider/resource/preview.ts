import type { Checkpoint } from "../access/checkpoint";
import type { ProviderContext } from "../access/context";
import { existingOf, reportGains, reportUnknown, reportUnmanaged, unmanagedOf } from "./access-reports";
import { adoptsOf, revokesOf, type Effects } from "./effects";
import { reasonOf, withFailure } from "./failure";
import { isUnknown } from "./ids";
import * as messages from "../messages";
import { isKnown, subjectOf, type SetInputs } from "./permission-set-inputs";
import { planOf } from "./permission-set-plan";
import { remedyIfLasting } from "./remedies";

/** What grants for these projects will find; undefined where it is not looked up, or the lookup failed. */
async function tryExistingOf(context: ProviderContext, checkpoint: Checkpoint, projectIds: readonly string[]) {
  if (!context.reportsExisting) return undefined;
  try {
    return await existingOf(checkpoint, projectIds);
  } catch (error) {
    context.reportsExisting = false;
    const attempt = { operation: "grant", checkpoint: checkpoint.id } as const;
    const remedy = remedyIfLasting(error, attempt, context.config);
    context.say(messages.existingUnknown(context.config, reasonOf(error), remedy));
    return undefined;
  }
}

/** Reports what the create of one permission does, and returns its effects. */
export async function effectsOfPermission(
  context: ProviderContext,
  checkpoint: Checkpoint,
  projectId: string,
): Promise<Effects> {
  const existing = await tryExistingOf(context, checkpoint, [projectId]);
  if (existing === undefined) return {};
  const { having, toAdopt, others } = existing;
  const { config, lines } = context;
  lines.add(config.adoptExisting ? messages.adopted : messages.notAdopted, checkpoint.id, toAdopt);
  lines.add(messages.others, checkpoint.id, others);
  if (!having.has(projectId)) reportGains(context, checkpoint, [projectId]);
  return adoptsOf(config, toAdopt);
}

/** Reports what the create or update of a set does besides what its inputs say, and returns it. */
export async function effectsOfSet(
  context: ProviderContext,
  inputs: SetInputs,
  olds: Partial<SetInputs>,
): Promise<Effects> {
  const { fineTunedModelCheckpoint, projectIds, exclusive } = inputs;
  const { config } = context;
  const isCreate = olds.fineTunedModelCheckpoint !== fineTunedModelCheckpoint;
  if (isUnknown(fineTunedModelCheckpoint) || !isKnown(inputs)) {
    if (isCreate && exclusive && config.driftDetection) reportUnknown(context, inputs);
    return {};
  }
  if (isCreate && exclusive && config.driftDetection && config.adminApiKey === undefined) {
    context.say(messages.withoutKey(fineTunedModelCheckpoint));
    return {};
  }
  const attempt = { operation: "look up", checkpoint: fineTunedModelCheckpoint, subject: subjectOf(inputs) } as const;
  const unmanaged = await withFailure(
    () => context,
    attempt,
    () => unmanagedOf(context, inputs, []),
  );
  const before = isCreate || !Array.isArray(olds.projectIds) ? [] : olds.projectIds;
  const { grant, giveUp } = planOf(
    before.map((projectId) => ({ projectId })),
    inputs,
  );
  // What leaves the list is reported with all that leaves.
  const leaving = new Set(giveUp.map(({ projectId }) => projectId));
  const elsewhere = unmanaged.filter(({ projectId }) => !leaving.has(projectId));
  await reportUnmanaged(context, fineTunedModelCheckpoint, elsewhere);
  if (exclusive && projectIds.length === 0) context.say(messages.emptyList(fineTunedModelCheckpoint));

  const checkpoint = context.checkpoint(fineTunedModelCheckpoint);
  const existing = grant.length === 0 ? undefined : await tryExistingOf(context, checkpoint, grant);
  const { toAdopt, others, having } = existing ?? { toAdopt: [], others: [], having: undefined };
  const adopted = config.adoptExisting ? messages.adopted : messages.notAdopted;
  if (toAdopt.length > 0) context.say(adopted(checkpoint.id, toAdopt));
  if (others.length > 0) context.say(messages.others(checkpoint.id, others));
  // Those of an update are told by its diff, which knows what is granted again.
  if (isCreate && having !== undefined) {
    const gaining = grant.filter((projectId) => !having.has(projectId));
    reportGains(context, checkpoint, gaining);
  }
  const keeping = config.driftDetection ? projectIds.filter((projectId) => before.includes(projectId)) : [];
  const restores = await withFailure(
    () => context,
    attempt,
    () => restoresOf(checkpoint, keeping),
  );
  return { ...adoptsOf(config, toAdopt), ...restores, ...revokesOf(unmanaged) };
}

/** What the diff will find missing: of these projects, those that have no permission. */
async function restoresOf(checkpoint: Checkpoint, projectIds: readonly string[]): Promise<Effects> {
  const { having } = await existingOf(checkpoint, projectIds);
  const restores = projectIds.filter((projectId) => !having.has(projectId));
  return restores.length === 0 ? {} : { restores };
}
