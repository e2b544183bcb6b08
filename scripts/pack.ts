/**
 * `npm run pack -- FOLDER`: builds the package as it is now and packs it into the folder of a project that is to try it.
 * Each has a version of its own: npm would not install another file of the same version.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** @returns the name of the packed file. */
export function pack(folder: string, now = new Date()): string {
  // Without a shell's rules, since a folder may have any name. Scripts are not run, which npm may be told not to do.
  const npm = (args: string[], cwd: string) =>
    execFileSync("npm", [...args, "--ignore-scripts", "--json"], { cwd, encoding: "utf8", shell: false });
  const [packed] = Object.values(JSON.parse(npm(["pack", "--dry-run"], "provider")) as Record<string, Packed>);
  const copy = mkdtempSync(join(tmpdir(), "checkpoint-permissions-pack-"));
  try {
    for (const { path } of packed!.files) cpSync(join("provider", path), join(copy, path));
    const manifest = JSON.parse(readFileSync("provider/package.json", "utf8")) as { version: string };
    const time = now.toISOString().replace(/\D/g, "").slice(0, 14);
    const version = `${manifest.version}-dev.${time}`;
    writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, version }, undefined, 2));
    const [made] = Object.values(
      JSON.parse(npm(["pack", "--pack-destination", resolve(folder)], copy)) as Record<string, Packed>,
    );
    return made!.filename;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** What npm says of a packed file. */
interface Packed {
  filename: string;
  files: { path: string }[];
}

if (require.main === module) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error("error: Name the project's folder: npm run pack -- /path/to/project.");
    process.exit(1);
  }
  // What has no source any more must not be packed.
  rmSync("provider/dist", { recursive: true, force: true });
  const tsc = [require.resolve("typescript/bin/tsc"), "--build", "--force", "provider"];
  execFileSync(process.execPath, tsc, { stdio: "inherit" });
  const file = pack(folder);
  console.log(`Packed ${file}. In ${folder}, run: npm install ./${file}`);
}
