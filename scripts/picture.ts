/**
 * `npm run dev:picture`: draws docs/images/drift.svg, a preview that shows drift, from what the Pulumi CLI prints for
 * examples/quickstart against the emulated API.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Emulator } from "../sandbox/api/server";
import type { Project } from "../sandbox/engines";
import { findPulumi } from "../sandbox/pulumi";

/** The checkpoint of examples/quickstart. */
const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";
const columns = 98;
const fontSize = 13;
const lineHeight = 19;
/** Of a monospaced font, in pixels at this size. */
const charWidth = 7.83;

/** The terminal's colours, in the order of their codes. */
const colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** The lines of a text with terminal colours, wrapped, as SVG. */
export function drawing(text: string): string {
  const lines = text.split("\n").flatMap((line) => wrapped(spansOf(line)));
  const height = lines.length * lineHeight + 24;
  const rows = lines.map((spans, index) => {
    const parts = spans.map(
      ({ text: part, style }) => `<tspan${style === "" ? "" : ` class="${style}"`}>${escaped(part)}</tspan>`,
    );
    return `<text x="14" y="${24 + index * lineHeight}" xml:space="preserve">${parts.join("")}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(columns * charWidth + 28)} ${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="${fontSize}">
<style>
rect { fill: #f6f8fa; stroke: #d0d7de } text { fill: #1f2328 } .bold { font-weight: 600 }
.red { fill: #c21c1c } .green { fill: #116329 } .yellow { fill: #7d4e00 } .blue { fill: #0550ae } .magenta { fill: #8250df } .cyan { fill: #0b6a75 }
@media (prefers-color-scheme: dark) {
rect { fill: #161b22; stroke: #30363d } text { fill: #e6edf3 }
.red { fill: #ff8a80 } .green { fill: #7ee787 } .yellow { fill: #e3b341 } .blue { fill: #79c0ff } .magenta { fill: #d2a8ff } .cyan { fill: #76e3ea }
}
</style>
<rect x="0.5" y="0.5" width="${Math.ceil(columns * charWidth + 27)}" height="${height - 1}" rx="8"/>
${rows.join("\n")}
</svg>
`;
}

interface Span {
  text: string;
  style: string;
}

function spansOf(line: string): Span[] {
  const spans: Span[] = [];
  const style = new Set<string>();
  let from = 0;
  for (const match of [...line.matchAll(/\u001b\[([\d;]*)m/g), undefined]) {
    const text = line.slice(from, match?.index);
    if (text !== "") spans.push({ text, style: [...style].join(" ") });
    if (match === undefined) break;
    from = match.index + match[0].length;
    const [, ofPalette] = /^38;5;(\d+)$/.exec(match[1]!) ?? [];
    if (ofPalette !== undefined) style.add(colours[Number(ofPalette) % 8]!);
    else if (match[1] === "1") style.add("bold");
    else style.clear();
  }
  return spans;
}

/** Lines no longer than a terminal's. */
function wrapped(spans: readonly Span[]): Span[][] {
  const lines: Span[][] = [[]];
  let room = columns;
  for (const { text: whole, style } of spans) {
    let text = whole;
    while (text.length > room) {
      const space = text.lastIndexOf(" ", room);
      const cut = space > 0 ? space : room;
      lines.at(-1)!.push({ text: text.slice(0, cut), style });
      // What goes on is indented.
      text = `        ${text.slice(cut).trimStart()}`;
      lines.push([]);
      room = columns;
    }
    lines.at(-1)!.push({ text, style });
    room -= text.length;
  }
  return lines;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

async function main(): Promise<void> {
  const engine = await findPulumi();
  if ("reason" in engine) throw new Error(engine.reason);
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-permissions-picture-"));
  const api = await Emulator.start({ age: 86_400 });
  try {
    const project: Project = {
      folder: resolve("examples/quickstart"),
      stateFolder: folder,
      stack: "prod",
      env: { OPENAI_BASE_URL: api.url, OPENAI_ADMIN_KEY: api.adminKey },
    };
    await engine.run(project, "up");
    api.revoke(api.permissions(checkpoint).find(({ project_id }) => project_id === "proj_mobile")!.id);
    const { output } = await engine.command(project, [
      "preview",
      "--stack",
      "prod",
      "--non-interactive",
      "--color",
      "always",
    ]);
    writeFileSync("docs/images/drift.svg", drawing(`$ pulumi preview\n${output.trim()}`));
    await engine.remove(project);
  } finally {
    await api.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

if (require.main === module) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
