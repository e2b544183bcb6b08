import { expect } from "chai";
import { checkpoint, texts, type Scenario } from "./scenario";
import type { Run } from "../../sandbox/engines";

/** What messages claim of projects, and whether it holds, given who had access before an `up` and who has it afterwards. */
const claims: [words: RegExp, holds: (project: string, before: Access, after: Access) => boolean][] = [
  [/^(.*?) gains? access to /, (project, before, after) => !before.has(project) && after.has(project)],
  [/^(.*?) loses? access to /, (project, before, after) => before.has(project) && !after.has(project)],
  [/^(.*?) may lose access to /, (project, before) => before.has(project)],
  [
    /^Drift: (.*?) lost (?:its|their) access .* will be granted again/,
    (project, before, after) => !before.has(project) && after.has(project),
  ],
  [
    /^Drift: (.*?) lost (?:its|their) access .* no longer declares/,
    (project, before, after) => !before.has(project) && !after.has(project),
  ],
  [/^Drift: (.*?) has another permission /, (project, before, after) => before.has(project) && after.has(project)],
  [/^(.*?) already ha(?:s|ve) access to /, (project, before, after) => before.has(project) && after.has(project)],
  [
    /^(.*?) ha(?:s|ve) access to .* but (?:is|are) not on the exclusive list/,
    (project, before, after) => before.has(project) && !after.has(project),
  ],
];

/** The projects with access, each with the IDs of its permissions. */
type Access = ReadonlyMap<string, readonly string[]>;

export function accessOf({ api }: Scenario): Access {
  const access = new Map<string, string[]>();
  for (const { id, project_id: project } of api.permissions(checkpoint)) {
    access.set(project, [...(access.get(project) ?? []), id]);
  }
  return access;
}

/** Checks what a preview has claimed against what the `up` after it has done. */
export function assertClaimsHold(preview: Run, before: Access, after: Access): void {
  for (const line of texts(preview)
    .split("\n")
    .map((text) => text.trim())) {
    const claim = claims.find(([words]) => words.test(line));
    if (claim === undefined) continue;
    const [words, holds] = claim;
    for (const [project] of words.exec(line)![1]!.matchAll(/\bproj_\w+/g)) {
      expect(holds(project, before, after), `${line}\n(${project})`).to.equal(true);
    }
  }
}

/** Checks that a preview has told of each project that gained or lost access, or may have. */
export function assertAllIsTold(preview: Run, before: Access, after: Access): void {
  const text = texts(preview);
  for (const project of new Set([...before.keys(), ...after.keys()])) {
    if (before.has(project) !== after.has(project)) expect(text).to.match(new RegExp(`\\b${project}\\b`));
  }
}

/** Checks what an `up` says that it has done. */
export function assertDeedsAreTrue(up: Run, after: Access): void {
  const ids = new Set([...after.values()].flat());
  for (const line of texts(up)
    .split("\n")
    .map((text) => text.trim())) {
    expect(line, "an up tells what it did").not.to.match(/ (gains?|loses?|may lose) access to /);
    if (/ access to .* now\.$/.test(line)) {
      for (const [project] of line.matchAll(/\bproj_\w+/g)) expect(after.has(project), line).to.equal(true);
    }
    if (line.startsWith("Revoked")) for (const [id] of line.matchAll(/\bcp_\w+/g)) expect(ids, line).not.to.include(id);
  }
}
