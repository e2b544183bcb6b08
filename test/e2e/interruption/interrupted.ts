import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command, RunOptions } from "../../../sandbox/engines";
import type { Scenario } from "../scenario";

/** What may interrupt a run. */
export const interruptions = ["Ctrl-C", "Ctrl-C twice", "a killed provider host", "a killed engine"] as const;
export type Interruption = (typeof interruptions)[number];

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** A run that is to be interrupted. */
export class InterruptedRun {
  constructor(readonly scenario: Scenario) {
    scenario.env["NODE_OPTIONS"] = `--require ${resolve("test/e2e/interruption/note-host.cjs")}`;
    scenario.env["TEST_PIDS"] = scenario.project.folder;
  }

  /** Runs a command until it ends by itself or is interrupted, and waits for the provider host to end. */
  async run(command: Command, options: RunOptions = {}): Promise<void> {
    const { scenario } = this;
    const started = (pid: number) => writeFileSync(this.#file("engine"), String(pid));
    if (scenario.engine.kind === "pulumi") {
      await scenario.run(command, { ...options, onStart: started });
    } else {
      const project = JSON.stringify({ ...scenario.project, config: scenario.config, env: scenario.env });
      const script = resolve("test/e2e/interruption/miniature-process.ts");
      const args = ["--import", "tsx", script, project, command, JSON.stringify({ skipPreview: true, ...options })];
      const child = spawn(process.execPath, args, { stdio: "inherit" });
      started(child.pid!);
      await new Promise((ended) => child.once("exit", ended));
    }
    await this.#assertHostHasEnded();
    this.#endOrphans();
    await scenario.engine.cancel(scenario.project);
  }

  /** Interrupts, and pauses what is under way for a moment. */
  async interrupt(interruption: Interruption): Promise<void> {
    switch (interruption) {
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
        if (readFileSync(file, "utf8").includes(`TEST_PIDS=${this.scenario.project.folder}\0`))
          kill(Number(entry), "SIGKILL");
      } catch {
        // It has ended, or belongs to another user.
      }
    }
  }

  #file(name: string): string {
    return join(this.scenario.project.folder, `${name}.pid`);
  }

  #pid(name: string): number {
    return Number(readFileSync(this.#file(name), "utf8"));
  }

  /** What the host still did after its engine's end would not be recorded. */
  async #assertHostHasEnded(): Promise<void> {
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
