package main

import (
	permissions "example.com/pulumi-openai-checkpoint-permissions/sdk/go/openaicheckpointpermissions"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd"

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		web, err := permissions.NewCheckpointPermission(ctx, "web", &permissions.CheckpointPermissionArgs{
			FineTunedModelCheckpoint: pulumi.String(checkpoint),
			ProjectId:                pulumi.String("proj_web"),
		})
		if err != nil {
			return err
		}

		// An earlier checkpoint of the same model, for a list of projects.
		trial, err := permissions.NewCheckpointPermissionSet(ctx, "trial", &permissions.CheckpointPermissionSetArgs{
			FineTunedModelCheckpoint: pulumi.String(checkpoint + ":ckpt-step-1000"),
			ProjectIds:               pulumi.ToStringArray([]string{"proj_mobile", "proj_analytics"}),
		})
		if err != nil {
			return err
		}

		ctx.Export("permission", web.ID())
		ctx.Export("trialProjects", trial.ProjectIds)
		return nil
	})
}
