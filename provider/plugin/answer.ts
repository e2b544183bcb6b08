import * as grpc from "@grpc/grpc-js";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { messageOf, OperationFailed } from "../resource/failure";

/** A resource was created, but not completely: the engine records it, and updates it next time. */
export class InitFailed extends Error {
  override readonly name = "InitFailed";

  constructor(
    readonly id: string,
    readonly properties: Struct,
    readonly reasons: string[],
  ) {
    super(reasons.join(" "));
  }
}

/** A handler of the protocol that answers with a function's result, or with its failure in words for the person. */
export function answered<Request, Response>(
  answer: (request: Request) => Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return ({ request }, callback) => {
    answer(request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusOf(error)),
    );
  };
}

function statusOf(error: unknown): Partial<grpc.StatusObject> {
  const code = grpc.status.UNKNOWN;
  if (error instanceof InitFailed) return { code, details: error.message, metadata: initFailure(error, code) };
  if (error instanceof OperationFailed) return { code, details: messageOf(error) };
  // A bug of ours: the trace helps to fix it.
  return { code, details: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** How gRPC carries the details of an error. */
function initFailure({ id, properties, reasons, message }: InitFailed, code: grpc.status): grpc.Metadata {
  const failure = new messages.ErrorResourceInitFailed().setId(id).setProperties(properties).setReasonsList(reasons);
  const details = new Any();
  details.pack(failure.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status().setCode(code).setMessage(message).setDetailsList([details]);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return metadata;
}
