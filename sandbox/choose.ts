import { MiniatureEngine } from "./miniature";
import type { Engine } from "./engines";
import { findPulumi } from "./pulumi";

/** The real CLI where there is one, else the miniature engine; `why` says which and for what reason, in one line. */
export async function chooseEngine(): Promise<{ engine: Engine; why: string }> {
  const found = await findPulumi();
  if ("reason" in found) {
    const engine = new MiniatureEngine();
    return { engine, why: `Running on the miniature engine, because ${found.reason}.` };
  }
  return { engine: found, why: `Running on the ${found.description}, found at ${found.binary}.` };
}
