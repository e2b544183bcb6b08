"use strict";

// Loaded into every Node.js process of a run: the provider host is not the test's own child, so it says itself who it is.
if (/dynamic-provider|run-plugin/.test(process.argv[1] ?? "")) {
  require("node:fs").writeFileSync(`${process.env.TEST_PIDS}/host.pid`, String(process.pid));
}
