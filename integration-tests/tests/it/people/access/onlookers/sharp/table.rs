//! What onlookers send to reach the deal.

use serde_json::{Value, json};

use super::{Near, SECRETS, SOURCE, TAKEN};

/// What has to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Refused to people; a key with the scope sees the deal and may.
    Refused,
    /// Refused to a key with nothing but the scope, too, as it takes that for deals.
    NeedsDeals,
    /// Refused to whoever sends it.
    RefusedToAll,
    /// It may be carried out, as it is about something else: the deal stays as it is.
    Either,
    /// People find nothing.
    Nothing,
    /// It tells no number.
    NoCount,
}

pub struct Sharp {
    pub outcome: Outcome,
    /// What stands for the path's parameters.
    pub at: String,
    pub body: Value,
}

use Outcome::{Either, NeedsDeals, NoCount, Nothing, Refused, RefusedToAll};

pub type Sharps = fn(&Near) -> Vec<Sharp>;

fn sharp(outcome: Outcome, at: &str, body: Value) -> Sharp {
    Sharp { outcome, at: at.to_owned(), body }
}

/// The bodies, each the given one and some more.
fn all(outcome: Outcome, at: &str, base: Value, more: Vec<Value>) -> Vec<Sharp> {
    let put = |more: Value| {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sharp(outcome, at, body)
    };
    more.into_iter().map(put).collect()
}

fn taken() -> Value {
    json!({ "source": SOURCE, "id": TAKEN })
}

fn fresh() -> Value {
    json!({ "source": SOURCE, "id": "fresh" })
}

fn euros() -> Value {
    json!({ "amount": "7", "currency": "EUR" })
}

/// One and the same command, by itself and in a batch that stands or falls as one.
fn commands(outcome: Outcome, items: Vec<Value>) -> Vec<Sharp> {
    let batches = items.into_iter().flat_map(|item| {
        [false, true].map(|atomic| json!({ "items": [item.clone()], "atomic": atomic }))
    });
    batches.map(|batch| sharp(outcome, "", batch)).collect()
}

/// A process whose gate asks for the title of the deal.
fn asking() -> Value {
    let condition = json!({ "field": "deal.title", "op": "eq", "value": SECRETS[0] });
    let gate = json!([{ "kind": "condition", "condition": condition }]);
    json!({ "stages": [{ "name": "first", "gate": gate }, { "name": "second", "gate": gate }] })
}

fn field(field: &str, op: &str, value: &str) -> Value {
    json!({ "field": field, "op": op, "value": value })
}

/// Conditions that hold for the deal and for nothing of an onlooker's.
fn of_the_deal(near: &Near) -> Vec<Value> {
    vec![
        field("deal.title", "eq", SECRETS[0]),
        field("deal.title", "contains", "SECRET"),
        field("deal.external_id", "eq", TAKEN),
        field("deal.id", "eq", &near.deal),
        field("deal.owner_id", "eq", &near.owner),
        field("client.id", "eq", &near.client),
        json!({ "all": [field("deal.id", "eq", &near.deal), field("deal.activity_count", "gte", "1")] }),
        json!({ "not": { "not": field("deal.id", "eq", &near.deal) } }),
    ]
}

/// By the operation. Whatever names a deal in its body has to be here, and each such field in one of its bodies.
pub const SHARP: &[(&str, Sharps)] = &[
    ("createTask", |near| {
        let new = json!({ "title": "New", "deal_id": near.deal, "responsible_id": near.me });
        let more = vec![json!({}), json!({ "helper_ids": [near.me] }), json!({ "key": "work" })];
        all(Refused, "", new, more)
    }),
    ("updateTask", |near| {
        let mut sharps = all(
            RefusedToAll,
            &near.task,
            json!({}),
            vec![
                json!({ "deal_id": near.deal }),
                json!({ "deal_id": near.own_deal }),
                json!({ "deal": { "title": "Mine" } }),
            ],
        );
        sharps.push(sharp(RefusedToAll, &near.own_task, json!({ "deal_id": near.deal })));
        let more = vec![json!({ "responsible_id": near.me }), json!({ "helper_ids": [near.me] })];
        sharps.extend(all(Either, &near.task, json!({}), more));
        sharps
    }),
    ("transitionTask", |near| {
        let brought = [
            json!({ "title": "Mine" }),
            json!({ "owner_id": near.me }),
            json!({ "client_id": near.own_client }),
            json!({ "amount": euros() }),
            json!({ "lead_temperature": "hot" }),
            json!({ "expected_close_on": "2030-01-01" }),
            json!({ "external_id": fresh() }),
            json!({ "external_id": null }),
        ];
        let brought = |to: &str| {
            brought
                .iter()
                .map(|deal| json!({ "to": to, "result": "Asked", "deal": deal }))
                .collect()
        };
        let mut sharps = all(NeedsDeals, &near.task, json!({}), brought("done"));
        sharps.extend(all(RefusedToAll, &near.task, json!({}), brought("cancelled")));
        sharps.extend([
            sharp(RefusedToAll, &near.task, json!({ "deal": { "owner_id": near.me } })),
            sharp(RefusedToAll, &near.task, json!({ "to": "done", "reopen": true })),
            sharp(Either, &near.task, json!({ "to": "done", "result": "Asked", "deal": {} })),
            sharp(Either, &near.task, json!({ "to": "cancelled" })),
            sharp(
                RefusedToAll,
                &near.own_task,
                json!({ "to": "done", "deal": { "external_id": taken() } }),
            ),
        ]);
        sharps
    }),
    ("createActivity", |near| {
        let new = json!({ "kind": "call", "title": "Call", "deal_id": near.deal });
        let more = vec![
            json!({}),
            json!({ "client_id": near.client }),
            json!({ "user_id": near.me, "outcome": "reached" }),
            json!({ "user_id": near.owner, "planned_at": "2999-01-01T10:00:00Z" }),
        ];
        let mut sharps = all(Refused, "", new, more);
        let taken = json!({ "kind": "call", "title": "Call", "deal_id": near.own_deal,
            "external_id": taken() });
        sharps.push(sharp(RefusedToAll, "", taken));
        sharps
    }),
    ("transitionInboxEntry", |near| {
        let linked = json!({ "to": "linked", "client_id": near.client, "deal_id": near.deal });
        let client = json!({ "name": "Own", "external_id": taken() });
        // What it makes is its own.
        let deal = json!({ "title": "Own", "deal_type_id": near.deal_type });
        let converted = json!({ "to": "converted", "client": client, "deal": deal });
        vec![sharp(RefusedToAll, &near.entry, linked), sharp(Either, &near.entry, converted)]
    }),
    ("updateActivity", |near| {
        let more = vec![
            json!({ "outcome": "reached" }),
            json!({ "note": "Mine" }),
            json!({ "result": "Mine" }),
        ];
        let mut sharps = all(Refused, &near.activity, json!({}), more);
        for at in [&near.activity, &near.own_activity] {
            sharps.push(sharp(RefusedToAll, at, json!({ "deal_id": near.deal })));
        }
        sharps
    }),
    ("createDocument", |near| {
        let new = json!({ "deal_id": near.deal, "kind": "quote", "number": "9" });
        let more = vec![json!({}), json!({ "amount": euros() }), json!({ "kind": "invoice" })];
        let mut sharps = all(Refused, "", new, more);
        let taken = json!({ "deal_id": near.own_deal, "kind": "quote", "number": "9",
            "external_id": taken() });
        sharps.push(sharp(RefusedToAll, "", taken));
        sharps
    }),
    ("updateDocument", |near| {
        let more = vec![json!({ "title": "Mine" }), json!({ "amount": euros() })];
        let mut sharps = all(Refused, &near.document, json!({}), more);
        sharps.push(sharp(RefusedToAll, &near.document, json!({ "deal_id": near.own_deal })));
        sharps
    }),
    ("transitionDocument", |near| vec![sharp(Refused, &near.document, json!({ "to": "issued" }))]),
    ("createPayment", |near| {
        let more = vec![
            json!({ "deal_id": near.deal }),
            json!({ "deal_id": near.deal, "refund": true }),
            json!({ "invoice_id": near.document }),
        ];
        let mut sharps = all(Refused, "", json!({ "amount": euros() }), more);
        let more = vec![json!({ "invoice_id": near.document }), json!({ "external_id": taken() })];
        let own = json!({ "amount": euros(), "deal_id": near.own_deal });
        sharps.extend(all(RefusedToAll, "", own, more));
        sharps
    }),
    ("createDeal", |near| {
        let new = json!({ "title": "Mine", "deal_type_id": near.deal_type, "owner_id": near.me,
            "external_id": taken() });
        all(RefusedToAll, "", new, vec![json!({}), json!({ "client_id": near.client })])
    }),
    ("updateDeal", |near| {
        let more = vec![
            json!({ "title": "Mine" }),
            json!({ "owner_id": near.me }),
            json!({ "client_id": near.own_client }),
            json!({ "external_id": fresh() }),
            json!({ "external_id": null }),
        ];
        let mut sharps = all(Refused, &near.deal, json!({}), more);
        let taken = json!({ "title": "Mine", "external_id": taken() });
        sharps.push(sharp(RefusedToAll, &near.own_deal, taken));
        sharps
    }),
    ("upsertDeal", |near| {
        let at = format!("{SOURCE}/{TAKEN}");
        let body = json!({ "title": "Mine", "deal_type_id": near.deal_type });
        let more = vec![
            json!({}),
            json!({ "owner_id": near.me }),
            json!({ "demand": [{ "item": "Mine", "amount": euros() }] }),
        ];
        let mut sharps = all(Refused, &at, body, more);
        sharps.push(sharp(Refused, &at, json!({ "owner_id": near.me })));
        sharps.push(sharp(RefusedToAll, &at, json!({ "external_id": fresh() })));
        sharps
    }),
    ("transitionDeal", |near| {
        let more = vec![
            json!({ "to": "won", "validate_only": true }),
            json!({ "to": "next" }),
            json!({ "to": "hold", "reason": "Mine" }),
            json!({ "to": "won" }),
        ];
        all(Refused, &near.deal, json!({}), more)
    }),
    ("putDemand", |near| {
        let more = vec![
            json!({ "lines": [] }),
            json!({ "lines": [{ "item": "Mine", "amount": euros() }] }),
        ];
        all(Refused, &near.deal, json!({}), more)
    }),
    ("batchDeals", |near| {
        let upsert = json!({ "op": "upsert", "title": "Mine", "deal_type_id": near.deal_type,
            "external_id": taken() });
        let mut sharps = commands(
            Refused,
            vec![
                json!({ "op": "update", "id": near.deal, "title": "Mine" }),
                json!({ "op": "update", "id": near.deal, "owner_id": near.me }),
                json!({ "op": "update", "id": near.deal, "external_id": null }),
                json!({ "op": "transition", "id": near.deal, "to": "hold", "reason": "Mine" }),
                json!({ "op": "transition", "id": near.deal, "to": "won" }),
                upsert,
            ],
        );
        let create = json!({ "op": "create", "title": "Mine", "deal_type_id": near.deal_type,
            "owner_id": near.me, "external_id": taken() });
        sharps.extend(commands(
            RefusedToAll,
            vec![
                create,
                json!({ "op": "update", "id": near.own_deal, "external_id": taken() }),
                json!({ "op": "delete", "id": near.deal }),
            ],
        ));
        sharps
    }),
    ("migrateDeals", |near| {
        let more = vec![json!({ "dry_run": true }), json!({})];
        all(NeedsDeals, &near.deal_type, json!({}), more)
    }),
    ("createHandOver", |near| {
        let over = json!({ "from_id": near.owner, "to_id": near.me, "reason": "holiday",
            "what": ["deals"], "dry_run": true });
        vec![sharp(Refused, "", over)]
    }),
    ("mergeClients", |near| {
        let pairs = [
            (&near.client, &near.twin),
            (&near.twin, &near.client),
            (&near.client, &near.own_client),
            (&near.own_client, &near.client),
        ];
        let pair = |(kept, merged): (&String, &String)| {
            let body = json!({ "duplicate_id": merged });
            all(
                RefusedToAll,
                kept,
                body,
                vec![json!({}), json!({ "keep": { "name": "duplicate" } })],
            )
        };
        pairs.into_iter().flat_map(pair).collect()
    }),
    // Clients are everybody's.
    ("updateClient", |near| {
        let more = vec![
            json!({ "owner_id": near.me }),
            json!({ "external_id": taken() }),
            json!({ "class": "A" }),
        ];
        all(Either, &near.client, json!({}), more)
    }),
    ("createClient", |_| vec![sharp(Either, "", json!({ "name": "New", "external_id": taken() }))]),
    ("upsertClient", |near| {
        let at = format!("{SOURCE}/{TAKEN}");
        let more = vec![json!({ "owner_id": near.me }), json!({ "external_id": fresh() })];
        all(Either, &at, json!({ "name": "New" }), more)
    }),
    ("batchClients", |near| {
        let items = vec![
            json!({ "op": "create", "name": "New", "external_id": taken() }),
            json!({ "op": "upsert", "name": "New", "external_id": taken() }),
            json!({ "op": "update", "id": near.client, "owner_id": near.me }),
        ];
        commands(Either, items)
    }),
    ("checkClientDuplicates", |_| {
        vec![sharp(Either, "", json!({ "name": "New", "external_id": taken() }))]
    }),
    ("searchDeals", |near| {
        let more = of_the_deal(near).into_iter().map(|condition| json!({ "condition": condition }));
        all(Nothing, "", json!({ "count": true }), more.collect())
    }),
    ("searchClients", |near| {
        let met = ["client.activity_count", "client.call_count"].map(|count| {
            let of_the_client = field("client.id", "eq", &near.client);
            json!({ "condition": { "all": [of_the_client, field(count, "gte", "1")] } })
        });
        all(Nothing, "", json!({ "count": true }), met.into())
    }),
    ("createSegment", |near| {
        let new = |condition: Value| {
            let name = condition.to_string();
            json!({ "entity": "deal", "condition": condition, "name": name })
        };
        all(NoCount, "", json!({}), of_the_deal(near).into_iter().map(new).collect())
    }),
    ("updateSegment", |near| {
        let more = of_the_deal(near).into_iter().map(|condition| json!({ "condition": condition }));
        all(NoCount, &near.segment, json!({}), more.collect())
    }),
    ("createDealType", |_| {
        let new = json!({ "name": "Asking", "mode": "automatic" });
        all(RefusedToAll, "", new, vec![asking()])
    }),
    ("publishProcessVersion", |near| all(RefusedToAll, &near.deal_type, json!({}), vec![asking()])),
    // A draft may be unsound.
    ("putProcessDraft", |near| all(Refused, &near.deal_type, json!({}), vec![asking()])),
];
