import type { ApiOptions } from "./api";

/** What the organization has that `npm run sandbox` emulates: all that examples and docs name. */
export const known = {
  checkpoints: [
    "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd",
    "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd:ckpt-step-1000",
    "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd:ckpt-step-2000",
    "ft:gpt-4.1-mini-2025-04-14:acme:sales:C8S0WkRe",
  ],
  projects: [
    { id: "proj_web", name: "Website", archived_at: null },
    { id: "proj_web_dev", name: "Website (dev)", archived_at: null },
    { id: "proj_mobile", name: "Mobile app", archived_at: null },
    { id: "proj_analytics", name: "Analytics", archived_at: null },
    { id: "proj_crm", name: "CRM", archived_at: null },
    { id: "proj_shop", name: "Shop", archived_at: null },
    { id: "proj_chat_test", name: "Chat (test)", archived_at: null },
    { id: "proj_chat_prod", name: "Chat", archived_at: null },
    { id: "proj_old", name: "Old website", archived_at: 1_760_000_000 },
  ],
} satisfies Pick<ApiOptions, "projects" | "checkpoints">;
