import { DiffResponse, PropertyDiff } from "@pulumi/pulumi/proto/provider_pb";
import { isDeepStrictEqual } from "node:util";
import type { SetDiff } from "../resource/set";
import type { Properties } from "./wire";

/**
 * A diff as the protocol has it, which names each change by its path: of a set, the projects that gain access and those
 * that lose it.
 */
export function diffResponse(
  { changes, replaces = [], gains = [], loses = [] }: SetDiff,
  olds: Properties,
  news: Properties,
): DiffResponse {
  const response = new DiffResponse();
  if (changes !== true) return response.setChanges(DiffResponse.DiffChanges.DIFF_NONE);
  response.setChanges(DiffResponse.DiffChanges.DIFF_SOME).setReplacesList(replaces);
  const details = response.getDetaileddiffMap();
  const tell = (path: string, kind: PropertyDiff.Kind) =>
    details.set(path, new PropertyDiff().setKind(kind).setInputdiff(true));

  const changed = Object.keys(news).filter((name) => !isDeepStrictEqual(news[name], olds[name]));
  for (const name of changed) tell(name, PropertyDiff.Kind.UPDATE);
  for (const name of replaces) {
    // What has vanished is granted again.
    tell(name, changed.includes(name) ? PropertyDiff.Kind.UPDATE_REPLACE : PropertyDiff.Kind.ADD_REPLACE);
  }
  if (gains.length > 0 || loses.length > 0) {
    changed.push("projectIds");
    details.del("projectIds");
    for (const index of places(loses, olds["projectIds"])) tell(`projectIds[${index}]`, PropertyDiff.Kind.DELETE);
    for (const index of places(gains, news["projectIds"])) {
      const path = `projectIds[${index}]`;
      // Where one project takes another's place, that one loses access, and this one gains it.
      tell(path, details.has(path) ? PropertyDiff.Kind.UPDATE : PropertyDiff.Kind.ADD);
    }
  }
  return response.setDiffsList([...new Set([...replaces, ...changed])]).setHasdetaileddiff(details.getLength() > 0);
}

/** Where projects are on a list, as far as they are. */
function places(projectIds: readonly string[], list: unknown): number[] {
  return projectIds.map((projectId) => (list as string[]).indexOf(projectId)).filter((index) => index >= 0);
}
