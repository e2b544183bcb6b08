const pulumi = require("@pulumi/pulumi");
const { access, accessOf, checkpoint, earlier, later, projectsTo } = require("./access.cjs");

module.exports = [
  {
    title: "exports of outputs, of resources and of what holds them",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      const set = new CheckpointPermissionSet("set", accessOf(["proj_1"], earlier));
      return {
        id: web.id,
        nested: { urns: [web.urn, set.urn] },
        all: pulumi.all([web.id, set.id]),
        later: later(web.id),
      };
    },
    projects: ["proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "exports of the resources themselves",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      const set = new CheckpointPermissionSet("set", accessOf(["proj_1"], earlier));
      return { web, nested: { set, list: [web] }, output: pulumi.output(web) };
    },
    projects: ["proj_web"],
    earlier: ["proj_1"],
  },
  {
    title: "an async main function",
    program: ({ CheckpointPermission }) =>
      async function () {
        const projects = await later(["proj_1", "proj_2"]);
        const permissions = projects.map((project) => new CheckpointPermission(project, access(project)));
        await later();
        new CheckpointPermission("last", access("proj_last"), { dependsOn: permissions });
        return { ids: permissions.map(({ id }) => id) };
      },
    projects: ["proj_1", "proj_2", "proj_last"],
  },
  {
    title: "a promise as the program's exports",
    async program({ CheckpointPermission }) {
      const first = new CheckpointPermission("first", access("proj_1"));
      await later();
      const second = new CheckpointPermission("second", access("proj_2"), { parent: first });
      return { id: second.id };
    },
    projects: ["proj_1", "proj_2"],
  },
  {
    title: "a function as the program's exports",
    program:
      ({ CheckpointPermission }) =>
      () => ({ id: new CheckpointPermission("web", access("proj_web")).id }),
    projects: ["proj_web"],
  },
  {
    title: "permissions made in an async function that nobody awaits",
    program({ CheckpointPermission }) {
      void (async () => {
        for (const project of projectsTo(3)) new CheckpointPermission(project, access(await project));
      })();
      new CheckpointPermission("web", access("proj_web"));
    },
    projects: ["proj_1", "proj_2", "proj_3", "proj_web"],
  },
  {
    title: "permissions made side by side in async functions",
    program: ({ CheckpointPermission }) =>
      async function () {
        const make = async (project) => new CheckpointPermission(project, access(await later(project)));
        const made = await Promise.all(projectsTo(4).map(make));
        return { ids: pulumi.all(made.map(({ id }) => id)) };
      },
    projects: projectsTo(4),
  },
  {
    title: "a permission made in apply of another's ID",
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      web.id.apply(() => new CheckpointPermission("next", access("proj_next")));
    },
    projects: ["proj_next", "proj_web"],
  },
  {
    title: "permissions made in apply of another resource's outputs",
    program({ CheckpointPermission, Project }) {
      const project = new Project("made");
      const made = pulumi.all([project.projectId, later("web")]).apply(([id, name]) => {
        new CheckpointPermission(name, access(id), { parent: project });
        return new CheckpointPermission("shop", access("proj_shop"), { dependsOn: project }).id;
      });
      return { made };
    },
    projects: ["proj_made", "proj_shop"],
  },
  {
    title: "a permission that is awaited by a promise of its ID",
    program: ({ CheckpointPermission }) =>
      async function () {
        const web = new CheckpointPermission("web", access("proj_web"));
        await new Promise((resolve) => web.urn.apply(resolve));
        new CheckpointPermission("shop", access("proj_shop"));
      },
    projects: ["proj_shop", "proj_web"],
  },
  {
    title: "a subclass with arguments and outputs of its own",
    program({ CheckpointPermission }) {
      class Access extends CheckpointPermission {
        constructor(team, opts) {
          super(`access-${team}`, access(`proj_${team}`), { ...opts, deleteBeforeReplace: true });
          this.team = team;
        }
      }
      const web = new Access("web");
      const shop = new Access("shop", { dependsOn: web });
      return { team: shop.team, id: shop.id, isOne: CheckpointPermission.isInstance?.(shop) ?? true };
    },
    projects: ["proj_shop", "proj_web"],
  },
  {
    title: "a factory function",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const give = (project, { before = false, ...opts } = {}) => {
        const web = new CheckpointPermission(project, access(project), opts);
        return before
          ? [web, new CheckpointPermissionSet(`${project}-before`, accessOf([project], earlier), opts)]
          : [web];
      };
      const [first] = give("proj_1");
      give("proj_2", { before: true, dependsOn: first });
    },
    projects: ["proj_1", "proj_2"],
    earlier: ["proj_2"],
  },
  {
    title: "a Map of permissions and a forEach over it",
    program({ CheckpointPermission }) {
      const byTeam = new Map([
        ["web", "proj_web"],
        ["shop", "proj_shop"],
      ]);
      const made = new Map();
      byTeam.forEach((project, name) => made.set(name, new CheckpointPermission(name, access(project))));
      return Object.fromEntries([...made].map(([name, { id }]) => [name, id]));
    },
    projects: ["proj_shop", "proj_web"],
  },
  {
    title: "thirty permissions in a loop",
    program({ CheckpointPermission }) {
      for (const project of projectsTo(30)) new CheckpointPermission(project, access(project));
    },
    projects: projectsTo(30).sort(),
  },
  {
    title: "permissions of two checkpoints in turn",
    program({ CheckpointPermission }) {
      for (const project of projectsTo(5)) {
        new CheckpointPermission(`${project}-now`, access(project));
        new CheckpointPermission(`${project}-before`, access(project, earlier));
      }
    },
    projects: projectsTo(5),
    earlier: projectsTo(5),
  },
  {
    title: "a permission only where a condition holds",
    config: { "scenario:isShared": "false" },
    program({ CheckpointPermission }) {
      const isShared = new pulumi.Config().getBoolean("isShared");
      const web = isShared ? new CheckpointPermission("web", access("proj_web")) : undefined;
      return { id: web?.id, stack: pulumi.getStack() };
    },
    projects: [],
  },
  {
    title: "names made of stack and project",
    program({ CheckpointPermission }) {
      new CheckpointPermission(`${pulumi.getProject()}/${pulumi.getStack()}: access`, access("proj_web"));
    },
    projects: ["proj_web"],
  },
  {
    title: "outputs that are logged",
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      web.id.apply((id) => pulumi.log.info(`granted ${id}`, web));
      pulumi.output(web).apply(({ projectId }) => console.log(projectId));
    },
    projects: ["proj_web"],
  },
  {
    title: "a program that throws after it has declared permissions",
    fails: true,
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access("proj_web"));
      throw new pulumi.RunError("no more");
    },
    projects: undefined,
  },
  {
    // With a stack, the SDK prints all that the error refers to, which takes a minute, with any resource.
    title: "an async program that rejects once its permission is there",
    fails: true,
    program: ({ CheckpointPermission }) =>
      async function () {
        const web = new CheckpointPermission("web", access("proj_web"));
        await new Promise((resolve) => web.urn.apply(resolve));
        throw Object.assign(new pulumi.RunError("no more"), { stack: "" });
      },
    projects: ["proj_web"],
  },
  {
    title: "an apply that throws",
    fails: true,
    program({ CheckpointPermission }) {
      const web = new CheckpointPermission("web", access("proj_web"));
      web.urn.apply(() => {
        throw new pulumi.RunError("no more");
      });
    },
    projects: undefined,
  },
  {
    title: "two permissions of one name",
    fails: "early",
    program({ CheckpointPermission }) {
      new CheckpointPermission("web", access("proj_1"));
      new CheckpointPermission("web", access("proj_2"));
    },
    projects: undefined,
  },
  {
    title: "a checkpoint that is exported and used again",
    program({ CheckpointPermission, CheckpointPermissionSet }) {
      const shared = pulumi.output(later({ checkpoint, projects: ["proj_1", "proj_2"] }));
      new CheckpointPermissionSet("set", accessOf(shared.projects, shared.checkpoint));
      new CheckpointPermission("web", access("proj_web", shared.checkpoint));
      return { checkpoint: shared.checkpoint };
    },
    projects: ["proj_1", "proj_2", "proj_web"],
  },
];
