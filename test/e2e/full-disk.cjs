"use strict";

// Loaded into every Node.js process of a run: after so many lines, writing to the file that they share fails.
const fs = require("node:fs");
const { writeSync } = fs;
let left = Number(process.env.TEST_LINES);
fs.writeSync = (file, data, ...rest) => {
  if (typeof data !== "string" || !data.includes('"by":') || left-- > 0) return writeSync(file, data, ...rest);
  throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
};
