const pulumi = require("@pulumi/pulumi");
const { access, accessOf, earlier } = require("./access.cjs");

const asFiles = "It runs as files of its own, which the miniature engine does not load anew.";
const main = `const { CheckpointPermission, CheckpointPermissionSet } = require("./permissions.cjs");`;
const imports = `import * as pulumi from "@pulumi/pulumi";
import { CheckpointPermission, CheckpointPermissionSet } from "./permissions.cjs";`;
const args = (project) => JSON.stringify(access(project));

const team = `
class Team extends pulumi.ComponentResource {
  constructor(name, opts) {
    super("test:index:Team", name, {}, opts);
    this.one = new CheckpointPermission("one", ${args("proj_one")}, { parent: this });
    this.two = new CheckpointPermission("two", ${args("proj_two")}, { parent: this, dependsOn: this.one });
    this.registerOutputs({ one: this.one.id });
  }
}
`;
const typed = team.replace(
  "constructor(name, opts)",
  "constructor(name: string, opts?: pulumi.ComponentResourceOptions)",
);
const fields = typed.replace(
  "constructor(",
  "readonly one: CheckpointPermission;\n  readonly two: CheckpointPermission;\n\n  constructor(",
);

const typescript = {
  "Pulumi.yaml": "name: scenario\nruntime: nodejs\n",
  "package.json": `{ "name": "scenario", "main": "index.ts" }`,
  "tsconfig.json": `{ "compilerOptions": { "strict": true, "target": "es2022", "module": "commonjs", "moduleResolution": "node", "skipLibCheck": true, "types": ["node"] } }`,
};

module.exports = [
  {
    title: "resources in modules that the program requires",
    files: {
      "index.js": `${main}
        const { group } = require("./group.js");
        const { web } = require("./web.js");
        exports.shop = new CheckpointPermission("shop", ${args("proj_shop")}, { parent: group, dependsOn: web }).id;
        exports.web = web.id;`,
      "group.js": `const pulumi = require("@pulumi/pulumi");
        exports.group = new pulumi.ComponentResource("test:index:Group", "group");`,
      "web.js": `${main}
        const { group } = require("./group.js");
        exports.web = new CheckpointPermission("web", ${args("proj_web")}, { parent: group });`,
    },
    projects: ["proj_shop", "proj_web"],
  },
  {
    title: "a program in a folder of its own",
    cli: asFiles,
    files: {
      "Pulumi.yaml": "name: scenario\nmain: .\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
      "package.json": `{ "name": "scenario", "main": "program.js" }`,
      "program.js": `${main} const pulumi = require("@pulumi/pulumi"); ${team} exports.one = new Team("team").one.id;`,
    },
    projects: ["proj_one", "proj_two"],
  },
  ...Object.entries({
    // Pulumi requires it, which an ES module with a top-level await does not allow.
    "an ES module": { main: "index.mjs", wait: "" },
    "a package of ES modules, with a top-level await": { main: "index.js", type: "module", wait: "await" },
  }).map(([title, { wait, ...manifest }]) => ({
    title,
    cli: asFiles,
    files: {
      "package.json": JSON.stringify({ name: "scenario", ...manifest }),
      [manifest.main]: `${imports} ${team}
        const project = ${wait} new Promise((resolve) => setTimeout(resolve, 5, "proj_web"));
        const web = new CheckpointPermission("web", { ...${args("")}, projectId: project });
        export const team = new Team("team", { dependsOn: [web] }).one.id;
        export const id = web.id;`,
    },
    projects: ["proj_one", "proj_two", "proj_web"],
    waves: 3,
  })),
  {
    title: "a TypeScript program",
    cli: asFiles,
    files: {
      ...typescript,
      "index.ts": `${imports} ${fields}
        const team = new Team("team");
        const set = new CheckpointPermissionSet("set", ${JSON.stringify(accessOf(["proj_1"], earlier))});
        export const id: pulumi.Output<string> = team.one.id;
        export const permissions = set.permissions;`,
    },
    projects: ["proj_one", "proj_two"],
    earlier: ["proj_1"],
  },
  {
    title: "a TypeScript program with an async main function",
    cli: asFiles,
    files: {
      ...typescript,
      "index.ts": `${imports} ${fields}
        export = async () => {
          const project = await new Promise<string>((resolve) => setTimeout(resolve, 5, "proj_web"));
          const web = new CheckpointPermission("web", { ...${args("")}, projectId: project });
          const team = new Team("team", { dependsOn: [web] });
          return { id: team.two.id, projectId: web.projectId };
        };`,
    },
    projects: ["proj_one", "proj_two", "proj_web"],
    waves: 3,
  },
  {
    title: "two copies of the package",
    program({ CheckpointPermission, CheckpointPermissionSet, file }) {
      const other = anotherCopyOf(file);
      const parent = new pulumi.ComponentResource("test:index:Group", "group");
      new CheckpointPermission("web", access("proj_web"), { parent });
      new other.CheckpointPermission("shop", access("proj_shop"), { parent });
      new CheckpointPermissionSet("set", accessOf(["proj_1"], earlier));
      new other.CheckpointPermissionSet("other", accessOf(["proj_2"], earlier));
    },
    projects: ["proj_shop", "proj_web"],
    earlier: ["proj_1", "proj_2"],
  },
];

/** A module as another installation of its package has it: loaded once more, with all that is in its package. */
function anotherCopyOf(file) {
  const loaded = Object.entries(require.cache).filter(([one]) => /[\\/]provider[\\/]dist[\\/]|naive\.cjs$/.test(one));
  for (const [one] of loaded) Reflect.deleteProperty(require.cache, one);
  try {
    return require(file);
  } finally {
    for (const [one, module] of loaded) require.cache[one] = module;
  }
}
