//! Whose deals a person sees.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voronka_integration_tests::{Api, TestServer};

/// Sales > North > Coast, and Other beside them. Each deal is worth a power of two, so that a sum tells
/// which deals are in it.
struct Company {
    server: TestServer,
    deal_type: String,
    departments: [String; 4],
    /// Of Sales by its `head_id`; belongs to no department.
    leader: Api,
    /// Belongs to North.
    member: Api,
    /// Of nothing.
    lonely: Api,
    /// In North, in Coast, in Other, and nowhere.
    sellers: [Api; 4],
    analyst: Api,
    /// Of the four sellers, the leader, the member, the lonely head and the administrator.
    deals: Vec<String>,
}

const SALES: usize = 0;
const NORTH: usize = 1;
const COAST: usize = 2;
const OTHER: usize = 3;

impl Company {
    async fn found() -> Self {
        let server = TestServer::start().await;
        let admin = server.admin.clone();
        let department = async |name: &str, parent: Option<&str>, head: Option<String>| {
            let body = json!({ "name": name, "parent_id": parent, "head_id": head });
            admin.post("/v1/departments", body).await.expect(201).id()
        };
        let leader = admin.colleague("head", None).await;
        let sales = department("Sales", None, Some(leader.user_id.to_string())).await;
        let north = department("North", Some(&sales), None).await;
        let coast = department("Coast", Some(&north), None).await;
        let other = department("Other", None, None).await;
        let member = admin.colleague("head", Some(&north)).await;
        let lonely = admin.colleague("head", None).await;
        let sellers = [
            admin.colleague("seller", Some(&north)).await,
            admin.colleague("seller", Some(&coast)).await,
            admin.colleague("seller", Some(&other)).await,
            admin.colleague("seller", None).await,
        ];
        let analyst = admin.colleague("analyst", None).await;
        let deal_type = admin.deal_type(&["first", "second"]).await;
        let owners = sellers.iter().chain([&leader, &member, &lonely, &admin]);
        let mut deals = Vec::new();
        for (index, owner) in owners.enumerate() {
            deals.push(owner.deal(&deal_type, &(1 << index).to_string()).await);
        }
        let departments = [sales, north, coast, other];
        Self { server, deal_type, departments, leader, member, lonely, sellers, analyst, deals }
    }

    fn admin(&self) -> &Api {
        &self.server.admin
    }

    async fn put(&self, department: usize, body: Value) {
        let path = format!("/v1/departments/{}", self.departments[department]);
        self.admin().patch(&path, body).await.expect(200);
    }

    async fn hire(&self, who: &Api, department: Value) {
        let body = json!({ "department_id": department });
        self.admin().patch(&format!("/v1/users/{}", who.user_id), body).await.expect(200);
    }

    /// Which deals, by their index, `who` sees: one by one, in the list, and in both reports alike.
    #[track_caller]
    fn sees(&self, who: &Api, expected: &[usize]) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let expected: BTreeSet<_> = expected.iter().copied().collect();
            let list = who.get("/v1/deals?limit=200").await.expect(200);
            let ids: BTreeSet<_> = list.json["items"]
                .as_array()
                .unwrap()
                .iter()
                .collect::<Vec<_>>()
                .iter()
                .map(|deal| deal["id"].as_str().unwrap().to_owned())
                .collect();
            let all = self.deals.iter().enumerate();
            let listed: BTreeSet<_> =
                all.filter(|(_, id)| ids.contains(*id)).map(|(index, _)| index).collect();
            assert_eq!(listed, expected, "list, {at}");
            for (index, id) in self.deals.iter().enumerate() {
                let status = if expected.contains(&index) { 200 } else { 404 };
                for part in ["", "/history", "/route-map", "/transitions/available"] {
                    let reply = who.get(&format!("/v1/deals/{id}{part}")).await;
                    assert_eq!(reply.status, status, "{index}{part}, {at}: {}", reply.text);
                }
            }
            let sum: i32 = expected.iter().map(|index| 1 << index).sum();
            let open = format!("/v1/reports/funnel/open?deal_type_id={}", self.deal_type);
            let open = who.get(&open).await.expect(200).json;
            assert_eq!(open["totals"]["deals"], expected.len(), "open, {at}: {open}");
            let amount = &open["stages"][0]["amount"];
            assert_eq!(amount, &format!("{sum}.00"), "open, {at}: {open}");
            let closed = format!(
                "/v1/reports/funnel/closed?deal_type_id={}&basis=created&from=2020-01-01&to=2090-12-31",
                self.deal_type
            );
            let closed = who.get(&closed).await.expect(200).json;
            assert_eq!(closed["totals"]["deals"], expected.len(), "closed, {at}: {closed}");
            let amount = &closed["stages"][0]["reached_amount"];
            assert_eq!(amount, &format!("{sum}.00"), "closed, {at}: {closed}");
        }
    }
}

const ALL: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7];

#[tokio::test]
async fn sellers_see_their_own_and_heads_what_is_below_them() {
    let company = Company::found().await;
    for (index, seller) in company.sellers.iter().enumerate() {
        company.sees(seller, &[index]).await;
    }
    company.sees(&company.leader, &[0, 1, 4, 5]).await;
    company.sees(&company.member, &[0, 1, 5]).await;
    company.sees(&company.lonely, &[6]).await;
    company.sees(company.admin(), ALL).await;
    company.sees(&company.analyst, ALL).await;

    let set = async |visibility: &str| {
        let body = json!({ "deal_visibility": visibility });
        company.admin().patch("/v1/workspace", body).await.expect(200);
    };
    set("everyone").await;
    for who in [&company.sellers[3], &company.lonely, &company.leader, &company.analyst] {
        company.sees(who, ALL).await;
    }
    set("by_role").await;
    company.sees(&company.sellers[3], &[3]).await;
    company.sees(&company.leader, &[0, 1, 4, 5]).await;
}

#[tokio::test]
async fn what_a_head_sees_follows_the_tree() {
    let company = Company::found().await;
    // Other comes below North.
    company.put(OTHER, json!({ "parent_id": company.departments[NORTH] })).await;
    company.sees(&company.member, &[0, 1, 2, 5]).await;
    company.sees(&company.leader, &[0, 1, 2, 4, 5]).await;
    // Coast goes to the top, with a head of its own.
    let head = company.lonely.user_id;
    company.put(COAST, json!({ "parent_id": null, "head_id": head })).await;
    company.sees(&company.leader, &[0, 2, 4, 5]).await;
    company.sees(&company.lonely, &[1, 6]).await;
    // Sales has no head any more.
    company.put(SALES, json!({ "head_id": null })).await;
    company.sees(&company.leader, &[4]).await;
    // A seller comes, and goes.
    let north = json!(company.departments[NORTH]);
    company.hire(&company.sellers[3], north.clone()).await;
    company.sees(&company.member, &[0, 2, 3, 5]).await;
    company.hire(&company.sellers[3], Value::Null).await;
    company.sees(&company.member, &[0, 2, 5]).await;
    // A head moves to another department.
    company.hire(&company.lonely, north).await;
    company.sees(&company.lonely, &[0, 1, 2, 5, 6]).await;
    company.hire(&company.member, json!(company.departments[COAST])).await;
    company.sees(&company.member, &[1, 5]).await;
    // A seller who leads a department is a seller all the same, until the role says otherwise.
    let seller = &company.sellers[2];
    company.put(NORTH, json!({ "head_id": seller.user_id })).await;
    company.sees(seller, &[2]).await;
    let path = format!("/v1/users/{}", seller.user_id);
    company.admin().patch(&path, json!({ "role": "head" })).await.expect(200);
    company.sees(seller, &[0, 2, 6]).await;
}

#[tokio::test]
async fn a_deal_out_of_sight_is_not_touched() {
    let company = Company::found().await;
    let admin = company.admin();
    let reason = admin.loss_reason("No money").await;
    // (who, a deal that is not theirs to see)
    for (who, deal) in [
        (&company.sellers[0], &company.deals[1]),
        (&company.sellers[1], &company.deals[0]),
        (&company.leader, &company.deals[2]),
        (&company.member, &company.deals[4]),
        (&company.lonely, &company.deals[0]),
    ] {
        let path = format!("/v1/deals/{deal}");
        let before = admin.get(&path).await.expect(200);
        who.patch(&path, json!({ "title": "Mine" })).await.problem(404, "not_found");
        let own = json!({ "owner_id": who.user_id });
        who.patch(&path, own).await.problem(404, "not_found");
        for body in [
            json!({ "to": "next" }),
            json!({ "to": "won" }),
            json!({ "to": "won", "validate_only": true }),
            json!({ "to": "lost", "loss_reason_id": reason }),
            json!({ "to": "next", "override_reason": "I am the boss" }),
        ] {
            who.transition(deal, body).await.problem(404, "not_found");
        }
        // Nor does a version tell that it is there.
        for tag in ["\"1\"", "\"99\""] {
            let body = Some(b"{}".to_vec());
            let headers = [("if-match", tag)];
            let reply = who.send(reqwest::Method::PATCH, &path, &headers, body).await;
            reply.problem(404, "not_found");
        }
        assert_eq!(admin.get(&path).await.expect(200).text, before.text);
        let mine = format!("/v1/deals?owner_id={}", before.json["owner_id"].as_str().unwrap());
        assert_eq!(who.get(&mine).await.expect(200).json["items"], json!([]));
    }
    // An analyst sees all of them, and changes none.
    let path = format!("/v1/deals/{}", company.deals[0]);
    company.analyst.patch(&path, json!({ "title": "Mine" })).await.problem(403, "forbidden");
    // A head works on a seller's deal as on the own.
    company.member.patch(&path, json!({ "title": "Ours" })).await.expect(200);
    company.member.transition(&company.deals[1], json!({ "to": "next" })).await.expect(200);
}

#[tokio::test]
async fn a_deal_that_is_handed_over_goes_out_of_sight() {
    let company = Company::found().await;
    let [north, coast, other, nowhere] = &company.sellers;
    let hand = async |from: &Api, to: &Api| {
        let path = format!("/v1/deals/{}", company.deals[0]);
        from.patch(&path, json!({ "owner_id": to.user_id })).await
    };
    hand(north, coast).await.expect(200);
    company.sees(north, &[]).await;
    company.sees(coast, &[0, 1]).await;
    company.sees(&company.member, &[0, 1, 5]).await;
    hand(north, north).await.problem(404, "not_found");
    hand(coast, other).await.expect(200);
    company.sees(other, &[0, 2]).await;
    company.sees(&company.member, &[1, 5]).await;
    company.sees(&company.leader, &[1, 4, 5]).await;
    hand(company.admin(), nowhere).await.expect(200);
    company.sees(nowhere, &[0, 3]).await;
    company.sees(other, &[2]).await;
}

#[tokio::test]
async fn groups_of_reports_name_only_the_owners_in_sight() {
    let company = Company::found().await;
    for deal in &company.deals {
        company.admin().transition(deal, json!({ "to": "won" })).await.expect(200);
    }
    let path = format!(
        "/v1/reports/funnel/closed?deal_type_id={}&from=2020-01-01&to=2090-12-31&group_by=owner",
        company.deal_type
    );
    let owners = async |who: &Api| -> BTreeSet<String> {
        let report = who.get(&path).await.expect(200).json;
        let groups = report["groups"].as_array().unwrap().clone();
        let won: i64 = groups.iter().map(|group| group["totals"]["won"].as_i64().unwrap()).sum();
        assert_eq!(report["totals"]["won"], won, "{report}");
        groups.iter().map(|group| group["key"].as_str().unwrap().to_owned()).collect()
    };
    let ids = |people: &[&Api]| people.iter().map(|who| who.user_id.to_string()).collect();
    let [north, coast, ..] = &company.sellers;
    assert_eq!(owners(north).await, ids(&[north]));
    let (leader, member) = (&company.leader, &company.member);
    assert_eq!(owners(leader).await, ids(&[north, coast, leader, member]));
    assert_eq!(owners(member).await, ids(&[north, coast, member]));
    assert_eq!(owners(company.admin()).await.len(), company.deals.len());
}
