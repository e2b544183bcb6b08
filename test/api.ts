import nock from "nock";
import { Deployment } from "../provider/deployment";
import { readConfig } from "../provider/config";
import { Emulator, type EmulatorOptions, type Method, type ServedRequest } from "../sandbox/api/emulator";
import { TestClock } from "./clock";

export const checkpoint = "ft:gpt-4o-mini-2024-07-18:acme::B7R9VjQd";
export const host = "https://api.openai.com";
export const permissions = `/v1/fine_tuning/checkpoints/${encodeURIComponent(checkpoint)}/permissions`;

/** The emulated API behind nock at the real API's address, and what was asked of it. */
export interface FakeApi {
  emulator: Emulator;
  requests: ServedRequest[];
}

export function fakeApi(options: EmulatorOptions = {}): FakeApi {
  const emulator = Emulator.offline(options);
  const requests: ServedRequest[] = [];
  const reply = function (this: nock.ReplyFnContext, uri: string, body: nock.Body): nock.ReplyFnResult {
    const { method, headers } = this.req;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const url = new URL(uri, host);
    const authorization = [headers["authorization"]].flat()[0];
    const answer = emulator.answer(method as Method, url, authorization, text);
    const projectIds = (typeof body === "object" ? (body as { project_ids?: string[] }) : {}).project_ids;
    const query = Object.fromEntries(url.searchParams);
    requests.push({ method: method as Method, path: url.pathname, query, projectIds, status: answer.status });
    return [answer.status, answer.body as nock.Body, answer.headers ?? {}];
  };
  const everything = nock(host).persist();
  everything
    .get(/^\/v1\/fine_tuning\//)
    .optionally()
    .reply(reply);
  everything
    .post(/^\/v1\/fine_tuning\//)
    .optionally()
    .reply(reply);
  everything
    .delete(/^\/v1\/fine_tuning\//)
    .optionally()
    .reply(reply);
  return { emulator, requests };
}

export interface TestDeployment {
  deployment: Deployment;
  clock: TestClock;
  said: string[];
}

/** A deployment with this config, on a clock that does not wait. */
export function deploymentWith(config: Record<string, string> = {}, adminKey = "sk-admin-test"): TestDeployment {
  const clock = new TestClock();
  const said: string[] = [];
  const settings = readConfig((key) => ({ "openai:adminApiKey": adminKey, ...config })[key], {});
  return { deployment: new Deployment(settings, clock, (line) => said.push(line)), clock, said };
}
