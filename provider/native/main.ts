/**
 * What Pulumi runs as the native plugin `openai-checkpoint-permissions`: its one argument is the engine's address, and
 * the first line that it prints is the port at which it serves.
 */
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { systemClock } from "../clock";
import { engineAddress, exitWithEngine } from "../engine";
import { EngineLog } from "./engine-log";
import { service } from "./service";

/** gRPC's default of 4 MB is less than a large set's message. */
const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

const engine = engineAddress();
const server = new grpc.Server(unlimited);
const { calls, end } = service(new EngineLog(engine!), systemClock, engine);
server.addService(ResourceProviderService, calls);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(String(port));
});
exitWithEngine(end);
