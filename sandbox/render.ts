import { styleText } from "node:util";
import type { Change, Command, Event, Run, Step } from "./engines";

type Colour = Parameters<typeof styleText>[0];

const looks: Record<string, { sign: string; colour: Colour; past: string }> = {
  create: { sign: "+ ", colour: "green", past: "created" },
  update: { sign: "~ ", colour: "yellow", past: "updated" },
  replace: { sign: "+-", colour: "magenta", past: "replaced" },
  delete: { sign: "- ", colour: "red", past: "deleted" },
  refresh: { sign: "~ ", colour: "cyan", past: "read anew" },
  same: { sign: "  ", colour: "dim", past: "unchanged" },
};

/** An event as a line for a user; undefined for what another line says already. */
export function renderEvent(event: Event, coloured = false): string | undefined {
  const paint = (colour: Colour, text: string) => (coloured ? styleText(colour, text) : text);
  if ("message" in event) {
    const { severity, text, name } = event.message;
    const prefix = severity === "info" ? "" : `${severity}: `;
    const colour = severity === "error" ? "red" : severity === "warning" ? "yellow" : "cyan";
    return paint(colour, `    ${name === undefined ? "" : `${name}: `}${prefix}${text}`);
  }
  if ("done" in event) return undefined;
  const { step } = event;
  const look = looks[step.op];
  // The two halves of a replacement are in its own line.
  if (look === undefined || step.op === "same") return undefined;
  const title = paint(look.colour, ` ${look.sign} ${shortType(step)} ${step.name}: ${step.op}`);
  return [title, ...step.changes.map((change) => paint(look.colour, `      ~ ${describe(change)}`))].join("\n");
}

/** What a command did in all: counts and duration, as Pulumi sums up. */
export function renderSummary(command: Command, { counts, ok, seconds }: Run, coloured = false): string {
  const parts = Object.entries(looks).flatMap(([op, { sign, past }]) => {
    const count = counts[op] ?? 0;
    if (count === 0) return [];
    return [`${sign.trim()} ${count} ${command === "preview" && op !== "same" ? `to ${op}` : past}`.trim()];
  });
  const resources = parts.length > 0 ? parts.join(", ") : "nothing to do";
  const failure = ok ? "" : coloured ? styleText("red", "  It failed.") : "  It failed.";
  return `    Resources: ${resources}   Duration: ${seconds.toFixed(1)} s${failure}`;
}

function shortType({ type }: Step): string {
  return type.slice(type.lastIndexOf(":") + 1);
}

function describe({ property, old, new: next }: Change): string {
  const [before, after] = [old, next].map((value) => (value === undefined ? "none" : JSON.stringify(value)));
  if (before === after) return `${property}: ${after!} (the recorded permission is missing)`;
  return `${property}: ${before!} => ${after!}`;
}

/** Text in lines of at most 80 columns, where its words allow it; what is broken keeps its indent. */
export function wrapped(text: string, width = 80): string {
  return text
    .split("\n")
    .flatMap((line) => {
      const [indent = ""] = /^ */.exec(line) ?? [];
      const lines = [""];
      for (const word of line.trimStart().split(" ")) {
        const last = lines.at(-1)!;
        if (last === "") lines[lines.length - 1] = word;
        else if (`${indent}${last} ${word}`.length > width) lines.push(word);
        else lines[lines.length - 1] = `${last} ${word}`;
      }
      return lines.map((one) => `${indent}${one}`.trimEnd());
    })
    .join("\n");
}
