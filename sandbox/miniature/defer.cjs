/**
 * Puts off what the SDK loads and these runs seldom use, until it is used: the TypeScript compiler and npm's resolver,
 * with which it serialises functions, its tracing, and its Automation API. They are most of what a process takes to start.
 */
const Module = require("node:module");

const deferred = /^(typescript|@npmcli\/arborist|@opentelemetry\/[\w-]+|\.\/automation)$/;
const load = Module._load;

Module._load = function (request, ...rest) {
  if (!deferred.test(request)) return load.call(this, request, ...rest);
  return new Proxy(
    {},
    {
      // Asked for when it is imported, and no use yet.
      get: (_target, name) => (name === "__esModule" ? true : load.call(this, request, ...rest)[name]),
    },
  );
};
