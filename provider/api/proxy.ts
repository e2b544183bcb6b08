import http, { STATUS_CODES, type IncomingMessage } from "node:http";
import https, { Agent, type RequestOptions } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { urlToHttpOptions } from "node:url";
import { getProxyForUrl } from "proxy-from-env";
import { ApiError } from "./error";

/** A proxy from the environment. */
export interface Proxy {
  url: URL;
  /** `the proxy in HTTPS_PROXY (proxy.example:3128)`. */
  name: string;
}

/** The variables that may name a proxy for HTTPS, in the order in which they count. */
const variables = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/**
 * The proxy through which a URL is reached, unless `NO_PROXY` names its host. Plain HTTP is for this machine itself, and a
 * proxy would see its key.
 *
 * @throws {ApiError} when the variable does not name a proxy that can be used.
 */
export function proxyFor(target: URL): Proxy | undefined {
  if (target.protocol === "http:" || getProxyForUrl(target.href) === "") return undefined;
  const variable = variables.find((name) => process.env[name])!;
  // In a password, a percent sign may stand for itself.
  const value = process.env[variable]!.replace(/%(?![\da-f]{2})/gi, "%25");
  // HOST:PORT alone means HTTP, as it does for curl and for Pulumi's engine.
  const text = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    // The value itself is never repeated: it may hold a password.
    const message = `${variable} must name an HTTP or HTTPS proxy; others, such as SOCKS, are not supported`;
    throw new ApiError("proxy", message);
  }
  return { url, name: `the proxy in ${variable} (${url.hostname}:${portOf(url)})` };
}

function portOf({ port, protocol }: URL): string {
  return port || (protocol === "http:" ? "80" : "443");
}

/**
 * Reaches the API through a proxy that does not see the key.
 *
 * axios has such a tunnel, too, but one that never settles when the proxy hangs up, and leaves its socket open.
 */
export class Tunnel extends Agent {
  readonly #proxy: Proxy;
  readonly #target: URL;
  readonly #ending: AbortController;
  /** Whether the proxy has opened it, so that the next answer comes from its other end. */
  isOpen = false;

  /** @param ending ends the tunnel; it is aborted with an {@link ApiError} when the proxy refuses. */
  constructor(proxy: Proxy, target: URL, ending: AbortController) {
    super();
    this.#proxy = proxy;
    this.#target = target;
    this.#ending = ending;
  }

  /** Where the next answer comes from, in words. */
  get peer(): string {
    return this.isOpen ? `${this.#target.host} through ${this.#proxy.name}` : this.#proxy.name;
  }

  override createConnection(options: RequestOptions, done: (error: Error | null, socket?: Duplex) => void): undefined {
    const { protocol, hostname, port, auth } = urlToHttpOptions(this.#proxy.url);
    const target = `${this.#target.hostname}:${portOf(this.#target)}`;
    const credentials = auth == null ? undefined : Buffer.from(auth).toString("base64");
    const connecting = (protocol === "http:" ? http : https).request({
      hostname,
      port,
      // Else it would be taken from the header Host.
      servername: isIP(hostname!) === 0 ? hostname! : "",
      method: "CONNECT",
      path: target,
      headers: { Host: target, ...(credentials && { "Proxy-Authorization": `Basic ${credentials}` }) },
      agent: false,
      signal: this.#ending.signal,
    });
    connecting.once("connect", (answer, socket) => {
      const refusal = refusalOf(this.#proxy, answer);
      if (refusal === undefined) {
        this.isOpen = true;
        // Where programs add certificates to those that they trust.
        const { options: usual } = https.globalAgent;
        const tlsOptions = { ...usual, ...options, socket };
        done(null, super.createConnection(tlsOptions)!);
      } else {
        socket.destroy();
        this.#ending.abort(refusal);
        done(refusal);
      }
    });
    connecting.on("error", done);
    connecting.end();
  }
}

/** What a proxy's answer to CONNECT means; undefined when the tunnel is open. */
function refusalOf({ name }: Proxy, { statusCode = 0, headers }: IncomingMessage): ApiError | undefined {
  // A portal that asks for a login may answer so.
  const isPage = /html/i.test(headers["content-type"] ?? "");
  if (statusCode === 200 && !isPage) return undefined;
  const answer = [statusCode, STATUS_CODES[statusCode], isPage ? "and a page" : ""].join(" ").trim();
  const message = `${name} answers ${answer} instead of opening a tunnel`;
  // The status is not the API's, and the request was not sent.
  return new ApiError("proxy", message, { isTemporary: statusCode >= 500 });
}
