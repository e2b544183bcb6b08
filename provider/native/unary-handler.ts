import * as grpc from "@grpc/grpc-js";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { OperationFailed, PartialFailure } from "../resource/failure";

/** A handler of the protocol that answers with a function's result, or with its failure in words for the user. */
export function unaryHandler<Request, Response>(
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
  if (error instanceof PartialFailure) return { code, details: error.message, metadata: initFailure(error, code) };
  if (error instanceof OperationFailed) return { code, details: error.message };
  // A bug of ours: the trace helps to fix it.
  return { code, details: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** How gRPC carries the details of an error. */
function initFailure({ id, properties, reasons, message }: PartialFailure, code: grpc.status): grpc.Metadata {
  const failure = new messages.ErrorResourceInitFailed()
    .setId(id)
    .setProperties(properties as Struct)
    .setReasonsList(reasons);
  const details = new Any();
  details.pack(failure.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status().setCode(code).setMessage(message).setDetailsList([details]);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return metadata;
}
