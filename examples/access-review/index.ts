import * as pulumi from "@pulumi/pulumi";
import { CheckpointPermissionSet } from "pulumi-openai-checkpoint-permissions";

/** A project that asks for access to the checkpoint, and what the review knows about it. */
interface Applicant {
  projectId: string;
  owner: string;
  /** The date of its last review, such as 2026-11-02. */
  reviewed: string;
  handlesCustomerData: boolean;
}

const config = new pulumi.Config();
const applicants = config.requireObject<Applicant[]>("applicants");
const reviewedSince = config.require("reviewedSince");

/** Projects qualify if they were reviewed recently, have an owner, and handle no customer data. */
function mayUse({ owner, reviewed, handlesCustomerData }: Applicant): boolean {
  return owner !== "" && reviewed >= reviewedSince && !handlesCustomerData;
}

const reviewed = new CheckpointPermissionSet("reviewed", {
  fineTunedModelCheckpoint: config.require("checkpoint"),
  projectIds: applicants.filter(mayUse).map(({ projectId }) => projectId),
  exclusive: true,
});

export const granted = reviewed.permissions;
export const refused = applicants.filter((applicant) => !mayUse(applicant)).map(({ projectId }) => projectId);
