interface Chart {
  title: string;
  bars: { label: string; value: number }[];
}

const width = 720;
const rowHeight = 26;
const labelWidth = 60;
const colours: Record<string, string> = { ours: "#2a7de1", naive: "#9aa5b1", floor: "#cfd6dd" };

/** Bar charts, one below the other, as an SVG that reads on light and dark pages. */
export function plot(charts: readonly Chart[]): string {
  const parts: string[] = [];
  let y = 20;
  for (const { title, bars } of charts) {
    parts.push(`<text x="8" y="${y}" font-weight="600">${title}</text>`);
    y += 12;
    const longest = Math.max(...bars.map(({ value }) => value), 1e-9);
    for (const { label, value } of bars) {
      const length = Math.max(2, (value / longest) * (width - labelWidth - 90));
      const text = Number.isInteger(value) ? String(value) : value.toFixed(2);
      parts.push(
        `<text x="${labelWidth - 8}" y="${y + 16}" text-anchor="end">${label}</text>`,
        `<rect x="${labelWidth}" y="${y + 3}" width="${length.toFixed(0)}" height="${rowHeight - 8}" fill="${colours[label] ?? "#888"}"/>`,
        `<text x="${labelWidth + length + 6}" y="${y + 16}">${text}</text>`,
      );
      y += rowHeight;
    }
    y += 26;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y - 20}" width="${width}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff" rx="6"/>
<g fill="#1f2933">
${parts.join("\n")}
</g>
</svg>
`;
}
