const { availableParallelism } = require("node:os");

module.exports = {
  require: ["tsx/cjs"],
  // A scenario takes seconds at rest; a machine that is busy with something else may need minutes.
  timeout: 300_000,
  parallel: true,
  jobs: availableParallelism(),
};
