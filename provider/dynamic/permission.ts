import * as pulumi from "@pulumi/pulumi";
import { typesOf } from "../resource/reference";
import { assertCanDeclare, ownInputs, typeOf } from "./constructor";

/** Arguments of a {@link CheckpointPermission}. Both are required, and a change of either replaces the permission. */
export interface CheckpointPermissionArgs {
  /**
   * The checkpoint to share, such as `ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd`: a fine-tuning job's
   * `fine_tuned_model`, or the `fine_tuned_model_checkpoint` of one of its earlier checkpoints.
   */
  fineTunedModelCheckpoint: pulumi.Input<string>;
  /** The project to give access to, such as `proj_abc123`. */
  projectId: pulumi.Input<string>;
}

/**
 * Gives a project of your organization access to a fine-tuned model checkpoint of another project.
 *
 * `pulumi up` grants the access, or adopts a permission that exists. A preview or refresh finds out whether it is still
 * there. `pulumi destroy` revokes it. The resource's ID is the permission's (`cp_…`).
 *
 * Needs an admin API key: `adminApiKey` in the stack's config, else `OPENAI_ADMIN_KEY`.
 *
 * https://platform.openai.com/docs/api-reference/fine-tuning/create-permission
 *
 * @example
 * ```ts
 * const web = new CheckpointPermission("web", {
 *   fineTunedModelCheckpoint: "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd",
 *   projectId: "proj_web",
 * });
 * export const permission = web.id;
 * ```
 */
export class CheckpointPermission extends pulumi.CustomResource {
  /** The checkpoint that is shared. */
  declare readonly fineTunedModelCheckpoint: pulumi.Output<string>;
  /** The project that has access. */
  declare readonly projectId: pulumi.Output<string>;
  /** When the permission was granted, in Unix seconds. */
  declare readonly createdAt: pulumi.Output<number>;

  /**
   * @param name names the resource in the stack.
   * @throws {pulumi.RunError} when this package is not installed in the program's folder. That another resource of the
   * program declares the same access is an error of the preview.
   */
  constructor(name: string, args: CheckpointPermissionArgs, opts?: pulumi.CustomResourceOptions) {
    assertCanDeclare("CheckpointPermission", name, args, opts);
    const { fineTunedModelCheckpoint, projectId } = args;
    const kind = "permission";
    const ours = ownInputs({ kind, name, opts, fineTunedModelCheckpoint, projectIds: [projectId] });
    super(
      typesOf.permission.dynamic,
      name,
      { fineTunedModelCheckpoint, projectId, createdAt: undefined, ...ours },
      opts,
    );
  }

  /** The type in state, by which policies and other tools recognize the class. */
  static readonly __pulumiType: string = typesOf.permission.dynamic;

  /** Whether something is a `CheckpointPermission`, even one of another copy of this package. */
  static override isInstance(value: unknown): value is CheckpointPermission {
    return typeOf(value) === CheckpointPermission.__pulumiType;
  }
}
