import type { Deployment } from "../access/deployment";
import { findDrift, type Drift } from "../resource/drift";
import { counted, csv, iso, json, markdownTable, minute, source, type Evidence, type Format } from "./format";
import { readEach } from "./reading";
import type { Screen } from "./screen";
import { placeOf, type Recorded } from "./stack";

/** Something that is not as recorded. */
interface Difference {
  change: "missing" | "re-made" | "undeclared";
  checkpoint: string;
  projectId: string;
  /** The permission that a stack has recorded. */
  recordedId?: string | undefined;
  /** The permission that there is. */
  presentId?: string;
  /** When that was granted, in Unix seconds. */
  grantedAt?: number;
  /** The resource that declares it. */
  urn?: string;
}

/** What was compared of one checkpoint. */
interface Compared {
  checkpoint: string;
  /** How many projects stacks give access to it. */
  declared: number;
  differences: Difference[];
  isGone: boolean;
  /** Unix seconds. */
  readAt: number;
}

export interface DriftReport {
  text: string;
  hasDrift: boolean;
}

/** Compares what stacks have recorded with what there is. */
export async function drift(
  deployment: Deployment,
  screen: Screen,
  recorded: readonly Recorded[],
  { recordedOnly, format }: { recordedOnly: boolean; format: Format },
): Promise<DriftReport> {
  const byCheckpoint = new Map<string, Recorded[]>();
  for (const one of recorded) byCheckpoint.set(one.checkpoint, [...(byCheckpoint.get(one.checkpoint) ?? []), one]);
  const checkpoints = [...byCheckpoint.keys()].sort();
  const expected = new Map(checkpoints.map((checkpoint) => [checkpoint, byCheckpoint.get(checkpoint)!.length]));
  let organization: string | null = null;
  const compared = await readEach(deployment, screen, expected, async (checkpoint, onPage): Promise<Compared> => {
    const declared = byCheckpoint.get(checkpoint)!;
    const found = await findDrift(() => deployment, checkpoint, declared, !recordedOnly, onPage);
    organization ??= found.organization ?? null;
    return {
      checkpoint,
      declared: declared.filter(({ isLeaving }) => !isLeaving).length,
      differences: differencesOf(checkpoint, found),
      isGone: found.isGone,
      readAt: found.date ?? deployment.clock.date() / 1000,
    };
  });
  const evidence = { api: deployment.config.baseUrl, organization };
  return {
    text: render(compared, evidence, recordedOnly, format),
    hasDrift: compared.some(({ differences }) => differences.length > 0),
  };
}

function differencesOf(checkpoint: string, { missing, remade, undeclared }: Drift<Recorded>): Difference[] {
  const byProject = (a: Difference, b: Difference) => (a.projectId < b.projectId ? -1 : 1);
  return [
    ...missing
      .map(({ projectId, recorded, urn }): Difference => {
        return { change: "missing", checkpoint, projectId, recordedId: recorded?.id, urn };
      })
      .sort(byProject),
    ...remade
      .map(({ declared: { projectId, recorded, urn }, permission }): Difference => {
        const { id: presentId, createdAt: grantedAt } = permission;
        return { change: "re-made", checkpoint, projectId, recordedId: recorded?.id, presentId, grantedAt, urn };
      })
      .sort(byProject),
    ...undeclared
      .map(({ projectId, id: presentId, createdAt: grantedAt }): Difference => {
        return { change: "undeclared", checkpoint, projectId, presentId, grantedAt };
      })
      .sort(byProject),
  ];
}

function render(compared: readonly Compared[], evidence: Evidence, recordedOnly: boolean, format: Format): string {
  const differences = compared.flatMap((one) => one.differences);
  const declared = compared.reduce((sum, one) => sum + one.declared, 0);
  const headline =
    differences.length === 0
      ? `${counted(declared, "permission")} of ${counted(compared.length, "checkpoint")}: as recorded`
      : `${counted(differences.length, "difference")} between what is recorded and what is granted`;
  const scope = recordedOnly ? "Who else has access was not looked at." : "The lists are complete.";
  switch (format) {
    case "json":
      return json({
        ...evidence,
        checkpoints: compared.map(({ checkpoint, declared: count, isGone, readAt }) => ({
          fineTunedModelCheckpoint: checkpoint,
          declared: count,
          isGone,
          readAt: iso(readAt),
        })),
        differences: differences.map(({ checkpoint, grantedAt, ...one }) => ({
          fineTunedModelCheckpoint: checkpoint,
          ...one,
          ...(grantedAt === undefined ? {} : { grantedAt: iso(grantedAt) }),
        })),
      });
    case "csv":
      return csv(
        compared.flatMap(({ differences: ofCheckpoint, readAt }) =>
          ofCheckpoint.map(({ change, checkpoint, projectId, recordedId, presentId, grantedAt, urn }) => ({
            change,
            checkpoint,
            project_id: projectId,
            recorded_id: recordedId ?? "",
            present_id: presentId ?? "",
            granted_at: grantedAt === undefined ? "" : iso(grantedAt),
            urn: urn ?? "",
            read_at: iso(readAt),
            api: evidence.api,
            organization: evidence.organization ?? "",
          })),
        ),
        csvColumns,
      );
    case "markdown":
      return [
        `### Checkpoint permissions: ${headline}`,
        ...compared
          .filter((one) => one.differences.length > 0)
          .flatMap((one) => [
            `**\`${one.checkpoint}\`**: ${summary(one)}`,
            markdownTable([
              ["Change", "Project", "Permission", "Recorded by"],
              ...one.differences.map((difference) => [
                difference.change,
                inCode(difference.projectId),
                permissionOf(difference, inCode),
                recorderOf(difference, inCode),
              ]),
            ]),
          ]),
        ...remediesFor(differences),
        `${readWhen(compared)} from ${source(evidence)}. ${scope}`,
      ].join("\n\n");
    case "table":
      return [
        `${headline}.`,
        ...compared
          .filter((one) => one.differences.length > 0)
          .map((one) => [`${one.checkpoint}\n${summary(one)}\n`, ...one.differences.map(entry)].join("\n")),
        ...remediesFor(differences),
        `${readWhen(compared)}. ${scope}\nSource: ${source(evidence)}`,
      ].join("\n\n");
  }
}

const csvColumns = [
  "change",
  "checkpoint",
  "project_id",
  "recorded_id",
  "present_id",
  "granted_at",
  "urn",
  "read_at",
  "api",
  "organization",
];

function summary({ declared, differences, isGone }: Compared): string {
  if (isGone) return "OpenAI does not have this checkpoint: it is retired, deleted, or mistyped.";
  const count = (change: Difference["change"]) => differences.filter((one) => one.change === change).length;
  return (
    `${declared} declared, of which ${count("missing")} missing and ${count("re-made")} re-made; ` +
    `${count("undeclared")} undeclared`
  );
}

function permissionOf({ recordedId = "none", presentId, grantedAt }: Difference, code: (id: string) => string): string {
  if (presentId === undefined) return code(recordedId);
  return `${code(presentId)} since ${minute(grantedAt!)}`;
}

const inCode = (id: string) => `\`${id}\``;

/** A few lines of a terminal. */
function entry(difference: Difference): string {
  const { change, projectId, recordedId = "none", presentId, grantedAt, urn } = difference;
  const details = [
    ...(urn === undefined ? [] : [`recorded: ${recordedId}`, `by:       ${recorderOf(difference, (id) => id)}`]),
    ...(presentId === undefined ? [] : [`granted:  ${presentId} ${minute(grantedAt!)}`]),
  ];
  return [`  ${change.padEnd(10)}  ${projectId}`, ...details.map((detail) => `              ${detail}`)].join("\n");
}

function recorderOf({ urn }: Difference, code: (id: string) => string): string {
  if (urn === undefined) return "nobody";
  const { stack, name } = placeOf(urn);
  return `${code(name)} in ${code(stack)}`;
}

function remediesFor(differences: readonly Difference[]): string[] {
  const remedies = {
    missing: "Missing: somebody revoked it. `pulumi up` grants it again; or remove it from the program.",
    "re-made": "Re-made: revoked and granted again. `pulumi up` puts it on record, with no change of access.",
    undeclared: "Undeclared: no stack that was given has it. Declare it, and `pulumi up` takes it over; or revoke it.",
  };
  const present = new Set(differences.map(({ change }) => change));
  const lines = Object.entries(remedies).flatMap(([change, remedy]) =>
    present.has(change as Difference["change"]) ? `- ${remedy}` : [],
  );
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function readWhen(compared: readonly Compared[]): string {
  const first = Math.min(...compared.map(({ readAt }) => readAt));
  return `Read ${iso(first).replace("T", " ").replace("Z", " UTC")}`;
}
