// `npm run generate` writes this file from settings.ts.

/** How to reach the API. */
export interface ConnectionSettings {
  /** An admin API key of the checkpoint's organization, needed only when a request is about to be made. Default: `OPENAI_ADMIN_KEY`. */
  adminApiKey: string | undefined;
  /** The API's base URL: HTTPS, unless the host is loopback. Redirects are not followed. Default: `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Sent as `OpenAI-Organization`. Default: the key's own. */
  organization: string | undefined;
  /** Sent as `OpenAI-Project`. Default: not sent. */
  project: string | undefined;
  /** Limits the requests to each endpoint ahead of time, instead of waiting for a 429. Default: as fast as the API allows. */
  requestsPerMinute: number | undefined;
  /** How long one request may take, in seconds. Default: `60`. */
  timeoutSeconds: number;
  /** How long a request waits, in seconds, while the API is rate-limiting and serves nothing. Default: `900`. */
  maxWaitSeconds: number;
}

/** The settings of one run. */
export interface Settings extends ConnectionSettings {
  /** Whether previews look each permission up. Where they do not, they need no key, unless the program calls `listCheckpointPermissions`. Default: `true`. */
  driftDetection: boolean;
  /** Whether a permission that already exists is adopted. If not, that is an error, which names it. Default: `true`. */
  adoptExisting: boolean;
  /** Whether the names of projects, and who granted or revoked, are read from the organization's projects and audit log, for messages alone. Default: `true`. */
  auditDetails: boolean;
}
