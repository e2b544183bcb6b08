import { expect } from "chai";
import * as messages from "../provider/messages";
import type { Line, ToldPermission } from "../provider/messages";

const checkpoint = "ft:m:acme::1";
const permission = (id: string, projectId: string, more: Partial<ToldPermission> = {}): ToldPermission => {
  return { id, projectId, createdAt: 1_767_225_600, ...more };
};
const now = Date.UTC(2026, 0, 2, 4, 41);
const drift = messages.driftLines(now, undefined);
const web = permission("cp_1", "proj_a", { projectName: "Web", replacedBy: permission("cp_9", "proj_a") });
const shop = permission("cp_2", "proj_b", {
  revocation: { actor: "ann", at: 1_767_225_600 },
  replacedBy: permission("cp_8", "proj_b"),
});

const lines: [name: string, line: Line, ofOne: string, ofTwo: string][] = [
  [
    "notWhileArchived",
    messages.notWhileArchived,
    "proj_a (Web, cp_1) is archived: `pulumi up` cannot grant access until it is restored. Or remove it from the program.",
    "proj_a (Web, cp_1), proj_b (cp_2) are archived: `pulumi up` cannot grant access until they are restored. Or remove them from the program.",
  ],
  [
    "adopted",
    messages.adopted,
    "proj_a (cp_1, granted 2026-01-01) already has access to CHECKPOINT and keeps it: the resource records the permission, and revokes it when deleted. A delete of an older record, if Pulumi shows one, revokes nothing.",
    "proj_b (cp_2, granted 2026-01-01), proj_a (cp_1, granted 2026-01-01) already have access to CHECKPOINT and keep it: the resources record the permissions, and revoke them when deleted. A delete of an older record, if Pulumi shows one, revokes nothing.",
  ],
  [
    "notAdopted",
    messages.notAdopted,
    "proj_a (Web, cp_1) already has access to CHECKPOINT; unless this stack granted it, `pulumi up` fails, because adoptExisting is false.",
    "proj_a (Web, cp_1), proj_b (cp_2) already have access to CHECKPOINT; unless this stack granted it, `pulumi up` fails, because adoptExisting is false.",
  ],
  [
    "others",
    messages.others,
    "proj_a (Web, cp_1) also has access to CHECKPOINT; this stack leaves the permission alone, and it gives access until revoked.",
    "proj_a (Web, cp_1), proj_b (cp_2) also have access to CHECKPOINT; this stack leaves the permissions alone, and they give access until revoked.",
  ],
  [
    "kept",
    messages.kept,
    "Kept cp_1: the program still declares access to CHECKPOINT for proj_a; only the old resource is removed from state.",
    "Kept cp_2, cp_1: the program still declares access to CHECKPOINT for proj_b, proj_a; only the old resources are removed from state.",
  ],
  [
    "loses",
    messages.loses,
    "proj_a (Web, cp_1) loses access to CHECKPOINT.",
    "proj_a (Web, cp_1), proj_b (cp_2) lose access to CHECKPOINT.",
  ],
  [
    "mayLose",
    messages.mayLose,
    "proj_a (Web, cp_1) may lose access to CHECKPOINT: unless a resource whose project or checkpoint is not known yet declares it, `pulumi up` revokes it.",
    "proj_a (Web, cp_1), proj_b (cp_2) may lose access to CHECKPOINT: unless a resource whose project or checkpoint is not known yet declares them, `pulumi up` revokes them.",
  ],
  [
    "givenUpUnknown",
    (id, all) => messages.givenUpUnknown(id, all, "no answer."),
    "Cannot check whether proj_a (Web, cp_1) still has access to CHECKPOINT: no answer.",
    "Cannot check whether proj_a (Web, cp_1), proj_b (cp_2) still have access to CHECKPOINT: no answer.",
  ],
  [
    "remains",
    messages.remains,
    "proj_a (Web, cp_1) still has access to CHECKPOINT by a permission outside of this stack; to end it, revoke it by ID.",
    "proj_a (Web, cp_1), proj_b (cp_2) still have access to CHECKPOINT by permissions outside of this stack; to end it, revoke them by ID.",
  ],
  [
    "late",
    messages.late,
    "proj_a (Web, cp_1): no longer on this set's list for CHECKPOINT, but a resource that waits for another one may declare it. Access stays the same; a later `pulumi up` revokes what none declares.",
    "proj_a (Web, cp_1), proj_b (cp_2): no longer on this set's list for CHECKPOINT, but a resource that waits for another one may declare them. Access stays the same; a later `pulumi up` revokes what none declares.",
  ],
  ["gains", messages.gains, "proj_a gains access to CHECKPOINT.", "proj_a, proj_b gain access to CHECKPOINT."],
  [
    "secretGains",
    messages.secretGains,
    "A project whose ID is secret gains access to CHECKPOINT.",
    "2 projects whose IDs are secret gain access to CHECKPOINT.",
  ],
  [
    "granted",
    messages.granted,
    "proj_a has access to CHECKPOINT now.",
    "proj_a, proj_b have access to CHECKPOINT now.",
  ],
  ["revokedNow", messages.revokedNow, "Revoked for CHECKPOINT: cp_1.", "Revoked for CHECKPOINT: cp_1, cp_2."],
  [
    "unmanaged",
    messages.unmanaged,
    "proj_a (Web, cp_1) has access to CHECKPOINT but is not on the exclusive list; `pulumi up` revokes it.",
    "proj_a (Web, cp_1), proj_b (cp_2) have access to CHECKPOINT but are not on the exclusive list; `pulumi up` revokes them.",
  ],
  [
    "unannounced",
    messages.unannounced,
    "proj_a (Web, cp_1) has access to CHECKPOINT but is not on the exclusive list; this run does not revoke it, because its check did not name it.",
    "proj_a (Web, cp_1), proj_b (cp_2) have access to CHECKPOINT but are not on the exclusive list; this run does not revoke them, because its check did not name them.",
  ],
  [
    "notListedYet",
    (id, all) => messages.notListedYet(id, all, 30),
    "proj_a (Web, cp_1): granted less than 30 s ago and not listed by the API for CHECKPOINT yet; treated as granted.",
    "proj_a (Web, cp_1), proj_b (cp_2): granted less than 30 s ago and not listed by the API for CHECKPOINT yet; treated as granted.",
  ],
  [
    "leftOver, declared",
    (id, all) => messages.leftOver(id, all, { isDeclared: true }),
    "proj_a (Web, cp_1): no longer on this set's list for CHECKPOINT, and declared by another resource; once that has it in state, this set drops it. Access stays the same.",
    "proj_a (Web, cp_1), proj_b (cp_2): no longer on this set's list for CHECKPOINT, and declared by another resource; once that has them in state, this set drops them. Access stays the same.",
  ],
  [
    "leftOver, not declared",
    (id, all) => messages.leftOver(id, all, { isDeclared: false }),
    "proj_a (Web, cp_1): no longer on this set's list for CHECKPOINT, and not known yet to be declared by another resource. If none declares it, `pulumi up` revokes it.",
    "proj_a (Web, cp_1), proj_b (cp_2): no longer on this set's list for CHECKPOINT, and not known yet to be declared by another resource. If none declares them, `pulumi up` revokes them.",
  ],
  [
    "drift, grantedAgain",
    drift.grantedAgain,
    "Drift: proj_a (Web) lost its access to CHECKPOINT: cp_1 was revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). It will be granted again.",
    "Drift: proj_a (Web, cp_1), proj_b (cp_2 by ann, 2026-01-01 00:00 UTC) lost their access to CHECKPOINT: revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). They will be granted again.",
  ],
  [
    "drift, blocked",
    drift.blocked,
    "Drift: proj_a (Web) lost its access to CHECKPOINT: cp_1 was revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). It is protected, so `pulumi up` fails: run `pulumi refresh`, then `pulumi up`.",
    "Drift: proj_a (Web, cp_1), proj_b (cp_2 by ann, 2026-01-01 00:00 UTC) lost their access to CHECKPOINT: revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). They are protected, so `pulumi up` fails: run `pulumi refresh`, then `pulumi up`.",
  ],
  [
    "drift, undeclared",
    drift.undeclared,
    "Drift: proj_a (Web) lost its access to CHECKPOINT: cp_1 was revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). The program no longer declares it.",
    "Drift: proj_a (Web, cp_1), proj_b (cp_2 by ann, 2026-01-01 00:00 UTC) lost their access to CHECKPOINT: revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). The program no longer declares them.",
  ],
  [
    "drift, removedFromState",
    drift.removedFromState,
    "Drift: proj_a (Web) lost its access to CHECKPOINT: cp_1 was revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). It will be removed from state.",
    "Drift: proj_a (Web, cp_1), proj_b (cp_2 by ann, 2026-01-01 00:00 UTC) lost their access to CHECKPOINT: revoked outside of Pulumi (seen 2026-01-02 04:41 UTC). They will be removed from state.",
  ],
  [
    "drift, recreated",
    drift.recreated,
    "Drift: proj_a (Web) has another permission for CHECKPOINT: cp_1 was revoked outside of Pulumi and granted again as cp_9 (seen 2026-01-02 04:41 UTC). State will have the new one; access stays the same.",
    "Drift: proj_a (Web, cp_1, now cp_9), proj_b (cp_2 by ann, 2026-01-01 00:00 UTC, now cp_8) have other permissions for CHECKPOINT: revoked and granted again outside of Pulumi (seen 2026-01-02 04:41 UTC). State will have the new ones; access stays the same.",
  ],
  [
    "drift, declaredElsewhere",
    drift.declaredElsewhere,
    "Drift: proj_a (Web) lost its access to CHECKPOINT: cp_1 was revoked outside of Pulumi (seen 2026-01-02 04:41 UTC).",
    "Drift: proj_a (Web, cp_1), proj_b (cp_2 by ann, 2026-01-01 00:00 UTC) lost their access to CHECKPOINT: revoked outside of Pulumi (seen 2026-01-02 04:41 UTC).",
  ],
];

describe("Messages", function () {
  for (const [name, line, ofOne, ofTwo] of lines) {
    it(`${name}: of one permission, and of two`, function () {
      expect(line(checkpoint, [web]).replaceAll(checkpoint, "CHECKPOINT")).to.equal(ofOne);
      expect(line(checkpoint, [shop, web]).replaceAll(checkpoint, "CHECKPOINT")).to.equal(ofTwo);
    });
  }

  it("drift says when it was revoked, and by whom, as far as the audit log tells", function () {
    const of = (actor: string | undefined) => {
      const told = [permission("cp_1", "proj_a", { ...web, revocation: { at: 1_767_225_600, actor } })];
      return [drift.grantedAgain(checkpoint, told), drift.recreated(checkpoint, told)];
    };
    const [lost, recreated] = of("ann");
    expect(lost).to.include(
      "cp_1 was revoked outside of Pulumi by ann, 2026-01-01 00:00 UTC. It will be granted again.",
    );
    expect(recreated).to.include("outside of Pulumi by ann, 2026-01-01 00:00 UTC, and granted again as cp_9. State");
    expect(of(undefined)[0]).to.include("outside of Pulumi, 2026-01-01 00:00 UTC.");
  });

  it("where the base URL has changed, what the new API does not list may be as it was at the old one", function () {
    const moved = messages.driftLines(now, "eu.api.openai.com");
    expect(moved.grantedAgain(checkpoint, [web])).to.equal(
      "Drift: proj_a (Web, cp_1): not listed for ft:m:acme::1 at eu.api.openai.com, to which the provider's base URL has " +
        "changed. Where it pointed before, access may be as it was. It will be granted there.",
    );
    // What its audit log has was there.
    for (const told of [[shop], [web, shop]]) {
      expect(moved.grantedAgain(checkpoint, told))
        .to.include("revoked outside of Pulumi")
        .and.match(/granted again\.$/);
    }
  });

  it("an up that cannot find out what exists adopts it, or fails, or first needs a remedy", function () {
    const of = (adoptExisting: boolean, remedy?: string) =>
      messages.existingUnknown(
        { adoptExisting } as Parameters<typeof messages.existingUnknown>[0],
        "No answer.",
        remedy,
      );
    const cannot = "Cannot check which permissions already exist: No answer. `pulumi up` ";
    expect(of(true)).to.equal(`${cannot}looks again before it grants, and adopts what exists by then.`);
    expect(of(false)).to.equal(`${cannot}looks again before it grants, and fails where one exists by then.`);
    expect(of(true, "Set a key.")).to.equal(`${cannot}fails until this is mended. Set a key.`);
  });

  it("a preview that does not know all inputs of a set says whose access it cannot tell", function () {
    const unknown = "this preview cannot say whose.";
    for (const [id, exclusive, expected] of [
      [
        undefined,
        undefined,
        `The checkpoint of a set is not known yet. \`pulumi up\` may revoke the access of every project not on the list; ${unknown}`,
      ],
      [
        checkpoint,
        true,
        `Not all projects of a set for ${checkpoint} are known yet. \`pulumi up\` will revoke the access of every project not on the list; ${unknown}`,
      ],
      [
        checkpoint,
        false,
        `Not all projects of a set for ${checkpoint} are known yet; this preview cannot say who gains or loses access.`,
      ],
    ] as const) {
      expect(messages.unknown(id, exclusive)).to.equal(expected);
    }
  });

  it("a long list of names ends in their number", function () {
    expect(messages.few(["a", "b", "c"])).to.equal("a, b, c");
    expect(messages.few(["a", "b", "c", "d"])).to.equal("a, b, c and 1 more");
    expect(messages.few(["a", "b", "c"], 1)).to.equal("a and 2 more");
  });
});
