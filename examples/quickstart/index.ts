import * as pulumi from "@pulumi/pulumi";
import { CheckpointPermission } from "pulumi-openai-checkpoint-permissions";

const config = new pulumi.Config();
const fineTunedModelCheckpoint = config.get("checkpoint") ?? "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

const web = new CheckpointPermission("web", { fineTunedModelCheckpoint, projectId: "proj_web" });
const mobile = new CheckpointPermission("mobile", { fineTunedModelCheckpoint, projectId: "proj_mobile" });
const analytics = new CheckpointPermission("analytics", { fineTunedModelCheckpoint, projectId: "proj_analytics" });

export const permissions = [web.id, mobile.id, analytics.id];
