require("pulumi-openai-checkpoint-permissions/native");
