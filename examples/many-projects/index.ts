import * as pulumi from "@pulumi/pulumi";
import { CheckpointPermissionSet } from "pulumi-openai-checkpoint-permissions";

const config = new pulumi.Config();

const team = new CheckpointPermissionSet("team", {
  fineTunedModelCheckpoint: config.require("checkpoint"),
  projectIds: config.requireObject<string[]>("projects"),
});

export const permissions = team.permissions;
