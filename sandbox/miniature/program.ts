import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as engine from "@pulumi/pulumi/proto/engine_pb";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import * as monitor from "@pulumi/pulumi/proto/resource_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Message } from "../engines";
import { nodeFlags, toObject, toStruct, unlimited, type Properties } from "./host";

/** What the program says of one resource. */
export interface Goal {
  type: string;
  name: string;
  custom: boolean;
  parent: string;
  inputs: Properties;
  dependencies: string[];
  propertyDependencies: Record<string, string[]>;
  deleteBeforeReplace: boolean;
  replacementTrigger: unknown;
}

/** What the program gets to know about it. */
export interface Registered {
  urn: string;
  /** Undefined: not known yet, in a preview. */
  id?: string | undefined;
  outputs: Properties;
  /** When it did not come about, and the program runs on. */
  result?: "failed" | "skipped";
}

export interface ProgramHandlers {
  register(goal: Goal): Promise<Registered>;
  registerOutputs(urn: string, outputs: Properties): void;
  /** The program has run to its end: deletes what it no longer declares. */
  finish(): Promise<void>;
  say(message: Message): void;
}

export interface ProgramOptions {
  folder: string;
  project: string;
  stack: string;
  typescript: boolean;
  preview: boolean;
  parallel: number;
  config: Record<string, string>;
  secretKeys: string[];
  env: NodeJS.ProcessEnv;
  onStart?: ((pid: number) => void) | undefined;
}

const secretSignature = "4dabf18193072939515e22adb298388d";
/** The features that we report to the SDK: most of them only so that their use reaches us, and is refused by name. */
const features = new Set(["secrets", "transforms", "invokeTransforms", "aliasSpecs", "deletedWith", "replaceWith"]);
/** The SDK's exit code when it has printed the program's error already. */
const alreadyShown = 32;

/** Serves the two services that a program and the provider host talk to. */
export class EngineServer {
  readonly #server = new grpc.Server(unlimited);
  #handlers: ProgramHandlers | undefined;
  address = "";

  /** @param note what a refusal says besides what is refused. */
  constructor(readonly note = "") {}

  /** From now on the program's calls go there. */
  serve(handlers: ProgramHandlers): void {
    this.#handlers = handlers;
  }

  get handlers(): ProgramHandlers {
    if (this.#handlers === undefined) throw new Error("The program called before the deployment began.");
    return this.#handlers;
  }

  async start(): Promise<void> {
    this.#server.addService(ResourceMonitorService, this.#monitor());
    this.#server.addService(EngineService, this.#engine());
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    this.address = `127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  /** The one line that names what this engine does not do. */
  #refusal(what: string): string {
    return `The miniature engine does not do ${what}; the Pulumi CLI does. ${this.note}`.trim();
  }

  #monitor(): grpc.UntypedServiceImplementation {
    const refusing = (what: string) => (_call: unknown, done: grpc.sendUnaryData<never>) => {
      this.handlers.say({ severity: "error", text: this.#refusal(what) });
      done({ code: grpc.status.UNAVAILABLE, details: what });
    };
    return {
      supportsFeature: unary((request: monitor.SupportsFeatureRequest) => {
        const response = new monitor.SupportsFeatureResponse();
        response.setHassupport(features.has(request.getId()));
        return response;
      }),
      registerResource: unary(async (request: monitor.RegisterResourceRequest) => {
        const unsupported = unsupportedIn(request);
        if (unsupported !== undefined) {
          this.handlers.say({ severity: "error", text: this.#refusal(unsupported), name: request.getName() });
          throw new Error(unsupported);
        }
        const { urn, id, outputs, result } = await this.handlers.register(goalOf(request));
        const response = new monitor.RegisterResourceResponse();
        response.setUrn(urn);
        response.setId(id ?? "");
        response.setObject(toStruct(outputs));
        if (result !== undefined) response.setResult(monitor.Result[result === "failed" ? "FAIL" : "SKIP"]);
        return response;
      }),
      registerResourceOutputs: unary((request: monitor.RegisterResourceOutputsRequest) => {
        this.handlers.registerOutputs(request.getUrn(), toObject(request.getOutputs()));
        return new Empty();
      }),
      signalAndWaitForShutdown: unary(async () => {
        await this.handlers.finish();
        return new Empty();
      }),
      invoke: refusing("invokes (functions of providers)"),
      call: refusing("method calls on resources"),
      readResource: refusing("reading existing resources (get)"),
      registerPackage: refusing("parameterized packages"),
      registerStackTransform: refusing("transforms"),
      registerStackInvokeTransform: refusing("transforms"),
      registerResourceHook: refusing("resource hooks"),
      registerErrorHook: refusing("error hooks"),
    };
  }

  #engine(): grpc.UntypedServiceImplementation {
    let root = "";
    return {
      setRootResource: unary((request: engine.SetRootResourceRequest) => {
        root = request.getUrn();
        return new engine.SetRootResourceResponse();
      }),
      getRootResource: unary(() => {
        const response = new engine.GetRootResourceResponse();
        response.setUrn(root);
        return response;
      }),
      log: unary((request: engine.LogRequest) => {
        const severity = (["debug", "info", "warning", "error"] as const)[request.getSeverity()];
        if (severity !== "debug") this.handlers.say({ severity, text: request.getMessage() });
        return new Empty();
      }),
    };
  }
}

/** Config with its keys as the SDK takes them. */
export function programConfig(config: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace(":", ":config:"), value]));
}

/** Runs the program with the SDK's own `cmd/run`; false when it failed. */
export async function runProgram(server: EngineServer, options: ProgramOptions): Promise<boolean> {
  const { folder, project, stack, config } = options;
  const script = createRequire(join(folder, "index.js")).resolve("@pulumi/pulumi/cmd/run");
  const args = ["--monitor", server.address, "--engine", server.address, "--organization", "organization"];
  args.push("--project", project, "--stack", stack, "--root-directory", folder, "--pwd", folder);
  args.push("--parallel", String(options.parallel));
  if (options.preview) args.push("--dry-run");
  const child = spawn(process.execPath, [...nodeFlags, script, ...args, "."], {
    cwd: folder,
    env: {
      ...options.env,
      PULUMI_CONFIG: JSON.stringify(programConfig(config)),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(options.secretKeys),
      PULUMI_NODEJS_TYPESCRIPT: String(options.typescript),
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (text) => {
      if (text.trim() !== "") server.handlers.say({ severity: "info", text });
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0 && code !== alreadyShown) {
    server.handlers.say({ severity: "error", text: `The program ended with status ${String(code)}.` });
  }
  return code === 0;
}

type Serve<Request, Response> = (request: Request) => Response | Promise<Response>;

function unary<Request, Response>(serve: Serve<Request, Response>): grpc.handleUnaryCall<Request, Response> {
  return (call, done) => {
    Promise.resolve()
      .then(() => serve(call.request))
      .then(
        (response) => done(null, response),
        // The SDK takes this for the end of the engine, and exits without a message: ours has been printed.
        (error: unknown) => done({ code: grpc.status.UNAVAILABLE, details: String(error) }),
      );
  };
}

/** The first thing in a registration that this engine does not do. */
function unsupportedIn(request: monitor.RegisterResourceRequest): string | undefined {
  const type = request.getType();
  const hooks = Object.values(request.getHooks()?.toObject() ?? {});
  const timeouts = Object.values(request.getCustomtimeouts()?.toObject() ?? {});
  const inputs = JSON.stringify(toObject(request.getObject()));
  const unsupported: [isUsed: boolean, what: string][] = [
    [request.getAliasesList().length + request.getAliasurnsList().length > 0, "aliases"],
    [request.getImportid() !== "", "import"],
    [request.getProtect() === true, "protect"],
    [request.getRetainondelete() === true, "retainOnDelete"],
    [request.getIgnorechangesList().length > 0, "ignoreChanges"],
    [request.getReplaceonchangesList().length > 0, "replaceOnChanges"],
    [request.getReplaceWithList().length > 0, "replaceWith"],
    [request.getTransformsList().length > 0, "transforms"],
    [request.getDeletedwith() !== "", "deletedWith"],
    [request.getAdditionalsecretoutputsList().length > 0, "additionalSecretOutputs"],
    [hooks.some((names) => names.length > 0), "resource hooks"],
    [timeouts.some((timeout) => timeout !== ""), "customTimeouts"],
    [request.getRemote(), "remote components"],
    [request.getProvider() !== "", "explicit providers"],
    [request.getCustom() && !type.startsWith("pulumi-nodejs:dynamic"), `other providers (${type})`],
    [inputs.includes(secretSignature), "secrets in inputs"],
  ];
  return unsupported.find(([isUsed]) => isUsed)?.[1];
}

function goalOf(request: monitor.RegisterResourceRequest): Goal {
  const dependencies = [...request.getPropertydependenciesMap().entries()];
  return {
    type: request.getType(),
    name: request.getName(),
    custom: request.getCustom(),
    parent: request.getParent(),
    inputs: toObject(request.getObject()),
    dependencies: request.getDependenciesList(),
    propertyDependencies: Object.fromEntries(dependencies.map(([key, value]) => [key, value.getUrnsList()])),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    replacementTrigger: request.getReplacementTrigger()?.toJavaScript(),
  };
}
