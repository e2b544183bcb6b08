require("pulumi-openai-checkpoint-permissions/plugin");
