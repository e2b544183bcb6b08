import { once } from "node:events";
import { globalAgent } from "node:https";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** How a request may get to the API. */
export type Route = "over HTTP" | "over HTTPS" | "through a proxy" | "through an HTTPS proxy";
/** What the other side has to say next. */
export type Phase = "the proxy's handshake" | "the answer to CONNECT" | "the handshake" | "the headers" | "the body";

/** How the other side stops talking: what it says last, and whether the connection ends after it. */
export interface Ending {
  says?: string;
  then?: "close" | "reset";
}

/** An answer after which Node.js drops the connection without an error. */
export const switchingProtocols = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
/** In bytes. */
export const bodyLength = 1000;

// A shared key in place of a certificate.
const psk = Buffer.from("a key that both sides have");
const tlsOptions = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;

/** Lets this process trust the handshake of a {@link Peer}. */
export function trustPeers(): () => void {
  const options = globalAgent.options as Record<string, unknown>;
  const usual = { ...options };
  const pskCallback = () => ({ psk, identity: "test" });
  Object.assign(options, tlsOptions, { pskCallback, checkServerIdentity: () => undefined });
  return () => {
    for (const name of Object.keys(options)) if (!(name in usual)) Reflect.deleteProperty(options, name);
    Object.assign(options, usual);
  };
}

/** The other side, proxy and API in one: it says what it should up to a phase, and then stops talking. */
export class Peer {
  /** Whether the phase was reached. */
  hasStopped = false;
  /** What was said to the API. */
  request = "";
  readonly #server = createServer((socket) => {
    this.#accept(socket);
  });
  readonly #sockets: Socket[] = [];

  constructor(
    readonly route: Route,
    readonly phase: Phase,
    readonly ending: Ending,
  ) {}

  async start(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when a connection has come. */
  async reached(): Promise<void> {
    await once(this.#server, "connection");
  }

  /** Resolves when no connection is open any more. */
  async closed(): Promise<void> {
    for (const socket of this.#sockets) if (!socket.closed) await once(socket, "close");
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", (first) => {
      if (this.phase === "the proxy's handshake" || this.phase === "the answer to CONNECT") this.#stop(socket);
      else if (this.route === "through a proxy") {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.once("data", (hello) => {
          this.#secure(socket, hello);
        });
      } else if (this.route === "over HTTPS") this.#secure(socket, first);
      else this.#answer(socket, socket, first);
    });
  }

  #secure(socket: Socket, hello: Buffer): void {
    if (this.phase === "the handshake") {
      this.#stop(socket);
      return;
    }
    socket.pause();
    socket.unshift(hello);
    createTlsServer({ ...tlsOptions, pskCallback: () => psk }, (inside) => {
      inside.on("error", () => undefined);
      inside.once("data", (request: Buffer) => {
        this.#answer(socket, inside, request);
      });
    }).emit("connection", socket);
  }

  #answer(socket: Socket, inside: Socket, request: Buffer): void {
    this.request = request.toString();
    if (this.phase === "the headers") {
      this.#stop(socket, inside);
      return;
    }
    inside.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyLength}\r\n\r\n`);
    this.#stop(socket, inside);
  }

  #stop(socket: Socket, inside = socket): void {
    this.hasStopped = true;
    const { says = "", then } = this.ending;
    if (says !== "") inside.write(says);
    if (then === "close") inside.end();
    // Later, since a reset also discards what was said before.
    else if (then === "reset") setTimeout(() => socket.resetAndDestroy(), 50);
    inside.resume();
  }
}
