/** Runs the miniature engine in a process of its own, which can be killed: `tsx miniature-process.ts PROJECT COMMAND OPTIONS`. */
import { MiniatureEngine } from "../../../sandbox/miniature";
import type { Command, Project, RunOptions } from "../../../sandbox/engines";

const [project, command, options] = process.argv.slice(2) as [string, Command, string];
void new MiniatureEngine().run(JSON.parse(project) as Project, command, JSON.parse(options) as RunOptions);
