import { PolicyPack, type ResourceValidationArgs, type ReportViolation } from "@pulumi/policy";

/** The inputs of both resources, and what a check adds to them. */
interface Inputs {
  fineTunedModelCheckpoint: string;
  projectId?: string;
  projectIds?: string[];
  exclusive?: boolean;
  adopts?: string[];
  revokes?: string[];
}

const permission = [
  "pulumi-nodejs:dynamic/openai:CheckpointPermission",
  "openai-checkpoint-permissions:index:CheckpointPermission",
];
const permissionSet = permission.map((type) => `${type}Set`);

/** A rule about resources of these types. */
function rule(types: string[], check: (inputs: Inputs, args: ResourceValidationArgs, report: ReportViolation) => void) {
  return (args: ResourceValidationArgs, report: ReportViolation) => {
    if (types.includes(args.type)) check(args.props as Inputs, args, report);
  };
}

new PolicyPack("checkpoint-access", {
  policies: [
    {
      name: "limit-revocations",
      description: "An exclusive set revokes only a few unmanaged permissions in one run.",
      enforcementLevel: "mandatory",
      configSchema: { properties: { most: { type: "integer", default: 3 } } },
      validateResource: rule(permissionSet, ({ revokes = [] }, args, report) => {
        const { most } = args.getConfig<{ most: number }>();
        if (revokes.length > most)
          report(`It would revoke ${revokes.length}, and at most ${most} are allowed: ${revokes.join(", ")}.`);
      }),
    },
    {
      name: "no-adoption",
      description:
        "What others have granted is not adopted. Turn the rule off for a run that renames or moves resources.",
      enforcementLevel: "mandatory",
      validateResource: rule([...permission, ...permissionSet], ({ adopts = [] }, _args, report) => {
        if (adopts.length > 0) report(`It would adopt ${adopts.join(", ")}.`);
      }),
    },
    {
      name: "allowed-projects",
      description: "Only these projects get access. Without a list the rule is off.",
      enforcementLevel: "mandatory",
      configSchema: { properties: { projects: { type: "array", items: { type: "string" }, default: [] } } },
      validateResource: rule([...permission, ...permissionSet], (inputs, args, report) => {
        const { projects } = args.getConfig<{ projects: string[] }>();
        const asked = inputs.projectIds ?? [inputs.projectId!];
        const refused = projects.length === 0 ? [] : asked.filter((project) => !projects.includes(project));
        if (refused.length > 0) report(`Not on the list of allowed projects: ${refused.join(", ")}.`);
      }),
    },
    {
      name: "exclusive-in-production",
      description: "In these stacks every set is exclusive, so that nobody else has access.",
      enforcementLevel: "mandatory",
      configSchema: {
        properties: { stacks: { type: "array", items: { type: "string" }, default: ["prod", "production"] } },
      },
      validateResource: rule(permissionSet, ({ exclusive }, args, report) => {
        const { stacks } = args.getConfig<{ stacks: string[] }>();
        // urn:pulumi:STACK::PROJECT::TYPE::NAME
        const [, , stack] = args.urn.split("::")[0].split(":");
        if (stacks.includes(stack) && exclusive !== true) report("Set exclusive: true.");
      }),
    },
  ],
});
