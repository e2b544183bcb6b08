/** What scenarios use of the SDK that Pulumi generates for the native plugin; the examples run with the generated one. */
const pulumi = require("@pulumi/pulumi");

const namespace = "openai-checkpoint-permissions:index:";

function resourceClass(name, outputs) {
  const aliases = [{ type: `pulumi-nodejs:dynamic/openai:${name}` }];
  return class extends pulumi.CustomResource {
    constructor(resourceName, args, opts) {
      const computed = Object.fromEntries(outputs.map((output) => [output, undefined]));
      super(namespace + name, resourceName, { ...computed, ...args }, pulumi.mergeOptions(opts, { aliases }));
    }

    static get(resourceName, id, opts) {
      return new this(resourceName, {}, { ...opts, id });
    }
  };
}

exports.CheckpointPermission = resourceClass("CheckpointPermission", ["createdAt"]);
exports.CheckpointPermissionSet = resourceClass("CheckpointPermissionSet", ["permissions"]);
exports.Provider = class extends pulumi.ProviderResource {
  constructor(name, args, opts) {
    super("openai-checkpoint-permissions", name, args, opts);
  }
};
exports.listCheckpointPermissionsOutput = (args) =>
  pulumi.runtime.invokeOutput(`${namespace}listCheckpointPermissions`, args);
