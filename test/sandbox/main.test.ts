import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";

describe("npm run sandbox", function () {
  it("npm run sandbox prints two lines to paste, shows each request, and serves until Ctrl-C", async function () {
    const child = spawn(process.execPath, ["--require", "tsx/cjs", "sandbox/api/main.ts", "--port", "0"]);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    while (!output.includes("until Ctrl-C")) await once(child.stdout, "data");
    const [, url] = /^export OPENAI_BASE_URL=(http:\/\/127\.0\.0\.1:\d+\/v1)$/m.exec(output)!;
    const [, key] = /^export OPENAI_ADMIN_KEY=(sk-admin-sandbox)$/m.exec(output)!;

    // Another process, since this one's network is closed.
    const script = `fetch("${url!}/fine_tuning/checkpoints/ft:x/permissions", { headers: { authorization: "Bearer ${key!}" } })`;
    const [status] = (await once(spawn(process.execPath, ["-e", script]), "close")) as [number];
    expect(status).to.equal(0);
    child.stdin.write("grant proj_by_hand\n");
    while (!output.includes("proj_by_hand")) await once(child.stdout, "data");
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number];
    expect(code).to.equal(0);
    expect(output).to.include("GET /fine_tuning/checkpoints/ft:x/permissions → 404");
  });

  it("npm run sandbox with an invalid argument prints its usage", async function () {
    const child = spawn(process.execPath, ["--require", "tsx/cjs", "sandbox/api/main.ts", "--latency", "much"]);
    let output = "";
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    expect(code).to.equal(2);
    expect(output).to.include('--latency must be a whole number, but is "much"').and.to.include("Usage:");
  });
});
