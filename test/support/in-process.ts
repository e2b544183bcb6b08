import axios, { AxiosError, type InternalAxiosRequestConfig } from "axios";
import type { dynamic } from "@pulumi/pulumi";
import type { ProviderContext } from "../../provider/access/context";
import { withUrns } from "../../provider/dynamic/urns";
import { PermissionResource } from "../../provider/resource/permission";
import { PermissionSetResource } from "../../provider/resource/permission-set";
import { typesOf } from "../../provider/resource/reference";
import type { Method } from "../../sandbox/api/api";
import type { FaultyApi } from "../../sandbox/api/faults";
import { InitFailed, type Properties, type Provider } from "../../sandbox/miniature/host";

/** Sends requests to an emulated API without HTTP, for tests that make many thousands. */
export function useInProcess(apiAt: (url: URL) => FaultyApi | undefined): () => void {
  const before = axios.defaults.adapter;
  axios.defaults.adapter = async (config: InternalAxiosRequestConfig) => {
    const url = new URL(axios.getUri(config));
    const api = apiAt(url);
    if (api === undefined) throw new AxiosError(`connect ECONNREFUSED ${url.host}`, "ECONNREFUSED", config);
    const authorization = String(config.headers.get("Authorization"));
    const method = config.method!.toUpperCase() as Method;
    const delivery = await api.serve(method, url, authorization, String(config.data ?? ""));
    if (delivery.kind !== "answer") throw new AxiosError("socket hang up", "ECONNRESET", config);
    const { status, text, headers } = delivery;
    return { status, statusText: "", data: text, headers, config };
  };
  return () => {
    if (before === undefined) delete axios.defaults.adapter;
    else axios.defaults.adapter = before;
  };
}

export type HostedResource = dynamic.ResourceProvider<Properties, Properties>;

/**
 * The resources that Pulumi's host serves, by URN.
 *
 * @param others serve resources that are not this package's, by their types.
 */
export function hostedResources(
  context: () => ProviderContext,
  others: Record<string, dynamic.ResourceProvider> = {},
): (urn: string) => HostedResource {
  const hosted = {
    ...others,
    [typesOf.permission.dynamic]: withUrns(new PermissionResource(context)),
    [typesOf.permissionSet.dynamic]: withUrns(new PermissionSetResource(context)),
  };
  return (urn) => {
    const found = Object.entries(hosted).find(([type]) => urn.includes(`${type}::`));
    if (found === undefined) throw new Error(`${urn} needs a provider host in a process of its own: inOwnProcesses.`);
    return found[1] as dynamic.ResourceProvider as HostedResource;
  };
}

/** What tells Pulumi's host which handler serves a resource; the host keeps it in state. */
const handlerKey = "__provider";

/**
 * Calls the resources as Pulumi's host does, in this process.
 *
 * @param resourceOf returns what serves a call.
 */
export function inProcessProvider(resourceOf: (urn: string, call: keyof Provider) => HostedResource): Provider {
  const copy = <T>(value: T): T => structuredClone(value);
  const kept = (properties: Properties | undefined, from: Properties): Properties => {
    return handlerKey in from ? { ...properties, [handlerKey]: from[handlerKey] } : { ...properties };
  };
  const orInitFailed = (error: unknown): never => {
    const { id, properties, reasons } = error as InitFailed;
    throw typeof id === "string" ? new InitFailed(id, properties, reasons) : error;
  };
  return {
    async check(urn, olds, news) {
      const { inputs, failures } = await resourceOf(urn, "check").check!(copy(olds), copy(news));
      return { inputs: kept(inputs, news), failures: failures ?? [] };
    },
    async diff(urn, id, olds, news) {
      const { changes, replaces } = await resourceOf(urn, "diff").diff!(id, copy(olds), copy(news));
      return { changes: changes === true, replaces: replaces ?? [], diffs: [], deleteBeforeReplace: false };
    },
    async create(urn, inputs) {
      const { id, outs } = await resourceOf(urn, "create").create(copy(inputs)).catch(orInitFailed);
      return { id, outputs: kept(outs, inputs) };
    },
    async read(urn, id, outputs) {
      const result = await resourceOf(urn, "read").read!(id, copy(outputs));
      const inputs = result.inputs === undefined ? undefined : kept(result.inputs, outputs);
      return { id: result.id ?? "", outputs: kept(result.props, outputs), inputs };
    },
    async update(urn, id, olds, news) {
      const { outs } = await resourceOf(urn, "update").update!(id, copy(olds), copy(news)).catch(orInitFailed);
      return kept(outs, news);
    },
    async delete(urn, id, outputs) {
      await resourceOf(urn, "delete").delete!(id, copy(outputs));
    },
  };
}
