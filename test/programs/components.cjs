const pulumi = require("@pulumi/pulumi");
const { Group, access, accessOf, earlier, later, projectsTo } = require("./access.cjs");

/** A component that makes its children in its constructor, as most do. */
const teamOf = ({ CheckpointPermission }) =>
  class Team extends pulumi.ComponentResource {
    constructor(name, { projects, outputs = true }, opts) {
      super("test:index:Team", name, {}, opts);
      this.permissions = projects.map((project) => {
        return new CheckpointPermission(`${name}-${project}`, access(project), { parent: this });
      });
      this.ids = this.permissions.map(({ id }) => id);
      if (outputs) this.registerOutputs({ ids: this.ids });
    }
  };

module.exports = [
  ...[1, 2, 10].map((count) => ({
    title: `a component with ${count} permissions`,
    program: (scope) => void new (teamOf(scope))("team", { projects: projectsTo(count) }),
    projects: projectsTo(count),
  })),
  {
    title: "a component that registers no outputs",
    program: (scope) => void new (teamOf(scope))("team", { projects: projectsTo(2), outputs: false }),
    projects: projectsTo(2),
  },
  {
    title: "a permission that depends on a component without children",
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access("proj_web"), { dependsOn: new Group("group") });
    },
    projects: ["proj_web"],
  },
  {
    title: "a component with two sets",
    program({ CheckpointPermissionSet }) {
      const group = new Group("group");
      new CheckpointPermissionSet("now", accessOf(["proj_1", "proj_2"]), { parent: group });
      new CheckpointPermissionSet("before", accessOf(["proj_1"], earlier), { parent: group });
    },
    projects: ["proj_1", "proj_2"],
    earlier: ["proj_1"],
  },
  {
    title: "a set and a permission in one component",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const group = new Group("group");
      new CheckpointPermissionSet("set", accessOf(["proj_1", "proj_2"]), { parent: group });
      new CheckpointPermission("web", access("proj_web"), { parent: group });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "components within components",
    program({ CheckpointPermission }) {
      const outer = new Group("outer");
      const inner = new Group("inner", { parent: outer });
      const innermost = new Group("innermost", { parent: inner });
      for (const [name, parent] of Object.entries({ outer, inner, innermost })) {
        new CheckpointPermission(`${name}-1`, access(`proj_${name}_1`), { parent });
        new CheckpointPermission(`${name}-2`, access(`proj_${name}_2`), { parent });
      }
    },
    projects: ["outer", "inner", "innermost"].flatMap((name) => [`proj_${name}_1`, `proj_${name}_2`]),
  },
  {
    title: "permissions of one name in components of other types",
    program({ CheckpointPermission }) {
      for (const kind of ["Web", "Shop"]) {
        const parent = new pulumi.ComponentResource(`test:index:${kind}`, "team");
        new CheckpointPermission("access", access(`proj_${kind}`), { parent });
      }
    },
    projects: ["proj_Shop", "proj_Web"],
  },
  {
    title: "components in a loop",
    program: (scope) => {
      const Team = teamOf(scope);
      for (const team of ["red", "green", "blue"]) new Team(team, { projects: [`proj_${team}_1`, `proj_${team}_2`] });
    },
    projects: ["red", "green", "blue"].flatMap((team) => [`proj_${team}_1`, `proj_${team}_2`]),
  },
  {
    title: "an async component",
    program({ CheckpointPermission }) {
      class Team extends pulumi.ComponentResource {
        constructor(name) {
          super("test:index:Team", name, { name });
        }

        async initialize({ name }) {
          const projects = await later(["proj_1", "proj_2"]);
          const permissions = projects.map((project) => {
            return new CheckpointPermission(`${name}-${project}`, access(project), { parent: this });
          });
          return { ids: permissions.map(({ id }) => id) };
        }
      }
      const team = new Team("team");
      return { ids: pulumi.output(team.getData()).apply((data) => data.ids) };
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "an async component on which a permission depends",
    program({ CheckpointPermission }) {
      class Team extends pulumi.ComponentResource {
        constructor(name) {
          super("test:index:Team", name, {});
        }

        async initialize() {
          await later();
          new CheckpointPermission("member", access("proj_member"), { parent: this });
          new CheckpointPermission("guest", access("proj_guest"), { parent: this });
          return {};
        }
      }
      new CheckpointPermission("after", access("proj_after"), { dependsOn: new Team("team") });
    },
    projects: ["proj_after", "proj_guest", "proj_member"],
  },
  {
    title: "a component whose children wait for a promise",
    program({ CheckpointPermission }) {
      class Team extends pulumi.ComponentResource {
        constructor(name) {
          super("test:index:Team", name);
          const projects = later(["proj_1", "proj_2"]);
          for (const index of [0, 1]) {
            const projectId = projects.then((ids) => ids[index]);
            new CheckpointPermission(`${name}-${index}`, access(projectId), { parent: this });
          }
          this.registerOutputs(later({ done: true }));
        }
      }
      new Team("team");
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "a component that makes its children in apply",
    program({ CheckpointPermission }) {
      const group = new Group("group");
      // Pulumi waits for what is exported, and not for every timer.
      const made = pulumi.output(later(["proj_1", "proj_2"])).apply((projects) => {
        return projects.map((project) => new CheckpointPermission(project, access(project), { parent: group }).id);
      });
      return { made };
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "a component's permission that depends on its sibling",
    program({ CheckpointPermission }) {
      const parent = new Group("group");
      const first = new CheckpointPermission("first", access("proj_1"), { parent });
      new CheckpointPermission("second", access("proj_2"), { parent, dependsOn: first });
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "a component's permission that uses its sibling's outputs",
    program({ CheckpointPermission, Project }) {
      const parent = new Group("group");
      const first = new CheckpointPermission("first", access("proj_1"), { parent });
      const made = new Project("made", { name: "made", note: first.id }, { parent });
      new CheckpointPermission("second", access(made.projectId), { parent });
      parent.registerOutputs({ first: first.id, made: made.projectId });
    },
    projects: ["proj_1", "proj_made"],
  },
  {
    title: "a component whose outputs another component takes",
    program(scope) {
      const Team = teamOf(scope);
      const first = new Team("first", { projects: ["proj_1", "proj_2"] });
      const project = new scope.Project("made", { name: "made", notes: first.ids });
      new Team("second", { projects: ["proj_3"] }, { dependsOn: [project] });
      new scope.CheckpointPermission("made", access(project.projectId));
    },
    projects: ["proj_1", "proj_2", "proj_3", "proj_made"],
  },
  {
    title: "a component that depends on a permission",
    program(scope) {
      const web = new scope.CheckpointPermission("web", access("proj_web"));
      new (teamOf(scope))("team", { projects: ["proj_1", "proj_2"] }, { dependsOn: web });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "a component that depends on a component",
    program(scope) {
      const Team = teamOf(scope);
      const first = new Team("first", { projects: ["proj_1", "proj_2"] });
      new Team("second", { projects: ["proj_3", "proj_4"] }, { dependsOn: [first] });
    },
    projects: projectsTo(4),
  },
  {
    title: "a component that is given its parent",
    program(scope) {
      const parent = new Group("group");
      new (teamOf(scope))("team", { projects: ["proj_1", "proj_2"] }, { parent });
      new scope.CheckpointPermission("web", access("proj_web"), { parent });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "a component that merges the options that it is given",
    program({ CheckpointPermission }) {
      class Team extends pulumi.ComponentResource {
        constructor(name, opts) {
          super("test:index:Team", name, {}, opts);
          for (const project of ["proj_1", "proj_2"]) {
            new CheckpointPermission(project, access(project), pulumi.mergeOptions(opts, { parent: this }));
          }
        }
      }
      new Team("team", { dependsOn: new CheckpointPermission("web", access("proj_web")) });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "a component with inputs that are outputs",
    program({ CheckpointPermission, Project }) {
      const { projectId } = new Project("made");
      const parent = new Group("group", {}, { projectId });
      new CheckpointPermission("web", access("proj_web"), { parent });
      new CheckpointPermission("made", access(projectId), { parent });
    },
    projects: ["proj_made", "proj_web"],
  },
  {
    title: "a component that registers its permission itself as an output",
    program({ CheckpointPermission }) {
      const parent = new Group("group");
      const web = new CheckpointPermission("web", access("proj_web"), { parent });
      parent.registerOutputs({ web, urn: web.urn });
    },
    projects: ["proj_web"],
  },
];
