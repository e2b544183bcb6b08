package access;

import com.pulumi.Pulumi;
import com.pulumi.openaicheckpointpermissions.CheckpointPermission;
import com.pulumi.openaicheckpointpermissions.CheckpointPermissionArgs;
import com.pulumi.openaicheckpointpermissions.CheckpointPermissionSet;
import com.pulumi.openaicheckpointpermissions.CheckpointPermissionSetArgs;

public class App {
    static final String CHECKPOINT = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

    public static void main(String[] args) {
        Pulumi.run(ctx -> {
            var web = new CheckpointPermission("web", CheckpointPermissionArgs.builder()
                .fineTunedModelCheckpoint(CHECKPOINT)
                .projectId("proj_web")
                .build());

            // An earlier checkpoint of the same model, for a list of projects.
            var trial = new CheckpointPermissionSet("trial", CheckpointPermissionSetArgs.builder()
                .fineTunedModelCheckpoint(CHECKPOINT + ":ckpt-step-1000")
                .projectIds("proj_mobile", "proj_analytics")
                .build());

            ctx.export("permission", web.id());
            ctx.export("trialProjects", trial.projectIds());
        });
    }
}
