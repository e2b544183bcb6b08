import { expect } from "chai";
import { Declarations, nameOf, typeAndNameOf, type Declaration } from "../../provider/access/declarations";
import { announcedKey, Ledger } from "../../provider/access/ledger";
import { checkpoint } from "../support/api";

const urnOf = (name: string) => `urn:pulumi:test::test::test::${name}`;
const declarationOf = (name: string, projects: string[], exclusive = false): Declaration => ({
  ...{ urn: urnOf(name), checkpoint, projectIds: new Set(projects), exclusive },
});

function declarations() {
  const ledger = new Ledger();
  const all = new Declarations(ledger);
  return { all, ledger, access: (projectId: string) => ledger.accessKey(checkpoint, projectId) };
}

describe("What a program declares", function () {
  it("a resource's declaration replaces the one before, and counts for all but itself", function () {
    const { all } = declarations();
    all.set(declarationOf("one", ["proj_a"]));
    expect([all.has(checkpoint, "proj_a"), all.has(checkpoint, "proj_a", urnOf("one"))]).to.deep.equal([true, false]);
    expect(all.has(checkpoint, "proj_a", urnOf("two"))).to.equal(true);
    all.set(declarationOf("one", ["proj_b"]));
    expect([all.has(checkpoint, "proj_a"), all.has(checkpoint, "proj_b")]).to.deep.equal([false, true]);
  });

  it("a checkpoint has a declaration while a resource declares access to it", function () {
    const { all } = declarations();
    all.set(declarationOf("one", []));
    expect(all.hasAny(checkpoint)).to.equal(false);
    all.set(declarationOf("one", ["proj_a"]));
    expect(all.hasAny(checkpoint)).to.equal(true);
    all.set(declarationOf("one", []));
    expect(all.hasAny(checkpoint)).to.equal(false);
  });

  it("a resource has no conflict with itself, and one with another that gives the same access", function () {
    const { all } = declarations();
    all.set(declarationOf("one", ["proj_a", "proj_b"]));
    expect(all.conflictOf(declarationOf("one", ["proj_a"]))).to.equal(undefined);
    expect(all.conflictOf(declarationOf("two", ["proj_c"]))).to.equal(undefined);
    expect(all.conflictOf(declarationOf("two", ["proj_c", "proj_b"]))).to.deep.equal({
      ...{ name: "one", urn: urnOf("one"), projectId: "proj_b" },
    });
    expect(all.conflictOf(declarationOf("two", ["proj_c"], true))).to.deep.include({
      name: "one",
      projectId: undefined,
    });
  });

  it("what a constructor announces counts until its resource is checked, and is noted once", function () {
    const { all, ledger } = declarations();
    const accesses = [announcedKey(checkpoint, "proj_a")];
    const noted = () => ledger.all("announced", ledger.urnKey("announced::p:1")).length;
    all.announce("p:1", accesses, checkpoint);
    all.announce("p:1", accesses, checkpoint);
    expect(noted()).to.equal(1);
    expect([all.has(checkpoint, "proj_a"), all.areSomeLate(checkpoint)]).to.deep.equal([true, true]);
    all.announce("p:1", accesses);
    all.announce("p:1", [...accesses, announcedKey(checkpoint, "proj_b")]);
    expect(noted()).to.equal(3);
    all.arrive("p:1");
    all.arrive("p:1");
    expect(ledger.all("arrived", ledger.urnKey("announced::p:1"))).to.have.length(1);
    expect([all.has(checkpoint, "proj_a"), all.areSomeLate(checkpoint)]).to.deep.equal([false, false]);
    all.announce("p:1", []);
    expect(noted()).to.equal(3);
  });

  it("what is announced of native resources counts until as many of the type and name are checked", function () {
    const { all } = declarations();
    const announce = (id: string) => {
      all.announce(`${id}::type::web`, [announcedKey(checkpoint, "proj_a")]);
    };
    announce("p:1");
    announce("p:2");
    const check = (parent: string) => {
      all.set({ ...declarationOf("web", ["proj_b"]), urn: `urn:pulumi:s::p::${parent}$type::web` });
    };
    check("one");
    expect(all.has(checkpoint, "proj_a")).to.equal(true);
    check("two");
    expect(all.has(checkpoint, "proj_a")).to.equal(false);
  });

  it("a resource that had an access and still wants it is unchanged", function () {
    const { all, access } = declarations();
    all.setHad(declarationOf("one", ["proj_a"]), {});
    expect(all.isUnchanged(access("proj_a"))).to.equal(false);
    all.set(declarationOf("one", ["proj_a"]));
    expect(all.isUnchanged(access("proj_a"))).to.equal(true);
    all.setHad(declarationOf("one", ["proj_b"]), {});
    expect(all.isUnchanged(access("proj_a"))).to.equal(false);
  });

  it("it is deleted first if it is to be, and has nothing of what it wants yet", function () {
    const checkpointKey = (ledger: Ledger) => ledger.checkpointKey(checkpoint);
    for (const kind of ["none", "asked for", "in state"] as const) {
      const { all, ledger, access } = declarations();
      all.setHad(declarationOf("one", ["proj_a"]), { deleteBeforeReplace: true });
      all.set(declarationOf("one", ["proj_b", "proj_c"]));
      const at = { checkpoint: checkpointKey(ledger), access: access("proj_b") };
      if (kind === "asked for") ledger.append({ kind, ...at });
      if (kind === "in state") ledger.append({ kind, ...at, permission: ledger.permissionKey("cp_1") });
      expect(all.isDeletedFirst(access("proj_a")), kind).to.equal(kind === "none");
    }
    const { all, access } = declarations();
    all.setHad(declarationOf("one", ["proj_a"]), {});
    all.set(declarationOf("one", ["proj_b"]));
    expect(all.isDeletedFirst(access("proj_a"))).to.equal(false);
  });

  it("a resource is protected if the program says so", function () {
    const { all } = declarations();
    all.setHad(declarationOf("one", []), { protect: true });
    all.setHad(declarationOf("two", []), {});
    expect([urnOf("one"), urnOf("two"), urnOf("three"), undefined].map((urn) => all.isProtected(urn))).to.deep.equal([
      ...[true, false, false, false],
    ]);
  });

  it("a type and name are those of the resource, without its parents", function () {
    expect(typeAndNameOf("urn:pulumi:s::p::a:b:C$d:e:F::web")).to.equal("d:e:F::web");
    expect(typeAndNameOf("urn:pulumi:s::p::d:e:F::web")).to.equal("d:e:F::web");
    expect(typeAndNameOf("p:1")).to.equal("::p:1");
    expect(nameOf("urn:pulumi:s::p::d:e:F::web")).to.equal("web");
  });
});
