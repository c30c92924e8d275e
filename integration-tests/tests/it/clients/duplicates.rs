//! Duplicates in a planted base: of each pair it is known whether the two are one. The base is made here,
//! by a generator of its own that shares nothing with the code that looks for duplicates.

mod planted;

use std::collections::{BTreeMap, BTreeSet};

use diesel::RunQueryDsl;
use planted::{Base, Record};
use serde_json::{Value, json};
use voronka_integration_tests::{
    Api, Reply, TestServer,
    histories::count,
    process::{until_compared, until_so},
    sql,
};

type Pair = (String, String);

fn pair(one: &str, other: &str) -> Pair {
    let (one, other) = (one.to_owned(), other.to_owned());
    if one < other { (one, other) } else { (other, one) }
}

/// Enters the base, and answers the ids in its order.
async fn enter(api: &Api, base: &Base) -> Vec<String> {
    let mut ids = Vec::new();
    for records in base.records.chunks(500) {
        let items: Vec<Value> = records
            .iter()
            .map(|Record { name, phone, email, tax_id, .. }| {
                json!({ "op": "create", "name": name, "phones": phone.iter().collect::<Vec<_>>(),
                    "emails": email.iter().collect::<Vec<_>>(), "tax_id": tax_id })
            })
            .collect();
        let body = json!({ "items": items, "atomic": true });
        let reply = api.post("/v1/clients/batch", body).await.expect(207);
        let made = reply.json["items"].as_array().unwrap();
        ids.extend(made.iter().map(|one| one["body"]["id"].as_str().unwrap().to_owned()));
    }
    for (record, id) in base.records.iter().zip(&ids) {
        if let Some(phone) = &record.contacts_phone {
            let body = json!({ "client_id": id, "name": "Somebody", "phones": [phone] });
            api.post("/v1/contacts", body).await.expect(201);
        }
    }
    ids
}

/// Every pair of the base from a score on, with it, once all changes were looked at.
async fn found(api: &Api, least: f64) -> BTreeMap<Pair, f64> {
    until_compared(api).await;
    let (mut pairs, mut cursor, mut last) = (BTreeMap::new(), String::new(), 1.0);
    loop {
        let path = format!("/v1/clients/duplicates?limit=200&min_score={least}{cursor}");
        let page = api.get(&path).await.expect(200).json;
        for item in page["items"].as_array().unwrap() {
            let id = |at: usize| item["clients"][at]["id"].as_str().unwrap();
            let score = item["score"].as_f64().unwrap();
            assert!((least..=last).contains(&score), "the likeliest first: {item}");
            assert_eq!(item["certain"], json!(score >= 0.9));
            assert!(!item["reasons"].as_array().unwrap().is_empty(), "{item}");
            assert!(pairs.insert(pair(id(0), id(1)), score).is_none(), "twice: {item}");
            last = score;
        }
        let Some(next) = page["page"]["next_cursor"].as_str() else { return pairs };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn planted_duplicates_are_found_and_namesakes_are_not_certain() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let base = planted::base(20_261_121);
    assert!(base.records.len() >= 500, "{}", base.records.len());
    let ids = enter(api, &base).await;
    let truth: BTreeSet<Pair> =
        base.same().into_iter().map(|(one, other)| pair(&ids[one], &ids[other])).collect();
    assert!(truth.len() >= 200, "{}", truth.len());

    let pairs = found(api, 0.5).await;
    let right = pairs.keys().filter(|pair| truth.contains(*pair)).count();
    let precision = right as f64 / pairs.len() as f64;
    let recall = right as f64 / truth.len() as f64;
    let mut by_trap: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (one, other) in base.same() {
        let (hit, all) = by_trap.entry(base.records[other].trap).or_default();
        *all += 1;
        *hit += usize::from(pairs.contains_key(&pair(&ids[one], &ids[other])));
    }
    let certain: Vec<_> = pairs.iter().filter(|(_, score)| **score >= 0.9).collect();
    let wrong: Vec<_> = certain.iter().filter(|(pair, _)| !truth.contains(*pair)).collect();
    println!(
        "{} clients, {} pairs of one: precision {precision:.4}, recall {recall:.4}; {} certain, {} wrong",
        ids.len(),
        truth.len(),
        certain.len(),
        wrong.len()
    );
    assert!(recall >= 0.97, "{recall}: found of each trap: {by_trap:?}");
    // A record with nothing but a name that two companies have is worth a look at both.
    assert!(precision >= 0.8, "{precision}");
    assert!(wrong.is_empty(), "certain, and not one: {wrong:?}");
    // Those that have kept their mailbox or their taxpayer number.
    assert!(certain.len() >= 40, "{} are certain", certain.len());
    // Nobody else is suspected: whoever is, wrongly, has the name of the other.
    let record = |id: &str| &base.records[ids.iter().position(|one| one == id).unwrap()];
    for ((one, other), score) in pairs.iter().filter(|(pair, _)| !truth.contains(*pair)) {
        let (one, other) = (record(one), record(other));
        assert_eq!(one.bare, other.bare, "{score}: {one:?} and {other:?}");
    }
    // Companies of one name: looked at, perhaps, but never certain.
    for (one, other) in &base.namesakes {
        let score = pairs.get(&pair(&ids[*one], &ids[*other])).copied().unwrap_or_default();
        assert!(score < 0.9, "{score}");
    }

    // A look at the whole base finds what was found client by client.
    let again = "INSERT INTO client_changes (workspace_id, client_id, changed_at) \
        SELECT workspace_id, id, now() - interval '1 minute' FROM clients, generate_series(1, 5)";
    diesel::sql_query("UPDATE client_pairs SET score = 1 - score")
        .execute(&mut server.connection())
        .unwrap();
    diesel::sql_query(again).execute(&mut server.connection()).unwrap();
    assert_eq!(found(api, 0.5).await, pairs);

    // One client's duplicates are those that it has in the whole base.
    for (at, id) in ids.iter().enumerate().step_by(7) {
        let path = format!("/v1/clients/{id}/duplicates");
        let answer = api.get(&path).await.expect(200).json;
        let own: BTreeMap<Pair, f64> = answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                let other = item["client"]["id"].as_str().unwrap();
                (pair(id, other), item["score"].as_f64().unwrap())
            })
            .collect();
        let expected = pairs.iter().filter(|((one, other), _)| one == id || other == id);
        let expected: BTreeMap<Pair, f64> =
            expected.map(|(pair, score)| (pair.clone(), *score)).collect();
        assert_eq!(own, expected, "{:?}", base.records[at]);
    }
}

#[tokio::test]
async fn a_new_client_is_checked_and_not_created() {
    let server = TestServer::start().await;
    let api = &server.admin;
    api.patch("/v1/workspace", json!({ "country": "RU" })).await.expect(200);
    let there =
        json!({ "name": "ООО «Ромашка»", "phones": ["8 495 123-45-67"], "tax_id": "7701234567" });
    let there = api.post("/v1/clients", there).await.expect(201).id();
    let contact =
        json!({ "client_id": there, "name": "Анна", "emails": ["anna@romashka.example"] });
    api.post("/v1/contacts", contact).await.expect(201);
    let check = async |body: Value| {
        let found = api.post("/v1/clients/duplicates/check", body).await.expect(200).json;
        let items = found["items"].as_array().unwrap().clone();
        assert!(items.iter().all(|item| item["client"]["id"] == json!(there)), "{items:?}");
        items.first().map(|item| {
            let kinds = item["reasons"].as_array().unwrap().iter().map(|reason| {
                (reason["kind"].as_str().unwrap().to_owned(), reason["weight"].as_f64().unwrap())
            });
            (item["score"].as_f64().unwrap(), kinds.collect::<Vec<_>>())
        })
    };
    // By hand, from the weights of the documentation.
    for (body, score, reasons) in [
        (json!({ "name": "ромашка" }), 0.7, vec![("name", 0.7)]),
        (json!({ "name": "Romashka LLC" }), 0.7, vec![("name", 0.7)]),
        (
            json!({ "name": "Poмaшкa", "phones": ["+74951234567"] }),
            0.835,
            vec![("name", 0.7), ("phone", 0.45)],
        ),
        (
            json!({ "name": "Other", "emails": ["anna@romashka.example"] }),
            0.9,
            vec![("email", 0.9)],
        ),
        (json!({ "name": "Other", "tax_id": "7701234567" }), 0.95, vec![("tax_id", 0.95)]),
        (json!({ "name": "Other", "tax_id": "7701234576" }), 0.6, vec![("tax_id", 0.6)]),
        (
            json!({ "name": "Ромашка", "kind": "person", "phones": ["+74951234567"] }),
            0.6975,
            vec![("phone", 0.45), ("name", 0.45)],
        ),
    ] {
        let reasons = reasons.into_iter().map(|(kind, weight)| (kind.to_owned(), weight)).collect();
        assert_eq!(check(body.clone()).await, Some((score, reasons)), "{body}");
    }
    for body in [
        json!({ "name": "Газпром" }),
        json!({ "name": "Other", "phones": ["+74951234567"] }),
        json!({ "name": "Ромашка", "tax_id": "5009876543" }),
    ] {
        assert_eq!(check(body.clone()).await, None, "{body}");
    }
    // Whoever is out of use, or part of another client, is no candidate.
    let path = format!("/v1/clients/{there}");
    api.patch(&path, json!({ "archived": true })).await.expect(200);
    assert_eq!(check(json!({ "name": "Ромашка" })).await, None);
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let theirs = other.post("/v1/clients/duplicates/check", json!({ "name": "Ромашка" })).await;
    assert_eq!(theirs.expect(200).json["items"], json!([]));
    assert_eq!(api.get("/v1/clients").await.expect(200).json["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pairs_follow_their_clients() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let client = async |name: &str, phone: &str| {
        let body = json!({ "name": name, "phones": [phone] });
        api.post("/v1/clients", body).await.expect(201).id()
    };
    let change = async |path: String, body: Value| api.patch(&path, body).await.expect(200);
    let phone = "+31201234567";
    let (one, two) = (client("Amstel", phone).await, client("Rotte", phone).await);
    let three = client("Schelde", phone).await;
    let both = |a: &str, b: &str, score: f64| (pair(a, b), score);
    // What three have in common says two thirds of what it says of two.
    let expected = [both(&one, &two, 0.3), both(&one, &three, 0.3), both(&two, &three, 0.3)];
    assert_eq!(found(api, 0.0).await, BTreeMap::from(expected));
    change(format!("/v1/clients/{three}"), json!({ "phones": [] })).await;
    assert_eq!(found(api, 0.0).await, BTreeMap::from([both(&one, &two, 0.45)]));
    let contact = json!({ "client_id": three, "name": "Jo", "phones": [phone] });
    let contact = api.post("/v1/contacts", contact).await.expect(201).id();
    let expected = [both(&one, &two, 0.3), both(&one, &three, 0.3), both(&two, &three, 0.3)];
    assert_eq!(found(api, 0.0).await, BTreeMap::from(expected));
    change(format!("/v1/contacts/{contact}"), json!({ "phones": ["+31207654321"] })).await;
    assert_eq!(found(api, 0.0).await, BTreeMap::from([both(&one, &two, 0.45)]));
    change(format!("/v1/clients/{two}"), json!({ "archived": true })).await;
    assert_eq!(found(api, 0.0).await, BTreeMap::new());
}

/// The clients that an answer suspects, with their scores.
fn suspected(reply: Reply) -> BTreeMap<String, f64> {
    let items = reply.expect(200).json["items"].as_array().unwrap().clone();
    let one = |item: Value| {
        (item["client"]["id"].as_str().unwrap().to_owned(), item["score"].as_f64().unwrap())
    };
    items.into_iter().map(one).collect()
}

/// Who is out of use makes no phone and no email say less of the others: when a new client is checked, in the pairs
/// that are kept, for one client, and in a look at the whole base.
#[tokio::test]
async fn clients_out_of_use_hold_nothing() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (phone, email) = ("+31201234567", "office@amstel.example");
    let create = async |body: Value| api.post("/v1/clients", body).await.expect(201).id();
    let archive = async |id: &str| {
        let archived = json!({ "archived": true });
        api.patch(&format!("/v1/clients/{id}"), archived).await.expect(200);
    };
    let both = |name: &str| json!({ "name": name, "phones": [phone], "emails": [email] });
    let first = create(both("Amstel")).await;
    // One holds them itself, one by a contact.
    let own = json!({ "name": "Schelde", "phones": [phone], "emails": ["OFFICE@amstel.example"] });
    let own = create(own).await;
    let by_contact = create(json!({ "name": "Vecht" })).await;
    let mut contact = both("Jo");
    contact["client_id"] = json!(by_contact);
    api.post("/v1/contacts", contact).await.expect(201);
    archive(&own).await;
    archive(&by_contact).await;
    // A look at the whole base mends what is kept; of a client out of use by itself there is nothing to mend.
    let whole_base = format!(
        "UPDATE client_pairs SET score = 0.01; \
         INSERT INTO client_changes (workspace_id, client_id, changed_at) \
         SELECT workspace_id, id, now() - interval '1 minute' FROM clients, generate_series(1, 300) \
         WHERE id = '{own}'"
    );
    // By hand, from the weights of the documentation, for two holders.
    for (body, score) in [
        (json!({ "name": "Rotte", "emails": ["Office@Amstel.example"] }), 0.9),
        (json!({ "name": "Amstel", "phones": [phone] }), 0.835),
        (both("Waal"), 0.945),
    ] {
        let expected = BTreeMap::from([(first.clone(), score)]);
        let checked = api.post("/v1/clients/duplicates/check", body.clone()).await;
        assert_eq!(suspected(checked), expected, "{body}");
        let id = create(body.clone()).await;
        let kept = BTreeMap::from([(pair(&first, &id), score)]);
        assert_eq!(found(api, 0.0).await, kept, "{body}");
        let single = api.get(&format!("/v1/clients/{id}/duplicates?min_score=0")).await;
        assert_eq!(suspected(single), expected, "{body}");
        sql::run(&mut server.connection(), &whole_base);
        assert_eq!(found(api, 0.0).await, kept, "{body}");
        archive(&id).await;
        assert_eq!(found(api, 0.0).await, BTreeMap::new(), "{body}");
    }
    // What three have says two thirds of it, until one of them is out of use.
    let (second, third) = (create(both("Maas")).await, create(both("Dommel")).await);
    let of_three = [(&first, &second), (&first, &third), (&second, &third)];
    let of_three = of_three.map(|(one, other)| (pair(one, other), 0.72));
    assert_eq!(found(api, 0.0).await, BTreeMap::from(of_three));
    archive(&third).await;
    assert_eq!(found(api, 0.0).await, BTreeMap::from([(pair(&first, &second), 0.945)]));
}

/// Postgres counts tables late by itself: what has just been imported is planned as if there were nothing.
#[tokio::test]
async fn the_clients_are_counted_before_the_first_look_at_an_imported_base() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (mut holder, mut looker) = (server.connection(), server.connection());
    // Reading goes on beside this lock, and counting waits for it.
    sql::run(&mut holder, "BEGIN; LOCK TABLE contacts IN SHARE UPDATE EXCLUSIVE MODE");
    // Names that have nothing in common, but for two.
    let name = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let names: String = (1..=1_000).map(|number| name(number) + "\n").collect();
    let spec = json!({ "kind": "clients", "mapping": { "name": { "column": "name" } } });
    let text = format!("name\nAlder Mill\nALDER MILL BV\n{names}");
    let import = api.import(text, spec).await.expect(202).id();
    assert_eq!(server.finished(api, &import).await["created"], 1_002);
    let counted = "SELECT count(*) AS number FROM pg_stat_user_tables \
                   WHERE relname IN ('clients', 'contacts') AND last_analyze IS NOT NULL";
    assert_eq!(count(&mut looker, counted), 0);
    // It is looked at when nothing has changed for a while.
    let quiet = "UPDATE client_changes SET changed_at = changed_at - interval '1 minute'";
    sql::run(&mut server.connection(), quiet);
    let waits = format!(
        "SELECT count(*) AS number FROM {} AND relation = 'contacts'::regclass AND mode = 'ShareUpdateExclusiveLock'",
        sql::WAITING_LOCKS
    );
    until_so("counting waits", || count(&mut looker, &waits) == 1).await;
    // Whoever has read a table in a transaction holds it until the end.
    let read = "SELECT count(*) AS number FROM pg_locks l JOIN pg_locks w USING (pid) \
                WHERE NOT w.granted AND w.relation = 'contacts'::regclass AND l.granted \
                AND l.relation = 'contacts'::regclass AND w.database = l.database \
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(count(&mut looker, read), 0);
    sql::run(&mut holder, "COMMIT");
    let pairs = found(api, 0.5).await;
    assert_eq!(pairs.into_values().collect::<Vec<_>>(), [0.7]);
    until_so("both are counted", || count(&mut looker, counted) == 2).await;
}

/// As docs/clients.md has it: a phone that n clients have counts 0.45 * 2 / n, and an equal name 0.7.
fn by_name_and_phone(holders: u32) -> f64 {
    1.0 - 0.3 * (1.0 - 0.9 / f64::from(holders))
}

#[tokio::test]
async fn kept_scores_follow_all_who_begin_or_cease_to_have_a_phone() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let create = async |name: &str| {
        let body = json!({ "name": name, "phones": ["+31201234567"] });
        api.post("/v1/clients", body).await.expect(201).id()
    };
    let (one, other) = (create("Amstel").await, create("Amstel").await);
    let others = [create("Rotte").await, create("Schelde").await, create("Maas").await];
    let look = async |holders: u32| {
        let kept = found(api, 0.0).await[&pair(&one, &other)];
        let path = format!("/v1/clients/{one}/duplicates?min_score=0");
        let single = suspected(api.get(&path).await)[&other];
        let expected = by_name_and_phone(holders);
        assert!(
            (kept - expected).abs() < 1e-9 && (single - expected).abs() < 1e-9,
            "{kept} {single} {expected}"
        );
    };
    look(5).await;
    let sixth = create("Waal").await;
    look(6).await;
    // By another phone, by being put away, by a contact who leaves.
    let path = format!("/v1/clients/{sixth}");
    api.patch(&path, json!({ "phones": ["+31201234568"] })).await.expect(200);
    look(5).await;
    api.patch(&format!("/v1/clients/{}", others[0]), json!({ "archived": true })).await.expect(200);
    look(4).await;
    let contact = json!({ "client_id": sixth, "name": "Kim", "phones": ["+31201234567"] });
    let contact = api.post("/v1/contacts", contact).await.expect(201).id();
    look(5).await;
    let path = format!("/v1/contacts/{contact}");
    api.patch(&path, json!({ "phones": [] })).await.expect(200);
    look(4).await;
}
