//! The HTTP server.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{
    App as Actix, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    middleware::{Compress, Condition, from_fn},
    web,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    config::ServeConfig,
    http::{
        Problem,
        middleware::{authenticate, by_ending, observe},
    },
    openapi,
    state::App,
    v1,
};

/// Longer than clients and proxies keep an idle connection, so that it is they who close it: a request
/// that meets our closing is lost.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the head of a request may take to come.
const HEAD: Duration = Duration::from_secs(5);

/// A server that listens already; it serves once it is awaited.
pub fn build(app: web::Data<App>, config: &ServeConfig) -> std::io::Result<(Server, SocketAddr)> {
    let listener = TcpListener::bind(config.listen)?;
    let address = listener.local_addr()?;
    let origins = config.cors_origins.clone();
    let mut server = HttpServer::new(move || {
        Actix::new()
            .app_data(app.clone())
            .configure(v1::serve)
            .configure(v1::health::configure)
            .service(
                SwaggerUi::new("/docs/{_:.*}")
                    .config(Config::new(["/openapi.json"]).persist_authorization(true)),
            )
            .service(web::redirect("/docs", "/docs/"))
            .default_service(web::to(nothing_here))
            .wrap(from_fn(by_ending))
            .wrap(from_fn(authenticate))
            .wrap(Compress::default())
            .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
            .wrap(from_fn(observe))
    })
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD)
    // Who has closed his side has gone away: what is read for him ends.
    .h1_allow_half_closed(false)
    .shutdown_timeout(config.shutdown_seconds);
    if let Some(workers) = config.workers {
        server = server.workers(workers);
    }
    Ok((server.listen(listener)?.run(), address))
}

fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allow_any_header()
        .expose_headers([
            "content-disposition",
            "etag",
            "link",
            "location",
            "x-request-id",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "accept-ranges",
            "content-range",
            "idempotent-replayed",
        ])
        .max_age(3_600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// No operation took the request.
async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(openapi::nothing_at(request.path()))
}
