import type { dynamic } from "@pulumi/pulumi";
import type { ProgramHints } from "./hints";

/** What Pulumi's operations do with resources of one kind. URNs are undefined where Pulumi's host does not tell them. */
export interface Operations<Inputs, Outputs> {
  check(
    urn: string,
    olds: Partial<Inputs>,
    news: Inputs & { __hints?: Partial<ProgramHints> },
  ): Promise<Required<dynamic.CheckResult<Inputs>>>;
  diff(urn: string | undefined, id: string, olds: Outputs, news: Inputs): Promise<dynamic.DiffResult>;
  create(urn: string | undefined, inputs: Inputs): Promise<dynamic.CreateResult<Outputs>>;
  update(urn: string | undefined, id: string, olds: Outputs, news: Inputs): Promise<dynamic.UpdateResult<Outputs>>;
  read(id: string, props?: Partial<Outputs>): Promise<ReadResult<Inputs, Outputs>>;
  import(id: string): Promise<ReadResult<Inputs, Outputs>>;
  delete(id: string, props: Partial<Outputs>): Promise<void>;
}

/** What a read finds; the SDK's type takes inputs for outputs. Empty if the resource does not exist. */
export interface ReadResult<Inputs, Outputs> {
  id?: string;
  props?: Outputs;
  inputs?: Inputs;
}
