import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Method } from "./api";
import { FaultyApi, type FaultyApiOptions } from "./faults";

export interface EmulatorOptions extends FaultyApiOptions {
  /** Default: any free one. */
  port?: number;
  /** Milliseconds before each answer. Default: 0. */
  latency?: number;
}

/** The emulated API on a port of 127.0.0.1. */
export class Emulator extends FaultyApi {
  readonly #server: Server;
  readonly #latency: number;

  private constructor({ latency = 0, ...options }: EmulatorOptions) {
    super(options);
    this.#latency = latency;
    this.#server = createServer((request, response) => void this.#respond(request, response));
  }

  static async start(options: EmulatorOptions = {}): Promise<Emulator> {
    const emulator = new Emulator(options);
    await new Promise<void>((resolve, reject) => {
      emulator.#server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    return emulator;
  }

  /** What goes into `OPENAI_BASE_URL`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** Whether it accepts connections. */
  get isListening(): boolean {
    return this.#server.listening;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Refuses connections while something else is done. */
  async whileDown<Result>(work: () => Promise<Result>): Promise<Result> {
    const { port } = this.#server.address() as AddressInfo;
    await this.stop();
    try {
      return await work();
    } finally {
      await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    }
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const body = await readBody(request).catch(() => undefined);
    if (body === undefined) return;
    if (this.#latency > 0) await new Promise((resolve) => setTimeout(resolve, this.#latency));

    const delivery = await this.serve(request.method as Method, url, request.headers.authorization, body);
    if (delivery.kind === "reset") request.socket.resetAndDestroy();
    else if (delivery.kind === "answer") {
      response.writeHead(delivery.status, delivery.headers);
      response.end(delivery.text);
    }
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
