/** What a read finds; the SDK's type takes inputs for outputs. Empty if the resource does not exist. */
export interface ReadResult<Inputs, Outputs> {
  id?: string;
  props?: Outputs;
  inputs?: Inputs;
}
