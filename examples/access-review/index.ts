import * as pulumi from "@pulumi/pulumi";
import { CheckpointPermissions } from "pulumi-openai-checkpoint-permissions";

/** A project that asks for the checkpoint, and what the review knows of it. */
interface Applicant {
  projectId: string;
  owner: string;
  /** The day of its last review, as 2026-11-02. */
  reviewed: string;
  handlesCustomerData: boolean;
}

const config = new pulumi.Config();
const applicants = config.requireObject<Applicant[]>("applicants");
const reviewedSince = config.require("reviewedSince");

/** Who may: reviewed lately, with an owner to ask, and without customer data. */
function mayUse({ owner, reviewed, handlesCustomerData }: Applicant): boolean {
  return owner !== "" && reviewed >= reviewedSince && !handlesCustomerData;
}

const reviewed = new CheckpointPermissions("reviewed", {
  fineTunedModelCheckpoint: config.require("checkpoint"),
  projectIds: applicants.filter(mayUse).map(({ projectId }) => projectId),
  exclusive: true,
});

export const granted = reviewed.permissions;
export const refused = applicants.filter((applicant) => !mayUse(applicant)).map(({ projectId }) => projectId);
