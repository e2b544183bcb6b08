import { findPulumi, type NoPulumi } from "../../sandbox/pulumi";
import { InProcessEngine } from "./in-process-engine";
import { MiniatureEngine } from "../../sandbox/miniature";
import type { Engine } from "../../sandbox/engines";
import type { EmulatorOptions } from "../../sandbox/api/server";
import { Scenario, type EntryPoint } from "./scenario";

export interface CreateScenario {
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

type Finder = () => Promise<Engine | NoPulumi>;

/** What runs suites on the CLI and on this kind of miniature engine; where one is not there, they are skipped. */
function runners(miniature: () => Engine) {
  /** Runs a suite of scenarios on each engine. */
  const onEachEngine = (title: string, suite: Suite): void => {
    onTheCli(title, suite);
    describeOn(`${title}, on the miniature engine`, () => Promise.resolve(miniature()), "dynamic", suite);
  };
  /** The same for scenarios that also hold for native resources, which the miniature engine does not run. */
  const throughEachEntryPoint = (title: string, suite: Suite): void => {
    onEachEngine(title, suite);
    byNativePlugin(title, suite);
  };
  return { onEachEngine, throughEachEntryPoint };
}

/** The miniature engine runs program and provider in the tests' process, with a clock that does not wait. */
export const { onEachEngine, throughEachEntryPoint } = runners(() => new InProcessEngine());

/** It runs them as Pulumi does, for suites about kills, environments and other resources. */
export const inOwnProcesses = runners(() => new MiniatureEngine());

/** Runs a suite for the native plugin only. */
export function byNativePlugin(title: string, suite: Suite): void {
  describeOn(`${title}, by the native plugin`, findPulumi, "native", suite);
}

function describeOn(title: string, find: Finder, entryPoint: EntryPoint, suite: Suite): void {
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
      return scenario;
    };
    const create = (options?: EmulatorOptions) => keep(Scenario.create(engine, options, entryPoint));
    suite(Object.assign(create, { entryPoint, ofExample: (name: string) => keep(Scenario.ofExample(engine, name)) }));
  });
}
