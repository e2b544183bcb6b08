/** The kinds of project that the packed package is installed into. */
import { packageName } from "../../provider/resource/reference";
import { checkpoint } from "../e2e/scenario";

export const oldestSdk = "3.150.0";

/** Versions of `@pulumi/pulumi`, and the Node.js versions to run them on. */
export const sdks = {
  "the oldest SDK": { range: oldestSdk, nodes: [20, 22, 24] },
  // Later ones ask for Node.js 22.
  "the newest SDK for Node.js 20": { range: "<3.249.0", nodes: [20] },
  "the newest SDK": { range: "latest", nodes: [22, 24, 26] },
};

/** Each Node.js version once. */
export const nodes = [...new Set(Object.values(sdks).flatMap((sdk) => sdk.nodes))].sort();

/** The oldest that the package's types are read by, each of the last year, and the one that follows. */
export const typescripts = ["5.0", "5.9", "6.0", "7.0"];

export const managers = ["npm", "pnpm"] as const;
export type Manager = (typeof managers)[number];

export interface Language {
  main: string;
  program: string;
  /** Other files of the project. */
  files: Record<string, string>;
  type: "commonjs" | "module";
  dependencies: readonly string[];
  /** The `nodeargs` that Pulumi.yaml needs with the oldest SDK. */
  oldestSdkNeeds?: string;
  /** The options that it needs with any SDK. */
  runtimeOptions?: Record<string, unknown>;
}

const args = `fineTunedModelCheckpoint: "${checkpoint}"`;
const names = "CheckpointPermission, CheckpointPermissionSet, listCheckpointPermissionsOutput";
const asModules = `import { ${names} } from "${packageName}";`;
const asCommonJs = `const { ${names} } = require("${packageName}");`;

const resources = `
const web = new CheckpointPermission("web", { ${args}, projectId: "proj_web" });
const team = new CheckpointPermissionSet("team", { ${args}, projectIds: ["proj_mobile", "proj_search"] });
const rows = listCheckpointPermissionsOutput({ fineTunedModelCheckpoint: web.fineTunedModelCheckpoint }).permissions;
`;

const typed = `import * as pulumi from "@pulumi/pulumi";
import type { Permission } from "${packageName}";
${asModules}
${resources}
const grantedAt: pulumi.Output<number> = web.createdAt;
const permissions: pulumi.Output<Permission[]> = rows;
export const granted = pulumi.all([grantedAt, team.permissions, permissions]).apply(([, ofTeam]) => ofTeam.length);
`;

/** As `pulumi new typescript` writes it. */
function tsconfig(options: Record<string, unknown>): string {
  return JSON.stringify({
    compilerOptions: { strict: true, target: "es2020", sourceMap: true, types: ["node"], ...options },
    files: ["index.ts"],
  });
}

// Where the types are not found, the SDK compiles with a TypeScript of 2020 of its own.
const typescript = ["typescript@^5.0.0", "@types/node@^20.0.0"];

const esModules = {
  main: "index.ts",
  program: typed,
  files: { "tsconfig.json": tsconfig({ module: "nodenext", moduleResolution: "nodenext" }) },
  type: "module",
} as const;

export const languages: Record<string, Language> = {
  "JavaScript, CommonJS": {
    main: "index.js",
    program: `${asCommonJs}\n${resources}\nexports.granted = team.permissions.apply(({ length }) => length);\n`,
    files: {},
    type: "commonjs",
    dependencies: [],
  },
  "JavaScript, ES modules": {
    main: "index.js",
    program: `${asModules}\n${resources}\nexport const granted = team.permissions.apply(({ length }) => length);\n`,
    files: {},
    type: "module",
    dependencies: [],
  },
  "TypeScript, CommonJS": {
    main: "index.ts",
    program: typed,
    files: { "tsconfig.json": tsconfig({ module: "commonjs", moduleResolution: "node" }) },
    type: "commonjs",
    dependencies: typescript,
  },
  "TypeScript, ES modules": {
    ...esModules,
    // The SDK's own ts-node is older than ES modules.
    dependencies: [...typescript, "ts-node@^10.9.2"],
    // Newer SDKs see by themselves that the program is an ES module.
    oldestSdkNeeds: "--loader ts-node/esm --no-warnings",
  },
  "TypeScript, ES modules, by tsx": {
    ...esModules,
    dependencies: [...typescript, "tsx"],
    runtimeOptions: { typescript: false, nodeargs: "--import tsx" },
  },
};

/** A component of another package, which has an SDK of its own. */
export const component = `
const pulumi = require("@pulumi/pulumi");
const { CheckpointPermission } = require("${packageName}");
exports.Access = class extends pulumi.ComponentResource {
  constructor(name, checkpoint) {
    super("lib:index:Access", name);
    for (const projectId of ["proj_web", "proj_mobile"]) {
      new CheckpointPermission(projectId, { fineTunedModelCheckpoint: checkpoint, projectId }, { parent: this });
    }
    this.registerOutputs({});
  }
};
`;
export const twoSdks = `
const pulumi = require("@pulumi/pulumi");
const { Access } = require("lib");
new Access("access", pulumi.output("${checkpoint}"));
`;
