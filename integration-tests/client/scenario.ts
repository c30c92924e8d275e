// A salesperson's day, as a frontend would program it. The types are those of openapi.yaml: what does not
// fit the specification does not compile.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./voronka.js";

type Deal = components["schemas"]["Deal"];
type Problem = components["schemas"]["Problem"];

const { VORONKA_URL: baseUrl, VORONKA_EMAIL: email, VORONKA_PASSWORD: password } = process.env;
if (!baseUrl || !email || !password) throw new Error("VORONKA_URL, VORONKA_EMAIL and VORONKA_PASSWORD");

const api = createClient<paths>({
  baseUrl,
  // Several values of a filter are separated by commas.
  querySerializer: { array: { style: "form", explode: false } },
});

function equal<T>(found: T, wanted: T, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

/** The answer, or the problem as an exception. */
function ok<T>({ data, error, response }: { data?: T; error?: Problem; response: Response }): T {
  if (error) throw new Error(`${response.status} ${error.code}: ${error.detail}`);
  if (data === undefined) throw new Error(`${response.status} without a body`);
  return data;
}

// Log in; every later request carries the token.
const tokens = ok(await api.POST("/v1/auth/token", { body: { email, password } }));
const authorise: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${tokens.access_token}`);
    return request;
  },
};
api.use(authorise);
const me = ok(await api.GET("/v1/me"));
equal(me.id, tokens.user_id, "the caller");

// A process of three stages; the second is left only with a client.
const type = ok(
  await api.POST("/v1/deal-types", {
    body: {
      name: "Typed sale",
      mode: "manual",
      stages: [
        { name: "Lead", norm_days: 14 },
        { name: "Meeting", gate: [{ kind: "field", field: "client_id" }] },
        { name: "Offer", probability: 0.5 },
      ],
    },
  }),
);
equal(type.stages.map((stage) => stage.key), ["lead", "meeting", "offer"], "the keys of the stages");

const client = ok(
  await api.POST("/v1/clients", { body: { name: "Alder Mill", type: "new", tags: ["wood"] } }),
);
const open = await api.POST("/v1/deals", {
  params: { header: { "Idempotency-Key": "typed-1" } },
  body: { title: "Saws", deal_type_id: type.id, amount: { amount: "1999.95", currency: "EUR" } },
});
let deal: Deal = ok(open);
equal(open.response.headers.get("etag"), `"${deal.version}"`, "the ETag");
equal([deal.status, deal.stage_key], ["open", "lead"], "a new deal");

// Through the stages; the gate of the second refuses, and says what it misses.
const move = (body: components["schemas"]["Transition"]) =>
  api.POST("/v1/deals/{id}/transition", { params: { path: { id: deal.id } }, body });
deal = ok(await move({ to: "next" }));
equal(deal.stage_key, "meeting", "the second stage");
const refused = await move({ to: "next" });
equal(refused.response.status, 422, "the status of a refused move");
const problem: Problem | undefined = refused.error;
equal(problem?.code, "stage_gate_unmet", "the code of a refused move");
equal(problem?.errors.map((fault) => [fault.pointer, fault.code]), [["/client_id", "field_required"]],
  "what the gate misses");

deal = ok(
  await api.PATCH("/v1/deals/{id}", {
    params: { path: { id: deal.id }, header: { "If-Match": `"${deal.version}"` } },
    body: { client_id: client.id, lead_temperature: "hot" },
  }),
);
deal = ok(await move({ to: "stage", stage_key: "offer" }));
deal = ok(await move({ to: "won" }));
equal([deal.status, deal.amount.amount, deal.lead_temperature], ["won", "1999.95", "hot"], "the deal");
const stale = await api.PATCH("/v1/deals/{id}", {
  params: { path: { id: deal.id }, header: { "If-Match": '"1"' } },
  body: { title: "Axes" },
});
equal(stale.error?.code, "version_mismatch", "an outdated write");

// Seven more, and all eight page by page.
for (let n = 2; n <= 8; n++) {
  ok(await api.POST("/v1/deals", { body: { title: `Saws ${n}`, deal_type_id: type.id } }));
}
const seen: string[] = [];
let cursor: string | undefined;
do {
  const page = ok(
    await api.GET("/v1/deals", {
      params: {
        query: {
          deal_type_id: [type.id],
          status: ["open", "won"],
          sort: "-created_at",
          limit: 3,
          ...(cursor === undefined ? {} : { cursor }),
        },
      },
    }),
  );
  if (typeof page === "string") throw new Error("A page is JSON unless somebody asks for CSV.");
  seen.push(...page.items.map((item) => item.title));
  cursor = page.page.next_cursor ?? undefined;
} while (cursor !== undefined);
equal(seen, [8, 7, 6, 5, 4, 3, 2].map((n) => `Saws ${n}`).concat("Saws"), "all pages");

// A field of their own, and a search by it.
const field = ok(
  await api.POST("/v1/custom-fields", {
    body: { entity: "deal", key: "delivery", name: "Delivery", type: "date" },
  }),
);
const planned = ok(
  await api.POST("/v1/deals", {
    body: { title: "Planks", deal_type_id: type.id, custom: { [field.key]: "2027-03-01" } },
  }),
);
const found = ok(
  await api.POST("/v1/deals/search", {
    body: {
      condition: {
        all: [
          { field: "deal.status", op: "eq", value: "open" },
          { field: `deal.custom.${field.key}`, op: "gte", value: "2027-01-01" },
        ],
      },
      count: true,
    },
  }),
);
if (typeof found === "string") throw new Error("A search is JSON unless somebody asks for a sheet.");
equal(found.items.map((item) => [item.id, item.custom[field.key]]), [[planned.id, "2027-03-01"]], "the search");

const funnel = ok(
  await api.GET("/v1/reports/funnel/closed", {
    params: { query: { deal_type_id: type.id, from: "2020-01-01", to: "2099-12-31" } },
  }),
);
// Reports are JSON, unless another form is asked for.
if (typeof funnel === "string") throw new Error("no JSON");
equal(funnel.stages.map((stage) => stage.reached), [1, 1, 1], "the closed funnel's stages");
equal([funnel.totals.won, funnel.totals.won_amount], [1, "1999.95"], "the closed funnel's totals");

console.log("The scenario holds.");
