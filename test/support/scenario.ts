import type { Access } from "../../provider/access/access";
import type { ProviderContext } from "../../provider/access/context";
import { withUrns } from "../../provider/dynamic/urns";
import { PermissionResource, type PermissionInputs } from "../../provider/resource/permission";
import { PermissionSetResource } from "../../provider/resource/permission-set";
import type { SetInputs, SetOutputs } from "../../provider/resource/permission-set-inputs";
import type { Permission } from "../../provider/api/permission";
import type { FaultyApiOptions } from "../../sandbox/api/faults";
import { checkpoint, contextWith, fakeApi } from "./api";
import { TestClock } from "./clock";

export const permissionInputs: PermissionInputs = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a" };

export function setInputs(projectIds: string[], exclusive = false): SetInputs {
  return { fineTunedModelCheckpoint: checkpoint, projectIds, exclusive };
}

/**
 * One process of the provider in front of an emulated API, on one clock that does not wait.
 *
 * @param config of the stack, by full key.
 */
export function scenario(config: Record<string, string> = {}, options: FaultyApiOptions = {}) {
  const clock = new TestClock();
  const api = fakeApi({ now: () => clock.date(), ...options });
  const { context, said } = contextWith(config, clock);
  const ofCheckpoint = context.checkpoint(checkpoint);
  /** A permission that exists at the API. */
  const granted = (projectId: string): Permission => {
    const { id, created_at: createdAt } = api.grant(checkpoint, projectId);
    return { id, projectId, createdAt };
  };
  return {
    api,
    requests: api.requests,
    context,
    clock,
    /** What was printed, a line each. */
    said,
    checkpoint: ofCheckpoint,
    access: (projectId: string) => ofCheckpoint.access(projectId),
    permission: permissionResource(() => context),
    set: setResource(() => context),
    granted,
    /** A `CheckpointPermission` for `proj_a`, as an earlier run left it. */
    permissionInState: () => {
      const { id, createdAt } = granted("proj_a");
      return { id, state: { ...permissionInputs, createdAt } };
    },
    /** A `CheckpointPermissionSet`, as an earlier run left it. */
    setInState: (projectIds: string[], exclusive = false): SetOutputs => ({
      ...setInputs(projectIds, exclusive),
      permissions: projectIds.map(granted),
    }),
    /** The projects that have access at the API. */
    projects: () => api.projects(checkpoint),
    /** The writes so far, as `POST proj_a proj_b` or `DELETE`. */
    writes: () =>
      api.requests.flatMap(({ method, projectIds = [] }) =>
        method === "GET" ? [] : [[method, ...projectIds].join(" ")],
      ),
  };
}

const urnOf = (name: string) => `urn:pulumi:test::test::test::${name}`;

/** Permissions as Pulumi's provider host calls them. */
export function permissionResource(context: () => ProviderContext) {
  const resource = new PermissionResource(context);
  return { ...withUrns(resource), import: (id: string) => resource.import(id) };
}

/** A set as Pulumi's provider host calls it. */
export function setResource(context: () => ProviderContext) {
  const resource = new PermissionSetResource(context);
  return { ...withUrns(resource), import: (id: string) => resource.import(id) };
}

/** Notes that some other resource of the program declares an access. */
export function declareElsewhere({ checkpoint: { id, shared }, projectId }: Access): void {
  const urn = urnOf(`elsewhere-${projectId}`);
  shared.declarations.set({ urn, checkpoint: id, projectIds: new Set([projectId]), exclusive: false });
}
