import type { Fault } from "../../sandbox/api/faults";

/** An answer that ends an operation, and what the error must say. */
interface RefusalCase {
  what: string;
  kind: Extract<Fault["kind"], { status: number }>;
  /** The next step, for a grant. */
  remedy: RegExp;
  /** The next step for those who list, if that is another. */
  remedyOfList?: RegExp;
}

/** A refusal for each kind of error that needs a step of its own. */
export const refusals: readonly RefusalCase[] = [
  {
    what: "a refused key",
    kind: { status: 401, error: { message: "Incorrect API key provided.", code: "invalid_api_key" } },
    remedy: /Set an admin API key of the checkpoint's organization in \S+\. .*admin-keys\./,
  },
  {
    what: "a key without the scopes",
    kind: {
      status: 403,
      error: { message: "You have insufficient permissions for this operation. Missing scopes: api.management.read" },
    },
    remedy:
      /The key in \S+ lacks the scopes that the API names, or is no admin key\. Use an admin API key .*admin-keys\./,
  },
  {
    what: "a country that is not supported",
    kind: {
      status: 403,
      error: { message: "Country, region, or territory not supported", code: "unsupported_country_region_territory" },
    },
    remedy: /Run it from a country that OpenAI supports \(https:\S+\)\. A VPN, or a proxy in HTTPS_PROXY or \S+,/,
  },
  {
    what: "another region",
    kind: { status: 401, error: { message: "Use https://eu.api.openai.com/.", code: "incorrect_hostname" } },
    remedy: /Set \S+ to https:\/\/eu\.api\.openai\.com\/v1\./,
  },
  {
    what: "an address that is not admitted",
    kind: { status: 403, error: { message: "Your IP address 192.0.2.1 is not on the allowlist." } },
    remedy: /Run it from an address that the organization admits/,
  },
  {
    what: "an inactive account",
    kind: { status: 429, error: { message: "You exceeded your current quota.", code: "insufficient_quota" } },
    remedy: /Waiting does not help: see https:\/\/\S+billing/,
  },
  {
    what: "another organization's key",
    kind: {
      status: 404,
      error: { message: "The model does not exist or you do not have access to it.", code: "model_not_found" },
      headers: { "openai-organization": "other" },
    },
    remedy: /Set an admin key of the checkpoint's own organization in \S+\. If the checkpoint itself is deleted/,
    remedyOfList: /Set an admin key of the checkpoint's own organization in \S+, if the checkpoint still exists\./,
  },
  {
    what: "a wrong base URL",
    kind: { status: 404, error: { message: "Invalid URL (GET /fine_tuning)", code: "unknown_url" } },
    remedy: /Check \S+ \(it ends in \/v1\) and the checkpoint's ID/,
  },
  {
    what: "a gateway's page",
    kind: { status: 403, text: "<html><title>Blocked</title></html>" },
    remedy: /403, a page with the title "Blocked".*It is not the API that answers/,
  },
  {
    what: "a proxy that asks for a password",
    kind: { status: 407, text: "" },
    remedy: /http:\/\/USER:PASSWORD@HOST:PORT/,
  },
  {
    what: "a throttle that will not serve in time",
    kind: { status: 429, error: { message: "Slow down." }, headers: { "retry-after": "86400" } },
    remedy: /its last answer: 429 "Slow down\.".*To wait longer, raise \S+maxWaitSeconds/,
    remedyOfList: /its last answer: 429 "Slow down\.".*Try again later/,
  },
];
