import { plainCell, plainLine } from "../api/plain-text";
import type { Finding, Report } from "./report";

/**
 * A report as one page that needs nothing else: no script, no request, legible on paper and without colour.
 *
 * Everything that is not written here is escaped, and the page forbids scripts to itself.
 */
export function htmlOf(report: Report): string {
  const { title, figures = [], findings, matrix, sections, notes, gaps = [], commands, command } = report;
  const isToBeSigned = report.isToBeSigned === true;
  const body = [
    `<h1>${text(title)}</h1>`,
    ...(figures.length === 0 ? [] : [figuresOf(figures)]),
    ...[...notes(plainCell), ...gaps].map((note) => {
      const lines = note.replace(/^- |`/gm, "").split("\n");
      return `<p class="note">${lines.map(text).join("<br>")}</p>`;
    }),
    ...(findings === undefined ? [] : [findingsOf(findings)]),
    ...(matrix === undefined || matrix.rows.length === 0 ? [] : [matrixOf(matrix)]),
    ...sections.map((section) => sectionOf(section, isToBeSigned)),
    ...(commands === undefined
      ? []
      : [`<h2>${text(commands.title)}</h2>`, `<pre>${commands.lines.map(text).join("\n")}</pre>`]),
    ...(isToBeSigned ? [signature] : []),
    ...(command === undefined ? [] : [`<p class="note">Made with <code>${text(command)}</code></p>`]),
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

function figuresOf(figures: NonNullable<Report["figures"]>): string {
  const items = figures.map(({ count, what }) => `<li><b>${count}</b> ${text(what)}</li>`);
  return `<ul class="figures">\n${items.join("\n")}\n</ul>`;
}

function matrixOf({ checkpoints, rows }: NonNullable<Report["matrix"]>): string {
  const head = checkpoints.map((id) => `<th scope="col"${breaks(id)}><a href="#${text(id)}">${text(id)}</a></th>`);
  const body = rows.map(({ project, cells }) => {
    const mark = ({ id, remark }: (typeof cells)[number][number]) => {
      // Told apart by their forms, which need no colour.
      const [sign, what] = remark === "" ? ["●", "has access"] : ["▲", "has access, and stands out"];
      const link = `<a href="#${text(id)}" aria-label="${what}">${sign}</a>`;
      return remark === "" ? link : `<span class="out">${link} ${text(remark)}</span>`;
    };
    const marks = cells.map((permissions) => `<td class="mark">${permissions.map(mark).join("<br>")}</td>`);
    return `<tr><th scope="row"${breaks(project)}><bdi>${text(project)}</bdi></th>${marks.join("")}</tr>`;
  });
  return [
    "<h2>Who has access to what</h2>",
    '<p class="note">● has access. ▲ has access, and stands out. Each leads to its permission.</p>',
    `<div class="wide"><table>\n<thead><tr><th scope="col">Project</th>${head.join("")}</tr></thead>`,
    `<tbody>\n${body.join("\n")}\n</tbody></table></div>`,
  ].join("\n");
}

function sectionOf({ checkpoint, summary, rows }: Report["sections"][number], isToBeSigned: boolean): string {
  const [head, ...body] = rows(plainCell, plainCell);
  const parts = [`<h2 id="${text(checkpoint)}">${text(checkpoint)}</h2>`, `<p>${text(summary)}.</p>`];
  if (head === undefined) return parts.join("\n");
  const row = (cells: readonly string[]) => {
    // The row of a permission is where the matrix leads to.
    const id = cells[head.indexOf("Permission")]?.split(",")[0] ?? "";
    const isPermission = /^[\w.:-]+$/.test(id) && id !== "none";
    const shown = cells.map((cell) => `<td${breaks(cell)}><bdi>${text(cell)}</bdi></td>`).join("");
    const toSign = isPermission ? decision : "<td></td><td></td>";
    return `<tr${isPermission ? ` id="${text(id)}"` : ""}>${shown}${isToBeSigned ? toSign : ""}</tr>`;
  };
  const all = isToBeSigned ? [...head, "Decision", "Remark"] : head;
  const heads = all.map((cell) => `<th scope="col">${text(cell)}</th>`).join("");
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

/** Where a reviewer says what is to become of a permission: in the browser, or on paper. */
const decision =
  '<td class="decision"><label><input type="checkbox"> keep</label><label><input type="checkbox"> revoke</label></td>' +
  '<td class="remark" contenteditable="plaintext-only" aria-label="Remark"></td>';

const signature = `<h2>Review</h2>
<div class="sign">
<label>Reviewed by <input></label>
<label>On <input></label>
<label>Signature <input></label>
</div>`;

const style = `
:root { color-scheme: light dark; --line: #8884; --mark: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; }
table { border-collapse: collapse; font-size: 0.9em; }
th, td { border: 1px solid var(--line); padding: 0.25rem 0.6rem; text-align: start; vertical-align: top; }
.long { overflow-wrap: anywhere; } thead th { background: var(--mark); }
tr:target { outline: 2px solid; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; padding: 0; }
.figures li { border: 1px solid var(--line); padding: 0.5rem 1rem; } .figures b { display: block; font-size: 1.6rem; }
.mark a { text-decoration: none; } .out { font-weight: 600; }
.decision label { display: block; white-space: nowrap; } .remark { min-width: 8rem; width: 20%; }
.sign { display: flex; flex-wrap: wrap; gap: 2rem; margin: 2rem 0; }
.sign label { flex: 1; white-space: nowrap; display: flex; gap: 0.5rem; align-items: baseline; }
.sign input { flex: 1; min-width: 8rem; border: 0; border-bottom: 1px solid; font: inherit; background: none; color: inherit; }
code { overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .note { font-size: 0.9em; }
pre { overflow-x: auto; background: var(--mark); padding: 0.5rem; }
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { font-size: 9pt; margin: 0; max-width: none; color: #000; background: #fff; }
  .wide { overflow: visible; } th, td { padding: 0.15rem 0.3rem; } .remark { min-width: 4rem; } a { color: inherit; text-decoration: none; }
  .sign, .figures, tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
}
`;
