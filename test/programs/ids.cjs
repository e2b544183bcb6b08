const pulumi = require("@pulumi/pulumi");
const { access, accessOf, checkpoint, earlier, later, projectsTo } = require("./access.cjs");

const refusesSecrets = "The miniature engine refuses secrets in inputs.";

/** IDs of a project `proj_web`, as programs come by them. */
const ids = {
  "a promise": () => later("proj_web"),
  "an async function": async () => `proj_${await later("web")}`,
  "an output": () => pulumi.output("proj_web"),
  "an output of a promise": () => pulumi.output(later("proj_web")),
  "pulumi.interpolate": () => pulumi.interpolate`proj_${later("web")}`,
  "pulumi.concat": () => pulumi.concat("proj_", pulumi.output("web")),
  "pulumi.all": () => pulumi.all([later("proj"), "web"]).apply((parts) => parts.join("_")),
  "pulumi.format": () => pulumi.output({ id: later("proj_web") }).id,
  "a nested apply": () => pulumi.output("web").apply((name) => pulumi.output(later(`proj_${name}`))),
  "pulumi.jsonParse": () => pulumi.jsonParse(pulumi.output(`{ "id": "proj_web" }`)).apply(({ id }) => id),
};

/** Lists of `proj_1` and `proj_2`. */
const lists = {
  "a promise of a list": () => later(["proj_1", "proj_2"]),
  "an output of a list": () => pulumi.output(["proj_1", "proj_2"]),
  "a list of promises": () => [later("proj_1", 8), later("proj_2")],
  "a list of a string and an output": () => ["proj_1", pulumi.output(later("proj_2"))],
  "pulumi.all of a list": () => pulumi.all([later("proj_1"), "proj_2"]),
  "a list with repeats": () => ["proj_2", "proj_1", "proj_2"],
};

const failing = {
  "a promise that rejects": () => Promise.reject(new Error("no such project")),
  "an apply that throws": () =>
    pulumi.output("web").apply(() => {
      throw new Error("no such project");
    }),
  "an async function that throws later": async () => {
    await later();
    throw new Error("no such project");
  },
};

module.exports = [
  ...Object.entries(ids).map(([title, id]) => ({
    title: `a project ID from ${title}`,
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      new CheckpointPermission("web", access(id()));
      new CheckpointPermissionSet("set", accessOf([id(), "proj_1"], earlier));
      new CheckpointPermission("shop", access("proj_shop"));
    },
    projects: ["proj_shop", "proj_web"],
    earlier: ["proj_1", "proj_web"],
  })),
  ...Object.entries(lists).map(([title, list]) => ({
    title: `project IDs from ${title}`,
    program: ({ CheckpointPermissionSet }) => void new CheckpointPermissionSet("set", accessOf(list())),
    projects: ["proj_1", "proj_2"],
  })),
  {
    title: "a checkpoint from a promise, and one from an output",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      new CheckpointPermission("web", access("proj_web", later(checkpoint)));
      new CheckpointPermissionSet("set", {
        ...accessOf(["proj_1"], pulumi.interpolate`${later(checkpoint)}:ckpt-step-2000`),
        exclusive: later(true),
      });
    },
    projects: ["proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "the project ID of another dynamic resource",
    program({ CheckpointPermission, Project }) {
      const project = new Project("made");
      new CheckpointPermission("made", access(project.projectId));
      new CheckpointPermission("web", access("proj_web"));
    },
    projects: ["proj_made", "proj_web"],
  },
  {
    title: "twenty project IDs that are outputs of one resource",
    program({ CheckpointPermission, Project }) {
      const { projectId } = new Project("team");
      for (const project of projectsTo(20)) {
        new CheckpointPermission(project, access(projectId.apply((id) => `${id}_${project.slice(5)}`)));
      }
    },
    projects: projectsTo(20).map((project) => project.replace("proj_", "proj_team_")),
  },
  {
    title: "the project IDs of five other dynamic resources",
    program({ CheckpointPermission, CheckpointPermissionSet, Project }) {
      const made = projectsTo(5).map((name) => new Project(name, { name: name.slice("proj_".length) }));
      for (const [index, { projectId }] of made.entries()) new CheckpointPermission(`web-${index}`, access(projectId));
      const projectIds = made.map(({ projectId }) => projectId);
      new CheckpointPermissionSet("set", accessOf(projectIds, earlier));
    },
    projects: projectsTo(5),
    earlier: projectsTo(5),
  },
  {
    title: "a project ID of which a preview knows a part",
    program({ CheckpointPermission, Project }) {
      const { projectId } = new Project("made");
      new CheckpointPermission("made", access(pulumi.interpolate`${projectId}_${later("web")}`));
      return { projectId };
    },
    projects: ["proj_made_web"],
  },
  {
    title: "project IDs from config",
    config: { "scenario:project": "proj_web", "scenario:projects": `["proj_1","proj_2"]` },
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const config = new pulumi.Config();
      new CheckpointPermission("web", access(config.require("project")));
      new CheckpointPermissionSet("set", accessOf(config.requireObject("projects"), earlier));
    },
    projects: ["proj_web"],
    earlier: ["proj_1", "proj_2"],
  },
  {
    title: "project IDs from secret config, beside others",
    cli: refusesSecrets,
    config: { "scenario:project": { secret: "proj_web" } },
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const project = new pulumi.Config().requireSecret("project");
      new CheckpointPermission("web", access(project));
      new CheckpointPermission("shop", access("proj_shop"));
      new CheckpointPermissionSet("set", accessOf([project, "proj_1"], earlier));
    },
    projects: ["proj_shop", "proj_web"],
    earlier: ["proj_1", "proj_web"],
  },
  {
    title: "a secret project ID in a component, beside others",
    cli: refusesSecrets,
    program({ CheckpointPermission, CheckpointPermissionSet, Project }) {
      const parent = new pulumi.ComponentResource("test:index:Group", "group");
      const web = new CheckpointPermission("web", access(pulumi.secret("proj_web")), { parent });
      const shop = new CheckpointPermission("shop", access("proj_shop"), { parent });
      new CheckpointPermissionSet("set", accessOf(["proj_1"], earlier), { parent });
      new Project("made", { name: "made", note: shop.id, notes: web.id });
      return { shop: shop.projectId, web: web.projectId, id: web.id };
    },
    projects: ["proj_shop", "proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "a secret checkpoint",
    cli: refusesSecrets,
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      new CheckpointPermission("web", access("proj_web", pulumi.secret(checkpoint)));
      new CheckpointPermissionSet("set", accessOf(["proj_1"], pulumi.secret(earlier)));
    },
    projects: ["proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "a project ID that is no secret any more",
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access(pulumi.unsecret(pulumi.secret("proj_web"))));
    },
    projects: ["proj_web"],
  },
  {
    title: "project IDs from another stack",
    cli: "The miniature engine refuses to read existing resources.",
    otherStack: { project: "proj_web", projects: ["proj_1", "proj_2"] },
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const other = new pulumi.StackReference("organization/scenario/other");
      new CheckpointPermission("web", access(other.requireOutput("project")));
      new CheckpointPermissionSet("set", accessOf(other.getOutput("projects"), earlier));
    },
    projects: ["proj_web"],
    earlier: ["proj_1", "proj_2"],
  },
  {
    title: "a project ID that is read from another stack first",
    cli: "The miniature engine refuses to read existing resources.",
    otherStack: { project: "proj_web" },
    program: ({ CheckpointPermission }) =>
      async function () {
        const { value } = await new pulumi.StackReference("organization/scenario/other").getOutputDetails("project");
        const web = new CheckpointPermission("web", access(value));
        return { id: web.id };
      },
    projects: ["proj_web"],
  },
  ...Object.entries(failing).map(([title, id]) => ({
    title: `a project ID from ${title}`,
    fails: true,
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access(id()));
    },
    projects: [],
  })),
  {
    title: "a list with a promise that rejects",
    fails: true,
    program({ CheckpointPermissionSet }) {
      new CheckpointPermissionSet("set", accessOf(["proj_1", Promise.reject(new Error("no such project"))]));
    },
    projects: [],
  },
];
