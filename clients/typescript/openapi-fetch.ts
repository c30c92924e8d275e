import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./api/voronka";
import { equal, have, login, mark, step, url } from "./steps";

type Problem = components["schemas"]["Problem"];
const api = createClient<paths>({
  baseUrl: url,
  // The runtime does not see the document, which says `explode: false` of each filter.
  querySerializer: { array: { style: "form", explode: false } },
});

function ok<T>({ data, error, response }: { data?: T; error?: Problem; response: Response }): T {
  if (error) throw new Error(`${response.status} ${error.code}: ${JSON.stringify(error.errors)}`);
  return have(data, "a body");
}

await step("login", async () => {
  const tokens = ok(await api.POST("/v1/auth/token", { body: login }));
  const authorise: Middleware = {
    onRequest({ request }) {
      request.headers.set("Authorization", `Bearer ${tokens.access_token}`);
      return request;
    },
  };
  api.use(authorise);
});
const type = await step("type", async () => {
  const made = ok(
    await api.POST("/v1/deal-types", {
      body: {
        name: `Fetched ${mark}`,
        mode: "manual",
        stages: [
          { name: "Lead", norm_days: 14 },
          { name: "Offer", gate: [{ kind: "field", field: "client_id" }, { kind: "document", document: "quote", state: "sent" }] },
        ],
        rules: [
          {
            key: "hot",
            on: "deal.opened",
            if: { field: "deal.lead_temperature", op: "eq", value: "hot" },
            then: [
              { do: "create_task", task: { key: "call", title: "Call {client.name}", due_days: 0 } },
              { do: "set", field: "lead_temperature", value: "warm" },
            ],
          },
        ],
      },
    }),
  );
  const [first, second] = have(made.rules[0]).then;
  equal(first?.do === "create_task" ? first.task.key : undefined, "call", "the first action");
  equal(second?.do === "set" ? second.value : undefined, "warm", "the second action");
  const gate = made.stages[1]?.gate[1];
  equal(gate?.kind === "document" ? gate.state : undefined, "sent", "the requirement");
  return made;
});
const client = await step("client", async () =>
  ok(await api.POST("/v1/clients", { body: { name: `Alder Mill ${mark}`, tags: ["wood"] } })),
);
const deal = await step("open", async () =>
  ok(
    await api.POST("/v1/deals", {
      params: { header: { "Idempotency-Key": `fetch-${mark}` } },
      body: {
        title: "Saws",
        deal_type_id: have(type).id,
        client_id: have(client).id,
        amount: { amount: "1999.95", currency: "EUR" },
        lead_temperature: "hot",
      },
    }),
  ),
);
await step("move", async () => {
  const moved = ok(
    await api.POST("/v1/deals/{id}/transition", { params: { path: { id: have(deal).id } }, body: { to: "next" } }),
  );
  equal([moved.stage_key, moved.lead_temperature], ["offer", "warm"], "the deal");
});
await step("batch", async () => {
  const made = ok(
    await api.POST("/v1/deals/batch", {
      body: {
        items: [
          { op: "create", title: "Axes", deal_type_id: have(type).id },
          { op: "update", id: have(deal).id, title: "Saws and axes", expected_close_on: null },
          { op: "transition", id: have(deal).id, to: "stage", stage_key: "lead" },
          { op: "transition", id: have(deal).id, to: "won" },
        ],
      },
    }),
  );
  equal(made.items.map((item) => item.status), [201, 200, 200, 422], "the answers");
  equal(made.items[3]?.problem?.code, "stage_gate_unmet", "the refusal");
  equal(made.items[1]?.body?.title, "Saws and axes", "the changed deal");
});
await step("list", async () => {
  const titles: string[] = [];
  let cursor: string | undefined;
  do {
    const page = ok(
      await api.GET("/v1/deals", {
        params: {
          query: {
            deal_type_id: [have(type).id],
            status: ["open", "won"],
            "opened_at[gte]": "2020-01-01T00:00:00Z",
            sort: "-created_at",
            limit: 1,
            ...(cursor === undefined ? {} : { cursor }),
          },
        },
      }),
    );
    titles.push(...page.items.map((item) => item.title));
    cursor = page.page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  equal(titles, ["Axes", "Saws and axes"], "the pages");
});
await step("null", async () => {
  const page = ok(
    await api.GET("/v1/deals", { params: { query: { deal_type_id: [have(type).id], client_id: ["null"] } } }),
  );
  equal(page.items.map((item) => item.title), ["Axes"], "the deals without a client");
});
await step("funnel_open", async () => {
  const funnel = ok(await api.GET("/v1/reports/funnel/open", { params: { query: { deal_type_id: have(type).id } } }));
  equal([funnel.stages.length, funnel.totals.deals], [2, 2], "the open funnel");
});
await step("funnel_closed", async () => {
  const query = { deal_type_id: have(type).id, from: "2020-01-01", to: "2099-12-31", basis: "created" } as const;
  const funnel = ok(await api.GET("/v1/reports/funnel/closed", { params: { query } }));
  equal([funnel.stages.length, funnel.totals.won], [2, 0], "the closed funnel");
});
await step("problem", async () => {
  const { error, response } = await api.POST("/v1/deals", {
    body: { title: "Saws", deal_type_id: have(type).id, amount: { amount: "1", currency: "EURO" } },
  });
  const problem: Problem | undefined = error;
  equal([response.status, problem?.code], [422, "validation_failed"], "the problem");
  equal(problem?.errors.map((fault) => [fault.pointer, fault.code]), [["/amount/currency", "unknown_currency"]], "its faults");
});
await step("csv", async () => {
  const csv: string = ok(
    await api.GET("/v1/deals.csv", { params: { query: { deal_type_id: [have(type).id] } }, parseAs: "text" }),
  );
  equal([csv.startsWith("id,title,status"), csv.trim().split("\n").length], [true, 3], "the sheet");
});
