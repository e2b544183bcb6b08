import { findPulumi, type NoPulumi } from "../../sandbox/pulumi";
import { InProcessEngine } from "./in-process-engine";
import { MiniatureEngine } from "../../sandbox/miniature";
import type { Engine } from "../../sandbox/engines";
import type { EmulatorOptions } from "../../sandbox/api/server";
import { Scenario, type EntryPoint } from "./scenario";

interface CreateScenario {
  (options?: EmulatorOptions): Promise<Scenario>;
  readonly entryPoint: EntryPoint;
  /** A copy of an example. */
  ofExample(name: string): Promise<Scenario>;
}

/** The engine; without one the suite is skipped, or fails if REQUIRE_PULUMI is set. */
export function foundOrSkip<Found extends Engine>(found: Found | NoPulumi, context: Mocha.Context): Found {
  if (!("reason" in found)) return found;
  if (process.env["REQUIRE_PULUMI"] !== undefined) throw new Error(found.reason);
  return context.skip();
}

export type Suite = (createScenario: CreateScenario) => void;

/** Runs a suite of scenarios on the CLI only. */
export function onTheCli(title: string, suite: Suite): void {
  describeOn(`${title}, on the Pulumi CLI`, findPulumi, "dynamic", suite);
}

/** Runs a suite of scenarios on each available engine; on the others it is skipped, with the reason. */
export function onEachEngine(title: string, suite: Suite): void {
  for (const name of ["the Pulumi CLI", "the miniature engine"] as const) {
    describeOn(`${title}, on ${name}`, finders[name], "dynamic", suite);
  }
}

/** The same for scenarios that also hold for native resources, which the miniature engine does not run. */
export function throughEachEntryPoint(title: string, suite: Suite): void {
  onEachEngine(title, suite);
  byNativePlugin(title, suite);
}

/** The same for matrices, for which the miniature engine runs in one process. */
export function matricesThroughEachEntryPoint(title: string, suite: Suite): void {
  onTheCli(title, suite);
  describeOn(`${title}, on the miniature engine in one process`, findInProcess, "dynamic", suite);
  byNativePlugin(title, suite);
}

/** Runs a suite for the native plugin only. */
export function byNativePlugin(title: string, suite: Suite): void {
  describeOn(`${title}, by the native plugin`, findPulumi, "native", suite);
}

const findInProcess = () => Promise.resolve(new InProcessEngine());

const finders = {
  "the Pulumi CLI": findPulumi,
  "the miniature engine": () => Promise.resolve(new MiniatureEngine()),
};

function describeOn(title: string, find: () => Promise<Engine | NoPulumi>, entryPoint: EntryPoint, suite: Suite): void {
  describe(title, function () {
    let engine: Engine;
    const scenarios: Scenario[] = [];

    before(async function () {
      engine = foundOrSkip(await find(), this);
    });

    afterEach(async function () {
      for (const scenario of scenarios.splice(0)) await scenario.remove();
    });

    const keep = async (creating: Promise<Scenario>) => {
      const scenario = await creating;
      scenarios.push(scenario);
      if (engine instanceof InProcessEngine) engine.serve(scenario.api, scenario.api.url);
      return scenario;
    };
    const create = (options?: EmulatorOptions) => keep(Scenario.create(engine, options, entryPoint));
    suite(Object.assign(create, { entryPoint, ofExample: (name: string) => keep(Scenario.ofExample(engine, name)) }));
  });
}
