//! A client as a frontend would write one: JSON in, JSON out, and every problem looked at.

use std::net::SocketAddr;

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract;

#[derive(Debug, Clone)]
pub struct Api {
    pub base: String,
    pub token: Option<String>,
    pub workspace_id: Uuid,
    pub user_id: Uuid,
    pub email: String,
    pub http: Client,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null where the body is no JSON.
    pub json: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The answer, if it has the status; otherwise the test fails and shows it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The answer, if it is a problem with this code.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["request_id"].as_str(), Some(self.header("x-request-id")));
        self
    }

    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.json["id"].as_str().expect("an id").to_owned()
    }

    /// Pointer and code of every fault.
    pub fn faults(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = self.json["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|fault| (text(&fault["pointer"]), text(&fault["code"]))).collect()
    }
}

impl Api {
    pub fn new(address: SocketAddr) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            base: format!("http://{address}"),
            token: None,
            workspace_id: Uuid::nil(),
            user_id: Uuid::nil(),
            email: String::new(),
            http: Client::builder()
                .no_proxy()
                .pool_idle_timeout(std::time::Duration::from_secs(30))
                .build()
                .expect("a client"),
        }
    }

    /// The same server with another token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    pub fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    pub async fn log_in(&mut self, email: &str, password: &str) {
        let reply = self
            .without_token()
            .post("/v1/auth/token", json!({ "email": email, "password": password }))
            .await
            .expect(200);
        self.token = reply.json["access_token"].as_str().map(str::to_owned);
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Reply {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    /// None where there is no whole answer, as of a server that dies.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Option<Reply> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let reply = Self::try_read(request.send().await.ok()?).await?;
        contract::check(method.as_str(), path, &reply);
        Some(reply)
    }

    pub async fn try_get(&self, path: &str) -> Option<Reply> {
        self.try_send(Method::GET, path, &[], None).await
    }

    pub async fn read(response: reqwest::Response) -> Reply {
        Self::try_read(response).await.expect("a body")
    }

    async fn try_read(response: reqwest::Response) -> Option<Reply> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Reply { status, headers, text, json })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, &[], Some(body.to_string().into_bytes())).await
    }

    /// The same with an `Idempotency-Key` and whatever else in the headers.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.send(Method::POST, path, headers, Some(body.to_string().into_bytes())).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, &[], Some(body.to_string().into_bytes())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, &[], Some(body.to_string().into_bytes())).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Sends a file with its spec to be imported.
    pub async fn import(&self, file: impl Into<Vec<u8>>, spec: Value) -> Reply {
        self.send_file("/v1/imports", file, &[("spec", &spec.to_string())]).await
    }

    /// Sends a file to be looked at, with some parts beside it.
    pub async fn preview(&self, file: impl Into<Vec<u8>>, parts: &[(&str, &str)]) -> Reply {
        self.send_file("/v1/imports/preview", file, parts).await
    }

    async fn send_file(
        &self,
        path: &str,
        file: impl Into<Vec<u8>>,
        parts: &[(&str, &str)],
    ) -> Reply {
        self.try_send_file(path, file, parts).await.expect("an answer")
    }

    /// None where there is no whole answer.
    pub async fn try_import(&self, file: impl Into<Vec<u8>>, spec: &Value) -> Option<Reply> {
        self.try_send_file("/v1/imports", file, &[("spec", &spec.to_string())]).await
    }

    async fn try_send_file(
        &self,
        path: &str,
        file: impl Into<Vec<u8>>,
        parts: &[(&str, &str)],
    ) -> Option<Reply> {
        let mut form = reqwest::multipart::Form::new();
        for (name, text) in parts {
            form = form.text((*name).to_owned(), (*text).to_owned());
        }
        let part = reqwest::multipart::Part::bytes(file.into()).file_name("file.csv");
        let form = form.part("file", part);
        let mut request = self.http.post(format!("{}{path}", self.base)).multipart(form);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let reply = Self::try_read(request.send().await.ok()?).await?;
        contract::check("POST", path, &reply);
        Some(reply)
    }

    /// Hangs a file on something.
    pub async fn add_file(&self, kind: &str, id: &str, name: &str, bytes: &[u8]) -> Reply {
        self.add_file_with(&[], (kind, id), (name, "application/octet-stream"), bytes).await
    }

    /// The same with more headers, and what the file is said to be.
    pub async fn add_file_with(
        &self,
        headers: &[(&str, &str)],
        (kind, id): (&str, &str),
        (name, said): (&str, &str),
        bytes: &[u8],
    ) -> Reply {
        let body = upload(&json!({ "kind": kind, "id": id }).to_string(), name, said, bytes);
        let headers: Vec<_> = headers.iter().copied().chain([("content-type", UPLOAD)]).collect();
        self.send(Method::POST, "/v1/files", &headers, Some(body)).await
    }

    /// A user of the workspace with a role, logged in.
    pub async fn colleague(&self, role: &str, department_id: Option<&str>) -> Self {
        let email = format!("{role}-{}@example.com", Uuid::now_v7().simple());
        let password = crate::server::PASSWORD;
        let body = json!({ "name": role, "email": email, "role": role, "password": password,
            "department_id": department_id });
        let user = self.post("/v1/users", body).await.expect(201);
        let mut api = self.without_token();
        api.user_id = user.id().parse().expect("an id");
        api.email = email.clone();
        api.log_in(&email, password).await;
        api
    }

    /// A manual deal type with these stages, keyed by their names; its id.
    pub async fn deal_type(&self, stages: &[&str]) -> String {
        let stages: Vec<_> =
            stages.iter().map(|name| json!({ "name": name, "key": name })).collect();
        let name = format!("Sale {}", Uuid::now_v7());
        let body = json!({ "name": name, "mode": "manual", "stages": stages });
        self.post("/v1/deal-types", body).await.expect(201).id()
    }

    /// A deal of the type, worth an amount of euros; its id.
    pub async fn deal(&self, deal_type_id: &str, amount: &str) -> String {
        let amount = json!({ "amount": amount, "currency": "EUR" });
        let body = json!({ "title": "A deal", "deal_type_id": deal_type_id, "amount": amount });
        self.post("/v1/deals", body).await.expect(201).id()
    }

    pub async fn transition(&self, deal: &str, body: Value) -> Reply {
        self.post(&format!("/v1/deals/{deal}/transition"), body).await
    }

    /// A loss reason; its id.
    pub async fn loss_reason(&self, name: &str) -> String {
        self.post("/v1/loss-reasons", json!({ "name": name })).await.expect(201).id()
    }
}

/// The type of an upload as [`upload`] writes it.
pub const UPLOAD: &str = "multipart/form-data; boundary=between-parts";

/// An upload as it goes over the wire; the name stands in it as it is.
pub fn upload(object: &str, name: &str, said: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--between-parts\r\nContent-Disposition: form-data; name=\"object\"\r\n\r\n{object}\r\n\
         --between-parts\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: {said}\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--between-parts--\r\n"].concat()
}
