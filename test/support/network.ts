import nock from "nock";

/** No unit test reaches a network; what it needs of the API it declares with nock. */
export const mochaHooks = {
  beforeAll() {
    nock.disableNetConnect();
  },
  afterEach() {
    const unused = nock.pendingMocks();
    nock.cleanAll();
    if (unused.length > 0) throw new Error(`Never requested: ${unused.join(", ")}`);
  },
};
