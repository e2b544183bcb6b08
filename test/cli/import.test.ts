import { expect } from "chai";
import { importOf, type ImportOptions } from "../../provider/cli/import";
import type { StackRecords } from "../../provider/cli/stack-export";
import { providerOf, typesOf } from "../../provider/resource/reference";
import { checkpoint, contextWith, fakeApi } from "../support/api";
import { failureOf } from "../support/failure";
import { TestScreen } from "../support/screen";

const other = "ft:gpt-4.1-nano-2025-04-14:acme:support:B7R9VjQd:ckpt-step-1000";

interface Resource {
  type: string;
  name: string;
  id: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

async function imported(options: Partial<ImportOptions> = {}, checkpoints = [checkpoint]) {
  const screen = new TestScreen();
  const all = {
    project: undefined,
    set: false,
    native: false,
    except: { recorded: [], pending: [], stacks: [] },
    ...options,
  };
  const made = await importOf(contextWith().context, screen, checkpoints, all);
  if (made === undefined) return undefined;
  const { resources } = JSON.parse(made.file) as { resources: Resource[] };
  return { ...made, resources, names: resources.map(({ name }) => name), said: screen.text };
}

/** A stack that has one permission in state. */
function stackWith(projectId: string, name: string, one = checkpoint): StackRecords {
  const urn = `urn:pulumi:dev::acme::${typesOf.permission.dynamic}::${name}`;
  return {
    recorded: [{ id: "cp_1", projectId, createdAt: 1, checkpoint: one, urn, isLeaving: false }],
    pending: [],
    stacks: [],
  };
}

describe("the import command", function () {
  it("import writes all state of a dynamic resource", async function () {
    const api = fakeApi();
    const { id, created_at: createdAt } = api.grant(checkpoint, "proj_a");
    const __provider = providerOf("permission");
    const inputs = { fineTunedModelCheckpoint: checkpoint, projectId: "proj_a", __provider };
    expect((await imported())!.resources).to.deep.equal([
      { type: typesOf.permission.dynamic, name: "B7R9VjQd-proj_a", id, inputs, outputs: { ...inputs, createdAt } },
    ]);
  });

  it("import gives a native resource the ID that `pulumi import` takes", async function () {
    fakeApi().grant(checkpoint, "proj_a");
    const name = "B7R9VjQd-proj_a";
    const id = `${checkpoint}/proj_a`;
    expect((await imported({ native: true }))!.resources).to.deep.equal([
      { type: typesOf.permission.native, name, id },
    ]);
    const set = { type: typesOf.permissionSet.native, name: "B7R9VjQd", id: checkpoint };
    expect((await imported({ native: true, set: true }))!.resources).to.deep.equal([set]);
  });

  it("import --set writes a set of the requested projects, sorted", async function () {
    const api = fakeApi();
    for (const project of ["proj_c", "proj_a", "proj_b"]) api.grant(checkpoint, project);
    const { resources, names } = (await imported({ set: true, project: ["proj_c", "proj_a"] }))!;
    expect(names).to.deep.equal(["B7R9VjQd"]);
    expect(resources[0]!.inputs!["projectIds"]).to.deep.equal(["proj_a", "proj_c"]);
    expect(resources[0]!.outputs!["permissions"]).to.have.length(2);
  });

  it("import names a resource by its checkpoint and project, no matter what else it imports", async function () {
    const api = fakeApi();
    api.grant(other, "proj_a");
    api.grant(checkpoint, "proj_b");
    expect((await imported({}, [checkpoint, other]))!.names).to.deep.equal([
      "B7R9VjQd-proj_b",
      "support-B7R9VjQd-ckpt-step-1000-proj_a",
    ]);
    expect((await imported({}, [other]))!.names).to.deep.equal(["support-B7R9VjQd-ckpt-step-1000-proj_a"]);
  });

  it("import gives two checkpoints with the same ending different names", async function () {
    const twin = checkpoint.replace("mini", "nano");
    const api = fakeApi();
    for (const one of [checkpoint, twin]) api.grant(one, "proj_a");
    expect((await imported({}, [checkpoint, twin]))!.names).to.deep.equal([
      "B7R9VjQd-proj_a",
      "ft-gpt-4.1-nano-2025-04-14-acme--B7R9VjQd-proj_a",
    ]);
  });

  it("import gives two checkpoints with the same ending different keys in the program", async function () {
    const twin = checkpoint.replace("mini", "nano");
    const api = fakeApi();
    api.grant(checkpoint, "proj_a");
    api.grant(twin, "proj_b");
    const { program } = (await imported({}, [checkpoint, twin]))!;
    const keys = [...program.matchAll(/^ {2}"(.*)": \{$/gm)].map(([, key]) => key);
    expect(keys).to.deep.equal(["B7R9VjQd", "ft-gpt-4.1-nano-2025-04-14-acme--B7R9VjQd"]);
  });

  it("import leaves out what a stack has in state, and does not rename the rest", async function () {
    const api = fakeApi();
    for (const project of ["proj_a", "proj_b"]) api.grant(checkpoint, project);
    const except = stackWith("proj_a", "B7R9VjQd-proj_a");
    const { names, said } = (await imported({ except }))!;
    expect(names).to.deep.equal(["B7R9VjQd-proj_b"]);
    expect(said).to.equal(`${checkpoint}: left out 1 project that a stack has in state.\n`);
  });

  it("import avoids a name that a stack uses for another resource", async function () {
    fakeApi().grant(checkpoint, "proj_a");
    const except = stackWith("proj_z", "B7R9VjQd-proj_a", other);
    expect((await imported({ except }))!.names).to.deep.equal(["ft-gpt-4.1-mini-2025-04-14-acme--B7R9VjQd-proj_a"]);
  });

  it("import writes nothing if everything is in state or no project has access", async function () {
    const api = fakeApi();
    expect(await imported()).to.equal(undefined);
    api.grant(checkpoint, "proj_a");
    expect(await imported({ except: stackWith("proj_a", "web") })).to.equal(undefined);
  });

  it("import takes the newest of a project's permissions and reports the other", async function () {
    let now = Date.UTC(2026, 0, 1);
    const api = fakeApi({ now: () => now });
    api.grant(checkpoint, "proj_a");
    now += 60_000;
    const { id } = api.grant(checkpoint, "proj_a");
    const { resources, said } = (await imported())!;
    expect(resources.map((resource) => resource.id)).to.deep.equal([id]);
    expect(said).to.match(
      /^ft:\S+: proj_a has 2 permissions\. The newest is imported; cp_\w+ gives access until revoked\./,
    );
    expect(said).not.to.include(id);
  });

  it("import leaves out a project without a permission, and says so", async function () {
    const api = fakeApi();
    api.grant(checkpoint, "proj_a");
    api.grant(other, "proj_b");
    for (const set of [false, true]) {
      const { resources, said } = (await imported({ project: ["proj_b"], set }, [checkpoint, other]))!;
      expect(resources).to.have.length(1);
      expect(said).to.equal(`${checkpoint}: proj_b has no permission.\n`);
    }
  });

  it("import refuses part of a native set, which Pulumi imports whole", async function () {
    const api = fakeApi();
    for (const project of ["proj_a", "proj_b"]) api.grant(checkpoint, project);
    const error = await failureOf(imported({ set: true, native: true, project: ["proj_a"] }));
    expect(error.message).to.match(/whole.*only 1 of 2 projects.*--set, or --native/);
  });

  it("import reads one project's permission among 250 in one request", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    expect((await imported({ project: ["proj_7"] }))!.permissions).to.equal(1);
    expect(api.requests).to.have.length(1);
  });

  it("import reads 250 permissions in three requests", async function () {
    const api = fakeApi();
    for (let index = 0; index < 250; index++) api.grant(checkpoint, `proj_${index}`);
    expect((await imported())!.permissions).to.equal(250);
    expect(api.requests).to.have.length(3);
  });
});
