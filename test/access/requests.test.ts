import { expect } from "chai";
import { FaultyApi } from "../../sandbox/api/faults";
import { adminKey, contextWith } from "../support/api";
import { permissionResource, setResource } from "../support/scenario";
import { TestClock } from "../support/clock";
import { useInProcess } from "../support/in-process";

/** As authors of other providers report it of the real API. */
const throttle = { perMinute: 7, burst: 7 };

/** A stack of permissions, as an earlier deployment left it, at the API's rate limit. */
class Scene {
  readonly clock = new TestClock();
  readonly api = new FaultyApi({ adminKey, age: 3600, throttle, now: () => this.clock.date() });
  readonly restore = useInProcess(() => this.api);
  readonly said: string[];
  readonly permission: ReturnType<typeof permissionResource>;
  readonly set: ReturnType<typeof setResource>;

  constructor() {
    const { context, said } = contextWith({}, this.clock);
    this.said = said;
    this.permission = permissionResource(() => context);
    this.set = setResource(() => context);
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

  get progress(): string[] {
    return this.said.filter((line) => line.includes("rate-limiting"));
  }

  /** Served requests of a method. */
  served(method: string): number {
    return this.api.requests.filter((request) => request.method === method && request.status === 200).length;
  }
}

describe("Requests at a rate limit of 7 per minute", function () {
  let scene: Scene;
  beforeEach(function () {
    scene = new Scene();
  });
  afterEach(function () {
    scene.restore();
  });

  for (const [checkpoints, projects, declaredCount, most] of [
    [50, 20, undefined, 100],
    [10, 20, undefined, 20],
    [50, 20, 20, 50],
  ] as const) {
    for (const order of ["by checkpoint", "by project"]) {
      const known = declaredCount === undefined ? "" : " that constructors have announced";
      it(`a preview of ${checkpoints} checkpoints × ${projects} projects${known}, ${order}, costs at most ${most} GETs`, async function () {
        this.timeout(60_000);
        const all = scene.granted(checkpoints, projects);
        if (order === "by project") all.sort((a, b) => (a.inputs.projectId < b.inputs.projectId ? -1 : 1));
        for (const { id, inputs, state } of all) {
          const __hints = declaredCount === undefined ? {} : { declaredCount };
          await scene.permission.check(inputs, { ...inputs, __hints });
          expect(await scene.permission.diff(id, state, inputs)).to.deep.equal({ changes: false });
        }
        expect(scene.served("GET")).to.be.at.most(most);
        expect(scene.clock.now() / 60_000).to.be.at.most(1.3 * ((most - 7) / 7) + 1);
      });
    }
  }

  it("an up that adds 1,000 permissions to 1,000 costs at most three GETs for each page of the list", async function () {
    this.timeout(60_000);
    const all = scene.granted(1, 1000);
    for (const { id, inputs, state } of all) {
      await scene.permission.check(inputs, inputs);
      await scene.permission.diff(id, state, inputs);
    }
    const news = all.map(({ inputs }) => ({ ...inputs, projectId: `${inputs.projectId}_new` }));
    const atATime = 32;
    const queue = [...news];
    await Promise.all(
      Array.from({ length: atATime }, async () => {
        for (let inputs = queue.shift(); inputs !== undefined; inputs = queue.shift()) {
          await scene.permission.check({}, inputs);
          await scene.permission.create(inputs);
        }
      }),
    );
    const pages = scene.api.permissions("ft:m:acme::0").length / 100;
    expect(pages).to.equal(20);
    expect(scene.served("GET")).to.be.at.most(3 * pages);
  });

  it("a destroy of 300 permissions, 128 at a time, finishes and reports its progress", async function () {
    this.timeout(60_000);
    const queue = scene.granted(1, 300);
    await Promise.all(
      Array.from({ length: 128 }, async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift())
          await scene.permission.delete(next.id, next.state);
      }),
    );
    expect(scene.api.permissions("ft:m:acme::0")).to.deep.equal([]);
    expect(scene.clock.now() / 60_000).to.be.within(41, 50);
    expect(scene.progress.length).to.be.at.most(scene.clock.now() / 15_000 + 1);
    expect(scene.progress.at(-1)).to.match(
      /^OpenAI is rate-limiting revocations \(DELETE\): \d+ of \d+ permissions done, about 7 per minute/,
    );
  });

  it("a set's progress messages count all permissions that it has to revoke", async function () {
    const permissions = scene.granted(1, 100).map(({ id, state }) => ({ ...state, id }));
    const fineTunedModelCheckpoint = "ft:m:acme::0";
    const projectIds = permissions.map(({ projectId }) => projectId);
    await scene.set.delete(fineTunedModelCheckpoint, {
      ...{ fineTunedModelCheckpoint, projectIds, permissions, exclusive: false },
    });
    expect(scene.api.permissions(fineTunedModelCheckpoint)).to.deep.equal([]);
    expect(scene.progress[0]).to.match(/: 7 of 100 permissions done/);
    expect(scene.progress.at(-1)).to.match(/: 9\d of 100 permissions done/);
  });

  it("a set's progress messages leave out what an interrupted destroy has revoked", async function () {
    const permissions = scene.granted(1, 200).map(({ id, state }) => ({ ...state, id }));
    for (const { id } of permissions.slice(0, 180)) scene.api.revoke(id);
    const fineTunedModelCheckpoint = "ft:m:acme::0";
    await scene.set.delete(fineTunedModelCheckpoint, {
      ...{ fineTunedModelCheckpoint, projectIds: [], permissions, exclusive: false },
    });
    expect(scene.progress[0]).to.match(/: 7 of 20 permissions done/);
  });

  it("a computer clock set an hour back or forward does not disturb lookups", async function () {
    const { id, inputs, state } = scene.granted(1, 1)[0]!;
    for (const hours of [-1, 1]) {
      await scene.permission.diff(id, state, inputs);
      scene.clock.epoch += hours * 3_600_000;
      await scene.permission.diff(id, state, inputs);
    }
    expect(scene.served("GET")).to.be.at.most(3);
    expect(scene.said).to.deep.equal([]);
  });
});
