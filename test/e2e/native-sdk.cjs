/** What scenarios use of the SDK that Pulumi generates for the native plugin; the examples run with the generated one. */
const pulumi = require("@pulumi/pulumi");
const schema = require("../../provider/native/schema.json");

const namespace = "openai-checkpoint-permissions:index:";

function resourceClass(name) {
  const { properties, inputProperties } = schema.resources[namespace + name];
  const outputs = Object.keys(properties).filter((property) => !(property in inputProperties));
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

for (const name of ["CheckpointPermission", "CheckpointPermissionSet"]) exports[name] = resourceClass(name);
exports.Provider = class extends pulumi.ProviderResource {
  constructor(name, args, opts) {
    super("openai-checkpoint-permissions", name, args, opts);
  }
};
exports.listCheckpointPermissionsOutput = (args) =>
  pulumi.runtime.invokeOutput(`${namespace}listCheckpointPermissions`, args);
