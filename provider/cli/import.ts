import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ProviderContext } from "../access/context";
import type { LookupOptions } from "../access/lookups";
import { plainJson } from "../api/plain-text";
import { groupBy } from "../resource/ids";
import { packageName, providerOf, typesOf, type Kind } from "../resource/reference";
import { PermissionSetResource } from "../resource/permission-set";
import { PermissionResource } from "../resource/permission";
import { CommandFailed } from "./failure";
import { counted } from "./report";
import { fetchLists, fetchEach } from "./fetch-lists";
import { textIn } from "./read-files";
import type { Screen } from "./screen";
import { placeOf, type StackRecords } from "./stack-export";

/** The permissions of one checkpoint that will be imported. */
interface Part {
  checkpoint: string;
  /** Sorted. */
  projectIds: string[];
  /** The prefix of its resources' names. */
  label: string;
}

export interface ImportOptions {
  project: string[] | undefined;
  set: boolean;
  native: boolean;
  /** What stacks have in state already. */
  except: StackRecords;
}

/**
 * Makes the files that bring existing permissions under Pulumi without a change of access.
 *
 * @returns how many permissions, the text of the file that `pulumi import --file` reads, and that of the program that
 * declares the same; undefined when there is nothing to import.
 */
export async function importOf(
  context: ProviderContext,
  screen: Screen,
  checkpoints: readonly string[],
  options: ImportOptions,
): Promise<{ permissions: number; file: string; program: string } | undefined> {
  const parts = await fetchEach(screen, checkpoints, async (checkpoint, onPage) => {
    return { checkpoint, projectIds: await projectsOf(context, screen, checkpoint, options, onPage) };
  });
  const labelled = withLabels(
    parts.filter(({ projectIds }) => projectIds.length > 0),
    options,
  );
  if (labelled.length === 0) return undefined;
  const resources = await Promise.all(labelled.map((part) => resourcesOf(context, part, options)));
  return {
    permissions: labelled.reduce((sum, { projectIds }) => sum + projectIds.length, 0),
    file: plainJson({ resources: resources.flat() }, 2),
    program: programOf(labelled, options),
  };
}

/** The projects whose permissions will be imported. Says which are left out, and which have more than one. */
async function projectsOf(
  context: ProviderContext,
  screen: Screen,
  fineTunedModelCheckpoint: string,
  { project, set, native, except }: ImportOptions,
  onPage: NonNullable<LookupOptions["onPage"]>,
): Promise<string[]> {
  const records = [...except.recorded, ...except.pending];
  const recorded = new Set(
    records.filter(({ checkpoint }) => checkpoint === fineTunedModelCheckpoint).map(({ projectId }) => projectId),
  );
  // Pulumi reads a set's whole list in any case.
  const lists = await fetchLists(context, fineTunedModelCheckpoint, set ? undefined : project, onPage);
  const found = lists.flatMap(({ permissions }) => permissions);
  const byProject = groupBy(found, ({ projectId }) => projectId);
  const having = [...byProject.keys()];
  const without = (project ?? []).filter((projectId) => !byProject.has(projectId));
  const say = (line: string) => screen.print(`${fineTunedModelCheckpoint}: ${line}`);
  if (having.length === 0 && without.length === 0) say("no project has access.");
  if (without.length > 0) say(`${without.join(", ")} ${without.length === 1 ? "has" : "have"} no permission.`);
  const isAsked = (projectId: string) => project?.includes(projectId) !== false;
  const wanted = having.filter((projectId) => isAsked(projectId) && !recorded.has(projectId)).sort();
  const skipped = having.filter((projectId) => isAsked(projectId) && recorded.has(projectId)).length;
  if (skipped > 0) say(`left out ${counted(skipped, "project")} that a stack has in state.`);
  if (set && native && wanted.length > 0 && wanted.length < having.length) {
    throw new CommandFailed(
      `Pulumi imports a native set whole, and of ${fineTunedModelCheckpoint} only ${wanted.length} of ` +
        `${counted(having.length, "project")} are to be imported. Leave out --set, or --native.`,
    );
  }
  for (const projectId of wanted) {
    // Newest first.
    const [, ...older] = byProject.get(projectId)!;
    if (older.length === 0) continue;
    const ids = older.map(({ id }) => id).join(", ");
    const gives = older.length === 1 ? "gives" : "give";
    say(
      `${projectId} has ${older.length + 1} permissions. The newest is imported; ${ids} ${gives} access until revoked.`,
    );
  }
  return wanted;
}

async function resourcesOf(context: ProviderContext, part: Part, { set, native }: ImportOptions) {
  const { checkpoint, projectIds } = part;
  const entryPoint = native ? "native" : "dynamic";
  if (set) {
    const resource = new PermissionSetResource(() => context);
    const record = native
      ? { id: checkpoint }
      : recordOf("permissionSet", await resource.import(checkpoint, new Set(projectIds)));
    return namesOf(part, set).map((name) => ({ type: typesOf.permissionSet[entryPoint], name, ...record }));
  }
  const permission = new PermissionResource(() => context);
  const names = namesOf(part, set);
  return Promise.all(
    projectIds.map(async (projectId, index) => {
      const id = `${checkpoint}/${projectId}`;
      const record = native ? { id } : recordOf("permission", await permission.import(id));
      return { type: typesOf.permission[entryPoint], name: names[index]!, ...record };
    }),
  );
}

/** A dynamic resource is imported with all of its state, since Pulumi's host cannot read it by its ID alone. */
function recordOf(kind: Kind, { id, inputs, props }: { id?: string; inputs?: object; props?: object }) {
  const __provider = providerOf(kind);
  return { id: id!, inputs: { ...inputs, __provider }, outputs: { ...props, __provider } };
}

function programOf(parts: readonly Part[], { set, native }: ImportOptions): string {
  const resource = set ? "CheckpointPermissionSet" : "CheckpointPermission";
  const entries = parts.map(
    ({ checkpoint, label, projectIds }) =>
      `  ${plainJson(label)}: {\n    fineTunedModelCheckpoint: ${plainJson(checkpoint)},\n    projectIds: [\n` +
      `${projectIds.map((projectId) => `      ${plainJson(projectId)},\n`).join("")}    ],\n  },\n`,
  );
  const loop = set
    ? `for (const [name, args] of Object.entries(access)) {\n  new CheckpointPermissionSet(name, args);\n}\n`
    : `for (const [name, { fineTunedModelCheckpoint, projectIds }] of Object.entries(access)) {\n` +
      `  for (const projectId of projectIds) {\n` +
      `    new CheckpointPermission(\`\${name}-\${projectId}\`, { fineTunedModelCheckpoint, projectId });\n  }\n}\n`;
  return (
    `import { ${resource} } from "${native ? "openai-checkpoint-permissions" : packageName}";\n\n` +
    `/** Who has access to each checkpoint. */\nconst access = {\n${entries.join("")}};\n\n${loop}`
  );
}

/** The names of a part's resources, the same as the printed program gives them. */
function namesOf({ label, projectIds }: Part, set: boolean): string[] {
  return set ? [label] : projectIds.map((projectId) => `${label}-${projectId}`);
}

/** Prefixes that are legible, the same every time, and make no name that is taken. */
function withLabels(parts: readonly Omit<Part, "label">[], { set, except }: ImportOptions): Part[] {
  const types = Object.values<string>(typesOf[set ? "permissionSet" : "permission"]);
  const taken = new Set(
    [...except.recorded, ...except.pending]
      .filter(({ urn }) => types.includes(placeOf(urn).type))
      .map(({ urn }) => placeOf(urn).name),
  );
  // The program has the labels as keys.
  const used = new Set<string>();
  const isFree = (labelled: Part) =>
    !used.has(labelled.label) && !namesOf(labelled, set).some((name) => taken.has(name));
  return parts.map((part) => {
    const [short, whole] = labelsFor(part.checkpoint);
    let labelled = { ...part, label: short };
    for (let number = 1; !isFree(labelled); number++) {
      labelled = { ...part, label: number === 1 ? whole : `${whole}-${number}` };
    }
    used.add(labelled.label);
    for (const name of namesOf(labelled, set)) taken.add(name);
    return labelled;
  });
}

/** `support-B7R9VjQd` and the whole of `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`. */
function labelsFor(checkpoint: string): [short: string, whole: string] {
  const whole = checkpoint.replaceAll(":", "-");
  const own = checkpoint.split(":").slice(3);
  return [own.filter((part) => part !== "").join("-") || whole, whole];
}

/** The language of the Pulumi project in a folder or above it, if that is not TypeScript or JavaScript. */
export function otherRuntimeIn(folder: string): string | undefined {
  const file = join(folder, "Pulumi.yaml");
  if (!existsSync(file)) return dirname(folder) === folder ? undefined : otherRuntimeIn(dirname(folder));
  const runtime = /^runtime:[ \t]*(?:\n(?:[ \t]+.*\n)*?[ \t]+name:[ \t]*)?["']?(\w+)/m.exec(textIn(file))?.[1];
  return runtime === undefined || ["nodejs", "bun"].includes(runtime) ? undefined : runtime;
}
