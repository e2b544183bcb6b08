import { userInfo } from "node:os";
import { expect } from "chai";
import type { AuditEvent } from "../../sandbox/api/api";
import { Emulator } from "../../sandbox/api/server";
import { Prompt } from "../../sandbox/api/prompt";

const checkpoint = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";

describe("the sandbox's prompt", function () {
  let api: Emulator;
  let prompt: Prompt;

  beforeEach(async function () {
    api = await Emulator.start();
    prompt = new Prompt(api);
  });
  afterEach(() => api.stop());

  const status = () =>
    api.answer(
      "GET",
      new URL(`${api.url}/fine_tuning/checkpoints/${checkpoint}/permissions`),
      `Bearer ${api.adminKey}`,
      "",
    ).status;

  it("the prompt grants, lists and revokes, for the quickstart's checkpoint or another", function () {
    expect(prompt.answer("grant proj_a proj_b")).to.match(/proj_b +cp_\w+\n +proj_a +cp_/);
    const { id } = api.permissions(checkpoint)[0]!;
    expect(prompt.answer(`revoke ${id}`)).to.include(`Revoked ${id}.\n`);
    prompt.answer("revoke proj_a");
    const none = `There was nothing to revoke.\nNo project has access to ${checkpoint}.`;
    expect(prompt.answer("revoke proj_a")).to.equal(none);
    prompt.answer("grant proj_c ft:x");
    expect(api.projects("ft:x")).to.deep.equal(["proj_c"]);
    expect(prompt.answer("grant")).to.include("Which project?");
  });

  it("the prompt's acts are in the audit log, by the one who types", function () {
    prompt.answer("grant proj_a");
    prompt.answer("revoke proj_a");
    const url = new URL(`${api.url}/organization/audit_logs`);
    const { body } = api.answer("GET", url, `Bearer ${api.adminKey}`, "") as { body: { data: AuditEvent[] } };
    const email = `${userInfo().username}@acme.example`;
    for (const { actor } of body.data) expect(actor).to.have.nested.property("session.user.email", email);
    expect(body.data).to.have.length(2);
  });

  it("the prompt lists projects and archives one", function () {
    expect(prompt.answer("projects")).to.equal("Any project is known, by no name.");
    api.set({ projects: [{ id: "proj_a", name: "Shop", archived_at: null }] });
    expect(prompt.answer("archive proj_a")).to.match(/^ {2}proj_a +Shop \(archived\)$/);
    expect(prompt.answer("archive proj_a")).to.match(/^ {2}proj_a +Shop$/);
    expect(prompt.answer("archive proj_b")).to.include("Which project?");
  });

  it("the prompt retires and restores a checkpoint", function () {
    prompt.answer("retire");
    expect(status()).to.equal(404);
    prompt.answer("restore");
    expect(status()).to.equal(200);
  });

  it("the prompt starts and ends a rate limit", function () {
    prompt.answer("throttle 1");
    expect([status(), status()]).to.deep.equal([200, 429]);
    prompt.answer("throttle 0");
    expect(status()).to.equal(200);
    expect(prompt.answer("throttle much")).to.include("As in: throttle 7");
  });

  it("the prompt makes the API reject keys and accept them again", async function () {
    const served = async () => {
      const url = new URL(`${api.url}/fine_tuning/checkpoints/${checkpoint}/permissions`);
      const delivery = await api.serve("GET", url, `Bearer ${api.adminKey}`, "");
      return delivery.kind === "answer" ? delivery.status : delivery.kind;
    };
    prompt.answer("keys refuse");
    expect([await served(), await served()]).to.deep.equal([401, 401]);
    prompt.answer("keys accept");
    expect(await served()).to.equal(200);
  });

  it("the prompt lists its commands when it gets an unknown command", function () {
    expect(prompt.answer("dance")).to.match(/^There is no "dance"\.\n.*behind Pulumi's back/);
    expect(prompt.answer(" ")).to.equal("");
  });
});
