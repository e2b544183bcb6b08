import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { LocalWorkspace, type Stack } from "@pulumi/pulumi/automation";
import { expect } from "chai";
import { listCheckpointPermissions } from "pulumi-openai-checkpoint-permissions";
import { shareWith } from "./access";

const fineTunedModelCheckpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

// The real engine, against the emulated API whose address and key are in OPENAI_BASE_URL and OPENAI_ADMIN_KEY.
describe("shareWith, on the real engine", function () {
  let folder: string;
  let stack: Stack | undefined;

  before(async function () {
    // Here, since Pulumi's provider host looks for the package in this folder and those above it.
    folder = await mkdtemp(join(__dirname, "stack-"));
    stack = await LocalWorkspace.createStack(
      { stackName: "test", projectName: "unit-test", program: () => shareWith("chat", ["test"]) },
      {
        workDir: folder,
        projectSettings: { name: "unit-test", runtime: "nodejs", backend: { url: `file://${folder}` } },
        envVars: { PULUMI_CONFIG_PASSPHRASE: "" },
      },
    );
  });

  after(async function () {
    await stack?.destroy();
    await rm(folder, { recursive: true });
  });

  it("the project has access after an up, and a preview changes nothing", async function () {
    await stack!.up();
    const { permissions } = await listCheckpointPermissions({ fineTunedModelCheckpoint });
    expect(permissions.map(({ projectId }) => projectId)).to.include("proj_chat_test");
    expect((await stack!.preview()).changeSummary).to.deep.equal({ same: 2 });
  });
});
