import { client as api } from "./api/client.gen";
import {
  batchDeals,
  createClient,
  createDeal,
  createDealType,
  createToken,
  getClosedFunnel,
  getOpenFunnel,
  listDeals,
  listDealsCsv,
  transitionDeal,
} from "./api/sdk.gen";
import type { Problem } from "./api/types.gen";
import { equal, have, login, mark, step, url } from "./steps";

api.setConfig({ baseUrl: url });

/** The body, or the problem as an exception. */
async function ok<A extends { data: unknown; error: Problem | undefined; response?: Response }>(
  answer: Promise<A>,
): Promise<NonNullable<A["data"]>> {
  const { data, error, response } = await answer;
  if (error) throw new Error(`${response?.status} ${error.code}: ${JSON.stringify(error.errors)}`);
  return have<A["data"]>(data, "a body");
}

await step("login", async () => {
  const tokens = await ok(createToken({ body: login }));
  api.setConfig({ auth: () => tokens.access_token });
});
const type = await step("type", async () => {
  const made = await ok(
    createDealType({
      body: {
        name: `Hey ${mark}`,
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
const client = await step("client", () => ok(createClient({ body: { name: `Alder Mill ${mark}`, tags: ["wood"] } })));
const deal = await step("open", () =>
  ok(
    createDeal({
      headers: { "Idempotency-Key": `hey-${mark}` },
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
  const moved = await ok(transitionDeal({ path: { id: have(deal).id }, body: { to: "next" } }));
  equal([moved.stage_key, moved.lead_temperature], ["offer", "warm"], "the deal");
});
await step("batch", async () => {
  const made = await ok(
    batchDeals({
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
    const page = await ok(
      listDeals({
        query: {
          deal_type_id: [have(type).id],
          status: ["open", "won"],
          "opened_at[gte]": "2020-01-01T00:00:00Z",
          sort: "-created_at",
          limit: 1,
          ...(cursor === undefined ? {} : { cursor }),
        },
      }),
    );
    titles.push(...page.items.map((item) => item.title));
    cursor = page.page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  equal(titles, ["Axes", "Saws and axes"], "the pages");
});
await step("null", async () => {
  const page = await ok(listDeals({ query: { deal_type_id: [have(type).id], client_id: ["null"] } }));
  equal(page.items.map((item) => item.title), ["Axes"], "the deals without a client");
});
await step("funnel_open", async () => {
  const funnel = await ok(getOpenFunnel({ query: { deal_type_id: have(type).id } }));
  equal([funnel.stages.length, funnel.totals.deals], [2, 2], "the open funnel");
});
await step("funnel_closed", async () => {
  const query = { deal_type_id: have(type).id, from: "2020-01-01", to: "2099-12-31", basis: "created" } as const;
  const funnel = await ok(getClosedFunnel({ query }));
  equal([funnel.stages.length, funnel.totals.won], [2, 0], "the closed funnel");
});
await step("problem", async () => {
  const { error, response } = await createDeal({
    body: { title: "Saws", deal_type_id: have(type).id, amount: { amount: "1", currency: "EURO" } },
  });
  const problem: Problem | undefined = error;
  equal([response?.status, problem?.code], [422, "validation_failed"], "the problem");
  equal(problem?.errors.map((fault) => [fault.pointer, fault.code]), [["/amount/currency", "unknown_currency"]], "its faults");
});
await step("csv", async () => {
  const csv: string = await ok(listDealsCsv({ query: { deal_type_id: [have(type).id] } }));
  equal([csv.startsWith("id,title,status"), csv.trim().split("\n").length], [true, 3], "the sheet");
});
