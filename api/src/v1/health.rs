//! Health, readiness, metrics and the specification: for operators and tools.

use actix_web::{HttpResponse, get, web};
use voronka_persistence::deals;

use crate::{
    http::{Responded, work::block},
    openapi,
    state::App,
};

/// The process is alive.
#[get("/healthz")]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// The database answers.
#[get("/readyz")]
async fn readyz(app: web::Data<App>) -> Responded {
    block(move || app.store.ping()).await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ready" })))
}

#[get("/metrics")]
async fn prometheus(app: web::Data<App>) -> HttpResponse {
    let (connections, idle) = app.store.pool_state();
    metrics::gauge!("voronka_database_connections").set(f64::from(connections));
    metrics::gauge!("voronka_database_connections_idle").set(f64::from(idle));
    let waiting = u32::try_from(deals::waiting(&app.store)).unwrap_or(u32::MAX);
    metrics::gauge!("voronka_writes_waiting").set(f64::from(waiting));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(app.metrics.render())
}

#[get("/openapi.json")]
async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(openapi::json())
}

#[get("/openapi.yaml")]
async fn openapi_yaml() -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(openapi::yaml())
}

pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(healthz)
        .service(readyz)
        .service(prometheus)
        .service(openapi_json)
        .service(openapi_yaml);
}
