import { expect } from "chai";
import { adminKey, checkpoint } from "../support/api";
import { Peer, switchingProtocols, type Ending, type Phase, type Route } from "../support/peer";
import { exportOf, permissionOf } from "../support/stack";
import { runCommand, runNode, type Ended } from "./command";
import { inOwnProcesses } from "./engines";

const packageFile = require.resolve("../../provider/dist/index.js");
const script = `
  const { listCheckpointPermissions } = require(${JSON.stringify(packageFile)});
  void (async () => {
    const options = { baseUrl: process.env.OPENAI_BASE_URL, timeoutSeconds: 1, maxWaitSeconds: 0.1 };
    await listCheckpointPermissions({ fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)} }, options);
    console.log("The access is known.");
  })();`;

/** A request is tried once, and takes a second at most. */
const impatience = ["--timeout-seconds", "1", "--max-wait-seconds", "0.1", "--no-audit-details"];
const inState = exportOf(permissionOf("web", "proj_a", "cp_1"));
const processes: ((env: NodeJS.ProcessEnv) => Promise<Ended>)[] = [
  (env) => runCommand(["list", checkpoint, ...impatience], { env }),
  (env) => runCommand(["drift", "-", ...impatience], { env, input: inState }),
  (env) => runNode(["-e", script], { env }),
];

const peers: [what: string, route: Route, phase: Phase, ending: Ending, said: string][] = [
  ["a proxy that hangs up", "through a proxy", "the answer to CONNECT", { then: "close" }, "HTTPS_PROXY"],
  ["a silent proxy", "through a proxy", "the answer to CONNECT", {}, "HTTPS_PROXY"],
  ["a 101", "over HTTP", "the headers", { says: switchingProtocols }, "closed before the answer"],
  ["a silent API", "over HTTP", "the headers", {}, "no answer within 1 s"],
];

describe("a process whose requests get no answer", function () {
  for (const [what, route, phase, ending, said] of peers) {
    it(`the command line and a script soon fail, and say why, because of ${what}`, async function () {
      // With a timer or a socket that stays, they would take longer.
      this.timeout(30_000);
      const peer = await new Peer(route, phase, ending).start();
      const env = {
        OPENAI_ADMIN_KEY: adminKey,
        ...(route === "over HTTP"
          ? { OPENAI_BASE_URL: `http://${peer.address}/v1` }
          : { OPENAI_BASE_URL: "https://api.example/v1", HTTPS_PROXY: `http://user:password@${peer.address}` }),
      };
      try {
        for (const { code, stdout, stderr } of await Promise.all(processes.map((run) => run(env)))) {
          expect(stderr).to.include(said).and.not.to.include(adminKey).and.not.to.include("user:password");
          expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
        }
        expect(peer.hasStopped).to.equal(true);
      } finally {
        peer.stop();
      }
    });
  }

  it("a command that stops in the middle fails and says so", async function () {
    const neverEnding = `data:text/javascript,
      import { Readable } from "node:stream";
      Object.defineProperty(process, "stdin", { value: new Readable({ read() {} }) });`;
    expect(await runCommand(["drift", "-"], { nodeFlags: ["--import", neverEnding] })).to.deep.equal({
      code: 1,
      stdout: "",
      stderr: "error: The command stopped before it was done; please report it.\n",
    });
  });
});

inOwnProcesses.onEachEngine("a program whose requests get no answer", function (createScenario) {
  const permission = (name: string, project: string) =>
    `new CheckpointPermission("${name}", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "${project}" });`;

  for (const [what, route, phase, ending] of peers.filter(
    ([, , , { says, then }]) => says !== undefined || then !== undefined,
  )) {
    it(`an up of a program that awaits a list fails because of ${what}, and what follows the await stays granted`, async function () {
      const scenario = await createScenario();
      await scenario.program(permission("web", "proj_web") + permission("shop", "proj_shop"));
      await scenario.runs("up");
      const peer = await new Peer(route, phase, ending).start();
      try {
        const baseUrl = route === "over HTTP" ? `http://${peer.address}/v1` : "https://api.example/v1";
        if (route !== "over HTTP") scenario.env = { ...scenario.env, HTTPS_PROXY: `http://${peer.address}` };
        await scenario.program(`
          const { listCheckpointPermissions } = require("pulumi-openai-checkpoint-permissions");
          module.exports = async () => {
            ${permission("web", "proj_web")}
            const options = { baseUrl: ${JSON.stringify(baseUrl)}, adminApiKey: "${adminKey}", timeoutSeconds: 2, maxWaitSeconds: 0.1 };
            await listCheckpointPermissions({ fineTunedModelCheckpoint: "${checkpoint}" }, options);
            ${permission("shop", "proj_shop")}
          };`);
        const up = await scenario.run("up");
        expect(up.ok, up.output).to.equal(false);
        expect(up.output).to.include("Cannot list who has access");
        expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_shop", "proj_web"]);
      } finally {
        peer.stop();
      }
    });
  }
});
