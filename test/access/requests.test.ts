import { expect } from "chai";
import { SetResource } from "../../provider/resource/set";
import { SingleResource } from "../../provider/resource/single";
import { FaultyApi } from "../../sandbox/api/faults";
import { adminKey, deploymentWith } from "../support/api";
import { TestClock } from "../support/clock";
import { useInProcess } from "../support/in-process";

/** As providers' authors report it of the real API. */
const throttle = { perMinute: 7, burst: 7 };

/** A stack of single permissions, as an earlier deployment left it, under the API's throttle. */
class Scene {
  readonly clock = new TestClock();
  readonly api = new FaultyApi({ adminKey, age: 3600, throttle, now: () => this.clock.date() });
  readonly restore = useInProcess(this.api);
  readonly said: string[];
  readonly single: SingleResource;
  readonly set: SetResource;

  constructor() {
    const { deployment, said } = deploymentWith({}, this.clock);
    this.said = said;
    this.single = new SingleResource(() => deployment);
    this.set = new SetResource(() => deployment);
  }

  granted(checkpoints: number, projects: number) {
    const all = [];
    for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++)
      for (let project = 0; project < projects; project++) {
        const inputs = { fineTunedModelCheckpoint: `ft:m:acme::${checkpoint}`, projectId: `proj_${project}` };
        const { id, created_at } = this.api.grant(inputs.fineTunedModelCheckpoint, inputs.projectId);
        all.push({ id, inputs, state: { ...inputs, createdAt: created_at } });
      }
    return all;
  }

  /** Served requests of a method. */
  served(method: string): number {
    return this.api.requests.filter((request) => request.method === method && request.status === 200).length;
  }
}

describe("requests under a throttle of 7 a minute", function () {
  let scene: Scene;
  beforeEach(function () {
    scene = new Scene();
  });
  afterEach(function () {
    scene.restore();
  });

  for (const [checkpoints, projects, most] of [
    [50, 20, 100],
    [10, 20, 20],
  ] as const) {
    for (const order of ["by checkpoint", "by project"]) {
      it(`a preview of ${checkpoints} checkpoints × ${projects} projects, ${order}, costs at most ${most} GETs`, async function () {
        this.timeout(60_000);
        const all = scene.granted(checkpoints, projects);
        if (order === "by project") all.sort((a, b) => (a.inputs.projectId < b.inputs.projectId ? -1 : 1));
        for (const { id, inputs, state } of all) {
          await scene.single.check(inputs, inputs);
          expect(await scene.single.diff(id, state, inputs)).to.deep.equal({ changes: false });
        }
        expect(scene.served("GET")).to.be.at.most(most);
        expect(scene.clock.now() / 60_000).to.be.at.most(1.3 * ((most - 7) / 7) + 1);
      });
    }
  }

  it("an up of 1,000 new permissions beside 1,000 costs at most three times the list's pages", async function () {
    this.timeout(60_000);
    const all = scene.granted(1, 1000);
    for (const { id, inputs, state } of all) {
      await scene.single.check(inputs, inputs);
      await scene.single.diff(id, state, inputs);
    }
    const news = all.map(({ inputs }) => ({ ...inputs, projectId: `${inputs.projectId}_new` }));
    const atATime = 32;
    const queue = [...news];
    await Promise.all(
      Array.from({ length: atATime }, async () => {
        for (let inputs = queue.shift(); inputs !== undefined; inputs = queue.shift()) {
          await scene.single.check({}, inputs);
          await scene.single.create(inputs);
        }
      }),
    );
    const pages = scene.api.permissions("ft:m:acme::0").length / 100;
    expect(pages).to.equal(20);
    expect(scene.served("GET")).to.be.at.most(3 * pages);
  });

  it("a destroy of 300, 128 at a time, ends well, and says how far it is", async function () {
    this.timeout(60_000);
    const queue = scene.granted(1, 300);
    await Promise.all(
      Array.from({ length: 128 }, async () => {
        for (let one = queue.shift(); one !== undefined; one = queue.shift())
          await scene.single.delete(one.id, one.state);
      }),
    );
    expect(scene.api.permissions("ft:m:acme::0")).to.deep.equal([]);
    expect(scene.clock.now() / 60_000).to.be.within(41, 50);
    expect(scene.said.length).to.be.at.most(scene.clock.now() / 15_000 + 1);
    expect(scene.said.at(-1)).to.match(
      /^OpenAI throttles revoking \(DELETE\): \d+ of \d+ permissions done, some 7 a minute/,
    );
  });

  it("a set says how much of all that it has to revoke is done", async function () {
    const permissions = scene.granted(1, 100).map(({ id, state }) => ({ ...state, id }));
    const fineTunedModelCheckpoint = "ft:m:acme::0";
    const projectIds = permissions.map(({ projectId }) => projectId);
    await scene.set.delete(fineTunedModelCheckpoint, {
      ...{ fineTunedModelCheckpoint, projectIds, permissions, exclusive: false },
    });
    expect(scene.api.permissions(fineTunedModelCheckpoint)).to.deep.equal([]);
    expect(scene.said[0]).to.match(/: 7 of 100 permissions done/);
    expect(scene.said.at(-1)).to.match(/: 9\d of 100 permissions done/);
  });

  it("a set that was destroyed half-way counts only what is left", async function () {
    const permissions = scene.granted(1, 200).map(({ id, state }) => ({ ...state, id }));
    for (const { id } of permissions.slice(0, 180)) scene.api.revoke(id);
    const fineTunedModelCheckpoint = "ft:m:acme::0";
    await scene.set.delete(fineTunedModelCheckpoint, {
      ...{ fineTunedModelCheckpoint, projectIds: [], permissions, exclusive: false },
    });
    expect(scene.said[0]).to.match(/: 7 of 20 permissions done/);
  });

  it("a computer's clock that is set an hour back or forward changes nothing", async function () {
    const { id, inputs, state } = scene.granted(1, 1)[0]!;
    for (const hours of [-1, 1]) {
      await scene.single.diff(id, state, inputs);
      scene.clock.epoch += hours * 3_600_000;
      await scene.single.diff(id, state, inputs);
    }
    expect(scene.served("GET")).to.be.at.most(3);
    expect(scene.said).to.deep.equal([]);
  });
});
