import pulumi
from pulumi_openai_checkpoint_permissions import CheckpointPermission, CheckpointPermissionSet

checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd"

web = CheckpointPermission("web", fine_tuned_model_checkpoint=checkpoint, project_id="proj_web")

# An earlier checkpoint of the same model, for a list of projects.
trial = CheckpointPermissionSet(
    "trial",
    fine_tuned_model_checkpoint=f"{checkpoint}:ckpt-step-1000",
    project_ids=["proj_mobile", "proj_analytics"],
)

pulumi.export("permission", web.id)
pulumi.export("trialProjects", trial.project_ids)
