/**
 * The resources as one would write them in five minutes: with `create` and `delete` that do nothing, and constructors that
 * pass on what they are given. What a program does with them is what Pulumi does with any dynamic resource.
 */
const { randomUUID } = require("node:crypto");
const pulumi = require("@pulumi/pulumi");

/** @param create gives ID and outputs; @param replaces names the inputs that an update cannot change. */
const provider = (create, replaces = []) => ({
  check: async (_olds, inputs) => ({ inputs }),
  diff: async (_id, olds, news) => {
    const changed = Object.keys(news).filter((key) => JSON.stringify(news[key]) !== JSON.stringify(olds[key]));
    return { changes: changed.length > 0, replaces: changed.filter((key) => replaces.includes(key)) };
  },
  create: async (inputs) => create(inputs),
  update: async (_id, _olds, news) => ({ outs: create(news).outs }),
  read: async (id, props) => ({ id, props }),
  delete: async () => undefined,
});

const newId = () => `cp_${randomUUID().replaceAll("-", "")}`;
const createdAt = 1_700_000_000;

const providers = {
  permission: provider(
    (inputs) => ({ id: newId(), outs: { ...inputs, createdAt } }),
    ["fineTunedModelCheckpoint", "projectId"],
  ),
  permissionSet: provider(
    (inputs) => ({
      id: inputs.fineTunedModelCheckpoint,
      outs: {
        exclusive: false,
        ...inputs,
        permissions: inputs.projectIds.map((projectId) => ({ id: newId(), projectId, createdAt })),
      },
    }),
    ["fineTunedModelCheckpoint"],
  ),
  project: provider((inputs) => ({ id: inputs.name, outs: { ...inputs, projectId: `proj_${inputs.name}` } }), ["name"]),
};

const handlerOf = (name) => `exports.handler=()=>require(${JSON.stringify(__filename)}).providers.${name}`;

class CheckpointPermission extends pulumi.CustomResource {
  static __pulumiType = "pulumi-nodejs:dynamic/naive:CheckpointPermission";

  constructor(name, args, opts) {
    const { fineTunedModelCheckpoint, projectId } = args;
    const inputs = { fineTunedModelCheckpoint, projectId, createdAt: undefined, __provider: handlerOf("permission") };
    super(CheckpointPermission.__pulumiType, name, inputs, opts);
  }
}

class CheckpointPermissionSet extends pulumi.CustomResource {
  static __pulumiType = "pulumi-nodejs:dynamic/naive:CheckpointPermissionSet";

  constructor(name, args, opts) {
    const { fineTunedModelCheckpoint, projectIds, exclusive } = args;
    const inputs = { fineTunedModelCheckpoint, projectIds, exclusive, permissions: undefined };
    super(CheckpointPermissionSet.__pulumiType, name, { ...inputs, __provider: handlerOf("permissionSet") }, opts);
  }
}

/** Another dynamic resource: a project whose ID is known once it is created. */
class Project extends pulumi.CustomResource {
  static __pulumiType = "pulumi-nodejs:dynamic/naive:Project";

  constructor(name, args = { name }, opts) {
    super(Project.__pulumiType, name, { ...args, projectId: undefined, __provider: handlerOf("project") }, opts);
  }
}

module.exports = {
  CheckpointPermission,
  CheckpointPermissionSet,
  Project,
  providers,
  /** By the type in URNs. */
  providersByType: {
    [CheckpointPermission.__pulumiType]: providers.permission,
    [CheckpointPermissionSet.__pulumiType]: providers.permissionSet,
    [Project.__pulumiType]: providers.project,
  },
};
