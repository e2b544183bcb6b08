import * as pulumi from "@pulumi/pulumi";
import { expect } from "chai";
import type { SetInputs } from "../../provider/resource/permission-set-inputs";
import { areChanged, planOf } from "../../provider/resource/permission-set-plan";

const permission = (projectId: string) => ({ id: `cp_${projectId}`, projectId, createdAt: 1 });
const inputs = (projectIds: readonly string[], exclusive = false): SetInputs => ({
  fineTunedModelCheckpoint: "ft:m:acme::1",
  projectIds: [...projectIds],
  exclusive,
});
const unknown = pulumi.runtime.unknownValue;

interface Row {
  title: string;
  /** The list before, the permissions that are present, and the list now. */
  olds: string[];
  present: string[];
  news: string[];
  /** Projects that another resource declares. */
  elsewhere?: string[];
  exclusive?: [before: boolean, now: boolean];
  plan: { keep: string[]; giveUp: string[]; handOver?: string[]; grant: string[]; isChanged: boolean };
}

const rows: Row[] = [
  {
    title: "an unchanged list of projects is no change",
    ...{ olds: ["a", "b"], present: ["a", "b"], news: ["a", "b"] },
    plan: { keep: ["a", "b"], giveUp: [], grant: [], isChanged: false },
  },
  {
    title: "a project that is added joins",
    ...{ olds: ["a"], present: ["a"], news: ["a", "b"] },
    plan: { keep: ["a"], giveUp: [], grant: ["b"], isChanged: true },
  },
  {
    title: "a project that is removed leaves",
    ...{ olds: ["a", "b"], present: ["a", "b"], news: ["a"] },
    plan: { keep: ["a"], giveUp: ["b"], grant: [], isChanged: true },
  },
  {
    title: "a project that moves to another resource neither stays nor leaves",
    ...{ olds: ["a", "b"], present: ["a", "b"], news: ["a"], elsewhere: ["b"] },
    plan: { keep: ["a"], giveUp: [], handOver: ["b"], grant: [], isChanged: true },
  },
  {
    title: "a permission that waits in state for another resource is no change by itself",
    ...{ olds: ["a"], present: ["a", "b"], news: ["a"], elsewhere: ["b"] },
    plan: { keep: ["a"], giveUp: [], handOver: ["b"], grant: [], isChanged: false },
  },
  {
    title: "a permission that no other resource adopts any more leaves, though the list is the same",
    ...{ olds: ["a"], present: ["a", "b"], news: ["a"] },
    plan: { keep: ["a"], giveUp: ["b"], grant: [], isChanged: true },
  },
  {
    title: "one project in place of another among several is a change",
    ...{ olds: ["a", "b", "c"], present: ["a", "b", "c"], news: ["a", "c", "d"] },
    plan: { keep: ["a", "c"], giveUp: ["b"], grant: ["d"], isChanged: true },
  },
  {
    title: "a list that names another project, where none is in state, is a change",
    ...{ olds: ["a", "b"], present: [], news: ["a", "c"] },
    plan: { keep: [], giveUp: [], grant: ["a", "c"], isChanged: true },
  },
  {
    title: "a project whose permission is missing joins again",
    ...{ olds: ["a", "b"], present: ["a"], news: ["a", "b"] },
    plan: { keep: ["a"], giveUp: [], grant: ["b"], isChanged: false },
  },
  {
    title: "another value of exclusive is a change",
    ...{ olds: ["a"], present: ["a"], news: ["a"], exclusive: [false, true] },
    plan: { keep: ["a"], giveUp: [], grant: [], isChanged: true },
  },
];

const projectsOf = (permissions: readonly { projectId: string }[]) => permissions.map(({ projectId }) => projectId);

describe("the plan of a set's update", function () {
  for (const { title, olds, present, news, elsewhere = [], exclusive = [false, false], plan } of rows) {
    it(title, function () {
      const planned = planOf(present.map(permission), inputs(news), (projectId) => elsewhere.includes(projectId));
      expect({
        keep: projectsOf(planned.keep),
        grant: planned.grant,
        giveUp: projectsOf(planned.giveUp),
        handOver: projectsOf(planned.handOver),
        isChanged: areChanged(inputs(olds, exclusive[0]), inputs(news, exclusive[1])) || planned.giveUp.length > 0,
      }).to.deep.equal({ handOver: [], ...plan });
    });
  }

  it("a list that a preview does not know yet is a change that keeps nothing for certain", function () {
    const news = { ...inputs([]), projectIds: unknown as unknown as string[] };
    // Without a word on other resources, none declares anything.
    expect(planOf([permission("a")], news)).to.deep.equal({
      ...{ keep: [], grant: [], giveUp: [permission("a")], handOver: [] },
    });
    expect(areChanged(inputs(["a"]), news)).to.equal(true);
  });

  it("a permission is in one group, although another process declares its access meanwhile", function () {
    for (const first of [true, false]) {
      let answer = !first;
      const flips = () => (answer = !answer);
      const { keep, giveUp, handOver } = planOf([permission("a"), permission("b")], inputs([]), flips);
      expect([...keep, ...giveUp, ...handOver].map(({ projectId }) => projectId)).to.have.members(["a", "b"]);
    }
  });
});
