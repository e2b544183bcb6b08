/** A dynamic resource that does nothing but note how Pulumi's host calls it. */
const { appendFileSync } = require("node:fs");
const pulumi = require("@pulumi/pulumi");

const project = (properties) => properties?.projectId?.replace("proj_", "") ?? "-";
const note = (call, ...properties) =>
  appendFileSync(process.env.CALLS, `${call} ${properties.map(project).join(">")}\n`);

exports.provider = {
  check: async (olds, inputs) => (note("check", olds, inputs), { inputs }),
  diff: async (_id, olds, news) => {
    note("diff", olds, news);
    return olds.projectId === news.projectId ? { changes: false } : { changes: true, replaces: ["projectId"] };
  },
  create: async (inputs) => (
    note("create", inputs),
    { id: `cp_${inputs.projectId}`, outs: { ...inputs, createdAt: 1 } }
  ),
  read: async (id, props) => {
    note("read", props);
    return process.env.MISSING === undefined ? { id, props } : {};
  },
  delete: async (_id, props) => note("delete", props),
};

exports.CheckpointPermission = class extends pulumi.CustomResource {
  constructor(name, { fineTunedModelCheckpoint, projectId }, opts) {
    const __provider = `exports.handler=()=>require(${JSON.stringify(__filename)}).provider`;
    const inputs = { fineTunedModelCheckpoint, projectId, createdAt: undefined, __provider };
    super("pulumi-nodejs:dynamic/naive:CheckpointPermission", name, inputs, opts);
  }
};
