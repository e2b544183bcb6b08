import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import nock from "nock";
import { ApiError } from "../../provider/api/error";
import { adminKey, checkpoint, contextWith } from "../support/api";
import { bodyLength, Peer, switchingProtocols, trustPeers, type Ending, type Phase, type Route } from "../support/peer";
import { ProxyEnvironment } from "../support/proxy-environment";

const phases: Record<Route, Phase[]> = {
  "over HTTP": ["the headers", "the body"],
  "over HTTPS": ["the handshake", "the headers", "the body"],
  "through a proxy": ["the answer to CONNECT", "the handshake", "the headers", "the body"],
  "through an HTTPS proxy": ["the proxy's handshake"],
};

/** The beginning of what the phase is about. */
function beginningOf(phase: Phase): string {
  if (phase === "the body") return '{"obj';
  return phase.endsWith("handshake") ? "\u0016\u0003\u0003" : "HTTP/1.1 2";
}

const endings: Record<string, (phase: Phase) => Ending> = {
  "a close": () => ({ then: "close" }),
  "a beginning and a close": (phase) => ({ says: beginningOf(phase), then: "close" }),
  "a reset": () => ({ then: "reset" }),
  "a beginning and a reset": (phase) => ({ says: beginningOf(phase), then: "reset" }),
  "a 101": () => ({ says: switchingProtocols }),
  silence: () => ({}),
  "a beginning and silence": (phase) => ({ says: beginningOf(phase) }),
};

const cases = (Object.keys(phases) as Route[]).flatMap((route) =>
  phases[route].flatMap((phase) =>
    Object.entries(endings).map(([what, ending]) => {
      const peer = new Peer(route, phase, ending(phase));
      const isRefused = what === "a 101" && phase !== "the body";
      const isSilent = peer.ending.then === undefined && !isRefused;
      return { title: `${what} in place of ${phase} ${route}`, what, peer, isRefused, isSilent };
    }),
  ),
);
type Case = (typeof cases)[number];

describe("a connection on which the other side stops talking", function () {
  const environment = new ProxyEnvironment();
  const outcomes = new Map<Case, Promise<unknown>>();
  let distrust: () => void;

  before(async function () {
    nock.restore();
    environment.clear();
    distrust = trustPeers();
    // All at once, since the silent ones take their time.
    for (const one of cases) {
      await one.peer.start();
      // What is to end at once would take too long for this test if it ended with the timeout.
      const asking = ask(one.peer, one.isSilent ? 1 : 60);
      outcomes.set(one, asking);
      // The next one has another proxy.
      await Promise.race([one.peer.reached(), asking]);
    }
  });

  after(function () {
    nock.activate();
    environment.restore();
    distrust();
    for (const { peer } of cases) peer.stop();
  });

  /** Asks for one permission, which is a single request, whatever comes of it. */
  function ask({ route, address }: Peer, timeoutSeconds: number): Promise<unknown> {
    const isProxied = route.includes("proxy");
    const scheme = route === "through an HTTPS proxy" ? "https" : "http";
    environment.set("HTTPS_PROXY", isProxied ? `${scheme}://user:password@${address}` : undefined);
    const api = `${route === "over HTTP" ? "http" : "https"}://${isProxied ? "api.example" : address}/v1`;
    const settings = { "openai:baseUrl": api, "openai:timeoutSeconds": String(timeoutSeconds) };
    const { client } = contextWith(settings).context;
    return client.createPermissions(checkpoint, ["proj_a"]).catch((thrown: unknown) => thrown);
  }

  /** Who did not answer, as a message names it. */
  function nameOf({ route, phase, address }: Peer): string {
    if (!route.includes("proxy")) return address;
    const proxy = `the proxy in HTTPS_PROXY (${address})`;
    const isProxys = phase === "the proxy's handshake" || phase === "the answer to CONNECT";
    return isProxys ? proxy : `api.example through ${proxy}`;
  }

  for (const one of cases) {
    const { title, peer, isRefused, isSilent } = one;
    it(`${title} is an error ${isSilent ? "after timeoutSeconds" : "at once"}, and no socket stays`, async function () {
      const error = (await outcomes.get(one)) as ApiError;
      expect(peer.hasStopped).to.equal(true);
      expect(error).to.be.instanceOf(ApiError);
      const isProxys = isRefused && (peer.phase === "the answer to CONNECT" || peer.phase === "the proxy's handshake");
      expect(error.kind).to.equal(isProxys ? "proxy" : "unreachable");
      expect(error.message.slice(0, nameOf(peer).length)).to.equal(nameOf(peer));
      expect(error.message.includes("no answer within 1 s"), error.message).to.equal(isSilent);
      await peer.closed();
    });
  }

  it("an answer that is decompressed after its connection has closed arrives", async function () {
    const text = JSON.stringify({ object: "list", data: [], has_more: false }).padEnd(7_000_000);
    const server = createServer((_request, response) => {
      response.writeHead(200, { "Content-Encoding": "gzip", Connection: "close" }).end(gzipSync(text));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { client } = contextWith({
      "openai:baseUrl": `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    }).context;
    const permissions = await client.createPermissions(checkpoint, ["proj_a"]).finally(() => server.close());
    expect(permissions).to.deep.equal([]);
  });

  it("a whole answer through a proxy arrives, and no socket and no timer stays", async function () {
    const says = JSON.stringify({ object: "list", data: [], has_more: false }).padEnd(bodyLength);
    const peer = await new Peer("through a proxy", "the body", { says }).start();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    try {
      expect(await ask(peer, 60)).to.deep.equal([]);
      expect(peer.request)
        .to.match(/^POST \/v1\/fine_tuning\//)
        .and.to.include(adminKey);
      expect(timers()).to.be.at.most(before);
      await peer.closed();
    } finally {
      peer.stop();
    }
  });
});
