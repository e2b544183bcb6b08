/** What the programs have in common. */
const pulumi = require("@pulumi/pulumi");

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";
/** Another checkpoint of the same model. */
const earlier = `${checkpoint}:ckpt-step-2000`;

/** The arguments of a permission. */
const access = (projectId, fineTunedModelCheckpoint = checkpoint) => ({ fineTunedModelCheckpoint, projectId });

/** The arguments of a set. */
const accessOf = (projectIds, fineTunedModelCheckpoint = checkpoint) => ({ fineTunedModelCheckpoint, projectIds });

/** `proj_1` to `proj_COUNT`. */
const projectsTo = (count) => Array.from({ length: count }, (_, index) => `proj_${index + 1}`);

/** A component that does nothing. */
class Group extends pulumi.ComponentResource {
  constructor(name, opts, args = {}) {
    super("test:index:Group", name, args, opts);
  }
}

const later = (value, milliseconds = 5) => new Promise((resolve) => setTimeout(resolve, milliseconds, value));

module.exports = { Group, checkpoint, earlier, access, accessOf, projectsTo, later };
