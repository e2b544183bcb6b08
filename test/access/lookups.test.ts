import { expect } from "chai";
import fc from "fast-check";
import type { Permission } from "../../provider/api/permission";
import { Lookups } from "../../provider/access/lookups";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";
import { refusal, TestServer } from "../support/server";

const names = (count: number, prefix = "proj_") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

function lookupsOf(server: TestServer, list: Lookups["list"] = server.list) {
  const clock = new TestClock();
  const revoked = new Set<string>();
  const lookups = new Lookups(list, clock, (id) => revoked.has(id));
  const revoke = (id: string) => {
    revoked.add(id);
    lookups.revoked(id);
  };
  return { lookups, clock, revoke };
}

async function find(lookups: Lookups, projectId: string, id?: string): Promise<Permission[]> {
  return (await lookups.listFor(projectId, id === undefined ? {} : { isWanted: (one) => one === id })).permissions;
}

describe("Lookups", function () {
  it("a lookup of one project is one filtered request", async function () {
    const server = new TestServer(names(500));
    const [row] = await find(lookupsOf(server).lookups, "proj_3");
    expect(row?.projectId).to.equal("proj_3");
    expect(server.lists).to.deep.equal([{ projectId: "proj_3" }]);
  });

  it("the first of several lookups that are known to come reads a page, which answers them all", async function () {
    const server = new TestServer(names(20));
    const lookups = new Lookups(server.list, new TestClock(), undefined, () => true);
    for (const project of names(20)) await find(lookups, project);
    expect(server.lists).to.have.length(1);
  });

  it("a repeated lookup is answered from memory, even a day later", async function () {
    const server = new TestServer(names(3));
    const { lookups, clock } = lookupsOf(server);
    await find(lookups, "proj_1");
    clock.pass(24 * 3_600_000);
    await find(lookups, "proj_1");
    expect(server.lists).to.have.length(1);
  });

  it("a lookup with a maximum age reads an older list again, once for all concurrent lookups", async function () {
    const server = new TestServer(names(3));
    const { lookups, clock } = lookupsOf(server);
    const ask = () => Promise.all(names(3).map((project) => lookups.listFor(project, { maxAge: 600_000 })));
    await ask();
    expect(server.lists).to.have.length(1);
    clock.pass(600_000);
    await ask();
    expect(server.lists).to.have.length(1);
    clock.pass(1);
    await ask();
    expect(server.lists).to.have.length(2);
  });

  it("a list's age counts from its first page, no matter how often it is used", async function () {
    const server = new TestServer(names(50));
    const { lookups, clock } = lookupsOf(server);
    for (const project of ["proj_0", "proj_1"]) await find(lookups, project);
    server.remove("cp_50");
    clock.pass(40_000);
    expect(await find(lookups, "proj_49")).to.have.length(1);
    clock.pass(20_001);
    expect((await lookups.listFor("proj_49", { maxAge: 60_000 })).permissions).to.deep.equal([]);
  });

  it("a list's age counts from its first page, even if later pages are read much later", async function () {
    const server = new TestServer(["proj_last", ...names(350)]);
    const { lookups, clock } = lookupsOf(server);
    const maxAge = 60_000;
    await lookups.listFor("proj_349", { maxAge });
    await lookups.listFor("proj_348", { maxAge });
    server.remove("cp_350");
    for (const project of ["proj_200", "proj_100"]) {
      clock.pass(40_000);
      await lookups.listFor(project, { maxAge });
    }
    expect((await lookups.listFor("proj_348", { maxAge })).permissions).to.deep.equal([]);
  });

  it("a lookup finds a permission on the third page of one project's rows", async function () {
    const server = new TestServer([...names(1, "proj_old"), ...Array.from({ length: 250 }, () => "proj_x")]);
    const rows = await find(lookupsOf(server).lookups, "proj_x", "cp_2");
    expect(rows.at(-1)?.id).to.equal("cp_2");
    expect(rows).to.have.length(250);
    expect(server.lists).to.have.length(3);
  });

  it("a lookup finds nothing in a complete list that lacks the project", async function () {
    const server = new TestServer(names(3));
    expect(await find(lookupsOf(server).lookups, "proj_other")).to.deep.equal([]);
  });

  it("a filtered list with rows of other projects is an error", async function () {
    const server = new TestServer(names(3));
    const confused: Lookups["list"] = (query) => server.list({ ...query, projectId: "proj_0" });
    const ignoring: Lookups["list"] = () => server.list({});
    for (const list of [confused, ignoring]) {
      const error = await failureOf(find(lookupsOf(server, list).lookups, "proj_2"));
      expect(error.message).to.include("it is of other projects, too");
    }
  });

  it("a whole list that does not end after 1000 pages is an error", async function () {
    let pages = 0;
    const endless: Lookups["list"] = () => {
      const id = `cp_${pages++}`;
      return Promise.resolve({
        permissions: [{ id, projectId: "proj_x", createdAt: 1 }],
        hasMore: true,
        lastId: id,
        date: 0,
      });
    };
    const error = await lookupsOf(new TestServer([]), endless)
      .lookups.listAll()
      .catch((thrown: unknown) => thrown);
    expect((error as Error).message).to.include("it does not end after 1000 pages");
    expect(pages).to.equal(1000);
  });

  it("a lookup returns the newest permission first", async function () {
    const server = new TestServer(["proj_a", "proj_b", "proj_a"]);
    const { lookups } = lookupsOf(server);
    await find(lookups, "proj_b");
    expect((await find(lookups, "proj_a")).map(({ id }) => id)).to.deep.equal(["cp_3", "cp_1"]);
  });

  it("a partly read list does not answer a lookup of an older permission", async function () {
    const server = new TestServer(["proj_x", ...names(300), "proj_x"]);
    const { lookups } = lookupsOf(server);
    await find(lookups, "proj_1");
    await find(lookups, "proj_2");
    // The first page shows a newer row only; the one that is asked for is on the last.
    expect((await find(lookups, "proj_x", "cp_1")).map(({ id }) => id)).to.deep.equal(["cp_302", "cp_1"]);
  });

  it("our own grants and revocations are known without a request", async function () {
    const server = new TestServer(names(3));
    const { lookups, revoke } = lookupsOf(server);
    await Promise.all(names(3).map((project) => find(lookups, project)));
    lookups.granted([{ id: "cp_9", projectId: "proj_new", createdAt: 9 }]);
    revoke("cp_1");
    server.lists = [];
    expect(await find(lookups, "proj_new")).to.have.length(1);
    expect(await find(lookups, "proj_0")).to.deep.equal([]);
    expect(server.lists).to.deep.equal([]);
  });

  it("a page in flight does not bring back a permission that we revoke meanwhile", async function () {
    const server = new TestServer(names(3));
    const { lookups, revoke } = lookupsOf(server);
    const asked = Promise.all(names(3).map((project) => find(lookups, project)));
    await Promise.resolve();
    await Promise.resolve();
    revoke("cp_1");
    expect(server.lists).to.have.length(1);
    expect((await asked)[0]).to.deep.equal([]);
  });

  it("a list can be continued after we revoke the permission at its cursor", async function () {
    const server = new TestServer(names(250));
    const { lookups, revoke } = lookupsOf(server);
    await find(lookups, "proj_0");
    await find(lookups, "proj_249");
    const cursor = server.rows[99]!.id;
    server.remove(cursor);
    revoke(cursor);
    for (const project of names(149)) expect(await find(lookups, project)).to.have.length(1);
  });

  for (const by of ["us", "others"]) {
    it(`a list is read from the start again if ${by === "us" ? "we" : by} revoke the permission at its cursor meanwhile`, async function () {
      const server = new TestServer(names(250));
      let revoked = false;
      const list: Lookups["list"] = async (query) => {
        if (query.after !== undefined && !revoked) {
          revoked = true;
          server.remove(query.after);
          if (by === "us") revoke(query.after);
          throw refusal(400, "Invalid 'after'", by === "us" ? {} : { param: "after" });
        }
        return server.list(query);
      };
      const { lookups, revoke } = lookupsOf(server, list);
      const { permissions } = await lookups.listAll();
      expect(permissions).to.have.length(249);
    });
  }

  it("a list is read from the start again if its pages overlap, since a row may be on none of them", async function () {
    const server = new TestServer(names(250));
    const [first, ...others] = server.rows;
    // Between the first two pages, the first row moves behind the last.
    const list: Lookups["list"] = async (query) => {
      const page = await server.list(query);
      if (server.lists.length === 1) server.rows = [...others, first!];
      return page;
    };
    const { lookups } = lookupsOf(server, list);
    const { permissions } = await lookups.listAll();
    expect(new Set(permissions.map(({ id }) => id)).size).to.equal(250);
    expect(server.lists).to.have.length(6);
  });

  it("a list whose pages always overlap is an error, so no permission counts as missing", async function () {
    const server = new TestServer(names(150));
    const list: Lookups["list"] = async (query) => {
      const page = await server.list(query);
      return query.after === undefined
        ? page
        : { ...page, permissions: [server.rows[0]!, ...page.permissions.slice(1)] };
    };
    const error = await failureOf(lookupsOf(server, list).lookups.listAll());
    expect(error.message).to.include("its pages overlap");
    expect(server.lists.length).to.be.below(30);
  });

  it("a list whose cursors are rejected again and again is an error in the end", async function () {
    const server = new TestServer(names(250));
    let lists = 0;
    const list: Lookups["list"] = (query) => {
      lists++;
      return query.after === undefined
        ? server.list(query)
        : Promise.reject(refusal(400, "Invalid 'after'", { param: "after" }));
    };
    const { lookups } = lookupsOf(server, list);
    expect((await failureOf(lookups.listAll())).message).to.include("Invalid 'after'");
    expect(lists).to.be.below(30);
  });

  it("a list is continued only where its cursor is still there, since a server may take any other for the end", async function () {
    const server = new TestServer(names(250));
    const list: Lookups["list"] = async (query) => {
      const isGone = query.after !== undefined && !server.rows.some(({ id }) => id === query.after);
      return isGone ? { permissions: [], hasMore: false, lastId: undefined, date: server.date } : server.list(query);
    };
    const { lookups, revoke } = lookupsOf(server, list);
    await lookups.listFor("proj_249", { isPageFirst: true });
    const cursor = server.rows[99]!.id;
    server.remove(cursor);
    revoke(cursor);
    expect((await lookups.listAll()).permissions).to.have.length(249);
    // Of a list that was read to its end, nothing is read again.
    const last = server.rows.at(-1)!.id;
    server.remove(last);
    revoke(last);
    const requests = server.lists.length;
    expect((await lookups.listAll()).permissions).to.have.length(248);
    expect(server.lists).to.have.length(requests);
  });

  for (const [what, error, isAgain] of [
    ["the cursor", refusal(400, "Invalid 'after'", { param: "after" }), true],
    ["another parameter", refusal(400, "Invalid 'limit'", { param: "limit" }), false],
    ["the key, as of the cursor", refusal(401, "No.", { param: "after" }), false],
    ["nothing, but with a bug in this package", new TypeError("a bug"), false],
  ] as const) {
    it(`a refusal of the second page that is about ${what} ${isAgain ? "has the list read anew" : "fails at once"}`, async function () {
      const server = new TestServer(names(250));
      let isRefused = false;
      const list: Lookups["list"] = (query) => {
        if (query.after === undefined || isRefused) return server.list(query);
        isRefused = true;
        return Promise.reject(error);
      };
      const { lookups } = lookupsOf(server, list);
      const listing = lookups.listAll();
      if (isAgain) expect((await listing).permissions).to.have.length(250);
      else expect(await failureOf(listing)).to.equal(error);
      // Half a list is not relied on.
      server.lists = [];
      await lookups.listAll();
      expect(server.lists).to.have.length(isAgain ? 0 : 3);
    });
  }

  it("a first page that is refused because of a cursor that it does not have fails", async function () {
    const error = refusal(400, "Invalid 'after'", { param: "after" });
    const { lookups } = lookupsOf(new TestServer(), () => Promise.reject(error));
    expect(await failureOf(lookups.listAll())).to.equal(error);
  });

  it("a lookup that fails leaves what was read before", async function () {
    const server = new TestServer(names(250));
    const list: Lookups["list"] = (query) =>
      query.projectId === "proj_bad" ? Promise.reject(refusal(400, "Project not found.")) : server.list(query);
    const { lookups } = lookupsOf(server, list);
    await lookups.listFor("proj_249", { isPageFirst: true });
    await failureOf(lookups.listFor("proj_bad"));
    server.lists = [];
    expect(await find(lookups, "proj_240")).to.have.length(1);
    expect(server.lists).to.deep.equal([]);
  });

  it("a whole list that is asked for beside single projects answers those, too", async function () {
    const server = new TestServer(names(20));
    const { lookups } = lookupsOf(server);
    const [one, { permissions }] = await Promise.all([find(lookups, "proj_3"), lookups.listAll()]);
    expect([one.length, permissions.length]).to.deep.equal([1, 20]);
    expect(server.lists).to.have.length(1);
  });

  it("a page that one of several lookups asks for first answers the others, too", async function () {
    const server = new TestServer(names(20));
    const { lookups } = lookupsOf(server);
    await Promise.all([find(lookups, "proj_3"), lookups.listFor("proj_4", { isPageFirst: true })]);
    expect(server.lists.map(({ projectId }) => projectId)).to.deep.equal([undefined]);
  });

  it("how much of the whole list was read is told after each page, once to each listener", async function () {
    const server = new TestServer(names(250));
    const { lookups } = lookupsOf(server);
    const told: object[] = [];
    const onPage = (progress: object) => void told.push(progress);
    await Promise.all([lookups.listAll({ onPage }), lookups.listAll({ onPage }), find(lookups, "proj_1")]);
    expect(told).to.deep.equal([
      { pages: 1, isComplete: false },
      { pages: 2, isComplete: false },
      { pages: 3, isComplete: true },
    ]);
  });

  it("after a write with an unknown outcome, lookups that wait are answered by pages of the new list", async function () {
    const server = new TestServer(names(60));
    const list: Lookups["list"] = async (query) => {
      const page = await server.list(query);
      if (server.lists.length === 1) lookups.forget();
      return page;
    };
    const { lookups } = lookupsOf(server, list);
    await Promise.all(names(60).map((project) => find(lookups, project)));
    expect(server.lists.length).to.be.below(4);
  });

  it("a list that took long to read is as old as its first page", async function () {
    const server = new TestServer(names(3));
    const list: Lookups["list"] = async (query) => {
      await clock.sleep(700_000);
      return server.list(query);
    };
    const { lookups, clock } = lookupsOf(server, list);
    await lookups.listAll();
    await lookups.listAll({ maxAge: 600_000 });
    expect(server.lists).to.have.length(1);
  });

  it("before anything was read, nothing is known, and our own grants are noted all the same", async function () {
    const server = new TestServer();
    const { lookups } = lookupsOf(server);
    expect(lookups.known("proj_a")).to.deep.equal([]);
    expect(lookups.hasSeenRows).to.equal(false);
    lookups.granted([server.add("proj_a")]);
    expect(lookups.hasSeenRows).to.equal(true);
    expect(await find(lookups, "proj_a")).to.have.length(1);
  });

  it("a lookup reads again after a write with an unknown outcome", async function () {
    const server = new TestServer(names(3));
    const { lookups } = lookupsOf(server);
    expect(await find(lookups, "proj_new")).to.deep.equal([]);
    server.add("proj_new");
    lookups.forget();
    expect(await find(lookups, "proj_new")).to.have.length(1);
  });

  let repeated = 0;
  const broken: [what: string, why: RegExp, Lookups["list"]][] = [
    [
      "repeats its cursor",
      /relied on: it repeats its cursor$/,
      async ({ projectId = "proj_z" }) => ({
        permissions: [{ id: `cp_${(repeated += 1)}`, projectId, createdAt: 1 }],
        hasMore: true,
        lastId: "cp_1",
        date: 0,
      }),
    ],
    [
      "announces more after an empty page",
      /relied on: a page without rows says that there are more$/,
      async () => ({ permissions: [], hasMore: true, lastId: undefined, date: 0 }),
    ],
    ["never ends", /relied on: it does not end after \d+ pages$/, endlessly()],
  ];
  for (const [what, why, list] of broken) {
    it(`a list that ${what} is an error, so no permission counts as missing`, async function () {
      const { lookups } = lookupsOf(new TestServer(), list);
      for (const project of names(3)) {
        const error = await find(lookups, project).catch((thrown: unknown) => thrown);
        expect((error as Error).message).to.match(why);
      }
    });
  }

  it("concurrent lookups fail together, and the next lookup reads again", async function () {
    const server = new TestServer(names(3));
    let failing = true;
    const list: Lookups["list"] = (query) => (failing ? Promise.reject(refusal(401)) : server.list(query));
    const { lookups } = lookupsOf(server, list);
    const settled = await Promise.allSettled(names(5).map((project) => find(lookups, project)));
    expect(settled.map(({ status }) => status)).to.deep.equal(Array(5).fill("rejected"));
    failing = false;
    expect(await find(lookups, "proj_1")).to.have.length(1);
  });

  it("an error about one project fails all lookups of that project by one request, and none of others", async function () {
    const server = new TestServer(names(300));
    let asked = 0;
    const list: Lookups["list"] = (query) => {
      if (query.projectId !== "proj_bad") return server.list(query);
      asked++;
      return Promise.reject(refusal(400, "Project not found."));
    };
    const { lookups } = lookupsOf(server, list);
    const settled = await Promise.allSettled(["proj_bad", "proj_0", "proj_bad"].map((one) => find(lookups, one)));
    expect(settled.map(({ status }) => status)).to.deep.equal(["rejected", "fulfilled", "rejected"]);
    // Asking again would get the same answer.
    expect(asked).to.equal(1);
  });

  for (const [asked, listed, least] of [
    [3, 3, 1],
    [3, 10_000, 3],
    [100, 100, 1],
    [10_000, 10_000, 100],
  ] as const) {
    for (const order of ["one after the other", "all at once"]) {
      it(`lookups of ${asked} projects among ${listed}, ${order}, cost at most twice the fewest requests`, async function () {
        const server = new TestServer(names(listed));
        const { lookups } = lookupsOf(server);
        if (order === "all at once") {
          await Promise.all(names(asked).map((project) => find(lookups, project, idOf(server, project))));
        } else {
          for (const project of names(asked)) await find(lookups, project);
        }
        expect(server.lists.length).to.be.at.most(2 * least);
      });
    }
  }

  it("any lookups in any order answer as the server would, in at most twice the fewest requests", async function () {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: 8 }), { maxLength: 12 }),
        fc.boolean(),
        async (listed, pageSize, rounds, isFirstOfSeveral) => {
          const server = new TestServer(names(listed), pageSize);
          const isNoneRevoked = () => false;
          const lookups = new Lookups(server.list, new TestClock(), isNoneRevoked, () => isFirstOfSeveral);
          for (const round of rounds) {
            await Promise.all(
              round.map(async (index) => {
                const found = await find(lookups, `proj_${index}`);
                expect(found.map(({ projectId }) => projectId)).to.deep.equal(index < listed ? [`proj_${index}`] : []);
              }),
            );
          }
          const asked = new Set(rounds.flat()).size;
          expect(server.lists.length).to.be.at.most(2 * Math.min(asked, server.pages));
        },
      ),
    );
  });
});

function idOf(server: TestServer, project: string): string | undefined {
  return server.rows.find(({ projectId }) => projectId === project)?.id;
}

function endlessly(): Lookups["list"] {
  let count = 0;
  return async ({ projectId }) => {
    count++;
    const permissions = [{ id: `cp_${count}`, projectId: projectId ?? "proj_z", createdAt: count }];
    return { permissions, hasMore: true, lastId: `cp_${count}`, date: 0 };
  };
}
