import { SandboxEngine } from "./engine";
import type { Engine } from "./engines";
import { findPulumi } from "./pulumi";

/** The real CLI where there is one, else the sandbox engine; `why` says which and for what reason, in one line. */
export async function chooseEngine(): Promise<{ engine: Engine; why: string }> {
  const found = await findPulumi();
  if ("reason" in found) {
    const engine = new SandboxEngine();
    return { engine, why: `Running on the sandbox engine, because ${found.reason}.` };
  }
  return { engine: found, why: `Running on the ${found.description}, found at ${found.binary}.` };
}
