import { CheckpointPermission, CheckpointPermissionSet } from "openai-checkpoint-permissions";

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

const web = new CheckpointPermission("web", { fineTunedModelCheckpoint: checkpoint, projectId: "proj_web" });

// An earlier checkpoint of the same model, for a list of projects.
const trial = new CheckpointPermissionSet("trial", {
  fineTunedModelCheckpoint: `${checkpoint}:ckpt-step-1000`,
  projectIds: ["proj_mobile", "proj_analytics"],
});

export const permission = web.id;
export const trialProjects = trial.projectIds;
