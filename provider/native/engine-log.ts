import { AsyncLocalStorage } from "node:async_hooks";
import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Print } from "../access/context";

/** Prints messages by the engine's log, each at the resource that it is about. */
export class EngineLog {
  readonly #engine: EngineClient;
  /** The operation that is under way. */
  readonly #operation = new AsyncLocalStorage<{ urn: string }>();
  /** Messages that are still on their way. */
  readonly #sending = new Set<Promise<void>>();

  /** @param address the engine's. */
  constructor(address: string) {
    this.#engine = new EngineClient(address, grpc.credentials.createInsecure());
  }

  /** Runs an operation on a resource, and waits until its messages have arrived. */
  async at<Result>(urn: string, operation: () => Promise<Result>): Promise<Result> {
    const current = { urn };
    try {
      return await this.#operation.run(current, operation);
    } finally {
      // What was gathered in it, and is said later, is about others, too.
      current.urn = "";
      await this.sent();
    }
  }

  /** Waits until all messages have arrived. */
  async sent(): Promise<void> {
    await Promise.all(this.#sending);
  }

  readonly print: Print = (line, kind) => {
    const request = new LogRequest()
      .setSeverity(kind === "warning" ? LogSeverity.WARNING : LogSeverity.INFO)
      .setMessage(line)
      .setUrn(this.#operation.getStore()?.urn ?? "")
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
