"use strict";

/** A provider that makes no request: what the engine itself costs. */
exports.handler = () => ({
  create: async (inputs) => ({ id: `cp_${inputs.projectId}`, outs: { ...inputs, createdAt: 0 } }),
  diff: async () => ({ changes: false }),
  read: async (id, props) => ({ id, props }),
  delete: async () => undefined,
});
