import { expect } from "chai";
import { Snapshot } from "../../provider/access/snapshot";

const permission = (id: string, projectId: string, createdAt: number) => ({ id, projectId, createdAt });
const page = (permissions: ReturnType<typeof permission>[], hasMore = false) => ({
  ...{ permissions, hasMore, lastId: permissions.at(-1)?.id, date: 100 },
});
const ofA = { projectId: "proj_a", isWanted: undefined, isExhaustive: false };

describe("What is known of a list", function () {
  it("our own grants do not answer a lookup by themselves, since nothing tells when the list had them", function () {
    const snapshot = new Snapshot(0, 0, () => false);
    snapshot.add([permission("cp_1", "proj_a", 1)]);
    expect(snapshot.answer(ofA)).to.equal(undefined);
    snapshot.addPage(page([permission("cp_0", "proj_b", 0)]));
    expect(snapshot.answer(ofA)?.permissions).to.have.length(1);
  });

  it("permissions are sorted by date, newest first", function () {
    const snapshot = new Snapshot(0, 0, () => false);
    snapshot.addPage(page([permission("cp_2", "proj_a", 2), permission("cp_1", "proj_a", 1)]));
    snapshot.add([permission("cp_3", "proj_b", 3), permission("cp_4", "proj_a", 4)]);
    expect(snapshot.rowsOf("proj_a").map(({ id }) => id)).to.deep.equal(["cp_4", "cp_2", "cp_1"]);
    const { permissions } = snapshot.answer({ ...ofA, projectId: undefined })!;
    expect(permissions.map(({ id }) => id)).to.deep.equal(["cp_4", "cp_3", "cp_2", "cp_1"]);
  });

  it("what we revoked is missing, even from a list that still has it", function () {
    const snapshot = new Snapshot(0, 0, (id) => id === "cp_1");
    snapshot.addPage(page([permission("cp_1", "proj_a", 1)]));
    expect(snapshot.answer(ofA)).to.deep.equal({ permissions: [], date: 100 });
  });
});
