import { isDeepStrictEqual } from "node:util";
import type { dynamic } from "@pulumi/pulumi";
import type { Permission } from "../api/permission";
import type { Config } from "../config";
import { isUnknown } from "./ids";
import { nameWithDate } from "../messages";

/**
 * What an `up` does besides what the inputs say. A check adds it to the inputs, since Pulumi's own machinery (`--diff`,
 * `--json`, saved plans, policies) sees only properties. It is absent where there is nothing to say, and the next check
 * leaves it out again.
 */
export interface Effects {
  /** Existing permissions that are adopted, as `proj_abc123 (cp_abc123, granted 2026-11-02)`, sorted. */
  adopts?: string[] | null;
  /** Of a set: projects on its list whose permission was revoked outside of Pulumi, and that get access again, sorted. */
  restores?: string[] | null;
  /** Of an exclusive set: the permissions that are revoked, as `proj_abc123 (cp_abc123)`, sorted. */
  revokes?: string[] | null;
}

/** The permissions that are adopted, as an effect. */
export function adoptsOf({ adoptExisting }: Config, permissions: readonly Permission[]): Effects {
  return adoptExisting && permissions.length > 0 ? { adopts: permissions.map(nameWithDate).sort() } : {};
}

/** The permissions that are revoked, as an effect. */
export function revokesOf(permissions: readonly Permission[]): Effects {
  if (permissions.length === 0) return {};
  return { revokes: permissions.map(({ projectId, id }) => `${projectId} (${id})`).sort() };
}

/** Whether an effect revokes a permission. Its ID decides, and no other word of the effect. */
export function isRevokedBy({ revokes }: Effects): (permission: Permission) => boolean {
  const ids = new Set(revokes?.map((effect) => /\(([^(),]+)/.exec(effect)?.[1]));
  return ({ id }) => ids.has(id);
}

const names = ["adopts", "restores", "revokes"] as const satisfies (keyof Effects)[];

/**
 * What is wrong with inputs that have effects already. An entry point sends null where they are to be secret, which a
 * preview may not know yet, and `ignoreChanges` hands over those of the last run.
 */
export function problemsWithEffects(inputs: Effects, olds: Effects = {}): dynamic.CheckFailure[] {
  return names
    .filter((name) => inputs[name] != null && !isUnknown(inputs[name]) && !isDeepStrictEqual(inputs[name], olds[name]))
    .map((property) => ({ property, reason: `${property} is computed by the check; remove it from the arguments.` }));
}

/** Whether an entry point has told that the projects are secret. */
export function isSecret({ adopts }: Effects): boolean {
  return adopts === null;
}

/** Inputs without their effects: what goes into outputs. */
export function withoutEffects<Inputs extends Effects>(inputs: Inputs): Omit<Inputs, keyof Effects> {
  const rest = { ...inputs };
  delete rest.adopts;
  delete rest.restores;
  delete rest.revokes;
  return rest;
}
