import { resolve } from "node:path";

export const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";

/** Programs that declare the same N permissions in three ways. */
export type Way = "ours" | "naive" | "floor";

/** What permissions need before they can be made: nothing, an ID that comes later, or another resource. */
export type Shape = "strings" | "outputs" | "dependsOn";

export function program(way: Way, count: number, shape: Shape = "strings"): string {
  return `${preamble[way]}
${first[shape]}
for (let index = 0; index < ${count}; index++) {
  const projectId = \`proj_\${index}\`;
  new Permission(
    \`p\${index}\`,
    {
      fineTunedModelCheckpoint: ${JSON.stringify(checkpoint)},
      projectId: ${shape === "outputs" ? "first.id.apply(() => projectId)" : "projectId"},
    },
    ${shape === "dependsOn" ? "{ dependsOn: first }" : "{}"},
  );
}
`;
}

const floorProvider = `exports.handler=()=>require(${JSON.stringify(resolve("bench/floor.cjs"))}).handler()`;

const anotherResource = `const first = new (class extends require("@pulumi/pulumi").dynamic.Resource {})(
  { create: async () => ({ id: "first", outs: {} }) }, "first", {});`;
const first: Record<Shape, string> = { strings: "", outputs: anotherResource, dependsOn: anotherResource };

const preamble: Record<Way, string> = {
  ours: `const { CheckpointPermission: Permission } = require("pulumi-openai-checkpoint-permissions");`,

  // As tutorials show it: the provider is serialised into state, each permission is a request of its own, and what the
  // API refuses is an error.
  naive: `const pulumi = require("@pulumi/pulumi");
const axios = require("axios");
const url = (checkpoint) =>
  process.env.OPENAI_BASE_URL + "/fine_tuning/checkpoints/" + encodeURIComponent(checkpoint) + "/permissions";
const headers = () => ({ Authorization: "Bearer " + process.env.OPENAI_ADMIN_KEY });
const provider = {
  async create(inputs) {
    const body = { project_ids: [inputs.projectId] };
    const { data } = await axios.post(url(inputs.fineTunedModelCheckpoint), body, { headers: headers() });
    return { id: data.data[0].id, outs: { ...inputs, createdAt: data.data[0].created_at } };
  },
  async read(id, props) {
    const params = { project_id: props.projectId };
    const { data } = await axios.get(url(props.fineTunedModelCheckpoint), { headers: headers(), params });
    const row = data.data.find((candidate) => candidate.id === id);
    return row === undefined ? {} : { id, props };
  },
  async delete(id, props) {
    await axios.delete(url(props.fineTunedModelCheckpoint) + "/" + id, { headers: headers() });
  },
};
class Permission extends pulumi.dynamic.Resource {
  constructor(name, args, opts) {
    super(provider, name, { ...args, createdAt: undefined }, opts);
  }
}`,

  floor: `const pulumi = require("@pulumi/pulumi");
class Permission extends pulumi.CustomResource {
  constructor(name, args, opts) {
    const __provider = ${JSON.stringify(floorProvider)};
    super("pulumi-nodejs:dynamic:Resource", name, { ...args, createdAt: undefined, __provider }, opts);
  }
}`,
};
