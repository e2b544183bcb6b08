import nock from "nock";
import { ProviderContext } from "../../provider/access/context";
import { Lines } from "../../provider/access/lines";
import { readConfig } from "../../provider/config";
import type { Method } from "../../sandbox/api/api";
import { FaultyApi, type FaultyApiOptions } from "../../sandbox/api/faults";
import { TestClock } from "./clock";

export const adminKey = "sk-admin-test";
export const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme::B7R9VjQd";
export const host = "https://api.openai.com";
export const permissions = `/v1/fine_tuning/checkpoints/${encodeURIComponent(checkpoint)}/permissions`;

/** The emulated API behind nock at the real API's address. Its permissions are an hour old unless `age` is given. */
export function fakeApi(options: FaultyApiOptions = {}): FaultyApi {
  const api = new FaultyApi({ adminKey, age: 3600, ...options });
  // One that a test has made before would still answer.
  nock.cleanAll();
  type Done = (error: NodeJS.ErrnoException | null, result: nock.ReplyFnResult) => void;
  const reply = function (this: nock.ReplyFnContext, uri: string, body: nock.Body, done: Done): void {
    const { method, headers } = this.req;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const authorization = [headers["authorization"]].flat()[0];
    void api.serve(method as Method, new URL(uri, host), authorization, text).then((delivery) => {
      const cut = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
      if (delivery.kind === "reset") done(cut, [0]);
      else if (delivery.kind === "answer") done(null, [delivery.status, delivery.text, delivery.headers]);
    });
  };
  for (const method of ["get", "post", "delete"] as const) {
    nock(host)
      .persist()
      [method](/^\/v1\/(fine_tuning|organization)\//)
      .optionally()
      .reply(reply);
  }
  return api;
}

export interface TestContext {
  context: ProviderContext;
  clock: TestClock;
  /** What was said, a line each. */
  said: string[];
}

/** Says each line at once, as if each operation were the last of its process. */
class LinesAtOnce extends Lines {
  protected override gather(...[line, checkpoint, permissions]: Parameters<Lines["add"]>): void {
    this.say(line(checkpoint, permissions));
  }

  override addAtEnd(...args: Parameters<Lines["addAtEnd"]>): void {
    super.addAtEnd(...args);
    this.end();
  }

  override sayAtEnd(...args: Parameters<Lines["sayAtEnd"]>): void {
    super.sayAtEnd(...args);
    this.end();
  }
}

/** A `ProviderContext` with this config, on a clock that does not wait. */
export function contextWith(config: Record<string, string> = {}, clock = new TestClock()): TestContext {
  const said: string[] = [];
  const settings = readConfig((key) => ({ "openai:adminApiKey": adminKey, ...config })[key], {});
  const context = new ProviderContext(settings, clock, (line) => said.push(line));
  Object.assign(context, { lines: new LinesAtOnce(context.say, clock) });
  return { context, clock, said };
}
