import { expect } from "chai";
import { listPermissions } from "../../provider/resource/list";
import { checkpoint } from "../support/api";
import { failureOf } from "../support/failure";
import { refusals } from "../support/refusals";
import { permissionInputs, scenario, setInputs } from "../support/scenario";

const twenty = Array.from({ length: 20 }, (_, index) => `proj_${index}`);

describe("A refusal of everything", function () {
  for (const { what, kind, remedy, remedyOfList = remedy } of refusals) {
    for (const method of ["GET", "POST"] as const) {
      it(`one ${method} that meets ${what} fails twenty grants, and each says what to do`, async function () {
        const { permission, api, requests, clock } = scenario();
        api.fail({ method, times: Infinity, kind });
        const start = clock.now();
        const failures = await Promise.all(
          twenty.map((projectId) => failureOf(permission.create({ ...permissionInputs, projectId }))),
        );
        for (const [index, { message }] of failures.entries()) {
          expect(message).to.match(remedy).and.to.include(`Cannot grant ${twenty[index]!} access`);
        }
        expect(requests.map((request) => request.method)).to.deep.equal(method === "GET" ? ["GET"] : ["GET", "POST"]);
        expect(clock.now() - start).to.be.below(1_000);
      });
    }

    it(`a set of twenty that meets ${what} fails once, with one POST, and says what to do`, async function () {
      const { set, api, requests } = scenario();
      api.fail({ method: "POST", times: Infinity, kind });
      const { message } = await failureOf(set.create(setInputs(twenty)));
      expect(message).to.match(remedy);
      expect(requests.map((request) => request.method)).to.deep.equal(["GET", "POST"]);
    });

    it(`a removal that meets ${what} fails, and the record stays`, async function () {
      const { permission, permissionInState, api, requests } = scenario();
      const { id, state } = permissionInState();
      api.fail({ method: "DELETE", times: Infinity, kind });
      const { message } = await failureOf(permission.delete(id, state));
      expect(message).to.include("Cannot revoke the access of proj_a");
      expect(requests.filter((request) => request.method === "DELETE")).to.have.lengthOf(kind.status === 404 ? 2 : 1);
    });

    it(`a list that meets ${what} says what to do, and nothing of Pulumi's state`, async function () {
      const { context, api } = scenario();
      api.fail({ times: Infinity, kind });
      const { message } = await failureOf(listPermissions(() => context, { fineTunedModelCheckpoint: checkpoint }));
      expect(message).to.match(remedyOfList);
      expect(message).not.to.match(/Nothing is lost|pulumi up/);
    });
  }
});
