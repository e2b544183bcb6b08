import type { Client } from "../api/client";
import type { Clock } from "../clock";
import type { Config } from "../config";
import type { Declarations } from "./declarations";
import type { Ledger } from "./ledger";

/** What all accesses of one process share. */
export interface Shared {
  config: Config;
  client: Client;
  clock: Clock;
  declarations: Declarations;
  ledger: Ledger;
  readonly say: (line: string) => void;
  /** Is told when the API says that a checkpoint does not exist. */
  readonly onDeleted: (existence: { readonly checkpointId: string; readonly isDeleted: boolean }) => void;
}
