/**
 * `npm run dev:plugin-pack`: the native plugin as one archive for `pulumi plugin install --file`: a single script, which
 * needs Node.js and nothing else, on every system.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";

const { version } = JSON.parse(readFileSync("provider/package.json", "utf8")) as { version: string };
const name = "pulumi-resource-openai-checkpoint-permissions";
const folder = "dist/plugin";
const archive = `dist/${name}-v${version}.tar.gz`;

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
buildSync({
  entryPoints: ["provider/native/main.ts"],
  outfile: join(folder, name),
  bundle: true,
  minify: true,
  platform: "node",
  target: "node20",
  banner: { js: "#!/usr/bin/env node" },
  // What errors name.
  keepNames: true,
  logLevel: "warning",
});
writeFileSync(join(folder, `${name}.cmd`), `@node "%~dp0${name}" %*\r\n`);
copyFileSync("LICENSE", join(folder, "LICENSE"));
chmodSync(join(folder, name), 0o755);
execFileSync("tar", ["-czf", archive, "-C", folder, "."]);
console.log(`${archive}

pulumi plugin install resource openai-checkpoint-permissions ${version} --file ${archive}`);
