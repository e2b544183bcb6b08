const pulumi = require("@pulumi/pulumi");
const { Group, access, accessOf, earlier, later, projectsTo } = require("./access.cjs");

/** A permission, a component with two, and what else others may depend on. */
function declareFirst({ CheckpointPermission, Project }) {
  const group = new Group("group");
  for (const name of ["one", "two"]) new CheckpointPermission(name, access(`proj_${name}`), { parent: group });
  return { group, first: new CheckpointPermission("first", access("proj_first")), project: new Project("made") };
}

const dependsOn = {
  "on a permission": ({ first }) => first,
  "on a list with a permission": ({ first }) => [first],
  "on a component": ({ group }) => group,
  "on a component and a permission": ({ group, first }) => [group, first],
  "on a promise": ({ first }) => later(first),
  "on a promise of a list": ({ first, group }) => later([first, group]),
  "on an output": ({ first }) => pulumi.output(first),
  "on an output of a list": ({ first, project }) => pulumi.output([first, project]),
  "on a list of a promise, an output and a resource": ({ first, group, project }) => [
    later(first),
    pulumi.output(project),
    group,
  ],
  "on nothing, in a list": () => [],
};

module.exports = [
  ...Object.entries(dependsOn).map(([title, pick]) => ({
    title: `a permission and a set that depend ${title}`,
    program(scope) {
      const picked = pick(declareFirst(scope));
      new scope.CheckpointPermission("web", access("proj_web"), { dependsOn: picked });
      new scope.CheckpointPermissionSet("set", accessOf(["proj_1"], earlier), { dependsOn: picked });
    },
    projects: ["proj_first", "proj_one", "proj_two", "proj_web"],
    earlier: ["proj_1"],
  })),
  {
    title: "another resource that depends on a permission",
    program({ CheckpointPermission, Project }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      new Project("made", { name: "made" }, { dependsOn: web });
    },
    projects: ["proj_web"],
  },
  {
    title: "twenty permissions that depend on one resource",
    program({ CheckpointPermission, Project }) {
      const dependsOn = new Project("first");
      for (const project of projectsTo(20)) new CheckpointPermission(project, access(project), { dependsOn });
    },
    projects: projectsTo(20),
  },
  {
    title: "a chain of six permissions",
    program({ CheckpointPermission }) {
      let before = [];
      for (const project of projectsTo(6)) {
        before = [new CheckpointPermission(project, access(project), { dependsOn: before })];
      }
    },
    projects: projectsTo(6),
    waves: 6,
  },
  ...["id", "createdAt", "urn", "projectId", "fineTunedModelCheckpoint"].map((output) => ({
    title: `another resource that uses a permission's ${output}`,
    program({ CheckpointPermission, Project }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      new Project("made", { name: "made", note: web[output] });
      return { noted: web[output] };
    },
    projects: ["proj_web"],
  })),
  {
    title: "another resource that is given a permission and a set themselves",
    program({ CheckpointPermission, CheckpointPermissionSet, Project }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      const set = new CheckpointPermissionSet("set", accessOf(["proj_1"], earlier));
      new Project("made", { name: "made", note: web, notes: [pulumi.output(set)] });
    },
    projects: ["proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "another resource that uses all of a permission",
    program({ CheckpointPermission, Project }) {
      const { id, urn, createdAt, projectId, fineTunedModelCheckpoint } = new CheckpointPermission(
        "web",
        access("proj_web"),
      );
      const note = pulumi.all({ id, urn, createdAt, projectId, fineTunedModelCheckpoint });
      new Project("made", { name: "made", note: pulumi.jsonStringify(note) });
    },
    projects: ["proj_web"],
  },
  {
    title: "another resource that uses a set's permissions",
    program({ CheckpointPermissionSet, Project }) {
      const set = new CheckpointPermissionSet("set", accessOf(["proj_1", "proj_2"]));
      new Project("made", { name: "made", note: set.permissions[0].id, ids: set.projectIds, id: set.id });
      return { permissions: set.permissions, exclusive: set.exclusive };
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "a permission on the project of another permission, of another checkpoint",
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      new CheckpointPermission("earlier", access(web.projectId, earlier));
    },
    projects: ["proj_web"],
    earlier: ["proj_web"],
  },
  {
    title: "a set of the projects of other permissions, of another checkpoint",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const all = projectsTo(3).map((project) => new CheckpointPermission(project, access(project)));
      new CheckpointPermissionSet(
        "earlier",
        accessOf(
          all.map(({ projectId }) => projectId),
          earlier,
        ),
      );
    },
    projects: projectsTo(3),
    earlier: projectsTo(3),
  },
  {
    title: "a permission of the checkpoint of another",
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      new CheckpointPermission("shop", access("proj_shop", web.fineTunedModelCheckpoint));
    },
    projects: ["proj_shop", "proj_web"],
  },
  {
    title: "a permission whose parent is a permission",
    program({ CheckpointPermission }) {
      const parent = new CheckpointPermission("web", access("proj_web"));
      new CheckpointPermission("first", access("proj_1"), { parent });
      new CheckpointPermission("second", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "a permission whose parent is a set, which depends on another set",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const before = new CheckpointPermissionSet("before", accessOf(["proj_1"], earlier));
      const parent = new CheckpointPermissionSet("set", accessOf(["proj_1"]), { dependsOn: [before] });
      new CheckpointPermission("web", access("proj_web"), { parent });
    },
    projects: ["proj_1", "proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "a component whose parent is a permission on which it depends",
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      const parent = new Group("group", { parent: web, dependsOn: web });
      new CheckpointPermission("first", access("proj_1"), { parent });
      new CheckpointPermission("second", access("proj_2"), { parent });
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
  {
    title: "a permission that depends on a component and is a child of another",
    program(scope) {
      const { group } = declareFirst(scope);
      const parent = new Group("later", { dependsOn: group });
      new scope.CheckpointPermission("third", access("proj_third"), { parent, dependsOn: [group] });
      new scope.CheckpointPermission("fourth", access("proj_fourth"), { parent });
    },
    projects: ["proj_first", "proj_fourth", "proj_one", "proj_third", "proj_two"],
  },
  {
    title: "a component's permissions that depend on the component itself",
    cli: "In one process, what waits for itself waits until the test gives up.",
    program({ CheckpointPermission }) {
      const parent = new Group("group");
      new CheckpointPermission("one", access("proj_1"), { parent, dependsOn: parent });
      new CheckpointPermission("two", access("proj_2"), { parent, dependsOn: parent });
    },
    fails: true,
    projects: [],
  },
  {
    title: "a permission that depends on a component whose children are made in apply",
    program({ CheckpointPermission }) {
      const parent = new Group("group");
      const id = pulumi.output(later("proj_1")).apply((project) => {
        return new CheckpointPermission("one", access(project), { parent }).id;
      });
      new CheckpointPermission("web", access("proj_web"), { dependsOn: parent });
      return { id };
    },
    projects: ["proj_1", "proj_web"],
  },
];
