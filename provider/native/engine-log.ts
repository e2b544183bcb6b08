import { AsyncLocalStorage } from "node:async_hooks";
import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Print } from "../access/context";

/** Prints messages by the engine's log, each at the resource that it is about. */
export class EngineLog {
  readonly #engine: EngineClient;
  readonly #resource = new AsyncLocalStorage<string>();
  /** Messages that are still on their way. */
  readonly #sending = new Set<Promise<void>>();

  /** @param address the engine's. */
  constructor(address: string) {
    this.#engine = new EngineClient(address, grpc.credentials.createInsecure());
  }

  /** Runs an operation on a resource, and waits until its messages have arrived. */
  async at<Result>(urn: string, operation: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#resource.run(urn, operation);
    } finally {
      await Promise.all(this.#sending);
    }
  }

  readonly print: Print = (line, kind) => {
    const request = new LogRequest()
      .setSeverity(kind === "warning" ? LogSeverity.WARNING : LogSeverity.INFO)
      .setMessage(line)
      .setUrn(this.#resource.getStore() ?? "")
      .setEphemeral(kind === "progress");
    const sent = new Promise<void>((resolve) => {
      // A lost message must not fail the operation.
      this.#engine.log(request, () => {
        this.#sending.delete(sent);
        resolve();
      });
    });
    this.#sending.add(sent);
  };
}
