import type { dynamic } from "@pulumi/pulumi";

/**
 * What an `up` does besides what the inputs say. A check adds it to the inputs, since Pulumi's own machinery (`--diff`,
 * `--json`, saved plans, policies) sees only properties. It is absent where there is nothing to say, and the next check
 * leaves it out again.
 */
export interface Effects {
  /** Existing permissions that are adopted, as `proj_abc123 (cp_abc123, granted 2026-11-02)`, sorted. */
  adopts?: string[];
  /** Of an exclusive set: the permissions that are revoked, as `proj_abc123 (cp_abc123)`, sorted. */
  revokes?: string[];
}

const names = ["adopts", "revokes"] as const satisfies (keyof Effects)[];

/** What is wrong with inputs that have effects already. */
export function problemsWithEffects(inputs: object): dynamic.CheckFailure[] {
  return names
    .filter((name) => name in inputs)
    .map((property) => ({ property, reason: `${property} is computed by previews; remove it from the arguments.` }));
}

/** Inputs without their effects: what goes into outputs. */
export function withoutEffects<Inputs extends Effects>(inputs: Inputs): Omit<Inputs, keyof Effects> {
  const rest = { ...inputs };
  delete rest.adopts;
  delete rest.revokes;
  return rest;
}
