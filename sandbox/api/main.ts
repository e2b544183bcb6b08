/** `npm run sandbox`: serves the emulated API until Ctrl-C. */
import { parseArgs } from "node:util";
import type { RepeatedPost } from "./api";
import type { ServedRequest } from "./faults";
import { Emulator, type EmulatorOptions } from "./server";

const usage = `Usage: npm run sandbox -- [options]

Serves OpenAI's three checkpoint permission endpoints on 127.0.0.1 until Ctrl-C.

  --port N                  the port (default: any free one)
  --repeated-post CHOICE    a POST for a project that has access: return, omit, duplicate or refuse (default: return)
  --per-minute N            throttle: requests a minute for each endpoint (default: none)
  --burst N                 throttle: requests at once (default: --per-minute)
  --retry-after FORM        what a 429 says: none, seconds or date (default: none)
  --latency MS              milliseconds before each answer (default: 0)
  --age SECONDS             how old a new permission claims to be (default: 3600; of one younger than 30 a preview
                            does not believe that it is gone, because lists may lag)
  --lag SECONDS             how long lists lag behind (default: 0)`;

function options(): EmulatorOptions {
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
  const choice = <T extends string>(name: "repeated-post" | "retry-after", choices: readonly T[]): T | undefined => {
    const value = values[name];
    if (value === undefined) return undefined;
    const found = choices.find((one) => one === value);
    if (found === undefined) throw new Error(`--${name} must be one of ${choices.join(", ")}, but is "${value}".`);
    return found;
  };

  const port = number("port");
  const perMinute = number("per-minute");
  const repeatedPost = choice<RepeatedPost>("repeated-post", ["return", "omit", "duplicate", "refuse"]);
  const retryAfter = choice("retry-after", ["none", "seconds", "date"] as const) ?? "none";
  return {
    ...(port === undefined ? {} : { port }),
    ...(repeatedPost === undefined ? {} : { repeatedPost }),
    ...(perMinute === undefined ? {} : { throttle: { perMinute, burst: number("burst") ?? perMinute, retryAfter } }),
    latency: number("latency") ?? 0,
    age: number("age") ?? 3600,
    lag: number("lag") ?? 0,
  };
}

async function main(): Promise<void> {
  const emulator = await Emulator.start({ ...options(), onServed: (request) => console.log(describe(request)) });
  console.log(`# OpenAI's checkpoint permissions, emulated. In another terminal:`);
  console.log(`export OPENAI_BASE_URL=${emulator.url}`);
  console.log(`export OPENAI_ADMIN_KEY=${emulator.adminKey}`);
  console.log(`# Serving until Ctrl-C.`);
  process.once("SIGINT", () => void emulator.stop());
}

function describe({ method, path, query, projectIds, status }: ServedRequest): string {
  const search = Object.entries(query).map(([name, value]) => `${name}=${value}`);
  const target = search.length > 0 ? `${path}?${search.join("&")}` : path;
  return `${method} ${target}${projectIds === undefined ? "" : ` ${JSON.stringify(projectIds)}`} → ${status}`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 2;
});
