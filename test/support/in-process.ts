import axios, { AxiosError, type InternalAxiosRequestConfig } from "axios";
import type { dynamic } from "@pulumi/pulumi";
import type { Method } from "../../sandbox/api/api";
import type { FaultyApi } from "../../sandbox/api/faults";
import { InitFailed, type Properties, type Provider } from "../../sandbox/miniature/host";

/** Sends requests to an emulated API without HTTP, for tests that make many thousands. */
export function useInProcess(apiAt: (url: URL) => FaultyApi): () => void {
  const before = axios.defaults.adapter;
  axios.defaults.adapter = async (config: InternalAxiosRequestConfig) => {
    const url = new URL(axios.getUri(config));
    const authorization = String(config.headers.get("Authorization"));
    const method = config.method!.toUpperCase() as Method;
    const delivery = await apiAt(url).serve(method, url, authorization, String(config.data ?? ""));
    if (delivery.kind !== "answer") throw new AxiosError("socket hang up", "ECONNRESET", config);
    const { status, text, headers } = delivery;
    return { status, statusText: "", data: text, headers, config };
  };
  return () => {
    if (before === undefined) delete axios.defaults.adapter;
    else axios.defaults.adapter = before;
  };
}

/**
 * Calls the resources as Pulumi's host does, in this process.
 *
 * @param resourceOf returns what serves a call.
 */
export function inProcessProvider(
  resourceOf: (urn: string, call: keyof Provider) => dynamic.ResourceProvider<Properties, Properties>,
): Provider {
  const copy = <T>(value: T): T => structuredClone(value);
  const orInitFailed = (error: unknown): never => {
    const { id, properties, reasons } = error as InitFailed;
    throw typeof id === "string" ? new InitFailed(id, properties, reasons) : error;
  };
  return {
    async check(urn, olds, news) {
      const { inputs, failures } = await resourceOf(urn, "check").check!(copy(olds), copy(news));
      return { inputs: inputs ?? {}, failures: failures ?? [] };
    },
    async diff(urn, id, olds, news) {
      const { changes, replaces } = await resourceOf(urn, "diff").diff!(id, copy(olds), copy(news));
      return { changes: changes === true, replaces: replaces ?? [], diffs: [], deleteBeforeReplace: false };
    },
    async create(urn, inputs) {
      const { id, outs } = await resourceOf(urn, "create").create(copy(inputs)).catch(orInitFailed);
      return { id, outputs: outs ?? {} };
    },
    async read(urn, id, outputs) {
      const result = await resourceOf(urn, "read").read!(id, copy(outputs));
      return { id: result.id ?? "", outputs: result.props ?? {}, inputs: result.inputs };
    },
    async update(urn, id, olds, news) {
      const { outs } = await resourceOf(urn, "update").update!(id, copy(olds), copy(news)).catch(orInitFailed);
      return outs ?? {};
    },
    async delete(urn, id, outputs) {
      await resourceOf(urn, "delete").delete!(id, copy(outputs));
    },
  };
}
