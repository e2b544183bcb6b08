import { throughEachEntryPoint } from "./engines";
import { accessOf, assertAllIsTold, assertClaimsHold, assertDeedsAreTrue } from "./claims";
import { isFull } from "./full";
import { checkpoint, type Scenario } from "./scenario";

/** What people do in a week: a program, what somebody does by hand, and the program after it. */
const programs: Record<string, (id: IdForm) => string> = {
  nothing: () => "",
  "a permission": (id) => permission("web", id("proj_a")),
  "a renamed permission": (id) => permission("site", id("proj_a")),
  "a permission for another project": (id) => permission("web", id("proj_b")),
  "two permissions": (id) => permission("web", id("proj_a")) + permission("shop", id("proj_b")),
  "swapped permissions": (id) => permission("web", id("proj_b")) + permission("shop", id("proj_a")),
  "a set": (id) => set([id("proj_a"), id("proj_b")]),
  "a smaller set": (id) => set([id("proj_a")]),
  "another set": (id) => set([id("proj_b"), id("proj_c")]),
  "an exclusive set": (id) => set([id("proj_a"), id("proj_b")], true),
  "a smaller exclusive set": (id) => set([id("proj_a")], true),
  "a set and a permission": (id) => set([id("proj_a")]) + permission("shop", id("proj_b")),
  "a permission and a smaller set": (id) => permission("shop", id("proj_b")) + set([id("proj_a")]),
};

const byHand: Record<string, (scenario: Scenario) => void> = {
  "nobody does anything": () => undefined,
  "one is revoked": ({ api }) => api.revoke(api.permissions(checkpoint).at(-1)?.id ?? ""),
  "all are revoked": ({ api }) => {
    for (const { id } of api.permissions(checkpoint)) api.revoke(id);
  },
  "one is granted again": ({ api }) => {
    const row = api.permissions(checkpoint).at(-1);
    if (row === undefined) return;
    api.revoke(row.id);
    api.grant(checkpoint, row.project_id);
  },
  "another project is granted access": ({ api }) => api.grant(checkpoint, "proj_x"),
};

/** How a program has its IDs. */
type IdForm = (project: string) => string;
const idForms: Record<string, IdForm> = {
  "a string": (project) => `"${project}"`,
  "an output": (project) => `pulumi.output("${project}")`,
  "a late output": (project) => `pulumi.output(new Promise((resolve) => setTimeout(resolve, 30, "${project}")))`,
};

const permission = (name: string, id: string) =>
  `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: ${id} });\n`;
const set = (ids: string[], exclusive = false) =>
  `new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: [${ids.join(", ")}], exclusive: ${exclusive} });\n`;

/** By default each pair of programs, with hands and forms in turn. */
function* weeks(): Generator<[before: string, hand: string, after: string, form: string, isItsTurn: boolean]> {
  const names = Object.keys(programs);
  const [hands, forms] = [Object.keys(byHand), Object.keys(idForms)];
  let turn = 0;
  for (const before of names) {
    for (const after of names) {
      for (const [index, hand] of hands.entries()) {
        for (const [other, form] of forms.entries()) {
          const isItsTurn = turn % hands.length === index && turn % forms.length === other;
          if (isFull || isItsTurn) yield [before, hand, after, form, isItsTurn];
        }
      }
      turn++;
    }
  }
}

throughEachEntryPoint("ordinary weeks", function (createScenario) {
  for (const [before, hand, after, form, isItsTurn] of weeks()) {
    it(`${before}, ${hand}, ${after} (${form}): what the preview says is what happens`, async function () {
      const scenario = await createScenario();
      // On the real engine all of them would take hours.
      if (scenario.engine.kind === "pulumi" && !(isFull && isItsTurn)) this.skip();
      await scenario.program(programs[before]!(idForms[form]!));
      await scenario.runs("up");
      byHand[hand]!(scenario);
      await scenario.program(programs[after]!(idForms[form]!));
      const had = accessOf(scenario);
      const preview = await scenario.runs("preview");
      const up = await scenario.runs("up");
      const has = accessOf(scenario);
      assertClaimsHold(preview, had, has);
      // In a preview Pulumi does not ask the provider about what leaves the program.
      const stays = (kind: string) => !before.includes(kind) || after.includes(kind);
      if (stays("set") && !before.includes("permission")) assertAllIsTold(preview, had, has);
      assertDeedsAreTrue(up, has);
    });
  }
});
