/** Runs the sandbox engine in a process of its own, which can be killed: `tsx sandbox-process.ts PROJECT COMMAND OPTIONS`. */
import { SandboxEngine } from "../../../sandbox/engine";
import type { Command, Project, RunOptions } from "../../../sandbox/engines";

const [project, command, options] = process.argv.slice(2) as [string, Command, string];
void new SandboxEngine().run(JSON.parse(project) as Project, command, JSON.parse(options) as RunOptions);
