const pulumi = require("@pulumi/pulumi");
const { Group, access, accessOf, earlier } = require("./access.cjs");

const refused = "The miniature engine refuses the option by name.";

/** A permission, a set and a component's two permissions, all with these options. */
const declareAll = (opts) =>
  function ({ CheckpointPermission, CheckpointPermissionSet }) {
    const web = new CheckpointPermission("web", access("proj_web"));
    const options = typeof opts === "function" ? opts(web) : opts;
    new CheckpointPermission("shop", access("proj_shop"), options);
    new CheckpointPermissionSet("set", accessOf(["proj_1"], earlier), options);
    const parent = new Group("group");
    for (const name of ["one", "two"]) {
      new CheckpointPermission(name, access(`proj_${name}`), { parent, ...options });
    }
  };
const projects = ["proj_one", "proj_shop", "proj_two", "proj_web"];
const declared = { projects, earlier: ["proj_1"] };

const renamed = ({ name, props, opts }) => ({
  props: name === "shop" ? { ...props, projectId: "proj_sho" } : props,
  opts,
});

module.exports = [
  {
    title: "protect",
    cli: refused,
    stays: true,
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access("proj_web"), { protect: true });
      const parent = new Group("group", { protect: true });
      new CheckpointPermission("shop", access("proj_shop"), { parent });
      new CheckpointPermission("open", access("proj_open"), { parent, protect: false });
    },
    projects: ["proj_open", "proj_shop", "proj_web"],
    left: ["proj_shop", "proj_web"],
  },
  {
    title: "retainOnDelete",
    cli: refused,
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access("proj_web"), { retainOnDelete: true });
      const parent = new Group("group", { retainOnDelete: true });
      new CheckpointPermission("shop", access("proj_shop"), { parent });
    },
    projects: ["proj_shop", "proj_web"],
    left: ["proj_shop", "proj_web"],
  },
  { title: "deleteBeforeReplace", program: declareAll({ deleteBeforeReplace: true }), ...declared },
  {
    title: "options that are undefined",
    program: declareAll({ dependsOn: undefined, protect: undefined }),
    ...declared,
  },
  { title: "replacementTrigger", program: declareAll({ replacementTrigger: "1" }), ...declared },
  ...Object.entries({
    replaceOnChanges: { replaceOnChanges: ["*"] },
    ignoreChanges: { ignoreChanges: ["projectId", "projectIds"] },
    customTimeouts: { customTimeouts: { create: "5m", update: "6m", delete: "7m" } },
    additionalSecretOutputs: { additionalSecretOutputs: ["createdAt", "permissions"] },
    version: { version: "1.2.3" },
    deletedWith: (deletedWith) => ({ deletedWith }),
    replaceWith: (web) => ({ replaceWith: [web] }),
    "dependsOn and customTimeouts": (web) => ({ dependsOn: web, customTimeouts: { create: "5m" } }),
    "aliases by name": { aliases: [{ name: "before" }] },
    "aliases by parent": { aliases: [{ parent: pulumi.rootStackResource }, { name: "old", parent: undefined }] },
    "aliases by URN": { aliases: ["urn:pulumi:test::scenario::test:index:Other::before"] },
    "aliases by type": { aliases: [{ type: "test:index:Before" }] },
    transforms: { transforms: [renamed] },
  }).map(([title, opts]) => ({
    title,
    cli: refused,
    program: declareAll(opts),
    ...declared,
    // Pulumi skips the delete of what goes away with something else.
    ...(title === "deletedWith" ? { projects: undefined } : {}),
    ...(title === "transforms" ? { projects: ["proj_one", "proj_sho", "proj_two", "proj_web"] } : {}),
  })),
  {
    title: "a component's alias",
    cli: refused,
    program({ CheckpointPermission }) {
      const parent = new Group("group", { aliases: [{ name: "before" }] });
      new CheckpointPermission("one", access("proj_1"), { parent });
      new CheckpointPermission("two", access("proj_2"), { parent, aliases: [{ parent: pulumi.rootStackResource }] });
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "a component with providers of another package",
    cli: "The miniature engine refuses explicit providers.",
    program({ CheckpointPermission }) {
      const provider = new pulumi.ProviderResource("openai-checkpoint-permissions", "other", {});
      const parent = new Group("group", { providers: [provider] });
      new CheckpointPermission("one", access("proj_1"), { parent });
      new CheckpointPermission("two", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "an explicit provider for dynamic resources",
    cli: "The miniature engine refuses explicit providers.",
    program({ CheckpointPermission }) {
      const provider = new pulumi.ProviderResource("pulumi-nodejs", "explicit", {});
      new CheckpointPermission("web", access("proj_web"), { provider });
      const parent = new Group("group", { providers: { "pulumi-nodejs": provider } });
      new CheckpointPermission("one", access("proj_1"), { parent });
      new CheckpointPermission("two", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "transformations",
    program: declareAll({ transformations: [renamed] }),
    ...declared,
    projects: ["proj_one", "proj_sho", "proj_two", "proj_web"],
  },
  {
    title: "a component's transformations, which add dependencies",
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      const add = ({ props, opts }) => ({ props, opts: pulumi.mergeOptions(opts, { dependsOn: web }) });
      const parent = new Group("group", { transformations: [add] });
      new CheckpointPermission("one", access("proj_1"), { parent });
      new CheckpointPermission("two", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "a stack transformation",
    program(scope) {
      pulumi.runtime.registerStackTransformation(renamed);
      declareAll({})(scope);
    },
    ...declared,
    projects: ["proj_one", "proj_sho", "proj_two", "proj_web"],
  },
  {
    title: "a stack transformation that changes a parent",
    fails: true,
    program({ CheckpointPermission }) {
      const parent = new Group("group");
      pulumi.runtime.registerStackTransformation(({ name, props, opts }) =>
        name === "web" ? { props, opts: { ...opts, parent } } : undefined,
      );
      new CheckpointPermission("web", access("proj_web"));
      new CheckpointPermission("shop", access("proj_shop"), { parent });
    },
    projects: [],
  },
  {
    title: "a stack transform",
    cli: refused,
    program(scope) {
      pulumi.runtime.registerResourceTransform(renamed);
      declareAll({})(scope);
    },
    ...declared,
    projects: ["proj_one", "proj_sho", "proj_two", "proj_web"],
  },
  {
    title: "an async transform of a component",
    cli: refused,
    program({ CheckpointPermission }) {
      const protect = async ({ props, opts }) => ({ props, opts: { ...opts, customTimeouts: { create: "9m" } } });
      const parent = new Group("group", { transforms: [protect] });
      new CheckpointPermission("one", access("proj_1"), { parent });
      new CheckpointPermission("two", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "hooks",
    cli: refused,
    program({ CheckpointPermission }) {
      const hook = new pulumi.ResourceHook("noted", async () => undefined);
      new CheckpointPermission("web", access("proj_web"), { hooks: { beforeCreate: [hook], afterCreate: [hook] } });
      const parent = new Group("group", { hooks: { afterCreate: [hook] } });
      new CheckpointPermission("one", access("proj_1"), { parent });
      new CheckpointPermission("two", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
];
