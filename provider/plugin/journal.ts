import { AsyncLocalStorage } from "node:async_hooks";
import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Print } from "../access/deployment";

/** Tells the engine's log what is to be told to the person, each line at the resource that it came up for. */
export class Journal {
  readonly #engine: EngineClient;
  readonly #resource = new AsyncLocalStorage<string>();
  /** What is still on its way. */
  readonly #sending = new Set<Promise<void>>();

  /** @param address the engine's. */
  constructor(address: string) {
    this.#engine = new EngineClient(address, grpc.credentials.createInsecure());
  }

  /** Runs an operation on a resource; when it ends, all that it had to tell has been told. */
  async at<Result>(urn: string, operation: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#resource.run(urn, operation);
    } finally {
      await Promise.all(this.#sending);
    }
  }

  readonly print: Print = (line, kind) => {
    const request = new LogRequest()
      .setSeverity(LogSeverity.INFO)
      .setMessage(line)
      .setUrn(this.#resource.getStore() ?? "")
      .setEphemeral(kind === "progress");
    const sent = new Promise<void>((resolve) => {
      // A line that is lost changes nothing of what was done.
      this.#engine.log(request, () => {
        this.#sending.delete(sent);
        resolve();
      });
    });
    this.#sending.add(sent);
  };
}
