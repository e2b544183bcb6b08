import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https, { type RequestOptions } from "node:https";
import axios, { isAxiosError, isCancel, type AxiosRequestConfig, type AxiosResponse } from "axios";
import { longestTimer } from "../clock";
import type { Config } from "../config";
import { lineWithoutKey } from "./plain-text";
import { ApiError } from "./error";
import type { ErrorKind } from "./error-kinds";
import { proxyFor, Tunnel } from "./proxy";

/** In bytes. No real answer of these endpoints comes near it. */
const maxAnswerBytes = 8_000_000;

/**
 * Sends one request and reads its answer, of any status.
 *
 * It settles in time, and at once when the connection is gone. Until then it keeps Node.js running: a program that ends
 * early with exit code 0 tells Pulumi to delete the rest. Afterwards no socket keeps Node.js running.
 *
 * @throws {ApiError} when no complete answer came.
 */
export async function exchange(
  request: AxiosRequestConfig,
  { adminApiKey, baseUrl, nameOf }: Config,
  timeoutSeconds: number,
): Promise<AxiosResponse<string>> {
  const ending = new AbortController();
  const url = new URL(baseUrl);
  const proxy = proxyFor(url);
  const tunnel = proxy && new Tunnel(proxy, url, ending);
  const failure = (kind: ErrorKind, reason: string) => new ApiError(kind, `${tunnel?.peer ?? url.host}: ${reason}`);
  const expire = () => {
    ending.abort(failure("unreachable", `no answer within ${timeoutSeconds} s (${nameOf("timeoutSeconds")})`));
  };
  const giveUp = () => {
    ending.abort(failure("unreachable", "the connection was closed before the answer came"));
  };
  const timer = setTimeout(expire, Math.min(Math.ceil(timeoutSeconds * 1000), longestTimer));
  try {
    return await axios.request<string>({
      ...request,
      baseURL: baseUrl,
      signal: ending.signal,
      // The key must not follow a redirect to wherever it points.
      maxRedirects: 0,
      // The tunnel is in place of axios' own proxies.
      proxy: false,
      httpsAgent: tunnel,
      transport: { request: requestWith(giveUp) },
      maxContentLength: maxAnswerBytes,
      validateStatus: () => true,
      // axios would pass malformed JSON on as a string.
      responseType: "text",
      transformResponse: (text: string) => text,
    });
  } catch (error) {
    if (isCancel(error)) throw ending.signal.reason as ApiError;
    // What axios throws holds the request's headers, so none of it is kept as a cause.
    const { kind, reason } = connectionFailure(error, tunnel?.isOpen === false);
    throw failure(kind, lineWithoutKey(reason, adminApiKey).slice(0, 300));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Sends as Node.js does.
 *
 * @param onGone called when the connection closes with neither an answer nor an error, as after a 101: axios would wait on.
 */
function requestWith(onGone: () => void) {
  return (options: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest => {
    const request = (options.protocol === "http:" ? http : https).request(options, onAnswer);
    const forget = () => request.off("close", onGone);
    return request.once("response", forget).once("error", forget).once("close", onGone);
  };
}

/**
 * Why no answer came.
 *
 * @param isProxys whether the answer would have been the proxy's own.
 */
function connectionFailure(error: unknown, isProxys: boolean): { kind: ErrorKind; reason: string } {
  const { code, message } = isAxiosError(error) ? error : { code: undefined, message: String(error) };
  switch (code) {
    case "ECONNREFUSED":
      return { kind: "unreachable", reason: "connection refused (ECONNREFUSED)" };
    case "ENOTFOUND":
      return { kind: "unreachable", reason: "host not found (ENOTFOUND)" };
    case "ECONNRESET":
      return { kind: "unreachable", reason: "the connection was cut before the answer came (ECONNRESET)" };
    // The message is OpenSSL's, and says no more.
    case "EPROTO":
      return { kind: isProxys ? "proxy" : "unreachable", reason: "the answer is not HTTPS (EPROTO)" };
  }
  const reason = code === undefined ? message : `${message} (${code})`;
  return { kind: code !== undefined && isAboutCertificate(code) ? "certificate" : "unreachable", reason };
}

/** The codes of Node.js for a certificate that it does not trust. */
function isAboutCertificate(code: string): boolean {
  return /CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|SELF_SIGNED/.test(code);
}
