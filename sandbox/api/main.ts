/** `npm run sandbox`: serves the emulated API until Ctrl-C, and takes changes that are typed. */
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { RepeatedPost } from "./api";
import type { ServedRequest } from "./faults";
import { help, Prompt } from "./prompt";
import { known } from "./known";
import { Emulator, type EmulatorOptions } from "./server";

const usage = `Usage: npm run sandbox -- [options]

Serves OpenAI's checkpoint permissions, projects and audit log on 127.0.0.1 until Ctrl-C. Port and key are the same each
time. It knows the projects and checkpoints that the examples name, and refuses others.

  --port N                  the port (default: 4100; 0: any free one)
  --repeated-post CHOICE    a POST for a project that has access: return, omit, duplicate or refuse (default: return)
  --per-minute N            throttle: requests a minute for each endpoint (default: none)
  --burst N                 throttle: requests at once (default: --per-minute)
  --retry-after FORM        what a 429 says: none, seconds or date (default: none)
  --latency MS              milliseconds before each answer (default: 0)
  --age SECONDS             how old a new permission claims to be (default: 3600; of one younger than 30 a preview
                            does not believe that it is missing, because lists may lag)
  --lag SECONDS             how long lists lag behind (default: 0)
  --any                     take any project and checkpoint; then projects have no names
  --unknown-project ID      a project that the organization lacks; may be repeated
  --unknown-checkpoint ID   a checkpoint that is deleted; may be repeated
  --audit-log CHOICE        the audit log: on, off (no events) or refused (default: on)
  --refuse-projects         the key may not list projects
  --refuse-keys             refuse every key

${help}`;

/** The same each time, so that lines which were pasted go on working; it opens nothing but this emulator. */
const usual = { port: 4100, adminKey: "sk-admin-sandbox" };

interface Options extends EmulatorOptions {
  refusesKeys: boolean;
}

function options(): Options {
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      "repeated-post": { type: "string" },
      "per-minute": { type: "string" },
      burst: { type: "string" },
      "retry-after": { type: "string" },
      latency: { type: "string" },
      age: { type: "string" },
      lag: { type: "string" },
      any: { type: "boolean" },
      "audit-log": { type: "string" },
      "refuse-projects": { type: "boolean" },
      "unknown-project": { type: "string", multiple: true },
      "unknown-checkpoint": { type: "string", multiple: true },
      "refuse-keys": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    console.log(usage);
    process.exit(0);
  }
  const number = (name: "port" | "per-minute" | "burst" | "latency" | "age" | "lag") => {
    const value = values[name];
    if (value === undefined) return undefined;
    if (!/^\d+$/.test(value)) throw new Error(`--${name} must be a whole number, but is "${value}".`);
    return Number(value);
  };
  const choice = <T extends string>(
    name: "repeated-post" | "retry-after" | "audit-log",
    choices: readonly T[],
  ): T | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    const found = choices.find((one) => one === value);
    if (found === undefined) throw new Error(`--${name} must be one of ${choices.join(", ")}, but is "${value}".`);
    return found;
  };

  const perMinute = number("per-minute");
  const repeatedPost = choice<RepeatedPost>("repeated-post", ["return", "omit", "duplicate", "refuse"]);
  const retryAfter = choice("retry-after", ["none", "seconds", "date"] as const) ?? "none";
  return {
    port: number("port") ?? usual.port,
    adminKey: usual.adminKey,
    unknownProjects: values["unknown-project"] ?? [],
    unknownCheckpoints: values["unknown-checkpoint"] ?? [],
    ...(values.any === true ? {} : known),
    auditLog: choice("audit-log", ["on", "off", "refused"] as const) ?? "on",
    refusesProjects: values["refuse-projects"] === true,
    refusesKeys: values["refuse-keys"] === true,
    ...(repeatedPost === undefined ? {} : { repeatedPost }),
    ...(perMinute === undefined ? {} : { throttle: { perMinute, burst: number("burst") ?? perMinute, retryAfter } }),
    latency: number("latency") ?? 0,
    age: number("age") ?? 3600,
    lag: number("lag") ?? 0,
  };
}

async function main(): Promise<void> {
  let given;
  try {
    given = options();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${usage}`, { cause: error });
  }
  const { refusesKeys, ...settings } = given;
  const onServed = (request: ServedRequest) => console.log(describe(request));
  const emulator = await Emulator.start({ ...settings, onServed }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(`Port ${settings.port!} is taken, perhaps by another sandbox. End that, or give --port 0.`);
  });
  const prompt = new Prompt(emulator, settings.unknownCheckpoints);
  if (refusesKeys) prompt.answer("keys refuse");
  console.log(`# OpenAI's checkpoint permissions, emulated. In another terminal:`);
  console.log(`export OPENAI_BASE_URL=${emulator.url}`);
  console.log(`export OPENAI_ADMIN_KEY=${emulator.adminKey}`);
  console.log(
    `# There, pulumi and checkpoint-permissions reach this emulator. Without these lines, or if the stack's config sets`,
  );
  console.log(`# its own key, they reach OpenAI.`);
  if (settings.age !== undefined && settings.age > 0) {
    console.log(
      `# New permissions claim to be ${settings.age} s old, so that a preview believes at once that one is missing.`,
    );
  }
  console.log(`# Serving until Ctrl-C. Type "help" for what can be changed meanwhile.`);

  const lines = createInterface({ input: process.stdin });
  const end = () => {
    lines.close();
    // An open pipe would keep the process alive.
    process.stdin.destroy();
    void emulator.stop();
  };
  lines.on("line", (line) => {
    if (line.trim() === "quit") end();
    else console.log(prompt.answer(line));
  });
  process.once("SIGINT", end);
}

function describe({ method, path, query, projectIds, status }: ServedRequest): string {
  const search = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  const target = search.length > 0 ? `${path}?${search.join("&")}` : path;
  return `${method} ${target}${projectIds === undefined ? "" : ` ${JSON.stringify(projectIds)}`} → ${status}`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
