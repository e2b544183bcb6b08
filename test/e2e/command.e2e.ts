import { exec } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { Emulator, type EmulatorOptions } from "../../sandbox/api/server";
import { exportOf, permissionOf } from "../support/stack";
import { runCommand } from "./command";
import { byNativePlugin, onEachEngine, onTheCli, throughEachEntryPoint, type Suite } from "./engines";
import { checkpoint, type Scenario } from "./scenario";

const environmentOf = (api: Emulator) => ({ OPENAI_ADMIN_KEY: api.adminKey, OPENAI_BASE_URL: api.url });

describe("the command line", function () {
  let api: Emulator;
  let folder: string;

  async function start(options: EmulatorOptions = {}): Promise<void> {
    api = await Emulator.start({ age: 3600, ...options });
    folder = await mkdtemp(join(tmpdir(), "checkpoint-permissions-command-"));
  }

  afterEach(async function () {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}, input = "") =>
    runCommand(args, { env: { ...environmentOf(api), ...env }, input, cwd: folder });

  it("the command prints only the result on stdout", async function () {
    await start();
    const { id } = api.grant(checkpoint, "proj_a");
    const { code, stdout, stderr } = await run(["list", checkpoint, "--format", "json"]);
    expect(code).to.equal(0);
    expect(stderr).to.equal("");
    expect(JSON.stringify(JSON.parse(stdout))).to.include(id);
  });

  it("--key-file supplies the key, and OPENAI_BASE_URL is then ignored", async function () {
    await start();
    await writeFile(join(folder, "key"), `${api.adminKey}\n`);
    const key = ["--key-file", "key"];
    const env = { OPENAI_ADMIN_KEY: undefined };
    expect(await run(["list", checkpoint, ...key, "--base-url", api.url], env)).to.include({ code: 0 });
    // A proxy that is not there keeps the request on this machine.
    const { stderr } = await run(["list", checkpoint, ...key], { ...env, HTTPS_PROXY: "http://127.0.0.1:1" });
    expect(stderr)
      .to.include("OPENAI_BASE_URL is ignored, because the admin key comes from --key-file; set --base-url beside it")
      .and.to.include("the proxy in HTTPS_PROXY (127.0.0.1:1): connection refused")
      .and.not.to.include(api.adminKey);
  });

  for (const [what, args, message] of [
    ["an unknown command", ["lst"], /unknown command 'lst'\n\(Did you mean list\?\)/],
    [
      "an unknown option",
      ["list", checkpoint, "--projet", "x"],
      /unknown option '--projet'\n\(Did you mean --project\?\)/,
    ],
    ["a missing checkpoint", ["import", "--project", "proj_a"], /Name a checkpoint, as ft:/],
    ["a model that is not a checkpoint", ["list", "gpt-4.1"], /must begin with "ft:"/],
    ["an invalid project ID", ["list", checkpoint, "--project", "web"], /--project "web" must begin with "proj_"/],
    ["a key in place of a checkpoint", ["list", "sk-admin-secret"], /must not be an API key/],
    ["a key as an option", ["list", checkpoint, "--key=sk-admin-secret"], /unknown option '--key=\[key\]'/],
    [
      "a rate that is not a number",
      ["list", checkpoint, "--requests-per-minute", "few"],
      /--requests-per-minute must be a number/,
    ],
    ["a missing file", ["drift", "none.json"], /Cannot read none\.json: no such file or directory\./],
    ["an empty export", ["drift", "-"], /Standard input is not what `pulumi stack export` gives: it is empty/],
    ["a missing key file", ["list", checkpoint, "--key-file", "none"], /Cannot read none: no such file/],
  ] as const) {
    it(`the command refuses ${what} before any request`, async function () {
      await start();
      const { code, stdout, stderr } = await run(args);
      expect(stderr)
        .to.match(message)
        .and.not.to.include("sk-admin-secret")
        .and.not.to.match(/^\s+at /m);
      expect([code, stdout, api.takeRequests().length]).to.deep.equal([1, "", 0]);
    });
  }

  it("a drift of nothing recorded fails, unless that is allowed or a checkpoint is named", async function () {
    await start();
    const input = JSON.stringify({ version: 3, deployment: { manifest: {} } });
    const drift = (...options: string[]) => runCommand(["drift", "-", ...options], { env: environmentOf(api), input });
    const { code, stdout, stderr } = await drift();
    expect([code, stdout, api.takeRequests().length]).to.deep.equal([1, "", 0]);
    expect(stderr).to.include("No checkpoint permission is in the state of 1 stack").and.to.include("--allow-empty");
    expect(await drift("--allow-empty")).to.include({ code: 0 });
    expect(await drift("--checkpoint", checkpoint)).to.include({ code: 0 });
  });

  it("a drift of several stacks, of which one has nothing recorded, fails and names its file", async function () {
    await start();
    const { id } = api.grant(checkpoint, "proj_a");
    await writeFile(join(folder, "right.json"), exportOf(permissionOf("web", "proj_a", id)));
    await writeFile(join(folder, "wrong.json"), exportOf());
    const { code, stdout, stderr } = await run(["drift", "right.json", "wrong.json"]);
    expect([code, stdout, api.takeRequests().length]).to.deep.equal([1, "", 0]);
    expect(stderr).to.match(
      /^error: No checkpoint permission is in the state of 1 stack: wrong\.json\. .*--allow-empty\.$/m,
    );
    expect((await run(["drift", "right.json", "-"], {}, exportOf())).stderr).to.include("1 stack: Standard input.");
    expect(await run(["drift", "right.json", "wrong.json", "--allow-empty"])).to.include({ code: 0 });
    expect((await run(["drift", "right.json", "-"], {}, "nope")).stderr).to.include("Standard input is not what");
  });

  it("an output that cannot be written, or that is read, is refused before any request", async function () {
    await start();
    await writeFile(join(folder, "state.json"), exportOf(permissionOf("web", "proj_a", "cp_1")));
    await writeFile(join(folder, "key"), api.adminKey);
    await symlink("state.json", join(folder, "link.json"));
    const before = await readFile(join(folder, "state.json"), "utf8");
    for (const [args, message] of [
      [
        ["list", "--stack", "state.json", "--evidence", "link.json"],
        /--evidence would overwrite what is read: link\.json is state\.json/,
      ],
      [["list", checkpoint, "--key-file", "key", "--evidence", "./key"], /--evidence would overwrite what is read/],
      [["list", checkpoint, "--evidence", "."], /Cannot write \.: it is a folder/],
      [["list", checkpoint, "--evidence", "none/q4.json"], /no such file or directory/],
      [["import", checkpoint, "--except", "state.json", "--file", "link.json"], /--file would overwrite what is read/],
      [
        ["import", checkpoint, "--except", "state.json", "--program", "state.json"],
        /--program would overwrite what is read/,
      ],
      [["import", checkpoint, "--program", "."], /Cannot write \.: it is a folder/],
    ] as const) {
      const { code, stdout, stderr } = await run([...args, "--force"]);
      expect(stderr).to.match(message);
      expect([code, stdout, api.takeRequests().length]).to.deep.equal([1, "", 0]);
    }
    expect(await readFile(join(folder, "state.json"), "utf8")).to.equal(before);
    expect((await readdir(folder)).sort()).to.deep.equal(["key", "link.json", "state.json"]);
  });

  it("an error that quotes a file is one line, and shows none of its escapes", async function () {
    await start();
    const name = "web\u001b[2J\nerror: all is well\u202e";
    await writeFile(join(folder, "state.json"), exportOf(permissionOf(name, "proj_a", "cp 1")));
    const { stderr } = await run(["drift", "state.json"]);
    expect(stderr).to.equal(
      "error: state.json: the state of web [2J error: all is well in acme/dev cannot be read: id is not as documented.\n",
    );
  });

  for (const [runtime, name] of [
    ["runtime: yaml", "yaml"],
    ["runtime:\n  name: python\n  options: {}", "python"],
    ['runtime:\n  options:\n    x: 1\n  name: "go"', "go"],
    ["runtime: nodejs", undefined],
  ] as const) {
    it(`import in a project with ${JSON.stringify(runtime)} prints ${name === undefined ? "TypeScript" : "no TypeScript"}`, async function () {
      await start();
      api.grant(checkpoint, "proj_a");
      await writeFile(join(folder, "Pulumi.yaml"), `name: x\n${runtime}\ndescription: y\n`);
      const native = await run(["import", checkpoint, "--native", "--file", "native.json"]);
      expect(native.code, native.stderr).to.equal(0);
      expect(native.stdout === "").to.equal(name !== undefined);
      if (name === undefined) return;
      expect(native.stderr).to.include(`the code that it prints in ${name}`);
      expect((await run(["import", checkpoint])).stderr)
        .to.include(`This project is in ${name}`)
        .and.to.include("--native");
      const withProgram = await run(["import", checkpoint, "--native", "--program", "access.ts"]);
      expect(withProgram.stderr).to.include("--program writes TypeScript");
      expect((await readdir(folder)).sort()).to.deep.equal(["Pulumi.yaml", "native.json"]);
    });
  }

  it("import writes both of its files or none", async function () {
    await start();
    api.grant(checkpoint, "proj_a");
    const folder = await mkdtemp(join(tmpdir(), "import-"));
    try {
      const file = join(folder, "import.json");
      const failed = await run(["import", checkpoint, "--file", file, "--program", join(folder, "none", "access.ts")]);
      expect(failed.code).to.equal(1);
      expect(failed.stderr).to.match(/Cannot write .*access\.ts: no such file or directory/);
      expect(await readdir(folder)).to.deep.equal([]);

      const kept = join(folder, "kept.json");
      await writeFile(kept, "before");
      await symlink(kept, join(folder, "link.json"));
      const same = ["--file", kept, "--program", join(folder, "link.json"), "--force"];
      expect((await run(["import", checkpoint, ...same])).stderr).to.include("name the same file");
      const bad = ["--file", kept, "--program", join(folder, "none", "access.ts"), "--force"];
      expect((await run(["import", checkpoint, ...bad])).code).to.equal(1);
      expect(await readFile(kept, "utf8")).to.equal("before");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("a rejected key gives a one-line error that names where keys come from", async function () {
    await start();
    const { code, stdout, stderr } = await run(["list", checkpoint], { OPENAI_ADMIN_KEY: "sk-admin-wrong" });
    expect([code, stdout]).to.deep.equal([1, ""]);
    expect(stderr)
      .to.match(
        /^error: Cannot list who has access to ft:\S+: 401 .*Set an admin API key .* in OPENAI_ADMIN_KEY\..*\n$/,
      )
      .and.not.to.include("sk-admin-wrong");
  });

  it("a missing key gives an error that says how to supply one", async function () {
    await start();
    const { code, stderr } = await run(["list", checkpoint], { OPENAI_ADMIN_KEY: "" });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: No admin API key is set\. Set OPENAI_ADMIN_KEY, or name a file .*--key-file/);
  });

  it("listing a checkpoint that does not exist fails and says why", async function () {
    await start({ unknownCheckpoints: [checkpoint] });
    const { code, stderr } = await run(["list", checkpoint]);
    expect(code).to.equal(1);
    expect(stderr).to.include("The checkpoint is retired, deleted, or mistyped.");
  });

  it("a rate-limited list says how many requests are done", async function () {
    await start({ throttle: { perMinute: 120, burst: 1 } });
    for (let index = 0; index < 150; index++) api.grant(checkpoint, `proj_${index}`);
    const { code, stdout, stderr } = await run(["list", checkpoint, "--format", "csv"]);
    expect(code).to.equal(0);
    expect(stdout.trim().split("\n")).to.have.length(151);
    expect(stderr).to.match(/^OpenAI is rate-limiting lookups \(GET\): 1 of \d requests done/);
  });

  it("a review of the whole organization, kept and compared with the next one", async function () {
    const projects = ["a", "b"].map((name) => ({ id: `proj_${name}`, name: `Project ${name}`, archived_at: null }));
    await start({ projects });
    api.grant(checkpoint, "proj_a");
    const review = ["list", "--format", "html", "--evidence"];
    const first = await run([...review, "q3.json"]);
    expect([first.code, first.stdout.split("\n")[0]]).to.deep.equal([0, "<!doctype html>"]);
    expect((await run([...review, "q3.json"])).stderr).to.include("q3.json exists");
    const [sum] = (await readFile(join(folder, "q3.json.sha256"), "utf8")).split("  q3.json\n");
    expect(sum).to.equal(
      createHash("sha256")
        .update(await readFile(join(folder, "q3.json")))
        .digest("hex"),
    );
    expect(first.stdout).to.include("<code>checkpoint-permissions list --format html --evidence q3.json</code>");
    // A device has no hash beside it.
    expect((await run(["list", checkpoint, "--evidence", "/dev/null", "--force"])).code).to.equal(0);
    expect(existsSync("/dev/null.sha256")).to.equal(false);
    expect(await run(["compare", "q3.json", "q3.json"], { OPENAI_ADMIN_KEY: "" })).to.include({ code: 0 });
    api.grant(checkpoint, "proj_b");
    await run([...review, "q4.json"]);
    const compared = await run(["compare", "q3.json", "q4.json", "--format", "csv"], { OPENAI_ADMIN_KEY: "" });
    expect(compared.code).to.equal(2);
    expect(compared.stdout).to.match(/\ngained,ft:[^,]+,proj_b,Project b,,cp_\w+,/);
  });

  it("a closed pipe ends the command quietly", async function () {
    await start();
    for (let index = 0; index < 2000; index++) api.grant(checkpoint, `proj_${index}`);
    const command = `"${process.execPath}" "${require.resolve("../../provider/dist/cli/main.js")}" list ${checkpoint} | head -n 1`;
    // The server answers in this process, so it must not be blocked.
    const { stdout, stderr } = await promisify(exec)(command, { env: { ...process.env, ...environmentOf(api) } });
    expect([stdout, stderr]).to.deep.equal(["Who has access to fine-tuned checkpoints.\n", ""]);
  });

  it("import overwrites a file only with --force", async function () {
    await start();
    api.grant(checkpoint, "proj_a");
    await writeFile(join(folder, "import.json"), "mine");
    const refused = await run(["import", checkpoint]);
    expect(refused).to.include({ code: 1, stdout: "" });
    expect(refused.stderr).to.match(/import\.json exists\..*--force/);
    expect(api.takeRequests()).to.have.length(0);
    expect(await readFile(join(folder, "import.json"), "utf8")).to.equal("mine");
    expect(await run(["import", checkpoint, "--force"])).to.include({ code: 0 });
    expect(await readFile(join(folder, "import.json"), "utf8")).to.include("proj_a");
  });

  it("import --program writes the program, or no file at all if a lookup fails", async function () {
    await start({ unknownCheckpoints: ["ft:gpt-4.1-mini-2025-04-14:acme::deleted"] });
    api.grant(checkpoint, "proj_a");
    const into = ["--program", "access.ts"];
    expect(await run(["import", checkpoint, "ft:gpt-4.1-mini-2025-04-14:acme::deleted", ...into])).to.include({
      code: 1,
    });
    expect(await readdir(folder)).to.deep.equal([]);
    expect(await run(["import", checkpoint, ...into])).to.include({ code: 0, stdout: "" });
    expect(await readFile(join(folder, "access.ts"), "utf8")).to.match(/^import \{ CheckpointPermission \}[^]*proj_a/);
    const again = await run(["import", checkpoint, ...into, "--file", "other.json"]);
    expect([again.code, again.stderr]).to.deep.equal([
      1,
      "error: access.ts exists. Name another file, or overwrite it with --force.\n",
    ]);
  });

  it("--project takes several projects, separated by commas, and may precede the checkpoint", async function () {
    await start();
    for (const project of ["proj_a", "proj_b", "proj_c"]) api.grant(checkpoint, project);
    const { stdout } = await run(["list", "--project", "proj_a,proj_b", checkpoint]);
    expect(stdout).to.include("proj_a").and.to.include("proj_b").and.not.to.include("proj_c");
  });

  it("a result that cannot be written gives a one-line error", async function () {
    if (process.platform !== "linux") this.skip();
    await start();
    const command = `"${process.execPath}" "${require.resolve("../../provider/dist/cli/main.js")}" list ${checkpoint} > /dev/full`;
    const ended = promisify(exec)(command, { env: { ...process.env, ...environmentOf(api) } });
    const failure = await ended.then(
      () => undefined,
      (error: unknown) => error as { code: number; stderr: string },
    );
    expect(failure).to.include({ code: 1, stderr: "error: Cannot write the result: no space left on device.\n" });
  });

  it("the command loads no Pulumi SDK", async function () {
    await start();
    await writeFile(
      join(folder, "loaded.cjs"),
      `process.on("exit", () => console.error(Object.keys(require.cache).filter((file) => file.includes("@pulumi"))));`,
    );
    const { stderr } = await runCommand(["list", checkpoint], {
      env: environmentOf(api),
      nodeFlags: ["--require", join(folder, "loaded.cjs")],
    });
    expect(stderr).to.equal("[]\n");
  });

  for (const command of [[], ["list"], ["drift"], ["import"]]) {
    it(`${["checkpoint-permissions", ...command].join(" ")} --help shows examples and exit codes in 80 columns`, async function () {
      await start();
      const { code, stdout } = await run([...command, "--help"]);
      expect(code).to.equal(0);
      expect(stdout).to.include("Examples:").and.to.include("Exit codes");
      expect(stdout.split("\n").filter((line) => line.length > 80 && !line.startsWith("  $"))).to.deep.equal([]);
    });
  }
});

async function driftOf(scenario: Scenario, ...options: string[]) {
  const input = JSON.stringify(await scenario.export());
  return runCommand(["drift", "-", ...options], { env: environmentOf(scenario.api), input });
}

throughEachEntryPoint("the drift command", function (createScenario) {
  it("the drift command reports nothing right after an up, and each change made since", async function () {
    const scenario = await createScenario();
    await scenario.program(`
      new CheckpointPermission("web", { fineTunedModelCheckpoint: "${checkpoint}", projectId: "proj_web" });
      new CheckpointPermissionSet("team", { fineTunedModelCheckpoint: "${checkpoint}", projectIds: ["proj_a", "proj_b"] });`);
    await scenario.runs("up");
    scenario.api.takeRequests();
    expect(await driftOf(scenario)).to.include({ code: 0, stderr: "" });
    expect(scenario.api.takeRequests()).to.have.length(1);

    for (const { id, project_id } of scenario.api.permissions(checkpoint)) {
      if (project_id !== "proj_b") scenario.api.revoke(id);
    }
    scenario.api.grant(checkpoint, "proj_web");
    scenario.api.grant(checkpoint, "proj_hand");
    const { code, stdout } = await driftOf(scenario, "--format", "csv");
    expect(code).to.equal(2);
    expect(
      stdout.split("\n").map((line) => line.split(",").filter((_, column) => column === 0 || column === 2)),
    ).to.deep.equal([
      ["change", "project_id"],
      ["missing", "proj_a"],
      ["recreated", "proj_web"],
      ["unmanaged", "proj_hand"],
      [""],
    ]);
    expect(scenario.takeWrites()).to.deep.equal([]);
  });
});

for (const set of [false, true]) {
  const title = `the import command for ${set ? "sets" : "permissions"}`;
  const suite: Suite = (createScenario) => {
    it(`permissions imported ${set ? "as a set" : "one by one"} preview clean with the printed program`, async function () {
      const scenario = await createScenario();
      const other = `${checkpoint}:ckpt-step-1000`;
      for (const project of ["proj_b", "proj_a", "proj_c"]) scenario.api.grant(checkpoint, project);
      scenario.api.grant(other, "proj_a");
      const file = join(scenario.folder, "import.json");
      const options = [
        "--file",
        file,
        ...(set ? ["--set"] : []),
        ...(scenario.entryPoint === "native" ? ["--native"] : []),
      ];
      const { code, stdout, stderr } = await runCommand(["import", checkpoint, other, ...options], {
        env: environmentOf(scenario.api),
      });
      expect(code).to.equal(0);
      // The command that it names, but for the questions that it asks.
      const [, named] = /^ {2}pulumi (import .*)$/m.exec(stderr)!;
      const unasked = ["--generate-code=false", "--yes", "--skip-preview", "--stack", "test"];
      await scenario.pulumi(...new Set([...named!.split(" "), ...unasked]));

      // The printed program is JavaScript, too, once the package's names are in its scope.
      await scenario.program(stdout.replace(/^import .*$/m, ""));
      const preview = await scenario.runs("preview");
      expect(preview.counts).to.deep.equal({ same: set ? 2 : 4 });
      expect(scenario.takeWrites()).to.deep.equal([]);
      await scenario.runs("destroy");
      expect([...scenario.api.permissions(checkpoint), ...scenario.api.permissions(other)]).to.deep.equal([]);
    });
  };
  onTheCli(title, suite);
  byNativePlugin(title, suite);
}

onEachEngine("the import command beside a stack", function (createScenario) {
  it("import --except leaves out what a stack has already", async function () {
    const scenario = await createScenario();
    scenario.api.grant(checkpoint, "proj_b");
    await scenario.declare({ web: "proj_a" });
    await scenario.runs("up");
    const file = join(scenario.folder, "stack.json");
    await writeFile(file, JSON.stringify(await scenario.export()));
    const { stdout } = await runCommand(
      ["import", checkpoint, "--file", join(scenario.folder, "i.json"), "--except", file],
      {
        env: environmentOf(scenario.api),
      },
    );
    expect(stdout).to.include("proj_b").and.not.to.include("proj_a");
  });
});
