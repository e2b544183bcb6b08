import { findPulumi, type NoPulumi } from "../../sandbox/pulumi";
import { MiniatureEngine } from "../../sandbox/miniature";
import type { Engine } from "../../sandbox/engines";
import type { EmulatorOptions } from "../../sandbox/api/server";
import { World, type Door } from "./world";

interface Worlds {
  (options?: EmulatorOptions): Promise<World>;
  readonly door: Door;
  /** A copy of an example. */
  ofExample(name: string): Promise<World>;
}

/** The engine; where there is none the suite is skipped, or fails if REQUIRE_PULUMI is set. */
export function foundOrSkip<Found extends Engine>(found: Found | NoPulumi, context: Mocha.Context): Found {
  if (!("reason" in found)) return found;
  if (process.env["REQUIRE_PULUMI"] !== undefined) throw new Error(found.reason);
  return context.skip();
}

export type Suite = (createWorld: Worlds) => void;

/** Runs a suite of scenarios on the CLI alone. */
export function onTheCli(title: string, suite: Suite): void {
  describeOn(`${title}, on the Pulumi CLI`, findPulumi, "dynamic", suite);
}

/** Runs a suite of scenarios on each engine that is to be had; on the others it is skipped, with the reason. */
export function onEachEngine(title: string, suite: Suite): void {
  for (const name of ["the Pulumi CLI", "the miniature engine"] as const) {
    describeOn(`${title}, on ${name}`, finders[name], "dynamic", suite);
  }
}

/** The same for scenarios that hold for native resources, too; these the miniature engine does not run. */
export function throughEachDoor(title: string, suite: Suite): void {
  onEachEngine(title, suite);
  byNativePlugin(title, suite);
}

/** Runs a suite for the native plugin alone. */
export function byNativePlugin(title: string, suite: Suite): void {
  describeOn(`${title}, by the native plugin`, findPulumi, "native", suite);
}

const finders = {
  "the Pulumi CLI": findPulumi,
  "the miniature engine": () => Promise.resolve(new MiniatureEngine()),
};

function describeOn(title: string, find: () => Promise<Engine | NoPulumi>, door: Door, suite: Suite): void {
  describe(title, function () {
    let engine: Engine;
    const worlds: World[] = [];

    before(async function () {
      engine = foundOrSkip(await find(), this);
    });

    afterEach(async function () {
      for (const world of worlds.splice(0)) await world.remove();
    });

    const keep = async (creating: Promise<World>) => {
      const world = await creating;
      worlds.push(world);
      return world;
    };
    const create = (options?: EmulatorOptions) => keep(World.create(engine, options, door));
    suite(Object.assign(create, { door, ofExample: (name: string) => keep(World.ofExample(engine, name)) }));
  });
}
