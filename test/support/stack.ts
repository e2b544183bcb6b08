import { typesOf, type Kind } from "../../provider/resource/reference";
import { checkpoint } from "./api";

interface Resource {
  urn: string;
  type: string;
  id?: string;
  outputs: object;
}

export function resourceOf(
  kind: Kind,
  name: string,
  outputs: object,
  more: object = {},
  entryPoint: "dynamic" | "native" = "dynamic",
): Resource {
  const type = typesOf[kind][entryPoint];
  return { urn: `urn:pulumi:dev::acme::${type}::${name}`, type, outputs, ...more };
}

/** A permission, as it is in state. */
export function permissionOf(name: string, projectId: string, id: string, more: object = {}): Resource {
  return resourceOf(
    "permission",
    name,
    { fineTunedModelCheckpoint: checkpoint, projectId, createdAt: 1 },
    { id, ...more },
  );
}

/** A set with these permissions, as it is in state. */
export function setOf(name: string, projectIds: string[], permissions: object[], more: object = {}): Resource {
  const outputs = { fineTunedModelCheckpoint: checkpoint, projectIds, permissions, exclusive: false };
  return resourceOf("permissionSet", name, outputs, { id: checkpoint, ...more });
}

/** What `pulumi stack export` gives of a stack with these resources. */
export function exportOf(...resources: object[]): string {
  return JSON.stringify({ version: 3, deployment: { manifest: {}, resources } });
}
