import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { parse } from "yaml";
import { PulumiEngine } from "../../sandbox/pulumi";
import { onTheCli } from "./engines";
import { checkpoint, type Scenario } from "./scenario";

interface Workflow {
  env: Record<string, string>;
  permissions: Record<string, string>;
  jobs: Record<
    string,
    {
      strategy?: { matrix: unknown };
      steps: { name?: string; if?: string; uses?: string; run?: string; with?: Record<string, unknown> }[];
    }
  >;
}

const workflowOf = async (file: string) => parse(await readFile(join("examples", file), "utf8")) as Workflow;

function environmentOf({ engine, project }: Scenario): NodeJS.ProcessEnv {
  return engine instanceof PulumiEngine ? engine.environment(project) : {};
}

/** Runs a program in a folder with the CLI at hand; gives its exit code with what it printed. */
async function run(
  scenario: Scenario,
  command: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  folder = scenario.project.folder,
) {
  const environment = { ...environmentOf(scenario), ...env };
  const running = promisify(execFile)(command, args, { cwd: folder, env: environment });
  return running.then(
    (output) => ({ code: 0, ...output }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
}

/** Runs a step of a workflow as GitHub does, with `bash -e {0}`. */
async function step(scenario: Scenario, file: string, job: string, name: string, env: NodeJS.ProcessEnv = {}) {
  const { jobs } = await workflowOf(file);
  const { steps } = jobs[job]!;
  const script = steps.find((one) => one.name === name)!.run!;
  // Without a checkout, there is nothing in the folder but what earlier steps have left.
  const hasProgram = steps.some(({ uses }) => uses?.startsWith("actions/checkout@"));
  const folder = hasProgram ? scenario.project.folder : join(scenario.folder, job);
  await mkdir(folder, { recursive: true });
  // npx would install the packed file: --yes --package FILE COMMAND.
  const bin = join(scenario.folder, "bin");
  await mkdir(bin, { recursive: true });
  const main = resolve("provider/dist/cli/main.js");
  await writeFile(join(bin, "npx"), `#!/bin/sh\nshift 4\nexec "${process.execPath}" "${main}" "$@"\n`);
  // Says what it is asked for; of the open issues it knows the one that the environment names.
  await writeFile(
    join(bin, "gh"),
    `#!/bin/sh\necho "gh $*" >> '${join(scenario.folder, "gh.log")}'\nif [ "$2" = list ]; then echo "$OPEN_ISSUE"; fi\n`,
  );
  for (const command of ["npx", "gh"]) await chmod(join(bin, command), 0o755);
  const environment = {
    PATH: `${bin}${delimiter}${environmentOf(scenario)["PATH"]!}`,
    STACK: `organization/scenario/${scenario.project.stack}`,
    RUN: "https://github.com/run",
    GITHUB_STEP_SUMMARY: join(scenario.folder, "summary.md"),
    GITHUB_OUTPUT: join(scenario.folder, "output"),
    OPENAI_ADMIN_KEY: scenario.api.adminKey,
    OPENAI_BASE_URL: scenario.api.url,
    ...env,
  };
  return run(scenario, "bash", ["-e", "-c", script], environment, folder);
}

/** What the steps of a workflow have put into the job's summary. */
const summaryOf = ({ folder }: Scenario) => readFile(join(folder, "summary.md"), "utf8");
/** What they have asked of GitHub. */
const ghLogOf = ({ folder }: Scenario) => readFile(join(folder, "gh.log"), "utf8");

onTheCli("the drift-detection workflow", function (createScenario) {
  const drift = (scenario: Scenario, name: string, env?: NodeJS.ProcessEnv) =>
    step(scenario, "drift-detection/drift.yml", "drift", name, env);

  it("the drift workflow passes without drift and fails with a table of the differences", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    for (const name of ["Export the stack", "Compare it with OpenAI"]) {
      expect(await drift(scenario, name), name).to.include({ code: 0 });
    }
    scenario.api.revoke(scenario.api.permissions(checkpoint)[0]!.id);
    const compared = await drift(scenario, "Compare it with OpenAI");
    expect(compared).to.include({ code: 2 });
    expect(compared.stdout).to.include("::error title=Drift::");
    expect(await summaryOf(scenario))
      .to.match(/^# Checkpoint permissions: 1 of 1 checkpoint, all as in state$/m)
      .and.to.match(/^# Checkpoint permissions: 1 difference between state and what exists$/m)
      .and.to.match(/^\| missing +\| `proj_web` \|/m);
    expect(await readFile(join(scenario.folder, "output"), "utf8")).to.equal("code=0\ncode=2\n");

    const { jobs } = await workflowOf("drift-detection/drift.yml");
    const issue = "Open an issue, or add to the open one";
    expect(jobs["drift"]!.steps.find(({ name }) => name === issue)).to.include({
      if: "failure() && steps.compare.outputs.code == '2'",
    });
    for (const OPEN_ISSUE of ["", "7"]) expect(await drift(scenario, issue, { OPEN_ISSUE })).to.include({ code: 0 });
    const close = "Close the issue";
    expect(jobs["drift"]!.steps.find(({ name }) => name === close)).to.include({ if: "success()" });
    for (const OPEN_ISSUE of ["", "7"]) expect(await drift(scenario, close, { OPEN_ISSUE })).to.include({ code: 0 });
    const log = await ghLogOf(scenario);
    expect(log.match(/gh issue (create|comment|close).*/g)).to.deep.equal([
      "gh issue create --title Checkpoint permissions differ from the state of organization/scenario/test --body-file issue.md",
      "gh issue comment 7 --body-file issue.md",
      "gh issue close 7 --comment No difference any more: [the run](https://github.com/run).",
    ]);
    expect(log).to.include("select(.title == env.TITLE)");
  });

  it("the drift workflow tells a failure from drift, and opens no issue then", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    await drift(scenario, "Export the stack");
    scenario.api.fail({ method: "GET", times: Infinity, kind: { status: 401, error: { code: "invalid_api_key" } } });
    const failed = await drift(scenario, "Compare it with OpenAI");
    expect(failed).to.include({ code: 1 });
    expect(failed.stdout).to.include("::error title=No answer::");
    expect(await readFile(join(scenario.folder, "output"), "utf8")).to.equal("code=1\n");
  });

  it("an issue about 500 differences fits, counts what it leaves out, and says where all is", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    for (let index = 0; index < 500; index++) scenario.api.grant(checkpoint, `proj_abcdefghijklmnopqrstuvwx${index}`);
    await drift(scenario, "Export the stack");
    expect(await drift(scenario, "Compare it with OpenAI")).to.include({ code: 2 });
    await drift(scenario, "Open an issue, or add to the open one", { OPEN_ISSUE: "" });
    const body = await readFile(join(scenario.project.folder, "issue.md"), "utf8");
    expect(body.length).to.be.below(65_536);
    expect(body)
      .to.match(/^# Checkpoint permissions: 500 differences /)
      .and.to.include("500 unmanaged")
      .and.to.include("… and 400 more")
      .and.to.include("[The run](https://github.com/run) has the whole report.");
  });

  it("the workflow's preview passes without drift, and fails on drift with what it found in the summary", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    const preview = () => step(scenario, "drift-detection/drift.yml", "preview", "Preview");
    expect(await preview()).to.include({ code: 0 });
    expect(await summaryOf(scenario)).to.include("unchanged");
    scenario.api.revoke(scenario.api.permissions(checkpoint)[0]!.id);
    const { code, stdout } = await preview();
    expect(code).to.equal(7);
    expect(stdout).to.include("::error title=Drift::");
    for (const text of [stdout, await summaryOf(scenario)]) {
      expect(text).to.include("Drift: proj_web lost its access").and.to.include("no changes were expected");
    }
  });
});

onTheCli("the pull-request workflow", function (createScenario) {
  it("the comment names who gains and loses access and what was revoked, also if the preview fails", async function () {
    const scenario = await createScenario();
    const preview = () => step(scenario, "stack-preview/preview.yml", "preview", "Preview");
    const comment = () => readFile(join(scenario.project.folder, "comment.md"), "utf8");
    await scenario.declare({ web: "proj_web", mobile: "proj_mobile" });
    await scenario.runs("up");
    scenario.api.revoke(scenario.api.permissions(checkpoint).find(({ project_id }) => project_id === "proj_web")!.id);
    await scenario.declare({ web: "proj_web", shop: "proj_shop" });
    expect(await preview()).to.include({ code: 0 });
    expect(await comment())
      .to.include("Drift: proj_web lost its access")
      .and.to.match(/proj_shop.* gains? access to/)
      // Whose access goes.
      .and.to.match(/- pulumi-nodejs:dynamic\/openai:CheckpointPermission: \(delete\)[^]*projectId *: "proj_mobile"/)
      .and.not.to.include(scenario.api.adminKey);

    expect(await comment()).to.include('Deletes permissions of: "proj_mobile"');

    await scenario.declare({ web: "proj_web", shop: "proj_web" });
    const failed = await preview();
    expect(failed.code).not.to.equal(0);
    expect(await comment()).to.include("both give project proj_web access");
    const { jobs } = await workflowOf("stack-preview/preview.yml");
    const commenting = "Comment on the pull request";
    expect(jobs["preview"]!.steps.find(({ name }) => name === commenting)).to.include({ if: "success() || failure()" });
    const commented = await step(scenario, "stack-preview/preview.yml", "preview", commenting, { PULL_REQUEST: "7" });
    expect(commented).to.include({ code: 0 });
    expect(await ghLogOf(scenario)).to.equal("gh pr comment 7 --edit-last --create-if-none --body-file comment.md\n");
  });
});

onTheCli("the pull-request workflow on a large change", function (createScenario) {
  it("a comment on 300 changes fits, has totals, messages and whose permissions go, and says that it is cut", async function () {
    const scenario = await createScenario();
    const projects = Array.from({ length: 150 }, (_, index) => `proj_${index}`);
    await scenario.declare(Object.fromEntries(projects.map((project) => [project, project])));
    await scenario.runs("up");
    await scenario.declare(Object.fromEntries(projects.map((project) => [`${project}_new`, `${project}_new`])));
    expect(await step(scenario, "stack-preview/preview.yml", "preview", "Preview")).to.include({ code: 0 });
    const comment = await readFile(join(scenario.project.folder, "comment.md"), "utf8");
    expect(comment.length).to.be.below(65_536);
    for (const project of projects) expect(comment.split("\n")[0]).to.include(`"${project}"`);
    expect(comment)
      .to.include("+ 150 to create")
      .and.to.include("- 150 to delete")
      .and.to.match(/proj_\w+_new.* and 130 more gain access to/)
      .and.to.include("This is cut; [the run](https://github.com/run) has all of it.");
  });
});

/** Runs the script of a GitLab job as its runner does. GitLab is a stand-in that knows what the environment names. */
async function gitlabJob(scenario: Scenario, file: string, job: string, env: NodeJS.ProcessEnv = {}) {
  const jobs = parse(await readFile(join("examples", file), "utf8")) as Record<string, { script: string[] }>;
  const bin = join(scenario.folder, "bin");
  await mkdir(bin, { recursive: true });
  const main = resolve("provider/dist/cli/main.js");
  const log = join(scenario.folder, "gitlab.log");
  const stubs = {
    npx: `shift 4\nexec "${process.execPath}" "${main}" "$@"`,
    npm: "exit 0",
    // The method, the URL and the data; never the token.
    curl: `method=GET\nwhile [ $# -gt 0 ]; do case "$1" in
      --request) method=$2; shift ;; --data|--data-urlencode) data="$data $2"; shift ;; --header) shift ;; http*) url=$1 ;;
    esac; shift; done\necho "$method $url$data" >> '${log}'\nif [ "$method" = "$REFUSED" ]; then exit 22; fi\nif [ "$method" = GET ]; then printf '%s' "$KNOWN"; fi`,
  };
  for (const [name, script] of Object.entries(stubs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const environment = {
    PATH: `${bin}${delimiter}${environmentOf(scenario)["PATH"]!}`,
    STACK: `organization/scenario/${scenario.project.stack}`,
    CI_JOB_URL: "https://gitlab.example/job/1",
    CI_API_V4_URL: "https://gitlab.example/api/v4",
    CI_PROJECT_ID: "5",
    CI_MERGE_REQUEST_IID: "7",
    GITLAB_TOKEN: "glpat-test",
    KNOWN: "[]",
    OPENAI_ADMIN_KEY: scenario.api.adminKey,
    OPENAI_BASE_URL: scenario.api.url,
    ...env,
  };
  await rm(log, { force: true });
  const script = `set -eo pipefail\n${jobs[job]!.script.join("\n")}`;
  const result = await run(scenario, "bash", ["-c", script], environment);
  return { ...result, asked: (await readFile(log, "utf8").catch(() => "")).trim().split("\n") };
}

onTheCli("the drift job for GitLab", function (createScenario) {
  const title = "Checkpoint permissions differ from the state of organization/scenario/test";
  const issues = "https://gitlab.example/api/v4/projects/5/issues";
  const open = JSON.stringify([
    { iid: 8, title: `${title}, too` },
    { iid: 9, title },
  ]);
  const job = (scenario: Scenario, env?: NodeJS.ProcessEnv) =>
    gitlabJob(scenario, "drift-detection/drift.gitlab-ci.yml", "drift", env);

  it("passes and closes its issue without drift, fails and opens or adds to it with drift", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    const clean = await job(scenario);
    expect([clean.code, clean.asked.length]).to.deep.equal([0, 1]);
    expect((await job(scenario, { KNOWN: open })).asked.slice(1)).to.deep.equal([
      `POST ${issues}/9/notes body=No difference any more: https://gitlab.example/job/1`,
      `PUT ${issues}/9 state_event=close`,
    ]);
    scenario.api.revoke(scenario.api.permissions(checkpoint)[0]!.id);
    const drifted = await job(scenario);
    expect(drifted.code).to.equal(2);
    expect(drifted.stdout).to.include("Drift: permissions differ from the state of organization/scenario/test.");
    expect(drifted.asked.at(-1)).to.equal(`POST ${issues} title=${title} description@issue.md`);
    expect((await job(scenario, { KNOWN: open })).asked.at(-1)).to.equal(`POST ${issues}/9/notes body@issue.md`);
    // A token that has expired hides neither drift nor a failure.
    expect((await job(scenario, { REFUSED: "GET" })).code).to.equal(2);
    const untold = await job(scenario, { GITLAB_TOKEN: "" });
    expect([untold.code, untold.asked]).to.deep.equal([2, [""]]);
  });

  it("tells a failure from drift, and opens no issue then", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    scenario.api.fail({ method: "GET", times: Infinity, kind: { status: 401, error: { code: "invalid_api_key" } } });
    const failed = await job(scenario);
    expect([failed.code, failed.asked.length]).to.deep.equal([1, 1]);
    expect(failed.stdout).to.include("No answer: the command failed");
  });

  it("an issue about 500 differences counts what it leaves out, and says where all is", async function () {
    const scenario = await createScenario();
    await scenario.declare({ web: "proj_web" });
    await scenario.runs("up");
    for (let index = 0; index < 500; index++) scenario.api.grant(checkpoint, `proj_abcdefghijklmnopqrstuvwx${index}`);
    expect((await job(scenario)).code).to.equal(2);
    const body = await readFile(join(scenario.project.folder, "issue.md"), "utf8");
    expect(body)
      .to.match(/^# Checkpoint permissions: 500 differences /)
      .and.to.include("… and 400 more")
      .and.to.include("[The job](https://gitlab.example/job/1) has the whole report.");
  });
});

onTheCli("the merge-request job for GitLab", function (createScenario) {
  it("comments who gains and loses access, replaces its comment, and fails with the preview", async function () {
    const scenario = await createScenario();
    const notes = "https://gitlab.example/api/v4/projects/5/merge_requests/7/notes";
    const job = (env?: NodeJS.ProcessEnv) => gitlabJob(scenario, "stack-preview/preview.gitlab-ci.yml", "preview", env);
    const comment = () => readFile(join(scenario.project.folder, "comment.md"), "utf8");
    await scenario.declare({ web: "proj_web", mobile: "proj_mobile" });
    await scenario.runs("up");
    await scenario.declare({ web: "proj_web", shop: "proj_shop" });
    const first = await job();
    expect([first.code, first.asked.at(-1)]).to.deep.equal([0, `POST ${notes} body@comment.md`]);
    expect(await comment())
      .to.match(/^Preview of organization\/scenario\/test:/)
      .and.to.include('Deletes permissions of: "proj_mobile"')
      .and.to.match(/proj_shop.* gains? access to/)
      .and.not.to.include(scenario.api.adminKey);
    await scenario.declare({ web: "proj_web", shop: "proj_web" });
    const KNOWN = JSON.stringify([
      { id: 1, body: "Preview of organization/scenario/test-2:" },
      { id: 2, body: await comment() },
    ]);
    const failed = await job({ KNOWN });
    expect(failed.code).not.to.equal(0);
    expect(failed.asked.at(-1)).to.equal(`PUT ${notes}/2 body@comment.md`);
    // Another token's comment cannot be changed.
    const other = await job({ KNOWN, REFUSED: "PUT" });
    expect(other.asked.at(-1)).to.equal(`POST ${notes} body@comment.md`);
    expect(await comment()).to.include("both give project proj_web access");
  });

  it("a comment on 300 changes has totals and whose permissions go", async function () {
    const scenario = await createScenario();
    const projects = Array.from({ length: 150 }, (_, index) => `proj_${index}`);
    await scenario.declare(Object.fromEntries(projects.map((project) => [project, project])));
    await scenario.runs("up");
    await scenario.declare(Object.fromEntries(projects.map((project) => [`${project}_new`, `${project}_new`])));
    expect(await gitlabJob(scenario, "stack-preview/preview.gitlab-ci.yml", "preview")).to.include({ code: 0 });
    const comment = await readFile(join(scenario.project.folder, "comment.md"), "utf8");
    for (const project of projects) expect(comment.split("\n")[2]).to.include(`"${project}"`);
    expect(comment).to.include("+ 150 to create").and.to.include("- 150 to delete");
  });
});

describe("workflows", function () {
  it("the jobs of test.yml run each file of scenarios once", async function () {
    const { jobs } = await workflowOf("../.github/workflows/test.yml");
    const { files } = jobs["scenarios"]!.strategy!.matrix as { files: string[] };
    const patterns = files.map((glob) => new RegExp(`^${glob.replace("[!", "[^").replace("*", ".*")}\\.e2e\\.ts$`));
    const scenarios = (await readdir("test/e2e")).filter((file) => file.endsWith(".e2e.ts"));
    expect(scenarios).to.have.length.above(20);
    for (const file of scenarios) {
      expect(
        patterns.filter((pattern) => pattern.test(file)),
        file,
      ).to.have.length(1);
    }
  });

  const own = ["codeql", "nightly", "release", "test"].map((name) => `../.github/workflows/${name}.yml`);
  for (const file of ["drift-detection/drift.yml", "stack-preview/preview.yml", ...own]) {
    it(`${file} pins every action to a commit, and asks for no more permissions than it names`, async function () {
      const { jobs, permissions } = await workflowOf(file);
      expect(permissions).to.include({ contents: "read" });
      const used = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ uses }) => uses ?? []));
      expect(used).to.have.length.above(1);
      expect(used.filter((uses) => !/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/.test(uses))).to.deep.equal([]);
    });
  }
});

onTheCli("the automation-api example", function (createScenario) {
  it("automation-api applies a CSV to several stacks and lists the access gained and lost", async function () {
    const scenario = await createScenario.ofExample("automation-api");
    // The backend's folder has to be there.
    await scenario.pulumi("whoami");
    const second = "ft:gpt-4.1-mini-2025-04-14:acme:sales:C8S0WkRe";
    const apply = async (...rows: string[]) => {
      await writeFile(
        join(scenario.project.folder, "grants.csv"),
        ["stack,checkpoint,project", ...rows, ""].join("\n"),
      );
      return run(scenario, process.execPath, ["--require", "tsx/cjs", "apply.ts"], {
        OPENAI_ADMIN_KEY: scenario.api.adminKey,
        OPENAI_BASE_URL: scenario.api.url,
      });
    };
    const first = await apply(`dev,${checkpoint},proj_dev`, `prod,${checkpoint},proj_web`, `prod,${second},proj_crm`);
    expect(first.code, first.stderr).to.equal(0);
    expect(first.stdout.match(/'gained'/g)).to.have.length(3);
    expect(first.stderr)
      .to.match(/^prod: create ft:/m)
      .and.to.match(/^dev: create ft:/m);
    expect(scenario.api.projects(checkpoint)).to.deep.equal(["proj_dev", "proj_web"]);
    expect(scenario.takeWrites()).to.have.length(3);

    const next = await apply(
      `dev,${checkpoint},proj_dev`,
      `prod,${checkpoint},proj_web`,
      `prod,${checkpoint},proj_ios`,
    );
    expect(next.code, next.stderr).to.equal(0);
    expect(next.stdout)
      .to.match(/'prod' +│ 'gained' +│ 'proj_ios → /)
      .and.to.match(/'prod' +│ 'lost' +│ 'proj_crm → /);
    expect(scenario.api.projects(second)).to.deep.equal([]);
    expect((await apply(`dev,${checkpoint},proj_dev`)).stdout).to.include("No project gained or lost access.");

    const failed = await apply(`dev,${checkpoint},web`);
    expect(failed).to.include({ code: 1 });
    expect(failed.stderr)
      .to.include('projectIds[0] "web" must begin with "proj_"')
      .and.to.match(/^dev failed: /m);
  });
});

onTheCli("the unit-test example", function (createScenario) {
  it("its test on the real engine passes against an emulated API, and leaves nothing granted", async function () {
    const scenario = await createScenario();
    const mocha = resolve("node_modules/mocha/bin/mocha.js");
    const args = [mocha, "--no-package", "--require", "tsx/cjs", "--timeout", "120000", "stack.e2e.ts"];
    const running = promisify(execFile)(process.execPath, args, {
      cwd: resolve("examples/unit-test"),
      env: {
        ...environmentOf(scenario),
        // It has a backend of its own.
        PULUMI_BACKEND_URL: undefined,
        OPENAI_BASE_URL: scenario.api.url,
        OPENAI_ADMIN_KEY: scenario.api.adminKey,
      },
    });
    const { stdout } = await running.catch((error: unknown) => error as { stdout: string });
    expect(stdout, stdout).to.include("1 passing");
    expect(scenario.api.takeRequests().map(({ method }) => method)).to.include.members(["POST", "DELETE"]);
    expect(scenario.api.projects("ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd")).to.deep.equal([]);
  });
});
