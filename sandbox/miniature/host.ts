import { spawn, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";

export type Properties = Record<string, unknown>;

/** A resource exists, but is not as it should be: what the provider reports of it. */
export class InitFailed extends Error {
  constructor(
    readonly id: string,
    readonly properties: Properties,
    readonly reasons: string[],
  ) {
    super(reasons.join("\n"));
  }
}

export interface HostOptions {
  folder: string;
  project: string;
  engineAddress: string;
  config: Record<string, string>;
  env: NodeJS.ProcessEnv;
  /** Called for each line that the host prints. */
  onLine: (line: string) => void;
}

/** What an engine asks of a provider. */
export type Provider = Pick<ProviderHost, "check" | "diff" | "create" | "read" | "update" | "delete">;

/** A provider that is there for one deployment. */
export type Host = Provider & Pick<ProviderHost, "stop">;

/** The SDK's own dynamic provider host, in a process of its own. */
export class ProviderHost {
  readonly #process: ChildProcess;
  readonly #client: ResourceProviderClient;

  private constructor(process: ChildProcess, client: ResourceProviderClient) {
    this.#process = process;
    this.#client = client;
  }

  static async start({ folder, project, engineAddress, config, env, onLine }: HostOptions): Promise<ProviderHost> {
    const script = createRequire(join(folder, "index.js")).resolve("@pulumi/pulumi/cmd/dynamic-provider");
    const child = spawn(process.execPath, [...nodeFlags, script, engineAddress], {
      cwd: folder,
      env: { ...env, PULUMI_NODEJS_PROJECT: project, PULUMI_PROJECT: project, PULUMI_CONFIG: "{}" },
      // Ctrl-C is the engine's to handle: what is in flight is finished and recorded.
      detached: true,
    });
    const port = await new Promise<string>((resolve) => {
      const lines = createInterface({ input: child.stdout });
      let first = true;
      lines.on("line", (line) => {
        if (first) resolve(line);
        else onLine(line);
        first = false;
      });
      createInterface({ input: child.stderr }).on("line", onLine);
      child.once("exit", () => resolve(""));
    });
    if (port === "") throw new Error("Pulumi's provider host ended before it began to serve.");
    const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), unlimited);
    const host = new ProviderHost(child, client);
    const request = filled(new messages.ConfigureRequest(), { args: config, acceptsecrets: true });
    await host.#call((done) => client.configure(request, done));
    return host;
  }

  /** Gives what is wrong with the inputs, if anything is. */
  async check(urn: string, olds: Properties, news: Properties) {
    const request = filled(new messages.CheckRequest(), { urn, olds, news });
    const response = await this.#call<messages.CheckResponse>((done) => this.#client.check(request, done));
    const failures = response.getFailuresList();
    return {
      inputs: toObject(response.getInputs()),
      failures: failures.map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() })),
    };
  }

  async diff(urn: string, id: string, olds: Properties, news: Properties, oldInputs: Properties) {
    const request = filled(new messages.DiffRequest(), { urn, id, olds, news, oldInputs });
    const response = await this.#call<messages.DiffResponse>((done) => this.#client.diff(request, done));
    return {
      changes: response.getChanges() === messages.DiffResponse.DiffChanges.DIFF_SOME,
      replaces: response.getReplacesList(),
      diffs: response.getDiffsList(),
      deleteBeforeReplace: response.getDeletebeforereplace(),
    };
  }

  async create(urn: string, inputs: Properties) {
    const request = filled(new messages.CreateRequest(), { urn, properties: inputs });
    const response = await this.#call<messages.CreateResponse>((done) => this.#client.create(request, done));
    return { id: response.getId(), outputs: toObject(response.getProperties()) };
  }

  async read(urn: string, id: string, outputs: Properties, inputs: Properties) {
    const request = filled(new messages.ReadRequest(), { urn, id, properties: outputs, inputs });
    const response = await this.#call<messages.ReadResponse>((done) => this.#client.read(request, done));
    return {
      id: response.getId(),
      outputs: toObject(response.getProperties()),
      inputs: response.getInputs() === undefined ? undefined : toObject(response.getInputs()),
    };
  }

  async update(urn: string, id: string, olds: Properties, news: Properties, oldInputs: Properties) {
    const request = filled(new messages.UpdateRequest(), { urn, id, olds, news, oldInputs });
    const response = await this.#call<messages.UpdateResponse>((done) => this.#client.update(request, done));
    return toObject(response.getProperties());
  }

  async delete(urn: string, id: string, outputs: Properties, inputs: Properties): Promise<void> {
    const request = filled(new messages.DeleteRequest(), { urn, id, properties: outputs, oldInputs: inputs });
    await this.#call((done) => this.#client.delete(request, done));
  }

  async stop(): Promise<void> {
    await this.#call((done) => this.#client.cancel(new Empty(), done)).catch(() => undefined);
    this.#client.close();
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGINT");
      await ended;
    }
  }

  #call<Response>(send: (done: (error: grpc.ServiceError | null, response: Response) => void) => unknown) {
    return new Promise<Response>((resolve, reject) => {
      send((error, response) => {
        if (error === null) resolve(response);
        else reject(initFailure(error) ?? new Error(error.details));
      });
    });
  }
}

/** How the SDK's processes start. */
export const nodeFlags = ["--require", join(__dirname, "defer.cjs")];

/** gRPC's default of 4 MB is less than a large stack's message. */
export const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** Sets a request's fields by their names; what is an object becomes a Struct. */
function filled<Message extends object>(message: Message, fields: Record<string, string | boolean | Properties>) {
  const setters = message as Record<string, (this: Message, value: unknown) => void>;
  for (const [name, value] of Object.entries(fields)) {
    const setter = setters[`set${name[0]!.toUpperCase()}${name.slice(1)}`]!;
    setter.call(message, typeof value === "object" ? toStruct(value) : value);
  }
  return message;
}

export function toStruct(properties: Properties): Struct {
  return Struct.fromJavaScript(properties as Parameters<typeof Struct.fromJavaScript>[0]);
}

export function toObject(struct: Struct | undefined): Properties {
  return struct?.toJavaScript() ?? {};
}

function initFailure(error: grpc.ServiceError): InitFailed | undefined {
  const [packed] = error.metadata.get("grpc-status-details-bin");
  if (!(packed instanceof Buffer)) return undefined;
  const [detail] = Status.deserializeBinary(packed).getDetailsList();
  if (detail === undefined) return undefined;
  const failure = messages.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
  return new InitFailed(failure.getId(), toObject(failure.getProperties()), failure.getReasonsList());
}
