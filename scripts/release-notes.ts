/**
 * `npm run dev:release-notes -- v1.2.3`: prints what CHANGELOG.md says of a version. Fails unless every file that names the
 * version names this one.
 */
import { readFileSync } from "node:fs";

const read = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;

/**
 * @param tag as `v1.2.3`.
 * @throws {Error} naming what is not ready for the release.
 */
export function releaseNotes(tag: string, changelog: string): string {
  const version = tag.replace(/^v/, "");
  const [, notes] =
    new RegExp(`^## ${version.replaceAll(".", "\\.")}(?![\\w.]).*\\n([^]*?)(?=^## |$(?![^]))`, "m").exec(changelog) ??
    [];
  if (notes === undefined || notes.trim() === "") throw new Error(`CHANGELOG.md has no section "## ${version}".`);
  return notes.trim();
}

/** Checks that all files name the version. */
function assertVersions(version: string): void {
  const dependencies = read("provider/native/standalone/package.json")["dependencies"] as Record<string, string>;
  const found = {
    "provider/package.json": read("provider/package.json")["version"],
    "provider/native/schema.json": read("provider/native/schema.json")["version"],
    "provider/native/standalone/package.json": dependencies["pulumi-openai-checkpoint-permissions"]?.replace(/^\^/, ""),
  };
  const wrong = Object.entries(found).filter(([, one]) => one !== version);
  if (wrong.length === 0) return;
  throw new Error(`Not ${version}: ${wrong.map(([file, one]) => `${file} has ${String(one)}`).join(", ")}.`);
}

if (require.main === module) {
  const [tag = ""] = process.argv.slice(2);
  try {
    assertVersions(tag.replace(/^v/, ""));
    console.log(releaseNotes(tag, readFileSync("CHANGELOG.md", "utf8")));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
