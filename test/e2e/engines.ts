import { findPulumi } from "../../sandbox/pulumi";
import { MiniatureEngine } from "../../sandbox/miniature";
import type { Engine } from "../../sandbox/engines";
import type { EmulatorOptions } from "../../sandbox/api/server";
import { World } from "./world";

interface Worlds {
  (options?: EmulatorOptions): Promise<World>;
  /** A copy of an example. */
  ofExample(name: string): Promise<World>;
}

type Suite = (createWorld: Worlds) => void;

/** Runs a suite of scenarios on each engine that is to be had; on the others it is skipped, with the reason. */
export function onEachEngine(title: string, suite: Suite): void {
  for (const [name, find] of Object.entries(finders)) {
    describe(`${title}, on ${name}`, function () {
      let engine: Engine;
      const worlds: World[] = [];

      before(async function () {
        const found = await find();
        if ("reason" in found) {
          if (process.env["REQUIRE_PULUMI"] !== undefined) throw new Error(found.reason);
          this.skip();
        }
        engine = found;
      });

      afterEach(async function () {
        for (const world of worlds.splice(0)) await world.remove();
      });

      const keep = async (creating: Promise<World>) => {
        const world = await creating;
        worlds.push(world);
        return world;
      };
      const create = (options?: EmulatorOptions) => keep(World.create(engine, options));
      suite(Object.assign(create, { ofExample: (name: string) => keep(World.ofExample(engine, name)) }));
    });
  }
}

const finders: Record<string, () => Promise<Engine | { reason: string }>> = {
  "the Pulumi CLI": findPulumi,
  "the miniature engine": () => Promise.resolve(new MiniatureEngine()),
};
