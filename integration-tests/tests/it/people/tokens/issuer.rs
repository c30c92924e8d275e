//! Tokens of another issuer, by its published keys.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uuid::Uuid;
use voronka_integration_tests::{Api, TestServer};

// Made for these tests with openssl, and good for nothing else.
const RSA: &str = include_str!("keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa_public.pem");
const EC: &str = include_str!("keys/ec.pem");
const ED25519: &str = include_str!("keys/ed25519.pem");
/// An RSA key that nobody has published.
const STRANGER: &str = include_str!("keys/stranger.pem");

const RSA_MODULUS: &str = "4Y7298Q1SVkxX7P3IHeZPqZ2GKCDm_a-6H-5GVLzH6OljjpswLbsAl3mnWl_nc4f3GDQF7yQtoxObhhNdMoTXoLXeVNumZYb6yrhxmR56Uix3EKsu1mw9ouRH4cNLWTt1rzHNfkprf1fFfiFMKJJ_MIM9RmwEVj0-U5235o7FGtLrLhcEe9i0zP4mWxMyAp9GfwUXZoXfBk4vW2Za_IO-mRFfOm7OtFAw4_mFWemGv5-jQCEjvlMBwUmqqDiq5MDoQJnvZWkztKZyGI-JL-n3D8OKJ196H2eAmzhYtSejuIrQ488NF1_3fXnCcRnSC6RornnHi0he_LQHXEsV8ipAw";

const ISSUER: &str = "https://login.example.com/";
const AUDIENCE: &str = "voronka-test";

fn key_set() -> Value {
    json!({ "keys": [
        { "kid": "rsa", "kty": "RSA", "alg": "RS256", "use": "sig", "n": RSA_MODULUS, "e": "AQAB" },
        { "kid": "ec", "kty": "EC", "alg": "ES256", "use": "sig", "crv": "P-256",
          "x": "houlPT1OHSl62ehc09swPmNbWagSn-3kvM5JP_nNLGI",
          "y": "WfAIky1LwvFUz98-9vjcnoqcyaADBqp1t6apXeogRmI" },
        { "kid": "ed", "kty": "OKP", "alg": "EdDSA", "use": "sig", "crv": "Ed25519",
          "x": "LVs4r1RhyicLfhLZeJAjqQdQ0cQ7yHoeh3fxYIwlFSY" },
    ]})
}

fn rsa(pem: &str) -> EncodingKey {
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

fn ec() -> EncodingKey {
    EncodingKey::from_ec_pem(EC.as_bytes()).unwrap()
}

fn ed() -> EncodingKey {
    EncodingKey::from_ed_pem(ED25519.as_bytes()).unwrap()
}

fn signed(algorithm: Algorithm, kid: Option<&str>, key: &EncodingKey, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    encode(&header, claims, key).unwrap()
}

fn by_rsa(claims: &Value) -> String {
    signed(Algorithm::RS256, Some("rsa"), &rsa(RSA), claims)
}

fn now() -> i64 {
    voronka_persistence::now().timestamp()
}

fn claims_of(api: &Api, workspace_id: Uuid) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": now() + 300, "iat": now(), "sub": "auth0|4711",
        "email": api.email, "workspace_id": workspace_id })
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// A server that takes tokens of the issuer, whose keys lie in a file.
async fn server(jwks: &Value, more: &[&str]) -> (TestServer, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jwks.json");
    std::fs::write(&file, jwks.to_string()).unwrap();
    let mut arguments = vec!["--jwks", file.to_str().unwrap()];
    arguments.extend(more);
    (TestServer::with(&arguments).await, directory)
}

const STRICT: &[&str] = &["--jwt-issuer", ISSUER, "--jwt-audience", AUDIENCE];

async fn me(api: &Api, token: String) -> String {
    let reply = api.with_token(token).get("/v1/me").await.expect(200);
    reply.json["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(api: &Api, what: &str, token: String) -> impl Future<Output = ()> {
    let (api, what) = (api.with_token(token), what.to_owned());
    async move {
        let reply = api.get("/v1/me").await;
        assert_eq!(
            (reply.status, reply.code()),
            (401, "unauthenticated"),
            "{what}: {}",
            reply.text
        );
        assert_eq!(reply.header("www-authenticate"), "Bearer", "{what}");
    }
}

#[tokio::test]
async fn a_token_of_any_of_the_issuers_keys_is_its_users() {
    let (server, _directory) = server(&key_set(), STRICT).await;
    let admin = &server.admin;
    let user = admin.colleague("seller", None).await;
    let claims = claims_of(&user, admin.workspace_id);
    for token in [
        by_rsa(&claims),
        signed(Algorithm::ES256, Some("ec"), &ec(), &claims),
        signed(Algorithm::EdDSA, Some("ed"), &ed(), &claims),
        by_rsa(&with(&claims, "email", json!(user.email.to_uppercase()))),
        by_rsa(&with(&claims, "aud", json!([AUDIENCE, "others"]))),
        by_rsa(&with(&claims, "email_verified", json!(true))),
        by_rsa(&with(&claims, "email_verified", json!("true"))),
        // Without an email, the subject is the user's id.
        by_rsa(&with(&without(&claims, "email"), "sub", json!(user.user_id))),
    ] {
        assert_eq!(me(admin, token).await, user.user_id.to_string());
    }
    // The role is that of our user; what the token claims beside is nothing to us.
    let token = by_rsa(&with(&claims, "role", json!("admin")));
    let body = json!({ "name": "Source" });
    admin.with_token(token).post("/v1/sources", body).await.problem(403, "forbidden");
    // Our own tokens go on.
    admin.get("/v1/me").await.expect(200);
}

#[tokio::test]
async fn the_workspace_of_the_token_says_which_user_it_is() {
    let (server, _directory) = server(&key_set(), STRICT).await;
    let admin = &server.admin;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let body = json!({ "name": "Both", "role": "seller", "email": "both@example.com" });
    let mut api = admin.clone();
    api.email = "both@example.com".to_owned();
    for workspace in [admin, &other] {
        let user = workspace.post("/v1/users", body.clone()).await.expect(201).id();
        let token = by_rsa(&claims_of(&api, workspace.workspace_id));
        assert_eq!(me(admin, token).await, user);
    }
    // Whose email is not in the workspace is nobody there.
    refused(admin, "elsewhere", by_rsa(&claims_of(admin, other.workspace_id))).await;
    refused(admin, "nowhere", by_rsa(&claims_of(admin, Uuid::now_v7()))).await;
}

#[tokio::test]
async fn a_token_that_is_not_for_us_is_refused() {
    let (server, _directory) = server(&key_set(), STRICT).await;
    let admin = &server.admin;
    let inactive = admin.colleague("seller", None).await;
    let path = format!("/v1/users/{}", inactive.user_id);
    admin.patch(&path, json!({ "active": false })).await.expect(200);
    let claims = claims_of(admin, admin.workspace_id);
    me(admin, by_rsa(&claims)).await;
    for (what, claims) in [
        ("wrong issuer", with(&claims, "iss", json!("https://evil.example.com/"))),
        ("our own issuer", with(&claims, "iss", json!("voronka"))),
        ("no issuer", without(&claims, "iss")),
        ("wrong audience", with(&claims, "aud", json!("another-program"))),
        ("other audiences", with(&claims, "aud", json!(["one", "two"]))),
        ("no audience", without(&claims, "aud")),
        ("expired", with(&claims, "exp", json!(now() - 60))),
        ("without an end", without(&claims, "exp")),
        ("not yet good", with(&claims, "nbf", json!(now() + 600))),
        ("no workspace", without(&claims, "workspace_id")),
        ("no user", without(&claims, "email")),
        ("email that is not verified", with(&claims, "email_verified", json!(false))),
        ("email that is not verified, as a text", with(&claims, "email_verified", json!("false"))),
        ("email that may be verified", with(&claims, "email_verified", json!(0))),
        ("unknown email", with(&claims, "email", json!("nobody@example.com"))),
        ("inactive user", with(&claims, "email", json!(inactive.email))),
        ("user elsewhere", with(&without(&claims, "email"), "sub", json!(Uuid::now_v7()))),
    ] {
        refused(admin, what, by_rsa(&claims)).await;
    }
}

#[tokio::test]
async fn a_token_that_the_issuer_did_not_sign_is_refused() {
    let (server, _directory) = server(&key_set(), STRICT).await;
    let admin = &server.admin;
    let claims = claims_of(admin, admin.workspace_id);
    let good = by_rsa(&claims);
    me(admin, good.clone()).await;
    let ours = json!({ "iss": "voronka", "sub": admin.user_id, "exp": now() + 300, "iat": now(),
        "workspace_id": admin.workspace_id });
    let hmac = |key: &[u8], claims: &Value| {
        let key = EncodingKey::from_secret(key);
        signed(Algorithm::HS256, Some("rsa"), &key, claims)
    };
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let theirs = by_rsa(&with(&claims, "email", json!("somebody@example.com")));
    let their_signature = theirs.rsplit('.').next().unwrap();
    for (what, token) in [
        ("another key", signed(Algorithm::RS256, Some("rsa"), &rsa(STRANGER), &claims)),
        ("the name of another key", signed(Algorithm::RS256, Some("ec"), &rsa(RSA), &claims)),
        ("another kind of key", signed(Algorithm::ES256, Some("rsa"), &ec(), &claims)),
        ("an unknown key", signed(Algorithm::RS256, Some("new"), &rsa(STRANGER), &claims)),
        ("a key without a name", signed(Algorithm::RS256, None, &rsa(RSA), &claims)),
        ("another algorithm", signed(Algorithm::RS512, Some("rsa"), &rsa(RSA), &claims)),
        ("another padding", signed(Algorithm::PS256, Some("rsa"), &rsa(RSA), &claims)),
        // The public key is public: who takes it for a secret lets everybody in.
        ("the public key as a secret", hmac(RSA_PUBLIC.as_bytes(), &claims)),
        ("the public key, as ours", hmac(RSA_PUBLIC.as_bytes(), &ours)),
        ("the trimmed public key, as ours", hmac(RSA_PUBLIC.trim().as_bytes(), &ours)),
        ("the modulus, as ours", hmac(RSA_MODULUS.as_bytes(), &ours)),
        ("the empty secret, as ours", hmac(b"", &ours)),
        ("no signature", format!("{head}.{payload}.")),
        ("alg none", format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.{signature}")),
        ("the signature of another token", format!("{head}.{payload}.{their_signature}")),
        // The issuer's keys make no tokens of our own.
        ("ours by their key", by_rsa(&ours)),
    ] {
        refused(admin, what, token).await;
    }
}

#[tokio::test]
async fn a_key_signs_what_it_is_published_for() {
    let mut keys = key_set();
    keys["keys"][0]["use"] = json!("enc");
    keys["keys"][1]["alg"] = json!("ES384");
    let (server, _directory) = server(&keys, STRICT).await;
    let admin = &server.admin;
    let claims = claims_of(admin, admin.workspace_id);
    refused(admin, "a key to encrypt by", by_rsa(&claims)).await;
    let other = signed(Algorithm::ES256, Some("ec"), &ec(), &claims);
    refused(admin, "a key of another algorithm", other).await;
    me(admin, signed(Algorithm::EdDSA, Some("ed"), &ed(), &claims)).await;
}

#[tokio::test]
async fn a_token_that_asks_for_what_we_do_not_know_is_refused() {
    let (server, _directory) = server(&key_set(), STRICT).await;
    let admin = &server.admin;
    let claims = claims_of(admin, admin.workspace_id);
    let critical = |names: Option<Vec<String>>| {
        let mut header = Header::new(Algorithm::RS256);
        (header.kid, header.crit) = (Some("rsa".to_owned()), names);
        encode(&header, &claims, &rsa(RSA)).unwrap()
    };
    refused(admin, "exp", critical(Some(vec!["exp".to_owned()]))).await;
    refused(admin, "nothing", critical(Some(vec![]))).await;
    me(admin, critical(None)).await;
}

#[tokio::test]
async fn without_the_settings_any_issuer_and_audience_will_do() {
    let one = json!({ "keys": [key_set()["keys"][0]] });
    let (server, _directory) = server(&one, &[]).await;
    let admin = &server.admin;
    let claims = claims_of(admin, admin.workspace_id);
    for claims in [
        claims.clone(),
        with(&claims, "iss", json!("anybody")),
        without(&without(&claims, "iss"), "aud"),
    ] {
        assert_eq!(me(admin, by_rsa(&claims)).await, admin.user_id.to_string());
    }
    // The only key needs no name.
    me(admin, signed(Algorithm::RS256, None, &rsa(RSA), &claims)).await;
    refused(admin, "expired", by_rsa(&with(&claims, "exp", json!(now() - 60)))).await;
}

#[tokio::test]
async fn without_an_issuer_its_tokens_are_refused() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let claims = claims_of(admin, admin.workspace_id);
    refused(admin, "RSA", by_rsa(&claims)).await;
    refused(admin, "EC", signed(Algorithm::ES256, Some("ec"), &ec(), &claims)).await;
}

/// Answers every request with the document, and counts them.
fn publish(document: Arc<Mutex<Option<Value>>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines.map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
            assert!(head[0].starts_with("GET /jwks.json "), "{head:?}");
            count.fetch_add(1, Ordering::SeqCst);
            let answer = match document.lock().unwrap().as_ref() {
                Some(document) => {
                    let body = document.to_string();
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    )
                }
                None => {
                    "HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        .into()
                }
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, asked)
}

#[tokio::test]
async fn the_issuers_keys_are_fetched_once_and_not_for_every_stranger() {
    let (url, asked) = publish(Arc::new(Mutex::new(Some(key_set()))));
    let mut arguments = vec!["--jwks", &*url];
    arguments.extend(STRICT);
    let server = TestServer::with(&arguments).await;
    let admin = &server.admin;
    assert_eq!(asked.load(Ordering::SeqCst), 0, "our own tokens need no issuer");
    let claims = claims_of(admin, admin.workspace_id);
    for token in [
        by_rsa(&claims),
        signed(Algorithm::ES256, Some("ec"), &ec(), &claims),
        signed(Algorithm::EdDSA, Some("ed"), &ed(), &claims),
    ] {
        assert_eq!(me(admin, token).await, admin.user_id.to_string());
    }
    // Who makes up names of keys does not make us ask the issuer each time, at once or in turn.
    let stranger = async |number: usize| {
        let name = format!("made-up-{number}");
        let token = signed(Algorithm::RS256, Some(&name), &rsa(STRANGER), &claims);
        refused(admin, &name, token).await;
    };
    futures_util::future::join_all((0..20).map(stranger)).await;
    stranger(20).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    me(admin, by_rsa(&claims)).await;
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_lets_nobody_in_and_stops_nobody_else() {
    let (url, asked) = publish(Arc::new(Mutex::new(None)));
    let server = TestServer::with(&["--jwks", &url]).await;
    let admin = &server.admin;
    refused(admin, "no keys", by_rsa(&claims_of(admin, admin.workspace_id))).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    admin.get("/v1/me").await.expect(200);
}
