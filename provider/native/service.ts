import { isDeepStrictEqual } from "node:util";
import type { dynamic } from "@pulumi/pulumi";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import type { IResourceProviderServer } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { ProviderContext } from "../access/context";
import { shareLedger } from "../access/ledger";
import { systemClock } from "../clock";
import { warningOfPlainKey } from "../config-keys";
import { withoutEffects } from "../resource/effects";
import { PartialFailure } from "../resource/failure";
import { unknownValue } from "../resource/ids";
import { listPermissions, type ListCheckpointPermissionsArgs } from "../resource/list";
import type { Operations } from "../resource/operations";
import { listFunction, providerOf, typesOf, type Kind } from "../resource/reference";
import { PermissionSetResource } from "../resource/permission-set";
import { PermissionResource } from "../resource/permission";
import { baseUrlIn, configOf, problemsWithArgs } from "./provider-config";
import { unaryHandler } from "./unary-handler";
import { diffResponse } from "./diff";
import type { EngineLog } from "./engine-log";
import schema from "./schema.json";
import { marshal, unmarshal, type Properties } from "./marshal";

const { DiffChanges } = messages.DiffResponse;

/**
 * Pulumi's provider protocol for the two resources and the list: each call is one of their methods.
 *
 * https://www.pulumi.com/docs/iac/guides/building-extending/providers/implementers-guide/
 */
export function service(engineLog: EngineLog, clock = systemClock, engine?: string) {
  // The engine runs a process for each provider, and for each deployment.
  let configured: ProviderContext | undefined;
  // The engine asks for the diff of a provider before it configures it.
  let hasNewBaseUrl = false;
  const context = () => {
    if (configured === undefined) throw new Error("The engine called before it configured the provider.");
    return configured;
  };
  const untyped = (resource: object, kind: Kind) => ({
    // What the engine sends has no type. Each resource checks its inputs and its state.
    resource: resource as Operations<Properties, Properties>,
    reference: providerOf(kind),
  });
  const types: Record<string, ReturnType<typeof untyped>> = {
    [typesOf.permission.native]: untyped(new PermissionResource(context), "permission"),
    [typesOf.permissionSet.native]: untyped(new PermissionSetResource(context), "permissionSet"),
  };

  let operationsUnderWay = 0;

  /** Runs an operation on a resource. */
  async function onResource<Result>(
    urn: string,
    operation: (resource: Operations<Properties, Properties>) => Promise<Result>,
  ): Promise<Result> {
    operationsUnderWay++;
    try {
      return await engineLog.at(urn, () => operation(typeOf(urn).resource));
    } finally {
      operationsUnderWay--;
    }
  }

  function typeOf(urn: string) {
    const name = typeNameOf(urn);
    const type = types[name];
    if (type === undefined) throw new Error(`There is no resource ${name} in this package.`);
    return type;
  }

  /** What goes into state. What comes from a secret is secret. */
  function outputs(urn: string, values: object, secrets: ReadonlySet<string>) {
    const derived = secrets.has("projectIds") ? [...secrets, "permissions"] : secrets;
    return marshal({ ...values, __provider: typeOf(urn).reference }, new Set(derived));
  }

  /** The outputs, as far as a preview knows them. */
  function outputsInPreview(urn: string, { values, secrets }: ReturnType<typeof unmarshal>) {
    const { properties, inputProperties } = schema.resources[typeNameOf(urn) as keyof typeof schema.resources];
    const computed = Object.keys(properties).filter((name) => !(name in inputProperties));
    const unknown = Object.fromEntries(computed.map((name) => [name, unknownValue]));
    return outputs(urn, { ...withoutEffects(values), ...unknown }, secrets);
  }

  function asPartialFailure(urn: string, secrets: ReadonlySet<string>) {
    return (error: unknown): never => {
      if (error instanceof PartialFailure) error.properties = outputs(urn, error.properties, secrets);
      throw error;
    };
  }

  /** Says and tidies up all that is left, before the process is killed. */
  async function end(): Promise<void> {
    configured?.lines.end();
    await engineLog.sent();
    // After Ctrl-C, what is under way ends first; then the engine calls once more.
    if (operationsUnderWay === 0) configured?.ledger.log?.close();
  }

  const calls = {
    handshake: unaryHandler(async () => new messages.ProviderHandshakeResponse().setAcceptSecrets(true)),
    getPluginInfo: unaryHandler(async () => new PluginInfo().setVersion(schema.version)),
    getSchema: unaryHandler(async () => new messages.GetSchemaResponse().setSchema(JSON.stringify(schema))),

    checkConfig: unaryHandler(async (request: messages.CheckRequest) => {
      const { values, secrets } = unmarshal(request.getNews());
      return checkResponse(values, secrets, problemsWithArgs(values));
    }),
    // Another key or base URL replaces no resource.
    diffConfig: unaryHandler(async (request: messages.DiffRequest) => {
      const [olds, news] = [unmarshal(request.getOldInputs()).values, unmarshal(request.getNews()).values];
      hasNewBaseUrl = baseUrlIn(olds) !== baseUrlIn(news);
      return new messages.DiffResponse().setChanges(
        isDeepStrictEqual(olds, news) ? DiffChanges.DIFF_NONE : DiffChanges.DIFF_SOME,
      );
    }),
    configure: unaryHandler(async (request: messages.ConfigureRequest) => {
      const { values, secrets } = unmarshal(request.getArgs());
      const config = configOf(values);
      const warn = (line: string) => {
        engineLog.print(line, "warning");
      };
      configured = new ProviderContext(config, clock, engineLog.print, shareLedger(engine, config.baseUrl, warn));
      configured.hasNewBaseUrl = hasNewBaseUrl;
      if (values["adminApiKey"] !== undefined && !secrets.has("adminApiKey"))
        configured.warn(warningOfPlainKey(config.nameOf("adminApiKey")));
      return new messages.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    }),

    check: unaryHandler(async (request: messages.CheckRequest) => {
      const urn = request.getUrn();
      const olds = unmarshal(request.getOlds());
      const news = unmarshal(request.getNews());
      // What names the projects is as secret as they are.
      const isSecret = news.secrets.has("projectId") || news.secrets.has("projectIds");
      const values = isSecret ? { adopts: null, ...news.values } : news.values;
      const { inputs, failures } = await onResource(urn, (resource) => resource.check(urn, olds.values, values));
      const secrets = isSecret ? new Set([...news.secrets, "adopts", "restores", "revokes"]) : news.secrets;
      return checkResponse(inputs, secrets, failures);
    }),
    diff: unaryHandler(async (request: messages.DiffRequest) => {
      const [olds, news] = [unmarshal(request.getOlds()).values, unmarshal(request.getNews()).values];
      const urn = request.getUrn();
      const diff = await onResource(urn, (resource) => resource.diff(urn, request.getId(), olds, news));
      return diffResponse(diff, unmarshal(request.getOldInputs()).values, news);
    }),
    create: unaryHandler(async (request: messages.CreateRequest) => {
      const urn = request.getUrn();
      const inputs = unmarshal(request.getProperties());
      context().isPreview = request.getPreview();
      if (request.getPreview()) return new messages.CreateResponse().setProperties(outputsInPreview(urn, inputs));
      const { values, secrets } = inputs;
      const creating = onResource(urn, (resource) => resource.create(urn, values));
      const { id, outs = {} } = await creating.catch(asPartialFailure(urn, secrets));
      return new messages.CreateResponse().setId(id).setProperties(outputs(urn, outs, secrets));
    }),
    read: unaryHandler(async (request: messages.ReadRequest) => {
      const urn = request.getUrn();
      const { values, secrets } = unmarshal(request.getProperties());
      // An import has nothing but the ID.
      const isImport = values["fineTunedModelCheckpoint"] === undefined;
      const id = request.getId();
      const read = await onResource(urn, (resource) => (isImport ? resource.import(id) : resource.read(id, values)));
      if (read.id === undefined) return new messages.ReadResponse();
      const properties = outputs(urn, read.props ?? {}, secrets);
      return new messages.ReadResponse()
        .setId(read.id)
        .setProperties(properties)
        .setInputs(marshal(read.inputs, secrets));
    }),
    update: unaryHandler(async (request: messages.UpdateRequest) => {
      const urn = request.getUrn();
      const olds = unmarshal(request.getOlds()).values;
      const news = unmarshal(request.getNews());
      context().isPreview = request.getPreview();
      if (request.getPreview()) return new messages.UpdateResponse().setProperties(outputsInPreview(urn, news));
      const { values, secrets } = news;
      const updating = onResource(urn, (resource) => resource.update(urn, request.getId(), olds, values));
      const { outs = {} } = await updating.catch(asPartialFailure(urn, secrets));
      return new messages.UpdateResponse().setProperties(outputs(urn, outs, secrets));
    }),
    delete: unaryHandler(async (request: messages.DeleteRequest) => {
      const { values } = unmarshal(request.getProperties());
      context().isPreview = false;
      await onResource(request.getUrn(), (resource) => resource.delete(request.getId(), values));
      return new Empty();
    }),

    invoke: unaryHandler(async (request: messages.InvokeRequest) => {
      const name = request.getTok();
      if (name !== listFunction) throw new Error(`There is no function ${name} in this package.`);
      const args = unmarshal(request.getArgs()).values as unknown as ListCheckpointPermissionsArgs;
      const { permissions } = await engineLog.at("", () => listPermissions(context, args));
      return new messages.InvokeResponse().setReturn(marshal({ permissions }));
    }),
    // The engine also calls it before it ends the process.
    cancel: unaryHandler(async () => {
      configured?.cancel();
      await end();
      return new Empty();
    }),
  } satisfies Partial<IResourceProviderServer>;
  return { calls, end };
}

function typeNameOf(urn: string): string {
  return urn.split("::")[2]!.split("$").at(-1)!;
}

function checkResponse(inputs: object, secrets: ReadonlySet<string>, failures: readonly dynamic.CheckFailure[]) {
  const list = failures.map(({ property, reason }) =>
    new messages.CheckFailure().setProperty(property).setReason(reason),
  );
  return new messages.CheckResponse().setInputs(marshal(inputs, secrets)).setFailuresList(list);
}
