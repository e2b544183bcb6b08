import type { Command, Engine, Run } from "../sandbox/engines";
import type { Method } from "../sandbox/api/api";
import type { ServedRequest } from "../sandbox/api/faults";
import type { EmulatorOptions } from "../sandbox/api/server";
import { Scenario } from "../test/e2e/scenario";
import { checkpoint, program, type Shape, type Way } from "./programs";

export interface Measurement {
  ok: boolean;
  seconds: number;
  requests: Record<Method, number>;
  refused: number;
  /** Projects that have access afterwards. */
  granted: number;
  /** Bytes of state for one resource, as compact JSON; 0 when there is none. */
  stateBytes: number;
}

export interface Setting {
  engine: Engine;
  way: Way;
  count: number;
  /** What the permissions need first. Default: nothing. */
  shape?: Shape;
  parallel?: number;
  api?: EmulatorOptions;
  /** Unmanaged permissions that the checkpoint has already. Default: none. */
  others?: number;
  /** Added to the environment of program and provider. */
  env?: Record<string, string>;
}

/** Runs these commands one after the other on a new stack. */
export async function measure(setting: Setting, commands: readonly Command[]): Promise<Measurement[]> {
  const { engine, way, count, shape, parallel, api, others = 0, env } = setting;
  const scenario = await Scenario.create(engine, api);
  try {
    scenario.config = {};
    scenario.env = { OPENAI_BASE_URL: scenario.api.url, OPENAI_ADMIN_KEY: scenario.api.adminKey, ...env };
    await scenario.write(program(way, count, shape));
    for (let index = 0; index < others; index++) scenario.api.grant(checkpoint, `proj_other_${index}`);
    const measured: Measurement[] = [];
    for (const command of commands) {
      const run = await scenario.run(command, parallel === undefined ? {} : { parallel });
      measured.push(await summary(scenario, run));
    }
    return measured;
  } finally {
    await scenario.remove();
  }
}

async function summary(scenario: Scenario, { ok, seconds }: Run): Promise<Measurement> {
  const requests = scenario.api.takeRequests();
  const served = (method: Method) =>
    requests.filter((request) => request.method === method && !isRefused(request)).length;
  const resources = (await scenario.all()).filter(({ type }) => type.startsWith("pulumi-nodejs:dynamic"));
  const bytes = resources.reduce((sum, resource) => sum + JSON.stringify(resource).length, 0);
  return {
    ok,
    seconds,
    requests: { GET: served("GET"), POST: served("POST"), DELETE: served("DELETE") },
    refused: requests.filter(isRefused).length,
    granted: scenario.api.permissions(checkpoint).length,
    stateBytes: resources.length === 0 ? 0 : Math.round(bytes / resources.length),
  };
}

function isRefused({ status }: ServedRequest): boolean {
  return status === 429;
}

/** The measurement whose time is in the middle. */
export function median(measurements: readonly Measurement[]): Measurement {
  const sorted = [...measurements].sort((a, b) => a.seconds - b.seconds);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}
