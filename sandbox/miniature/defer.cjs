/**
 * Puts off what the SDK loads for programs that serialise functions, the TypeScript compiler and npm's resolver, until
 * it is used: two thirds of the time that a process takes to start.
 */
const Module = require("node:module");

const deferred = new Set(["typescript", "@npmcli/arborist"]);
const load = Module._load;

Module._load = function (request, ...rest) {
  if (!deferred.has(request)) return load.call(this, request, ...rest);
  return new Proxy(
    {},
    {
      // Asked for when it is imported, and no use yet.
      get: (_target, name) => (name === "__esModule" ? true : load.call(this, request, ...rest)[name]),
    },
  );
};
