import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import Module from "node:module";
import { join, posix, resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { announcedKey } from "../../provider/access/ledger";
import type { ProgramHints } from "../../provider/resource/hints";
import { expect } from "chai";
import { CheckpointPermission, CheckpointPermissionSet, listCheckpointPermissions } from "../../provider/index";
import { assertHostFindsPackage } from "../../provider/dynamic/constructor";
import schema from "../../provider/native/schema.json";
import { listFunction, providerOf, typesOf } from "../../provider/resource/reference";
import { startMockedProgram, startProgram } from "../support/program";

const fineTunedModelCheckpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";

function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolveValue) => output.apply(resolveValue));
}

const urnOf = (type: string, name: string) =>
  `urn:pulumi:stack::project::pulumi-nodejs:dynamic/openai:${type}::${name}`;

function hintsOf(inputs: unknown): unknown {
  return (inputs as Record<string, unknown>)["__hints"];
}

/** What tells a resource's check which of the constructors was its own. */
function keyOf(registered: readonly pulumi.runtime.MockResourceArgs[], name: string): string {
  return (hintsOf(registered.find((one) => one.name === name)!.inputs) as ProgramHints).key;
}

describe("CheckpointPermission in a program", function () {
  it("a CheckpointPermission's provider is one constant line that names the host's entry", async function () {
    const registered = await startProgram();
    const permission = new CheckpointPermission("web", { fineTunedModelCheckpoint, projectId: "proj_web" });
    expect(await valueOf(permission.createdAt)).to.equal(7);
    expect(registered).to.have.length(1);
    expect(registered[0]).to.deep.include({
      type: "pulumi-nodejs:dynamic/openai:CheckpointPermission",
      name: "web",
      inputs: {
        ...{ fineTunedModelCheckpoint, projectId: "proj_web", __provider: providerOf("permission") },
        // The check takes it out.
        __hints: {
          key: keyOf(registered, "web"),
          urn: urnOf("CheckpointPermission", "web"),
          declaredCount: 1,
          isPreview: false,
        },
      },
    });
    // It is in users' state: it stays.
    expect(providerOf("permission")).to.equal(
      'exports.handler=require("pulumi-openai-checkpoint-permissions/dynamic").permission',
    );
    expect(providerOf("permission").length).to.be.at.most(100);
  });

  it("Pulumi's host finds the provider in the program's folder, with every operation", async function () {
    const host = new Module("") as Module & { _compile(code: string, file: string): void };
    host.paths = [resolve("examples/quickstart/node_modules"), resolve("node_modules")];
    host._compile(providerOf("permission"), "");
    const handler = (host.exports as { handler: () => pulumi.dynamic.ResourceProvider }).handler();
    for (const operation of ["configure", "check", "diff", "create", "read", "delete"] as const) {
      expect(handler[operation]).to.be.a("function");
    }
    // A host calls again before `configure` has settled.
    const config = { get: (key: string) => ({ "openai:driftDetection": "false" })[key], require: () => "" };
    void handler.configure!({ config });
    const inputs = { fineTunedModelCheckpoint, projectId: "proj_web" };
    expect(await handler.diff!("cp_1", { ...inputs, createdAt: 1 }, inputs)).to.deep.equal({ changes: false });
  });

  it("a constructor without arguments is an error naming the resource", async function () {
    await startProgram();
    const noArguments = () => new CheckpointPermission("web", undefined as never);
    expect(noArguments).to.throw(pulumi.RunError, 'CheckpointPermission "web" has no arguments');
    expect(() => new CheckpointPermissionSet("all", null as never)).to.throw(
      'CheckpointPermissionSet "all" has no arguments',
    );
  });

  it("the import option is an error that says which two ways work", async function () {
    await startProgram();
    const args = { fineTunedModelCheckpoint, projectId: "proj_web" };
    expect(() => new CheckpointPermission("web", args, { import: "cp_1" }))
      .to.throw(pulumi.RunError, "adopts the permission that exists")
      .with.property("message")
      .that.includes("npx --no -- checkpoint-permissions import");
  });

  it("a misspelled setting in the package's namespace is an error suggesting the right one", async function () {
    await startProgram();
    pulumi.runtime.setConfig("openai-checkpoint-permissions:requestPerMinute", "7");
    const args = { fineTunedModelCheckpoint, projectId: "proj_web" };
    expect(() => new CheckpointPermission("web", args)).to.throw(
      pulumi.RunError,
      'openai-checkpoint-permissions:requestPerMinute: There is no setting "requestPerMinute". Did you mean requestsPerMinute?',
    );
    pulumi.runtime.setAllConfig({});
  });

  it("an error says how to install the package if the host would not find it", function () {
    expect(() => {
      assertHostFindsPackage(["/"]);
    })
      .to.throw(pulumi.RunError, "does not find pulumi-openai-checkpoint-permissions from /")
      .with.property("message")
      .that.matches(/Add it to this program's own dependencies, as its packed file \(npm install \.\/pulumi-\S+\.tgz;/)
      .and.not.match(/install pulumi-openai/);
  });

  describe("where the host looks for the package", function () {
    const { argv } = process;
    const folder = process.cwd();
    const file = require.resolve("../../provider/dynamic/constructor");
    const loaded = require.cache[file];
    afterEach(function () {
      process.chdir(folder);
      process.argv = argv;
      require.cache[file] = loaded;
    });

    /** Loads the module anew, and checks in a program that runs with these arguments. */
    function checkWith(args: string[], { atLoad, atCheck }: { atLoad: string; atCheck: string }) {
      process.argv = args;
      process.chdir(atLoad);
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
      delete require.cache[file];
      // eslint-disable-next-line @typescript-eslint/no-require-imports
      const { assertHostFindsPackage: check } = require(file) as {
        assertHostFindsPackage: typeof assertHostFindsPackage;
      };
      process.chdir(atCheck);
      return () => {
        check();
      };
    }

    const run = ["node", "/x/node_modules/@pulumi/pulumi/cmd/run/index.js"];
    const inline = ["node", "/x/inline.js"];
    for (const [what, args, atLoad, atCheck, error] of [
      ["a program that changed its folder before a constructor", run, folder, "/", undefined],
      [
        "a program that changed its folder before it loaded the package",
        [...run, "--pwd", folder],
        "/",
        "/",
        undefined,
      ],
      ["a program in a folder without the package", run, "/", "/", "from /."],
      ["a program that Pulumi runs in a folder without the package", [...run, "--pwd", "/"], "/", folder, "from /."],
      // It may run anywhere.
      ["an inline program of the Automation API", inline, "/", "/", undefined],
    ] as const) {
      it(`${what} gets ${error === undefined ? "no error" : "an error"}`, function () {
        const check = checkWith([...args], { atLoad, atCheck });
        if (error === undefined) expect(check).not.to.throw();
        else expect(check).to.throw(error);
      });
    }
  });

  it("a constructor leaves projectIds that are not a list to the check", async function () {
    await startProgram();
    const projectIds = pulumi.output("proj_web") as unknown as pulumi.Output<string[]>;
    const set = new CheckpointPermissionSet("team", { fineTunedModelCheckpoint, projectIds });
    expect(await valueOf(set.projectIds)).to.equal("proj_web");
  });
});

describe("CheckpointPermissionSet in a program", function () {
  it("a CheckpointPermissionSet's provider is one constant line with a handler of its own", async function () {
    const registered = await startProgram();
    const projectIds = ["proj_web"];
    const set = new CheckpointPermissionSet("team", { fineTunedModelCheckpoint, projectIds });
    await valueOf(set.urn);
    const __provider = 'exports.handler=require("pulumi-openai-checkpoint-permissions/dynamic").permissionSet';
    expect(registered[0]).to.deep.include({
      type: "pulumi-nodejs:dynamic/openai:CheckpointPermissionSet",
      inputs: {
        ...{ fineTunedModelCheckpoint, projectIds, __provider },
        // The check takes it out.
        __hints: {
          ...{ key: keyOf(registered, "team"), urn: urnOf("CheckpointPermissionSet", "team") },
          ...{ declaredCount: 1, others: {}, isPreview: false },
        },
      },
    });
    expect(__provider.length).to.be.at.most(100);
  });

  it("a set passes on no list length if its list cannot arrive shorter than declared", async function () {
    const registered = await startProgram();
    const output = pulumi.output("proj_data");
    const sets = [
      new CheckpointPermissionSet("plain", { fineTunedModelCheckpoint, projectIds: ["proj_web", "proj_web"] }),
      new CheckpointPermissionSet(
        "ignored",
        { fineTunedModelCheckpoint: `${fineTunedModelCheckpoint}:x`, projectIds: [output] },
        { ignoreChanges: ["projectIds"] },
      ),
    ];
    for (const { urn } of sets) await valueOf(urn);
    for (const { inputs } of registered) expect(hintsOf(inputs)).not.to.have.property("listLength");
  });

  it("a set tells its check which other projects the program declares and how long its own list is", async function () {
    const registered = await startProgram();
    const set = new CheckpointPermissionSet("team", {
      fineTunedModelCheckpoint,
      projectIds: ["proj_web", pulumi.output("proj_data")],
    });
    const others = [
      new CheckpointPermission("web", { fineTunedModelCheckpoint, projectId: "proj_shop" }),
      new CheckpointPermissionSet("others", { fineTunedModelCheckpoint, projectIds: ["proj_crm", "proj_mobile"] }),
      new CheckpointPermission("x", { fineTunedModelCheckpoint: `${fineTunedModelCheckpoint}:x`, projectId: "proj_x" }),
    ];
    for (const { urn } of [set, ...others]) await valueOf(urn);
    expect(registered.find(({ name }) => name === "team")?.inputs).to.deep.include({
      __hints: {
        ...{ key: keyOf(registered, "team"), urn: urnOf("CheckpointPermissionSet", "team") },
        ...{ declaredCount: 5, listLength: 2, isPreview: false },
        // By hashes, since an ID may be secret.
        others: {
          [keyOf(registered, "web")]: [announcedKey(fineTunedModelCheckpoint, "proj_shop")],
          [keyOf(registered, "others")]: ["proj_crm", "proj_mobile"].map((projectId) =>
            announcedKey(fineTunedModelCheckpoint, projectId),
          ),
        },
      },
    });
  });

  it("a set tells its check how many creates the engine runs in parallel, if the SDK knows", async function () {
    process.env["PULUMI_NODEJS_PARALLEL"] = "8";
    try {
      const registered = await startProgram();
      const set = new CheckpointPermissionSet("team", { fineTunedModelCheckpoint, projectIds: ["proj_web"] });
      await valueOf(set.urn);
      expect(hintsOf(registered[0]!.inputs)).to.include({ declaredCount: 1, parallel: 8 });
    } finally {
      delete process.env["PULUMI_NODEJS_PARALLEL"];
    }
  });
});

describe("A unit test of a user's program", function () {
  it("mocks see what the program wrote, and no more", async function () {
    const registered = await startMockedProgram();
    const web = new CheckpointPermission("web", { fineTunedModelCheckpoint, projectId: "proj_web" });
    const team = new CheckpointPermissionSet("team", { fineTunedModelCheckpoint, projectIds: ["proj_b", "proj_a"] });
    await Promise.all([valueOf(web.urn), valueOf(team.urn)]);
    expect(registered.map(({ name, inputs }) => [name, inputs as unknown])).to.have.deep.members([
      ["web", { fineTunedModelCheckpoint, projectId: "proj_web" }],
      ["team", { fineTunedModelCheckpoint, projectIds: ["proj_b", "proj_a"] }],
    ]);
  });

  it("two tests of one file may declare the same access", async function () {
    await startMockedProgram();
    for (const name of ["first", "second"]) {
      const permission = new CheckpointPermission(name, { fineTunedModelCheckpoint, projectId: "proj_web" });
      expect(await valueOf(permission.projectId)).to.equal("proj_web");
    }
  });

  it("listCheckpointPermissions asks the mocks and sends nothing", async function () {
    const permissions = [{ id: "cp_1", projectId: "proj_web", createdAt: 7 }];
    const calls: unknown[] = [];
    await startMockedProgram((call) => {
      calls.push(call.token, call.inputs);
      return { permissions };
    });
    expect(await listCheckpointPermissions({ fineTunedModelCheckpoint })).to.deep.equal({ permissions });
    expect(calls).to.deep.equal([listFunction, { fineTunedModelCheckpoint }]);
    await startMockedProgram();
    const error = await listCheckpointPermissions({ fineTunedModelCheckpoint }).catch((reason: unknown) => reason);
    expect(String(error)).to.include("must return { permissions }");
  });
});

describe("The classes of a program", function () {
  it("each class has all outputs that the schema has for it", async function () {
    await startProgram();
    const args = { fineTunedModelCheckpoint, projectId: "proj_web", projectIds: ["proj_shop"] };
    for (const [type, resource] of [
      [typesOf.permission.native, new CheckpointPermission("web", args)],
      [typesOf.permissionSet.native, new CheckpointPermissionSet("team", args)],
    ] as const) {
      for (const name of Object.keys(schema.resources[type].properties)) {
        expect(pulumi.Output.isInstance((resource as unknown as Record<string, unknown>)[name]), name).to.equal(true);
      }
    }
  });

  it("each class has its type in state, and recognizes resources of that type from any copy of the package", function () {
    for (const [ours, type] of [
      [CheckpointPermission, typesOf.permission.dynamic],
      [CheckpointPermissionSet, typesOf.permissionSet.dynamic],
    ] as const) {
      expect(ours.__pulumiType).to.equal(type);
      expect(ours.isInstance({ __pulumiType: type })).to.equal(true);
      for (const other of [{ __pulumiType: "other" }, {}, null, undefined])
        expect(ours.isInstance(other)).to.equal(false);
    }
  });

  it("an argument that previews compute is an error", async function () {
    await startProgram();
    const args = { fineTunedModelCheckpoint, projectIds: ["proj_a"], revokes: ["proj_b"] };
    expect(() => new CheckpointPermissionSet("team", args)).to.throw("revokes is computed by the check");
  });
});

describe("the npm package", function () {
  it("the npm package holds compiled code, types, schema, README and license, and nothing else", function () {
    const packed = JSON.parse(
      execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: "provider", encoding: "utf8" }),
    ) as Record<string, { files: { path: string }[] }>;
    const files = Object.values(packed)[0]!.files.map(({ path }) => path);
    const unexpected = files.filter(
      (file) =>
        !/^(dist\/([\w-]+\/)?[\w-]+\.(js|d\.ts)|dist\/native\/schema\.json|package\.json|README\.md|LICENSE)$/.test(
          file,
        ) && !/^native\/(PulumiPlugin\.yaml|package\.json|index\.cjs)$/.test(file),
    );
    expect(unexpected).to.deep.equal([]);
    // The types of what is exported and all that they refer to, from no other package but Pulumi's.
    const types = files.filter((file) => file.endsWith(".d.ts"));
    const referred = types.flatMap((file) =>
      [...readFileSync(join("provider", file), "utf8").matchAll(/from "([^"]+)"/g)].map(([, name]) =>
        name!.startsWith(".") ? `${posix.join(posix.dirname(file), name!)}.d.ts` : name!,
      ),
    );
    expect(new Set([...referred, "dist/index.d.ts"])).to.deep.equal(new Set([...types, "@pulumi/pulumi"]));
    expect(files).to.include.members([
      "dist/index.js",
      "dist/index.d.ts",
      "dist/dynamic/host.js",
      "dist/native/main.js",
      "dist/cli/main.js",
      "dist/native/schema.json",
      "native/PulumiPlugin.yaml",
      "native/package.json",
      "native/index.cjs",
      "README.md",
      "LICENSE",
    ]);
  });
});
