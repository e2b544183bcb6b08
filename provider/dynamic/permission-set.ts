import * as pulumi from "@pulumi/pulumi";
import type { Permission } from "../api/permission";
import { typesOf } from "../resource/reference";
import { assertCanDeclare, ownInputs, typeOf } from "./constructor";
import { undefinedAsSecretAs } from "./inputs";

/** Arguments of a {@link CheckpointPermissionSet}. A change of the checkpoint replaces it; other changes are updates. */
export interface CheckpointPermissionSetArgs {
  /**
   * The checkpoint to share, such as `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`: a fine-tuning job's
   * `fine_tuned_model`, or the `fine_tuned_model_checkpoint` of one of its earlier checkpoints.
   */
  fineTunedModelCheckpoint: pulumi.Input<string>;
  /** The projects to give access to, such as `proj_abc123`. Order and repeats make no difference. */
  projectIds: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Whether no other project may have access. If true, previews show every other project that has, and `pulumi up`
   * revokes its access. Default: false, which leaves other projects alone. `pulumi destroy` never revokes theirs.
   */
  exclusive?: pulumi.Input<boolean>;
}

/**
 * Gives a list of projects access to a fine-tuned model checkpoint, as one resource: one POST grants access to all of
 * them, and an access review reads one list. The resource's ID is the checkpoint.
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning/create-permission
 *
 * @example
 * ```ts
 * const reviewed = new CheckpointPermissionSet("reviewed", {
 *   fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd",
 *   projectIds: ["proj_web", "proj_mobile"],
 *   exclusive: true,
 * });
 * export const permissions = reviewed.permissions;
 * ```
 */
export class CheckpointPermissionSet extends pulumi.CustomResource {
  /** The checkpoint that is shared. */
  declare readonly fineTunedModelCheckpoint: pulumi.Output<string>;
  /** The projects that have access, sorted. */
  declare readonly projectIds: pulumi.Output<string[]>;
  /** Whether no other project may have access. */
  declare readonly exclusive: pulumi.Output<boolean>;
  /** The permissions, sorted by project. */
  declare readonly permissions: pulumi.Output<Permission[]>;

  /**
   * @param name names the resource in the stack.
   * @throws {pulumi.RunError} when this package is not installed in the program's folder. That another resource of the
   * program gives one of these projects access to the checkpoint, or any project if either set is exclusive, is an error
   * of the preview.
   */
  constructor(name: string, args: CheckpointPermissionSetArgs, opts?: pulumi.CustomResourceOptions) {
    assertCanDeclare("CheckpointPermissionSet", name, args, opts);
    const { fineTunedModelCheckpoint, projectIds, exclusive } = args;
    const ours = ownInputs({ kind: "permissionSet", name, opts, fineTunedModelCheckpoint, projectIds });
    // Pulumi makes an output secret if the input of the same name is.
    const permissions = undefinedAsSecretAs(projectIds);
    super(
      typesOf.permissionSet.dynamic,
      name,
      { fineTunedModelCheckpoint, projectIds, exclusive, permissions, ...ours },
      opts,
    );
  }

  /** The type in state, by which policies and other tools recognize the class. */
  static readonly __pulumiType: string = typesOf.permissionSet.dynamic;

  /** Whether something is a `CheckpointPermissionSet`, even one of another copy of this package. */
  static override isInstance(value: unknown): value is CheckpointPermissionSet {
    return typeOf(value) === CheckpointPermissionSet.__pulumiType;
  }
}
