import type { dynamic } from "@pulumi/pulumi";
import type { ProgramHints } from "../resource/hints";

type WithHints<Inputs> = Inputs & { __hints?: Partial<ProgramHints> };
type Checked<Inputs> = Required<dynamic.CheckResult<Inputs>>;

/** A resource whose checks, diffs, creates and updates need its URN. */
interface Resource<Inputs, Outputs> {
  check(urn: string, olds: Partial<Inputs>, news: WithHints<Inputs>): Promise<Checked<Inputs>>;
  diff(urn: string, id: string, olds: Outputs, news: Inputs): Promise<dynamic.DiffResult>;
  create(urn: string, inputs: Inputs): Promise<dynamic.CreateResult<Outputs>>;
  update?(urn: string, id: string, olds: Outputs, news: Inputs): Promise<dynamic.UpdateResult>;
  read(id: string, props?: Partial<Outputs>): Promise<dynamic.ReadResult<Outputs>>;
  delete(id: string, props: Partial<Outputs>): Promise<void>;
}

/**
 * Adds the URN to calls of Pulumi's provider host, which does not have it.
 *
 * The constructor tells it to the check. Later calls are recognized by the inputs that the check was given or returned,
 * since no two resources of a program may have the same. Where a policy has rewritten the inputs of a create, it counts
 * as a resource of its own; then what the check said counts as declared, too, which only keeps more.
 */
export function withUrns<Inputs extends object, Outputs extends Inputs>(resource: Resource<Inputs, Outputs>) {
  // Kept apart, because one resource may be given what another has in state.
  const byOlds = new Map<string, string>();
  const byNews = new Map<string, string>();
  const urnOf = (urns: ReadonlyMap<string, string>, inputs: object) => urns.get(keyOf(inputs)) ?? keyOf(inputs);
  return {
    check: async (olds: Partial<Inputs>, news: WithHints<Inputs>) => {
      const urn = news.__hints?.urn ?? urnOf(byNews, news);
      const result = await resource.check(urn, olds, news);
      byOlds.set(keyOf(olds), urn);
      byNews.set(keyOf(result.inputs), urn);
      return result;
    },
    diff: (id: string, olds: Outputs, news: Inputs) => resource.diff(urnOf(byOlds, olds), id, olds, news),
    create: (inputs: Inputs) => resource.create(urnOf(byNews, inputs), inputs),
    update: (id: string, olds: Outputs, news: Inputs) => resource.update!(urnOf(byOlds, olds), id, olds, news),
    read: (id: string, props?: Partial<Outputs>) => resource.read(id, props),
    delete: (id: string, props: Partial<Outputs>) => resource.delete(id, props),
  };
}

function keyOf(inputs: object): string {
  const { fineTunedModelCheckpoint, projectId, projectIds } = inputs as Record<string, unknown>;
  return JSON.stringify([fineTunedModelCheckpoint, projectId ?? projectIds]);
}
