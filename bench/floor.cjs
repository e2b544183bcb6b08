"use strict";

/**
 * A provider that makes no request: what the engine itself costs.
 *
 * Where the environment says so, creates wait for one another as the best batches would: until there are as many as the
 * engine sends at once, or none is left to come, and then for as long as one request takes.
 */
const { BENCH_COUNT: count, BENCH_PARALLEL: parallel, BENCH_LATENCY: latency } = process.env;
let waiting = [];
let created = 0;

function batched() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    created++;
    if (waiting.length < Number(parallel) && created < Number(count)) return;
    const batch = waiting;
    waiting = [];
    setTimeout(() => batch.forEach((go) => go()), Number(latency));
  });
}

exports.handler = () => ({
  create: async (inputs) => {
    if (latency !== undefined) await batched();
    return { id: `cp_${inputs.projectId}`, outs: { ...inputs, createdAt: 0 } };
  },
  diff: async () => ({ changes: false }),
  read: async (id, props) => ({ id, props }),
  delete: async () => undefined,
});
