import { expect } from "chai";
import fc from "fast-check";
import type { Permission } from "../../provider/api/permission";
import { ApiError } from "../../provider/api/error";
import { Lookups, type ListPermissions } from "../../provider/access/lookups";
import { TestClock } from "../support/clock";
import { failureOf } from "../support/failure";
import { refusal, TestServer } from "../support/server";

const names = (count: number, prefix = "proj_") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

function lookups(server: TestServer, list: ListPermissions = server.list) {
  const clock = new TestClock();
  return { lookups: new Lookups(list, clock), clock };
}

async function find(one: Lookups, projectId: string, id?: string): Promise<Permission[]> {
  return (await one.find(projectId, id === undefined ? {} : { ids: new Set([id]) })).permissions;
}

describe("lookups", function () {
  it("ask once, filtered, for one project", async function () {
    const server = new TestServer(names(500));
    const [row] = await find(lookups(server).lookups, "proj_3");
    expect(row?.projectId).to.equal("proj_3");
    expect(server.lists).to.deep.equal([{ projectId: "proj_3" }]);
  });

  it("answer again from what was read, to the end of the deployment", async function () {
    const server = new TestServer(names(3));
    const { lookups: one, clock } = lookups(server);
    await find(one, "proj_1");
    clock.pass(24 * 3_600_000);
    await find(one, "proj_1");
    expect(server.lists).to.have.length(1);
  });

  it("read anew for whoever wants nothing older, and once for all that ask together", async function () {
    const server = new TestServer(names(3));
    const { lookups: one, clock } = lookups(server);
    const ask = () => Promise.all(names(3).map((project) => one.find(project, { maxAge: 600_000 })));
    await ask();
    expect(server.lists).to.have.length(1);
    clock.pass(600_000);
    await ask();
    expect(server.lists).to.have.length(1);
    clock.pass(1);
    await ask();
    expect(server.lists).to.have.length(2);
  });

  it("forget a whole list by the age of its first page, however often it was asked", async function () {
    const server = new TestServer(names(50));
    const { lookups: one, clock } = lookups(server);
    for (const project of ["proj_0", "proj_1"]) await find(one, project);
    server.remove("cp_50");
    clock.pass(40_000);
    expect(await find(one, "proj_49")).to.have.length(1);
    clock.pass(20_001);
    expect((await one.find("proj_49", { maxAge: 60_000 })).permissions).to.deep.equal([]);
  });

  it("let no later page make the first one younger, however slowly lookups come", async function () {
    const server = new TestServer(["proj_last", ...names(350)]);
    const { lookups: one, clock } = lookups(server);
    const maxAge = 60_000;
    await one.find("proj_349", { maxAge });
    await one.find("proj_348", { maxAge });
    server.remove("cp_350");
    for (const project of ["proj_200", "proj_100"]) {
      clock.pass(40_000);
      await one.find(project, { maxAge });
    }
    expect((await one.find("proj_348", { maxAge })).permissions).to.deep.equal([]);
  });

  it("find a permission on the third page of one project's rows", async function () {
    const server = new TestServer([...names(1, "proj_old"), ...Array.from({ length: 250 }, () => "proj_x")]);
    const rows = await find(lookups(server).lookups, "proj_x", "cp_2");
    expect(rows.at(-1)?.id).to.equal("cp_2");
    expect(rows).to.have.length(250);
    expect(server.lists).to.have.length(3);
  });

  it("find nothing in a complete list that lacks the project", async function () {
    const server = new TestServer(names(3));
    expect(await find(lookups(server).lookups, "proj_other")).to.deep.equal([]);
  });

  it("do not believe that a project is missing where others' rows stand in place of its own", async function () {
    const server = new TestServer(names(3));
    const confused: ListPermissions = (query) =>
      server.list(query.projectId === undefined ? query : { ...query, projectId: "proj_0" });
    const { lookups: one } = lookups(server, confused);
    expect((await find(one, "proj_2")).map(({ projectId }) => projectId)).to.deep.equal(["proj_2"]);
    expect(server.lists).to.deep.equal([{ projectId: "proj_0" }, {}]);
  });

  it("drop the rows of others, should the server ignore the filter", async function () {
    const server = new TestServer(names(250));
    const ignoring: ListPermissions = ({ after }) => server.list(after === undefined ? {} : { after });
    const rows = await find(lookups(server, ignoring).lookups, "proj_7");
    expect(rows.map(({ projectId }) => projectId)).to.deep.equal(["proj_7"]);
  });

  it("call a whole list broken that never ends", async function () {
    let pages = 0;
    const endless: ListPermissions = () => {
      const id = `cp_${pages++}`;
      return Promise.resolve({
        permissions: [{ id, projectId: "proj_x", createdAt: 1 }],
        hasMore: true,
        lastId: id,
        date: 0,
      });
    };
    const error = await lookups(new TestServer([]), endless)
      .lookups.all()
      .catch((thrown: unknown) => thrown);
    expect((error as Error).message).to.include("it does not end after 1000 pages");
    expect(pages).to.equal(1000);
  });

  it("give the newest first", async function () {
    const server = new TestServer(["proj_a", "proj_b", "proj_a"]);
    const { lookups: one } = lookups(server);
    await find(one, "proj_b");
    expect((await find(one, "proj_a")).map(({ id }) => id)).to.deep.equal(["cp_3", "cp_1"]);
  });

  it("do not take the part of a list that was read for all of it", async function () {
    const server = new TestServer(["proj_x", ...names(300), "proj_x"]);
    const { lookups: one } = lookups(server);
    await find(one, "proj_1");
    await find(one, "proj_2");
    // The first page shows a newer row only; the one that is asked for is on the last.
    expect((await find(one, "proj_x", "cp_1")).map(({ id }) => id)).to.deep.equal(["cp_302", "cp_1"]);
  });

  it("know our own grants and revocations without asking", async function () {
    const server = new TestServer(names(3));
    const { lookups: one } = lookups(server);
    await Promise.all(names(3).map((project) => find(one, project)));
    one.granted([{ id: "cp_9", projectId: "proj_new", createdAt: 9 }]);
    one.revoked("cp_1");
    server.lists = [];
    expect(await find(one, "proj_new")).to.have.length(1);
    expect(await find(one, "proj_0")).to.deep.equal([]);
    expect(server.lists).to.deep.equal([]);
  });

  it("do not bring back what we revoked while a page was on its way", async function () {
    const server = new TestServer(names(3));
    const { lookups: one } = lookups(server);
    const asked = Promise.all(names(3).map((project) => find(one, project)));
    await Promise.resolve();
    await Promise.resolve();
    one.revoked("cp_1");
    expect(server.lists).to.have.length(1);
    expect((await asked)[0]).to.deep.equal([]);
  });

  it("read on when the row that they would go on from was revoked by us", async function () {
    const server = new TestServer(names(250));
    const { lookups: one } = lookups(server);
    await find(one, "proj_0");
    await find(one, "proj_249");
    const cursor = server.rows[99]!.id;
    server.remove(cursor);
    one.revoked(cursor);
    for (const project of names(149)) expect(await find(one, project)).to.have.length(1);
  });

  for (const by of ["us", "others"]) {
    it(`begin anew when the row that a page was to follow is revoked by ${by} while the page is on its way`, async function () {
      const server = new TestServer(names(250));
      let revoked = false;
      const list: ListPermissions = async (query) => {
        if (query.after !== undefined && !revoked) {
          revoked = true;
          server.remove(query.after);
          if (by === "us") one.revoked(query.after);
          throw new ApiError(`400 "Invalid 'after'"`, { status: 400, ...(by === "us" ? {} : { param: "after" }) });
        }
        return server.list(query);
      };
      const { lookups: one } = lookups(server, list);
      const { permissions } = await one.all();
      expect(permissions).to.have.length(249);
    });
  }

  it("fail in the end when the rows that pages are to follow vanish without end", async function () {
    const server = new TestServer(names(250));
    let lists = 0;
    const list: ListPermissions = (query) => {
      lists++;
      return query.after === undefined
        ? server.list(query)
        : Promise.reject(new ApiError(`400 "Invalid 'after'"`, { status: 400, param: "after" }));
    };
    const { lookups: one } = lookups(server, list);
    expect((await failureOf(one.all())).message).to.include("Invalid 'after'");
    expect(lists).to.be.below(30);
  });

  it("ask anew after a write whose outcome is not known", async function () {
    const server = new TestServer(names(3));
    const { lookups: one } = lookups(server);
    expect(await find(one, "proj_new")).to.deep.equal([]);
    server.add("proj_new");
    one.forget();
    expect(await find(one, "proj_new")).to.have.length(1);
  });

  const broken: [string, ListPermissions][] = [
    [
      "repeats its cursor",
      async () => ({
        permissions: [{ id: "cp_1", projectId: "proj_z", createdAt: 1 }],
        hasMore: true,
        lastId: "cp_1",
        date: 0,
      }),
    ],
    [
      "says that there is more after nothing",
      async () => ({ permissions: [], hasMore: true, lastId: undefined, date: 0 }),
    ],
    ["never ends", endlessly()],
  ];
  for (const [what, list] of broken) {
    it(`fail when a list ${what}, rather than call a permission gone`, async function () {
      const { lookups: one } = lookups(new TestServer(), list);
      for (const project of names(3)) {
        const error = await find(one, project).catch((thrown: unknown) => thrown);
        expect((error as Error).message).to.include("cannot be relied on");
      }
    });
  }

  it("fail together when the list fails, and start afresh the next time", async function () {
    const server = new TestServer(names(3));
    let failing = true;
    const list: ListPermissions = (query) => (failing ? Promise.reject(refusal(401)) : server.list(query));
    const { lookups: one } = lookups(server, list);
    const settled = await Promise.allSettled(names(5).map((project) => find(one, project)));
    expect(settled.map(({ status }) => status)).to.deep.equal(Array(5).fill("rejected"));
    failing = false;
    expect(await find(one, "proj_1")).to.have.length(1);
  });

  it("fail one by one when the API refuses one project", async function () {
    const server = new TestServer(names(300));
    const list: ListPermissions = (query) =>
      query.projectId === "proj_bad" ? Promise.reject(refusal(400)) : server.list(query);
    const { lookups: one } = lookups(server, list);
    const settled = await Promise.allSettled(["proj_bad", "proj_0"].map((project) => find(one, project)));
    expect(settled.map(({ status }) => status)).to.deep.equal(["rejected", "fulfilled"]);
  });

  for (const [asked, listed, least] of [
    [3, 3, 1],
    [3, 10_000, 3],
    [100, 100, 1],
    [10_000, 10_000, 100],
  ] as const) {
    for (const order of ["one after the other", "all at once"]) {
      it(`cost at most twice the best for ${asked} projects among ${listed}, ${order}`, async function () {
        const server = new TestServer(names(listed));
        const { lookups: one } = lookups(server);
        if (order === "all at once") {
          await Promise.all(names(asked).map((project) => find(one, project, idOf(server, project))));
        } else {
          for (const project of names(asked)) await find(one, project);
        }
        expect(server.lists.length).to.be.at.most(2 * least);
      });
    }
  }

  it("answer as the server would, at no more than twice the least requests, whatever is asked in whatever order", async function () {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: 8 }), { maxLength: 12 }),
        async (listed, pageSize, rounds) => {
          const server = new TestServer(names(listed), pageSize);
          const { lookups: one } = lookups(server);
          for (const round of rounds) {
            await Promise.all(
              round.map(async (index) => {
                const found = await find(one, `proj_${index}`);
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

function endlessly(): ListPermissions {
  let count = 0;
  return async ({ projectId }) => {
    count++;
    const permissions = [{ id: `cp_${count}`, projectId: projectId ?? "proj_z", createdAt: count }];
    return { permissions, hasMore: true, lastId: `cp_${count}`, date: 0 };
  };
}
