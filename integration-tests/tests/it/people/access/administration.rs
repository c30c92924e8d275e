//! What an administrator cannot do to the workspace: leave it without one, twist its tree, share emails.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use voronka_integration_tests::{Api, Reply, TestServer, server::PASSWORD, sql};

async fn change(by: &Api, who: &Api, body: Value) -> Reply {
    by.patch(&format!("/v1/users/{}", who.user_id), body).await
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let steps = [json!({ "role": "head" }), json!({ "active": false })];
    for step in &steps {
        change(admin, admin, step.clone()).await.problem(409, "last_admin");
    }
    // Who is no administrator, or an inactive one, or another workspace's, is no replacement.
    admin.colleague("head", None).await;
    let second = admin.colleague("admin", None).await;
    server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    change(admin, &second, json!({ "active": false })).await.expect(200);
    for step in &steps {
        change(admin, admin, step.clone()).await.problem(409, "last_admin");
    }
    assert_eq!(admin.get("/v1/me").await.expect(200).json["role"], "admin");
    change(admin, &second, json!({ "active": true })).await.expect(200);
    let mut second = second;
    let email = second.email.clone();
    second.log_in(&email, PASSWORD).await;
    change(admin, admin, steps[0].clone()).await.expect(200);
    change(&second, &second, steps[1].clone()).await.problem(409, "last_admin");
    assert_eq!(second.get("/v1/me").await.expect(200).json["active"], true);
}

/// Sends both requests while the rows that `lock` locks are held, and lets these go when both wait, so
/// that both have begun before either goes on; or when both are answered, if they need not wait.
async fn at_once(
    server: &TestServer,
    lock: &str,
    one: impl Future<Output = Reply>,
    two: impl Future<Output = Reply>,
) -> (Reply, Reply) {
    let mut gate = server.connection();
    let mut watch = server.connection();
    gate.batch_execute(&format!("BEGIN; {lock} FOR UPDATE")).unwrap();
    let answered = Arc::new(AtomicBool::new(false));
    let over = answered.clone();
    let open = tokio::task::spawn_blocking(move || {
        while sql::waiting(&mut watch) < 2 && !over.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        gate.batch_execute("COMMIT").unwrap();
    });
    let replies = tokio::join!(one, two);
    answered.store(true, Ordering::SeqCst);
    open.await.unwrap();
    replies
}

#[tokio::test]
async fn of_two_administrators_who_step_down_at_once_one_stays() {
    let server = TestServer::start().await;
    let first = &server.admin;
    let second = &first.colleague("admin", None).await;
    let body = json!({ "role": "head" });
    let lock = "SELECT id FROM users WHERE role = 'admin' ORDER BY id";
    let steps = (change(first, first, body.clone()), change(second, second, body));
    let (one, two) = at_once(&server, lock, steps.0, steps.1).await;
    let mut answers = [(one.status, one.code()), (two.status, two.code())];
    answers.sort_unstable();
    assert_eq!(answers, [(200, ""), (409, "last_admin")], "{} {}", one.text, two.text);
}

#[tokio::test]
async fn two_of_three_administrators_step_down_at_once() {
    let server = TestServer::start().await;
    let third = &server.admin;
    let first = &third.colleague("admin", None).await;
    let second = &third.colleague("admin", None).await;
    let body = json!({ "role": "head" });
    let lock = format!("SELECT id FROM users WHERE id = '{}'", third.user_id);
    let steps = (change(first, first, body.clone()), change(second, second, body));
    let (one, two) = at_once(&server, &lock, steps.0, steps.1).await;
    assert_eq!((one.status, two.status), (200, 200), "{} {}", one.text, two.text);
}

#[tokio::test]
async fn an_email_is_one_users_of_a_workspace() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let (one, two) = (admin.colleague("seller", None).await, admin.colleague("seller", None).await);
    let new = |email: &str| json!({ "name": "New", "role": "seller", "email": email });
    for email in [one.email.clone(), one.email.to_uppercase()] {
        let reply = admin.post("/v1/users", new(&email)).await.problem(409, "email_taken");
        assert_eq!(reply.faults(), [("/email".to_owned(), "email_taken".to_owned())]);
        change(admin, &two, json!({ "email": email })).await.problem(409, "email_taken");
    }
    assert_eq!(two.get("/v1/me").await.expect(200).json["email"], two.email);
    // One's own, in other letters; and one that nobody has any more.
    change(admin, &one, json!({ "email": one.email.to_uppercase() })).await.expect(200);
    change(admin, &one, json!({ "email": null })).await.expect(200);
    admin.post("/v1/users", new(&one.email)).await.expect(201);
    // Without an email there may be many, and another workspace has emails of its own.
    for _ in 0..2 {
        let body = json!({ "name": "No email", "role": "seller" });
        admin.post("/v1/users", body).await.expect(201);
    }
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    other.post("/v1/users", new(&one.email)).await.expect(201);
    // Who is inactive keeps the email.
    change(admin, &two, json!({ "active": false })).await.expect(200);
    admin.post("/v1/users", new(&two.email)).await.problem(409, "email_taken");
}

async fn department(api: &Api, parent: Option<&str>) -> String {
    let body = json!({ "name": "Department", "parent_id": parent });
    api.post("/v1/departments", body).await.expect(201).id()
}

async fn put_below(api: &Api, department: &str, parent: Value) -> Reply {
    api.patch(&format!("/v1/departments/{department}"), json!({ "parent_id": parent })).await
}

#[tokio::test]
async fn a_department_is_not_above_itself() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let top = department(api, None).await;
    let middle = department(api, Some(&top)).await;
    let bottom = department(api, Some(&middle)).await;
    for below in [&top, &middle, &bottom] {
        let reply = put_below(api, &top, json!(below)).await.problem(409, "department_loop");
        assert_eq!(reply.faults(), [("/parent_id".to_owned(), "department_loop".to_owned())]);
    }
    put_below(api, &middle, json!(bottom)).await.problem(409, "department_loop");
    let top_now = api.get(&format!("/v1/departments/{top}")).await.expect(200);
    assert_eq!((&top_now.json["parent_id"], &top_now.json["version"]), (&Value::Null, &json!(1)));
    // Turned around in the right order, it is no loop.
    put_below(api, &bottom, Value::Null).await.expect(200);
    put_below(api, &top, json!(bottom)).await.expect(200);
    put_below(api, &bottom, json!(middle)).await.problem(409, "department_loop");
}

#[tokio::test]
async fn two_departments_are_not_put_below_each_other_at_once() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let (one, two) = (department(api, None).await, department(api, None).await);
    let moves = (put_below(api, &one, json!(two)), put_below(api, &two, json!(one)));
    let lock = "SELECT id FROM departments ORDER BY id";
    let (first, second) = at_once(&server, lock, moves.0, moves.1).await;
    let mut answers = [(first.status, first.code()), (second.status, second.code())];
    answers.sort_unstable();
    let texts = format!("{} {}", first.text, second.text);
    assert_eq!(answers, [(200, ""), (409, "department_loop")], "{texts}");
}
