import * as pulumi from "@pulumi/pulumi";
import type { Permission } from "../api/permission";
import { providerOf, typesOf } from "../resource/reference";
import { claim, programNews, type Declaration } from "./claims";
import { assertCanDeclare } from "./declaration";

/** What a {@link CheckpointPermissions} takes. A changed checkpoint replaces; the others update in place. */
export interface CheckpointPermissionsArgs {
  /**
   * The checkpoint to share, as `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`: a fine-tuning job's
   * `fine_tuned_model`, or the `fine_tuned_model_checkpoint` of one of its earlier checkpoints.
   */
  fineTunedModelCheckpoint: pulumi.Input<string>;
  /** The projects that may use it, as `proj_abc123`. Order and repeats make no difference. */
  projectIds: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Whether nobody else may: previews show what others granted, and `pulumi up` revokes it. Default: false, which leaves
   * it alone. `pulumi destroy` revokes only what this resource holds, exclusive or not.
   */
  exclusive?: pulumi.Input<boolean>;
}

/**
 * The list of projects that may use a fine-tuned model checkpoint, as one resource: one POST grants to all of them, and
 * an access review reads one list. The resource's ID is the checkpoint.
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning/create-permission
 *
 * @example
 * ```ts
 * const reviewed = new CheckpointPermissions("reviewed", {
 *   fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd",
 *   projectIds: ["proj_web", "proj_mobile"],
 *   exclusive: true,
 * });
 * export const permissions = reviewed.permissions;
 * ```
 */
export class CheckpointPermissions extends pulumi.CustomResource {
  /** The checkpoint that is shared. */
  declare readonly fineTunedModelCheckpoint: pulumi.Output<string>;
  /** The projects that may use it, sorted. */
  declare readonly projectIds: pulumi.Output<string[]>;
  /** Whether nobody else may. */
  declare readonly exclusive: pulumi.Output<boolean>;
  /** The permissions, sorted by project. */
  declare readonly permissions: pulumi.Output<Permission[]>;

  /**
   * @param name names the resource in the stack.
   * @throws {pulumi.RunError} when another resource of the program declares access to the checkpoint for one of these
   * projects, or for any while either is exclusive, or when this package is not installed in the program's folder.
   */
  constructor(name: string, args: CheckpointPermissionsArgs, opts?: pulumi.CustomResourceOptions) {
    assertCanDeclare("CheckpointPermissions", name, args, opts);
    const { fineTunedModelCheckpoint, projectIds, exclusive = false } = args;
    const kind = "permissions";
    const declaration: Declaration = { kind, name, opts, fineTunedModelCheckpoint, projectIds, exclusive };
    claim(declaration);
    const __provider = providerOf("permissions");
    const __program = programNews(declaration);
    // Undefined, but secret where the projects are: Pulumi keeps an output secret if the input of its name is.
    const permissions = pulumi.output(projectIds).apply(() => undefined);
    super(
      typesOf.permissions.dynamic,
      name,
      { fineTunedModelCheckpoint, projectIds, exclusive, permissions, __provider, __program },
      opts,
    );
  }
}
