import fs from "node:fs";

/** Lets each write to a file fail as on a full disk, after half of it. */
export function fillDisk(): { end: () => void } {
  const { writeSync } = fs;
  fs.writeSync = ((descriptor: number, text: string) => {
    if (typeof text === "string") return writeSync(descriptor, text.slice(0, text.length / 2));
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  }) as typeof fs.writeSync;
  return {
    end: () => {
      fs.writeSync = writeSync;
    },
  };
}
