import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command, RunOptions } from "../../../sandbox/engines";
import type { World } from "../world";

/** What a person, or a machine, does to a run. */
export const manners = ["Ctrl-C", "Ctrl-C twice", "a killed provider host", "a killed engine"] as const;
export type Manner = (typeof manners)[number];

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** A run that is to be interrupted. */
export class InterruptedRun {
  constructor(readonly world: World) {
    world.env["NODE_OPTIONS"] = `--require ${resolve("test/e2e/interruption/note-host.cjs")}`;
    world.env["TEST_PIDS"] = world.project.folder;
  }

  /** Runs a command until it ends by itself or is interrupted, and waits for the provider host to be gone. */
  async run(command: Command, options: RunOptions = {}): Promise<void> {
    const { world } = this;
    const started = (pid: number) => writeFileSync(this.#file("engine"), String(pid));
    if (world.engine.kind === "pulumi") {
      await world.run(command, { ...options, onStart: started });
    } else {
      const project = JSON.stringify({ ...world.project, config: world.config, env: world.env });
      const script = resolve("test/e2e/interruption/miniature-process.ts");
      const args = ["--import", "tsx", script, project, command, JSON.stringify({ skipPreview: true, ...options })];
      const child = spawn(process.execPath, args, { stdio: "inherit" });
      started(child.pid!);
      await new Promise((ended) => child.once("exit", ended));
    }
    await this.#assertHostIsGone();
    this.#endOrphans();
    await world.engine.cancel(world.project);
  }

  /** Interrupts, and holds up whatever is under way for a moment. */
  async interrupt(manner: Manner): Promise<void> {
    switch (manner) {
      case "a killed engine":
        kill(this.#pid("engine"), "SIGKILL");
        break;
      case "a killed provider host":
        kill(this.#pid("host"), "SIGKILL");
        break;
      case "Ctrl-C":
        kill(this.#pid("engine"), "SIGINT");
        break;
      case "Ctrl-C twice":
        kill(this.#pid("engine"), "SIGINT");
        await pause(200);
        kill(this.#pid("engine"), "SIGINT");
    }
    await pause(500);
  }

  /** The CLI's own language host outlives a CLI that was killed. Where there is no /proc, it stays. */
  #endOrphans(): void {
    if (!existsSync("/proc")) return;
    for (const entry of readdirSync("/proc")) {
      const file = `/proc/${entry}/environ`;
      if (!/^\d+$/.test(entry)) continue;
      try {
        if (readFileSync(file, "utf8").includes(`TEST_PIDS=${this.world.project.folder}\0`))
          kill(Number(entry), "SIGKILL");
      } catch {
        // It has ended, or is somebody else's.
      }
    }
  }

  #file(name: string): string {
    return join(this.world.project.folder, `${name}.pid`);
  }

  #pid(name: string): number {
    return Number(readFileSync(this.#file(name), "utf8"));
  }

  /** What the host still did after its engine's end, nobody would know of. */
  async #assertHostIsGone(): Promise<void> {
    const host = this.#pid("host");
    for (let tries = 0; tries < 50; tries++) {
      if (!kill(host, 0)) return;
      await pause(100);
    }
    kill(host, "SIGKILL");
    throw new Error("The provider host outlived its engine.");
  }
}

/** Whether there was such a process. */
function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
