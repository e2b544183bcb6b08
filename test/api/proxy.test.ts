import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect } from "chai";
import nock from "nock";
import { ApiError } from "../../provider/api/error";
import { checkpoint, contextWith } from "../support/api";
import { ProxyEnvironment } from "../support/proxy-environment";

const key = "sk-admin-very-secret";

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

describe("Proxies from the environment", function () {
  const listeners: Listener[] = [];
  const environment = new ProxyEnvironment();

  beforeEach(function () {
    nock.restore();
    environment.clear();
  });

  afterEach(function () {
    nock.activate();
    for (const listener of listeners.splice(0)) listener.stop();
    environment.restore();
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

  const refusals: [answer: string, said: string, isTemporary: boolean][] = [
    ["407 X\r\n", "407 Proxy Authentication Required", false],
    ["403 X\r\n", "403 Forbidden", false],
    ["302 X\r\nLocation: http://portal.example/\r\n", "302 Found", false],
    ["200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "200 OK and a page", false],
    ["503 X\r\n", "503 Service Unavailable", true],
  ];
  for (const [answer, said, isTemporary] of refusals) {
    it(`a proxy that does not open a tunnel is named, with its answer: ${said}`, async function () {
      const proxy = await listener(`HTTP/1.1 ${answer}\r\n`);
      process.env["HTTPS_PROXY"] = `http://user:password@127.0.0.1:${proxy.port}`;
      expect(await ask("https://api.example/v1")).to.include({
        kind: "proxy",
        // It would be taken for the API's.
        status: undefined,
        isAmbiguous: false,
        message: `the proxy in HTTPS_PROXY (127.0.0.1:${proxy.port}) answers ${said} instead of opening a tunnel`,
      });
      expect(proxy.received.match(/CONNECT/g)).to.have.lengthOf(isTemporary ? 4 : 1);
      const credentials = Buffer.from("user:password").toString("base64");
      expect(proxy.received).to.include(`\r\nProxy-Authorization: Basic ${credentials}\r\n`);
    });
  }

  for (const [name, host, said] of [
    ["https_proxy", "127.0.0.1:1", "connection refused (ECONNREFUSED)"],
    ["ALL_PROXY", "no-such-proxy.invalid", "host not found (ENOTFOUND)"],
  ] as const) {
    it(`a proxy that cannot be reached is named: ${said}`, async function () {
      process.env[name] = `http://user:password@${host}`;
      const { kind, message } = await ask("https://api.example/v1");
      expect(kind).to.equal("unreachable");
      expect(message).to.equal(`the proxy in ${name} (${host.includes(":") ? host : `${host}:80`}): ${said}`);
    });
  }

  for (const value of ["socks5://user:password@127.0.0.1:PORT", "http:127.0.0.1:PORT", "http://127.0.0.1:PORT:1"]) {
    it(`a proxy that is not supported is an error before any request: ${value}`, async function () {
      const proxy = await listener();
      process.env["HTTPS_PROXY"] = value.replace("PORT", String(proxy.port));
      const { kind, message } = await ask("https://api.example/v1");
      expect({ kind, message }).to.deep.equal({
        kind: "proxy",
        message: "HTTPS_PROXY must name an HTTP or HTTPS proxy; others, such as SOCKS, are not supported",
      });
      expect(proxy.received).to.equal("");
      process.env["NO_PROXY"] = "127.0.0.1";
      expect((await ask("https://127.0.0.1:1/v1")).message).to.equal("127.0.0.1:1: connection refused (ECONNREFUSED)");
    });
  }

  it("a proxy's variable without a scheme means HTTP", async function () {
    const proxy = await listener();
    process.env["HTTPS_PROXY"] = `127.0.0.1:${proxy.port}`;
    await ask("https://api.example/v1");
    expect(proxy.received).to.match(/^CONNECT api\.example:443 HTTP\/1\.1\r\n/);
  });

  it("a percent sign in a proxy's password may stand for itself", async function () {
    const proxy = await listener();
    process.env["HTTPS_PROXY"] = `http://user:50%off%21@127.0.0.1:${proxy.port}`;
    await ask("https://api.example/v1");
    expect(proxy.received).to.include(Buffer.from("user:50%off!").toString("base64"));
  });

  it("an HTTPS proxy is asked for its own certificate, and named if it does not speak HTTPS", async function () {
    const proxy = await listener();
    proxy.isHttpOnly = true;
    process.env["HTTPS_PROXY"] = `https://localhost:${proxy.port}`;
    expect(await ask("https://api.example/v1")).to.include({
      kind: "proxy",
      message: `the proxy in HTTPS_PROXY (localhost:${proxy.port}): the answer is not HTTPS (EPROTO)`,
    });
    expect(proxy.received).to.include("localhost").and.not.to.include("api.example");
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
