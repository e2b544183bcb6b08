import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect } from "chai";
import nock from "nock";
import { ApiError } from "../../provider/api/error";
import { checkpoint, contextWith } from "../support/api";

const key = "sk-admin-very-secret";
const variables = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"];

/** Keeps what it is sent; answers a CONNECT as a proxy does, and hangs up on the handshake that follows. */
class Listener {
  received = "";
  isHttpOnly = false;
  readonly #server: Server;

  /** @param answer to a CONNECT. */
  constructor(answer = "HTTP/1.1 200 Connection established\r\n\r\n") {
    this.#server = createServer((socket: Socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (data) => {
        this.received += data.toString("latin1");
        if (data.toString("latin1").startsWith("CONNECT")) socket.write(answer);
        // As a proxy that speaks HTTP answers a TLS handshake.
        else if (data[0] === 0x16 && this.isHttpOnly) socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
        else socket.destroy();
      });
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value !== undefined) process.env[name] = value;
  // Set to undefined it would be the text "undefined".
  else Reflect.deleteProperty(process.env, name);
}

describe("Proxies from the environment", function () {
  const listeners: Listener[] = [];
  const before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));

  beforeEach(function () {
    nock.restore();
    for (const name of variables) setVariable(name, undefined);
  });

  afterEach(function () {
    nock.activate();
    for (const listener of listeners.splice(0)) listener.stop();
    for (const name of variables) setVariable(name, before[name]);
  });

  async function listener(answer?: string): Promise<Listener> {
    const started = await new Listener(answer).start();
    listeners.push(started);
    return started;
  }

  async function ask(baseUrl: string): Promise<ApiError> {
    const { context } = contextWith({
      ...{ "openai:adminApiKey": key, "openai:baseUrl": baseUrl, "openai:timeoutSeconds": "5" },
    });
    const error = await context.client.listPermissions(checkpoint).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ApiError);
    return error as ApiError;
  }

  it("a proxy sees only an encrypted tunnel", async function () {
    const proxy = await listener();
    process.env["HTTPS_PROXY"] = `http://127.0.0.1:${proxy.port}`;
    expect((await ask("https://api.example/v1")).isAmbiguous).to.equal(true);
    expect(proxy.received).to.match(/^CONNECT api\.example:443 HTTP\/1\.1\r\n/);
    // A TLS handshake begins so.
    expect(proxy.received).to.include("\u0016\u0003");
    expect(proxy.received)
      .not.to.include(key)
      .and.not.to.match(/^authorization/im);
  });

  it("a proxy that asks for a password is named as such", async function () {
    const proxy = await listener("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    process.env["HTTPS_PROXY"] = `http://127.0.0.1:${proxy.port}`;
    expect(await ask("https://api.example/v1")).to.include({ kind: "proxy", status: 407 });
    expect(proxy.received.match(/CONNECT/g)).to.have.lengthOf(1);
  });

  it("a proxy's variable without a scheme is named in the error", async function () {
    const proxy = await listener();
    proxy.isHttpOnly = true;
    process.env["HTTPS_PROXY"] = `127.0.0.1:${proxy.port}`;
    const error = await ask("https://api.example/v1");
    expect(error.kind).to.equal("proxy");
    expect(error.message).to.equal("api.example: the proxy in HTTPS_PROXY does not speak HTTPS (EPROTO)");
  });

  it("a proxy is bypassed for the hosts in NO_PROXY", async function () {
    const [proxy, api] = [await listener(), await listener()];
    process.env["HTTPS_PROXY"] = `http://127.0.0.1:${proxy.port}`;
    process.env["NO_PROXY"] = "localhost,127.0.0.1";
    await ask(`https://127.0.0.1:${api.port}/v1`);
    expect(proxy.received).to.equal("");
    expect(api.received)
      .to.match(/^\u0016\u0003/)
      .and.not.to.include(key);
  });

  it("a proxy never sees a request to this machine", async function () {
    const [proxy, api] = [await listener(), await listener()];
    process.env["HTTP_PROXY"] = `http://127.0.0.1:${proxy.port}`;
    await ask(`http://127.0.0.1:${api.port}/v1`);
    expect(proxy.received).to.equal("");
    expect(api.received).to.match(/^GET \/v1\/fine_tuning\//);
  });
});
