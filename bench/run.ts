/** `npm run bench`: ours, a naive provider and a baseline without requests ("floor"), side by side in one run. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { version as sdkVersion } from "@pulumi/pulumi/package.json";
import { chooseEngine } from "../sandbox/choose";
import type { Command, Engine } from "../sandbox/engines";
import { measure, median, type Measurement, type Setting } from "./measure";
import { plot } from "./plot";
import type { Way } from "./programs";

const ways: readonly Way[] = ["ours", "naive", "floor"];
const life: readonly Command[] = ["up", "preview", "refresh", "destroy"];
/** A seventh of what is reported of the API, so that waiting does not take a quarter of an hour. */
const throttle = { perMinute: 60, burst: 10 };

type Row = readonly (string | number)[];

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
}

function requestsOf({ requests }: Measurement): string {
  const parts = (["GET", "POST", "DELETE"] as const).flatMap((method) =>
    requests[method] === 0 ? [] : [`${requests[method]} ${method}`],
  );
  return parts.join(" + ") || "none";
}

const ratio = (value: number, base: number) => (value / base).toFixed(2);

class Bench {
  readonly #sections: string[] = [];

  constructor(
    readonly engine: Engine,
    readonly repeats: number,
  ) {}

  get report(): string {
    return this.#sections.join("\n\n");
  }

  add(section: string): void {
    this.#sections.push(section);
    console.log(`\n${section}`);
  }

  async repeat(setting: Omit<Setting, "engine">, commands: readonly Command[], times = this.repeats) {
    const runs: Measurement[][] = [];
    for (let run = 0; run < times; run++) runs.push(await measure({ engine: this.engine, ...setting }, commands));
    return commands.map((_, index) => median(runs.map((measured) => measured[index]!)));
  }

  /** The whole lifecycle of N permissions, each way. Gives what `up` took. */
  async lives(count: number): Promise<Record<Way, Measurement>> {
    const measured = {} as Record<Way, Measurement[]>;
    for (const way of ways) measured[way] = await this.repeat({ way, count }, life);
    const rows = life.map((command, index) => {
      const [ours, naive, floor] = ways.map((way) => measured[way][index]!) as [Measurement, Measurement, Measurement];
      return [
        command,
        requestsOf(ours),
        requestsOf(naive),
        ratio(ours.seconds, floor.seconds),
        ratio(ours.seconds, naive.seconds),
      ];
    });
    const bytes = ways.map((way) => `${way} ${measured[way][0]!.stateBytes}`).join(", ");
    this.add(
      `## ${count} permissions of one checkpoint\n\n` +
        table(["", "ours: requests", "naive: requests", "time ÷ floor", "time ÷ naive"], rows) +
        `\n\nState, bytes a resource: ${bytes}.`,
    );
    return Object.fromEntries(ways.map((way) => [way, measured[way][0]!])) as Record<Way, Measurement>;
  }

  async parallelism(): Promise<void> {
    const rows: Row[] = [];
    for (const parallel of [1, 8, 32, 200]) {
      const [up] = await this.repeat({ way: "ours", count: 100, parallel }, ["up"]);
      rows.push([parallel, up!.requests.POST, Math.ceil(100 / parallel), up!.requests.GET]);
    }
    this.add(`## \`up\` of 100 by parallelism\n\n${table(["at a time", "POST", "N ÷ P", "GET"], rows)}`);
  }

  /** What it costs that IDs are outputs of another resource, or that permissions depend on one. */
  async shapes(): Promise<void> {
    const rows: Row[] = [];
    const setting = { count: 40, parallel: 16 };
    for (const shape of ["strings", "outputs", "dependsOn"] as const) {
      const [ours] = await this.repeat({ ...setting, shape, way: "ours" }, ["up"]);
      const [naive] = await this.repeat({ ...setting, shape, way: "naive" }, ["up"]);
      const [floor] = await this.repeat({ ...setting, shape, way: "floor" }, ["up"]);
      rows.push([
        shape,
        requestsOf(ours!),
        requestsOf(naive!),
        ratio(ours!.seconds, floor!.seconds),
        ratio(ours!.seconds, naive!.seconds),
      ]);
    }
    const head = ["", "ours: requests", "naive: requests", "time ÷ floor", "time ÷ naive"];
    this.add(`## \`up\` of 40, 16 at a time, by what the permissions need first\n\n${table(head, rows)}`);
  }

  /** What lookups cost where a checkpoint has many unmanaged permissions. */
  async crowd(): Promise<void> {
    const rows: Row[] = [];
    for (const [count, others] of [
      [3, 10_000],
      [100, 10_000],
    ] as const) {
      // A filtered GET for each permission, or every page of the whole list.
      const least = Math.min(count, Math.ceil((count + others) / 100));
      const [up, preview] = await this.repeat({ way: "ours", count, others }, ["up", "preview"], 1);
      rows.push([`${count} among ${others}`, up!.requests.GET, preview!.requests.GET, least, 2 * least]);
    }
    const head = ["", "GETs of up", "GETs of a no-change preview", "best possible", "our bound"];
    this.add(`## Lookups among permissions of others\n\n${table(head, rows)}`);
  }

  async latency(): Promise<void> {
    const rows: Row[] = [];
    for (const parallel of [8, 32]) {
      const count = 100;
      const setting = { count, parallel, api: { latency: 200 } };
      const [ours] = await this.repeat({ ...setting, way: "ours" }, ["up"]);
      const [naive] = await this.repeat({ ...setting, way: "naive" }, ["up"]);
      const env = { BENCH_COUNT: String(count), BENCH_PARALLEL: String(parallel), BENCH_LATENCY: "200" };
      const [batched] = await this.repeat({ count, parallel, way: "floor", env }, ["up"]);
      rows.push([
        parallel,
        requestsOf(ours!),
        requestsOf(naive!),
        ratio(ours!.seconds, naive!.seconds),
        ratio(batched!.seconds, naive!.seconds),
        ratio(ours!.seconds, batched!.seconds),
      ]);
    }
    const head = ["at a time", "ours", "naive", "time ÷ naive", "batched floor ÷ naive", "time ÷ batched floor"];
    this.add(
      `## \`up\` of 100 with 200 ms of latency\n\n${table(head, rows)}\n\nThe batched floor makes no request: it holds ` +
        `creates until as many have come as the engine sends at once, and lets them go 200 ms later, as a perfect batch ` +
        `would that knew the parallelism. It is the least that N ÷ P requests take: each holds every create that the engine ` +
        `has under way, so between two of them the engine records one batch and brings the next, with nothing in flight. One ` +
        `request for each resource overlaps the two, at many times the requests.`,
    );
  }

  async throttled(free: Measurement): Promise<Record<"ours" | "naive", Measurement>> {
    const setting = { count: 100, parallel: 8, api: { throttle } };
    const [up, destroy] = await this.repeat({ ...setting, way: "ours" }, ["up", "destroy"], 1);
    const [naive] = await this.repeat({ ...setting, way: "naive" }, ["up"], 1);
    const waits = (requests: number) => (Math.max(0, requests - throttle.burst) * 60) / throttle.perMinute;
    const least = free.seconds + Math.max(waits(up!.requests.POST), waits(up!.requests.GET));
    const rows: Row[] = [
      ["ours, up", `${up!.granted} of 100`, requestsOf(up!), up!.refused, ratio(up!.seconds, least)],
      ["naive, up", `${naive!.granted} of 100`, requestsOf(naive!), naive!.refused, naive!.ok ? "" : "failed"],
      [
        "ours, destroy",
        `${destroy!.granted} of 100`,
        requestsOf(destroy!),
        destroy!.refused,
        ratio(destroy!.seconds, waits(destroy!.requests.DELETE)),
      ],
    ];
    const head = ["", "granted afterwards", "served", "refused (429)", "time ÷ the least possible"];
    this.add(
      `## 100 permissions under a throttle of ${throttle.perMinute} a minute, burst ${throttle.burst}, ` +
        `no \`Retry-After\`\n\n${table(head, rows)}\n\nThe least possible: the time without a throttle, and the ` +
        `waits that this number of requests needs at that rate.`,
    );
    return { ours: up!, naive: naive! };
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { full: { type: "boolean", default: false }, repeats: { type: "string", default: "3" } },
  });
  const { engine, why } = await chooseEngine();
  console.log(why);
  const bench = new Bench(engine, Number(values.repeats));
  const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}`;
  bench.add(
    `# Measurements\n\n${values.repeats === "1" ? "Single measurements" : `Medians of ${values.repeats}`}, made in one run by \`npm run bench\` on ${engine.description}, ` +
      `@pulumi/pulumi ${sdkVersion}, Node.js ${process.version}, ${machine}, file backend, against the emulated API on ` +
      `loopback without latency unless it says so.\n\n` +
      `- **ours**: \`CheckpointPermission\`.\n` +
      `- **naive**: a dynamic provider as tutorials show it: serialised into state, one POST and one filtered GET each, ` +
      `no retry, no look-up in previews.\n` +
      `- **floor**: a provider by reference that makes no request.`,
  );
  let largest = await bench.lives(10);
  const hundred = await bench.lives(100);
  largest = await bench.lives(300);
  if (values.full) await bench.lives(1000);
  await bench.parallelism();
  await bench.shapes();
  await bench.crowd();
  await bench.latency();
  const throttled = await bench.throttled(hundred.ours);
  writeFileSync("bench/results.md", `${bench.report}\n`);
  writeFileSync(
    "bench/results.svg",
    plot([
      {
        title: "Time of up, 300 permissions (floor = 1)",
        bars: ways.map((way) => ({ label: way, value: largest[way].seconds / largest.floor.seconds })),
      },
      {
        title: "Requests of up, 300 permissions",
        bars: (["ours", "naive"] as const).map((way) => ({
          label: way,
          value: largest[way].requests.GET + largest[way].requests.POST,
        })),
      },
      {
        title: "Grants landed of 100, throttled",
        bars: (["ours", "naive"] as const).map((way) => ({ label: way, value: throttled[way].granted })),
      },
    ]),
  );
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
