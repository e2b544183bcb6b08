import { hashOf } from "../access/shared-file";
import { parseHints, type ProgramHints } from "../resource/hints";
import type { Operations } from "../resource/operations";

/**
 * Adds the URN to calls of Pulumi's provider host, which does not have it.
 *
 * The constructor tells it to the check. Later calls are recognized by the inputs that the check was given or returned,
 * since no two resources of a program may have the same. A call that is not recognized declares nothing: a refresh that
 * runs the program asks for the diff of what it has read before it has checked the resource, and a policy may have
 * rewritten the inputs of a create. What the check said counts then, too, which only keeps more.
 */
export function withUrns<Inputs extends object, Outputs extends Inputs>(resource: Operations<Inputs, Outputs>) {
  // Kept apart, because one resource may be given what another has in state.
  const byOlds = new Map<string, string>();
  const byNews = new Map<string, string>();
  const urnOf = (olds: object, news: object): string | undefined => byOlds.get(keyOf(olds)) ?? byNews.get(keyOf(news));
  return {
    check: async (olds: Partial<Inputs>, news: Inputs & { __hints?: Partial<ProgramHints> }) => {
      const hints = parseHints(news.__hints);
      const urn = hints.urn ?? byNews.get(keyOf(news)) ?? `${keyOf(news)}::(unnamed)`;
      const result = await resource.check(urn, olds, { ...news, __hints: hints });
      byOlds.set(keyOf(olds), urn);
      byNews.set(keyOf(result.inputs), urn);
      return result;
    },
    diff: (id: string, olds: Outputs, news: Inputs) => resource.diff(urnOf(olds, news), id, olds, news),
    create: (inputs: Inputs) => resource.create(byNews.get(keyOf(inputs)), inputs),
    update: (id: string, olds: Outputs, news: Inputs) => resource.update(urnOf(olds, news), id, olds, news),
    read: (id: string, props?: Partial<Outputs>) => resource.read(id, props),
    delete: (id: string, props: Partial<Outputs>) => resource.delete(id, props),
  };
}

function keyOf(inputs: object): string {
  const { fineTunedModelCheckpoint, projectId, projectIds } = inputs as Record<string, unknown>;
  return hashOf(JSON.stringify([fineTunedModelCheckpoint, projectId ?? projectIds]));
}
