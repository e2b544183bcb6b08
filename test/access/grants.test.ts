import { expect } from "chai";
import fc from "fast-check";
import type { Batches } from "../../provider/access/batches";
import { Grants, type GrantResult } from "../../provider/access/grants";
import { Ledger } from "../../provider/access/ledger";
import { Lookups } from "../../provider/access/lookups";
import { ApiError } from "../../provider/api/error";
import { checkpoint } from "../support/api";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";
import { lost, refusal, TestServer } from "../support/server";

const names = (count: number) => Array.from({ length: count }, (_, index) => `proj_${index}`);

function grants(
  server: TestServer,
  create: Grants["create"] = server.create,
  outlook: Batches<unknown>["outlook"] = () => ({ toCome: undefined, parallel: undefined }),
  list: Lookups["list"] = server.list,
) {
  const clock = new TestClock();
  const all = new Grants(create, new Lookups(list, clock), clock, new Ledger(), outlook);
  const grant = (project: string) => all.grant(project);
  return { clock, grant };
}

describe("Grants", function () {
  it("concurrent grants are one POST, and each gets its own project's permission", async function () {
    const server = new TestServer(["proj_others"]);
    const { grant } = grants(server);
    const granted = await Promise.all(names(100).map(grant));
    expect(server.posts).to.have.length(1);
    expect(server.lists).to.have.length(1);
    for (const [index, { permission, isAdopted }] of granted.entries()) {
      expect(permission).to.equal(server.rows.find(({ projectId }) => projectId === `proj_${index}`));
      expect(isAdopted).to.equal(false);
    }
  });

  for (const gap of [8, 60]) {
    it(`grants that arrive ${gap} ms apart are one POST`, async function () {
      const server = new TestServer();
      const { grant, clock } = grants(server);
      const granted: Promise<GrantResult>[] = [];
      for (const project of names(50)) {
        granted.push(grant(project));
        await clock.sleep(gap);
      }
      await Promise.all(granted);
      expect(server.posts.length).to.equal(1);
      expect(server.posts.flat().sort()).to.deep.equal(names(50).sort());
    });
  }

  it("grants sent eight at a time are posted in eights, a quarter of a second after the last", async function () {
    const server = new TestServer();
    let askedAt = 0;
    const waited: number[] = [];
    const create: Grants["create"] = (projects) => {
      waited.push(clock.now() - askedAt);
      return server.create(projects);
    };
    const { grant, clock } = grants(server, create);
    const left = names(96);
    let inFlight = 0;
    const work = async () => {
      for (let project = left.shift(); project !== undefined; project = left.shift()) {
        // The engine writes its state between two steps.
        await clock.sleep(8 * ++inFlight);
        askedAt = clock.now();
        await grant(project);
        inFlight--;
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    expect(server.posts.map((projects) => projects.length)).to.deep.equal(Array(12).fill(8));
    expect(waited).to.deep.equal(Array(12).fill(250));
  });

  it("a grant that comes alone waits a quarter of a second for company", async function () {
    const { grant, clock } = grants(new TestServer());
    const start = clock.now();
    await grant("proj_a");
    expect(clock.now() - start).to.equal(250);
  });

  it("grants that keep coming are posted after about five seconds", async function () {
    const server = new TestServer();
    const { grant, clock } = grants(server);
    const start = clock.now();
    const first = grant("proj_first").then(() => clock.now() - start);
    for (const project of names(800)) {
      void grant(project);
      await clock.sleep(10);
    }
    expect(await first).to.be.below(5_500);
  });

  it("grants gather while a POST is in flight", async function () {
    const server = new TestServer();
    const slow: Grants["create"] = async (projects) => {
      await clock.sleep(5_000);
      return server.create(projects);
    };
    const { grant, clock } = grants(server, slow);
    const granted = [grant("proj_first")];
    await clock.sleep(1_000);
    for (const project of names(10)) {
      granted.push(grant(project));
      await clock.sleep(300);
    }
    await Promise.all(granted);
    expect(server.posts).to.deep.equal([["proj_first"], names(10)]);
  });

  it("a grant for a project that already has access is not posted", async function () {
    const server = new TestServer(["proj_0", "proj_1"]);
    const { grant } = grants(server);
    const granted = await Promise.all(names(3).map(grant));
    expect(granted.map(({ isAdopted }) => isAdopted)).to.deep.equal([true, true, false]);
    expect(server.posts).to.deep.equal([["proj_2"]]);
  });

  it("a grant adopts the newest of a project's two permissions", async function () {
    const server = new TestServer(["proj_a", "proj_a"]);
    expect((await grants(server).grant("proj_a")).permission.id).to.equal("cp_2");
  });

  it("a granted permission that the answer omits is looked up", async function () {
    const server = new TestServer();
    const omitting: Grants["create"] = async (projects) => (await server.create(projects)).slice(1);
    const granted = await Promise.all(names(5).map(grants(server, omitting).grant));
    expect(new Set(granted.map(({ permission }) => permission.id)).size).to.equal(5);
  });

  it("a grant that the API accepts but never lists fails", async function () {
    const server = new TestServer();
    const { grant } = grants(server, async () => []);
    const error = await failureOf<ApiError>(grant("proj_a"));
    expect(error.message).to.match(/lists no permission for the project$/);
    expect(error).to.include({ kind: "contradiction", mayBeGranted: true });
  });

  it("a grant that the API answers in another spelling fails with what it answered", async function () {
    const create: Grants["create"] = async () => [{ id: "cp_1", projectId: "PROJ_A", createdAt: 1 }];
    const error = await failureOf<ApiError>(grants(new TestServer(), create).grant("proj_a"));
    expect(error.message).to.include("; its answer has cp_1 for PROJ_A instead");
    expect(error.mayBeGranted).to.equal(true);
  });

  for (const [what, answer] of [
    ["accepted", []],
    ["lost", lost()],
    ["unreadable", new ApiError("unreadable", "the answer (200) cannot be read")],
  ] as const) {
    it(`a grant whose POST was ${what} may have been granted if no list can be read after it`, async function () {
      const server = new TestServer();
      let isReadable = true;
      const create: Grants["create"] = async () => {
        isReadable = false;
        if (answer instanceof ApiError) throw answer;
        return [...answer];
      };
      const list: Lookups["list"] = (query) =>
        isReadable ? server.list(query) : Promise.reject(new ApiError("unreadable", "no list"));
      const { grant } = grants(server, create, undefined, list);
      const errors = await Promise.all(["proj_a", "proj_b"].map((project) => failureOf<ApiError>(grant(project))));
      for (const error of errors) {
        expect(error).to.include({ kind: "unreadable", message: "no list", mayBeGranted: true });
      }
    });
  }

  it("a grant that may be under way already may have been granted if the API reports a conflict", async function () {
    const answers = [lost(), refusal(409)];
    const { grant } = grants(new TestServer(), () => Promise.reject(answers.shift() ?? refusal(409)));
    expect(await failureOf(grant("proj_a"))).to.include({ kind: "conflict", mayBeGranted: true });
  });

  it("a grant that was refused, or that a list shows to be missing, was not granted", async function () {
    for (const error of [refusal(403), refusal(409), lost()]) {
      const { grant } = grants(new TestServer(), () => Promise.reject(error));
      expect(await failureOf(grant("proj_a"))).to.include({ message: error.message, mayBeGranted: false });
    }
  });

  it("a grant whose answer never arrives is looked up, not posted again", async function () {
    const server = new TestServer();
    const losing: Grants["create"] = async (projects) => {
      await server.create(projects);
      throw lost();
    };
    const granted = await Promise.all(names(3).map(grants(server, losing).grant));
    expect(granted.map(({ isAdopted }) => isAdopted)).to.deep.equal([false, false, false]);
    expect(server.posts).to.have.length(1);
    expect(server.rows).to.have.length(3);
  });

  it("a grant that never reaches the API is posted at most three times", async function () {
    const server = new TestServer();
    let failures = 2;
    const flaky: Grants["create"] = (projects) => (failures-- > 0 ? Promise.reject(lost()) : server.create(projects));
    await grants(server, flaky).grant("proj_a");
    expect(server.rows).to.have.length(1);

    const posts: string[] = [];
    const { grant } = grants(new TestServer(), ([project]) => {
      posts.push(project!);
      return Promise.reject(lost());
    });
    expect((await failureOf(grant("proj_b"))).message).to.equal("the connection was cut");
    expect(posts).to.have.length(3);
  });

  it("a refusal that is about no certain project fails all grants of a batch after one POST", async function () {
    for (const [status, message] of [
      [401, "Incorrect API key"],
      [403, "You have insufficient permissions"],
      [403, "Your project does not have access to this endpoint"],
      [404, "The model 'ft:m:o::1' does not exist"],
      [400, "This checkpoint cannot be shared"],
      [409, "Some of them exist already"],
      [422, `None of ${names(20).join(", ")} can be granted access`],
    ] as const) {
      const server = new TestServer();
      let posts = 0;
      const { grant } = grants(server, () => {
        posts++;
        const error = refusal(status, message, { about: { checkpoint, projectIds: names(20) } });
        // As of any POST that was refused.
        return Promise.reject(error.with({ isTemporary: false }));
      });
      await Promise.all(names(20).map((project) => failureOf(grant(project))));
      expect(posts).to.equal(1);
    }
  });

  it("all other projects are granted in two more POSTs, and a last try, if the error names the bad project", async function () {
    const { posts, outcome } = await grantWithBadProjects(100, new Set([37]), "Project proj_37 was not found");
    expect(outcome).to.deep.equal([37]);
    expect(posts).to.equal(4);
  });

  it("a permission granted elsewhere between look and POST is adopted, even if repeats are rejected", async function () {
    const server = new TestServer();
    let raced = false;
    const refusing: Grants["create"] = async (projects) => {
      if (!raced) {
        raced = true;
        server.add("proj_1");
        throw refusal(409, "already exists");
      }
      return server.create(projects);
    };
    const granted = await Promise.all(names(3).map(grants(server, refusing).grant));
    expect(granted.map(({ isAdopted }) => isAdopted)).to.deep.equal([false, true, false]);
    expect(server.rows).to.have.length(3);
  });

  it("after a lasting conflict one look finds what was granted elsewhere, and one POST grants the rest", async function () {
    const server = new TestServer();
    const posts: string[][] = [];
    const create: Grants["create"] = async (projects) => {
      posts.push([...projects]);
      if (posts.length > 1) return server.create(projects);
      server.add("proj_1");
      throw refusal(409, "already exists").with({ isTemporary: false });
    };
    const granted = await Promise.all(names(3).map(grants(server, create).grant));
    expect(granted.map(({ isAdopted }) => isAdopted)).to.deep.equal([false, true, false]);
    expect(posts).to.deep.equal([names(3), ["proj_0", "proj_2"]]);
    expect(server.lists).to.have.length(2);
  });

  it("a POST whose outcome is unknown is sent again after one second, and then two", async function () {
    const { grant, clock } = grants(new TestServer(), () => Promise.reject(lost()));
    await failureOf(grant("proj_a"));
    expect(clock.slept).to.deep.equal([250, 1_000, 2_000]);
  });

  it("a fault that is no refusal fails the grants as it is, even if they may be under way", async function () {
    const fault = new Error("a bug");
    expect(await failureOf(grants(new TestServer(), () => Promise.reject(fault)).grant("proj_a"))).to.equal(fault);
    let posts = 0;
    const { grant } = grants(new TestServer(), () => Promise.reject(posts++ === 0 ? lost() : fault));
    expect(await failureOf(grant("proj_a"))).to.equal(fault);
  });

  it("grants that wait fail when the process ends", async function () {
    const ended = new Error("the process ends");
    const server = new TestServer();
    const { grant, clock } = grants(server, () => Promise.reject(lost()));
    const asked = failureOf(grant("proj_a"));
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (milliseconds) => (milliseconds >= 1_000 ? Promise.reject(ended) : sleep(milliseconds));
    expect(await asked).to.equal(ended);
  });

  it("a grant for an unknown project fails when the process ends while it waits", async function () {
    const { grant, clock } = grants(new TestServer(), () =>
      Promise.reject(refusal(404, "Project not found", { code: "project_not_found" })),
    );
    const ended = new Error("the process ends");
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (milliseconds) => (milliseconds === 10_000 ? Promise.reject(ended) : sleep(milliseconds));
    expect(await failureOf(grant("proj_a"))).to.equal(ended);
  });

  it("unknown projects of several batches are tried again together, and later ones once more", async function () {
    const server = new TestServer();
    const known = new Set<string>();
    const posts: string[][] = [];
    const { grant, clock } = grants(server, (projects) => {
      posts.push([...projects]);
      if (projects.every((project) => known.has(project))) return server.create(projects);
      return Promise.reject(refusal(404, "Project not found", { code: "project_not_found" }));
    });
    const waiting: (() => void)[] = [];
    const sleep = clock.sleep.bind(clock);
    clock.sleep = (milliseconds) =>
      milliseconds === 10_000 ? new Promise((resolve) => waiting.push(resolve)) : sleep(milliseconds);
    const until = async (isSo: () => boolean) => {
      do await new Promise(setImmediate);
      while (!isSo());
    };
    const first = grant("proj_0");
    await until(() => waiting.length === 1);
    const second = grant("proj_1");
    await until(() => posts.length === 2);
    await until(() => true);
    for (const project of names(3)) known.add(project);
    waiting[0]!();
    await Promise.all([first, second]);
    expect(posts).to.deep.equal([["proj_0"], ["proj_1"], ["proj_0", "proj_1"]]);
    known.clear();
    const third = grant("proj_2");
    await until(() => waiting.length === 2);
    known.add("proj_2");
    waiting[1]!();
    await third;
    expect(posts.slice(3)).to.deep.equal([["proj_2"], ["proj_2"]]);
  });

  it("the look before a POST is at most ten minutes old, and finds ours beyond the first page", async function () {
    const server = new TestServer(["proj_a", ...names(150)]);
    const clock = new TestClock();
    const lookups = new Lookups(server.list, clock);
    const all = new Grants(server.create, lookups, clock, new Ledger(), () => ({ toCome: 0, parallel: undefined }));
    server.add("proj_a");
    for (const project of ["proj_148", "proj_149"]) await lookups.listFor(project);
    const isOurs = (id: string) => id === "cp_1";
    expect((await all.grant("proj_a", isOurs, isOurs)).permission.id).to.equal("cp_1");
    await all.grant("proj_b");
    clock.pass(600_001);
    server.remove("cp_153");
    await all.grant("proj_b");
    expect(server.posts).to.deep.equal([["proj_b"], ["proj_b"]]);
  });

  it("an answer about other projects is told with three of them at most", async function () {
    const server = new TestServer();
    const others = ["proj_v", "proj_w", "proj_x", "proj_y"];
    const create: Grants["create"] = () => server.create(others);
    const lists: Lookups["list"] = () =>
      Promise.resolve({ permissions: [], hasMore: false, lastId: undefined, date: 0 });
    const { message } = await failureOf(grants(server, create, undefined, lists).grant("proj_a"));
    expect(message).to.match(/its answer has (cp_\d for proj_[vwxy], ){2}cp_\d for proj_[vwxy] instead$/);
    expect(message).not.to.include("for proj_a,");
  });

  it("a conflict after a POST that may have taken effect is waited for, and what is there then is ours", async function () {
    const server = new TestServer();
    let posts = 0;
    let looksAfterwards = 0;
    const create: Grants["create"] = async (projects) => {
      posts++;
      if (posts > 1) throw Object.assign(refusal(409, "already exists"), { isTemporary: false });
      await server.create(projects);
      throw lost();
    };
    const lagging = new TestServer();
    const list: Lookups["list"] = (query) =>
      posts < 2 || looksAfterwards++ < 2 ? lagging.list(query) : server.list(query);
    const clock = new TestClock();
    const all = new Grants(create, new Lookups(list, clock), clock, new Ledger(), () => ({
      toCome: undefined,
      parallel: undefined,
    }));
    const granting = all.grant("proj_a");
    expect((await granting).isAdopted).to.equal(false);
    expect([posts, server.rows.length]).to.deep.equal([2, 1]);
  });

  it("a refusal that names a hundred projects costs one POST", async function () {
    const projects = Array.from({ length: 100 }, (_, index) => `proj_${"x".repeat(24)}${index}`);
    let posts = 0;
    const { grant } = grants(new TestServer(), () => {
      posts++;
      const about = { checkpoint, projectIds: projects };
      return Promise.reject(refusal(400, `Not allowed: ${projects.join(", ")}`, { about }));
    });
    const failures = await Promise.all(projects.map((project) => failureOf(grant(project))));
    expect(posts).to.equal(1);
    expect(failures[0]!.message.length).to.be.below(400);
  });

  it("an error about the checkpoint is not retried project by project", async function () {
    const server = new TestServer();
    let posts = 0;
    const { grant } = grants(server, () => {
      posts++;
      return Promise.reject(refusal(400, "It cannot be shared.", { param: "fine_tuned_model_checkpoint" }));
    });
    const settled = await Promise.allSettled(names(100).map(grant));
    expect(settled.every(({ status }) => status === "rejected")).to.equal(true);
    expect(posts).to.equal(1);
  });

  it("grants stop after eight identical rejections", async function () {
    const { posts, outcome } = await grantWithBadProjects(
      200,
      new Set(Array(200).keys()),
      "This checkpoint cannot be shared",
    );
    expect(outcome).to.have.length(200);
    expect(posts).to.be.below(40);
  });

  it("a rejected POST isolates each bad project in at most 2 log₂ n + 2 more requests", async function () {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 120 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 119 }), { maxLength: 4 }),
        async (count, indexes) => {
          const bad = new Set(indexes.filter((index) => index < count));
          const { posts, outcome } = await grantWithBadProjects(count, bad, "A project was not found");
          expect(outcome).to.deep.equal([...bad].sort((a, b) => a - b));
          expect(posts).to.be.at.most(1 + bad.size * (2 * Math.ceil(Math.log2(count)) + 2));
        },
      ),
    );
  });
});

/** Grants access to this number of projects; the API rejects the bad ones in these words. Returns the indices that failed. */
async function grantWithBadProjects(count: number, bad: Set<number>, words: string) {
  const server = new TestServer();
  let posts = 0;
  const { grant } = grants(server, (projects) => {
    posts++;
    const isRefused = projects.some((project) => bad.has(Number(project.slice("proj_".length))));
    const details = { param: "project_ids", about: { checkpoint, projectIds: projects } };
    return isRefused ? Promise.reject(refusal(400, words, details)) : server.create(projects);
  });
  const settled = await Promise.allSettled(names(count).map(grant));
  const outcome = settled.flatMap(({ status }, index) => (status === "rejected" ? [index] : []));
  for (const [index, result] of settled.entries()) {
    if (result.status === "fulfilled") expect(result.value.permission.projectId).to.equal(`proj_${index}`);
  }
  expect(server.rows).to.have.length(count - outcome.length);
  return { posts, outcome };
}
