import { isDeepStrictEqual } from "node:util";
import { DiffResponse, PropertyDiff } from "@pulumi/pulumi/proto/provider_pb";
import type { PermissionSetResource } from "../resource/permission-set";
import type { Properties } from "./marshal";

/**
 * A diff in the protocol's form, which has the path of each change: in a set, of each project that gains or loses
 * access.
 */
export function diffResponse(
  { changes, replaces = [], gains = [], loses = [] }: Awaited<ReturnType<PermissionSetResource["diff"]>>,
  olds: Properties,
  news: Properties,
): DiffResponse {
  const response = new DiffResponse();
  if (changes !== true) return response.setChanges(DiffResponse.DiffChanges.DIFF_NONE);
  response.setChanges(DiffResponse.DiffChanges.DIFF_SOME).setReplacesList(replaces);
  const details = response.getDetaileddiffMap();
  const set = (path: string, kind: PropertyDiff.Kind) =>
    details.set(path, new PropertyDiff().setKind(kind).setInputdiff(true));

  const changed = Object.keys(news).filter((name) => !isDeepStrictEqual(news[name], olds[name]));
  for (const name of changed) set(name, name in olds ? PropertyDiff.Kind.UPDATE : PropertyDiff.Kind.ADD);
  for (const name of replaces) {
    // It is missing, and is granted again.
    set(name, changed.includes(name) ? PropertyDiff.Kind.UPDATE_REPLACE : PropertyDiff.Kind.ADD_REPLACE);
  }
  if (gains.length > 0 || loses.length > 0) {
    changed.push("projectIds");
    details.del("projectIds");
    for (const index of indicesOf(loses, olds["projectIds"])) set(`projectIds[${index}]`, PropertyDiff.Kind.DELETE);
    for (const index of indicesOf(gains, news["projectIds"])) {
      const path = `projectIds[${index}]`;
      // At this index one project loses access, and another gains it.
      set(path, details.has(path) ? PropertyDiff.Kind.UPDATE : PropertyDiff.Kind.ADD);
    }
  }
  return response.setDiffsList([...new Set([...replaces, ...changed])]).setHasdetaileddiff(details.getLength() > 0);
}

/** The indices of those projects that are on a list. */
function indicesOf(projectIds: readonly string[], list: unknown): number[] {
  return projectIds.map((projectId) => (list as string[]).indexOf(projectId)).filter((index) => index >= 0);
}
