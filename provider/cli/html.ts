import { plainCell, plainLine } from "../api/plain-text";
import type { Finding, Matrix, Report, Section } from "./report";

/**
 * A report as one page that needs nothing else: no script, no request, legible on paper and without colour.
 *
 * Everything that is not written here is escaped, and the page forbids scripts to itself.
 */
export function htmlOf({ title, findings, matrix, sections, notes, gaps = [], commands }: Report): string {
  const body = [
    `<h1>${text(title)}</h1>`,
    ...[...notes(plainCell), ...gaps].map((note) => {
      const lines = note.replace(/^- |`/gm, "").split("\n");
      return `<p class="note">${lines.map(text).join("<br>")}</p>`;
    }),
    ...(findings === undefined ? [] : [findingsOf(findings)]),
    ...(matrix === undefined || matrix.rows.length === 0 ? [] : [matrixOf(matrix)]),
    ...sections.map(sectionOf),
    ...(commands === undefined
      ? []
      : [`<h2>${text(commands.title)}</h2>`, `<pre>${commands.lines.map(text).join("\n")}</pre>`]),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${style}</style>
</head>
<body>
${body.join("\n")}
</body>
</html>`;
}

function findingsOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return "<h2>Findings</h2>\n<p>None.</p>";
  const parts = findings.map(({ what, items }) => {
    const list = items.map((item) => `<li><bdi>${text(item.join(" "))}</bdi></li>`).join("\n");
    return `<h3>${text(what)} (${items.length})</h3>\n<ul>\n${list}\n</ul>`;
  });
  return ["<h2>Findings</h2>", ...parts].join("\n");
}

function matrixOf({ checkpoints, rows }: Matrix): string {
  const head = checkpoints.map((id) => `<th scope="col"${breaks(id)}><a href="#${text(id)}">${text(id)}</a></th>`);
  const body = rows.map(({ project, cells }) => {
    const mark = ({ id, remark }: (typeof cells)[number][number]) => {
      return `<a href="#${text(id)}">yes</a>${remark === "" ? "" : `, ${text(remark)}`}`;
    };
    const marks = cells.map((permissions) => `<td>${permissions.map(mark).join("<br>")}</td>`);
    return `<tr><th scope="row"${breaks(project)}><bdi>${text(project)}</bdi></th>${marks.join("")}</tr>`;
  });
  return [
    "<h2>Who has access to what</h2>",
    `<div class="wide"><table>\n<thead><tr><th scope="col">Project</th>${head.join("")}</tr></thead>`,
    `<tbody>\n${body.join("\n")}\n</tbody></table></div>`,
  ].join("\n");
}

function sectionOf({ checkpoint, summary, rows }: Section): string {
  const [head, ...body] = rows(plainCell, plainCell);
  const parts = [`<h2 id="${text(checkpoint)}">${text(checkpoint)}</h2>`, `<p>${text(summary)}.</p>`];
  if (head === undefined) return parts.join("\n");
  const row = (cells: readonly string[]) => {
    // The row of a permission is where the matrix leads to.
    const id = cells[head.indexOf("Permission")]?.split(",")[0];
    const anchor = id === undefined || !/^[\w.:-]+$/.test(id) ? "" : ` id="${text(id)}"`;
    return `<tr${anchor}>${cells.map((cell) => `<td${breaks(cell)}><bdi>${text(cell)}</bdi></td>`).join("")}</tr>`;
  };
  const heads = head.map((cell) => `<th scope="col">${text(cell)}</th>`).join("");
  const table = `<table>\n<thead><tr>${heads}</tr></thead>\n<tbody>\n${body.map(row).join("\n")}\n</tbody></table>`;
  return [...parts, `<div class="wide">${table}</div>`].join("\n");
}

/** What is long and has no space may break anywhere, so that a table fits a page; a word may not. */
function breaks(cell: string): string {
  return /\S{17}/.test(cell) ? ' class="long"' : "";
}

function text(value: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return plainLine(value).replace(/[&<>"']/g, (character) => entities[character]!);
}

const style = `
:root { color-scheme: light dark; --line: #8884; --mark: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; }
table { border-collapse: collapse; font-size: 0.9em; }
th, td { border: 1px solid var(--line); padding: 0.25rem 0.6rem; text-align: start; vertical-align: top; }
.long { overflow-wrap: anywhere; } thead th { background: var(--mark); }
tr:target { outline: 2px solid; }
.wide { overflow-x: auto; } .note { font-size: 0.9em; }
pre { overflow-x: auto; background: var(--mark); padding: 0.5rem; }
@media print {
  @page { size: A4; margin: 15mm; }
  body { font-size: 9pt; margin: 0; max-width: none; color: #000; background: #fff; }
  .wide { overflow: visible; } a { color: inherit; text-decoration: none; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
}
`;
