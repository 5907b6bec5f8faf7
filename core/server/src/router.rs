//! Everything that is served, put together.

use axum::Router;
use axum::body::Bytes;
use axum::middleware::from_fn_with_state;
use juzhen_engine::Engine;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::options::ServerOptions;
use crate::{
    access, accounts, adapters, attention, audit, authorizations, backups, callbacks, checks, configuration,
    counts, delegations, deliveries, frame, health, items, lint, media, messages, metrics, nodes, notices,
    openapi, paused, restored, secrets, status, stop, strange,
};

/// The API of a running engine.
pub fn router(engine: Engine, options: ServerOptions) -> Router {
    let (routes, document) = routes().split_for_parts();
    let document = document.to_json().map(Bytes::from).unwrap_or_default();
    let app = App::new(engine, options, document);
    routes.fallback(frame::nowhere).layer(from_fn_with_state(app.clone(), frame::around)).with_state(app)
}

/// One file per noun.
fn routes() -> OpenApiRouter<App> {
    openapi::routes()
        .merge(items::routes())
        .merge(counts::routes())
        .merge(lint::routes())
        .merge(access::routes())
        .merge(delegations::routes())
        .merge(deliveries::routes())
        .merge(attention::routes())
        .merge(accounts::routes())
        .merge(authorizations::routes())
        .merge(checks::routes())
        .merge(paused::routes())
        .merge(secrets::routes())
        .merge(strange::routes())
        .merge(messages::routes())
        .merge(callbacks::routes())
        .merge(notices::routes())
        .merge(nodes::routes())
        .merge(adapters::routes())
        .merge(configuration::routes())
        .merge(stop::routes())
        .merge(restored::routes())
        .merge(media::routes())
        .merge(audit::routes())
        .merge(backups::routes())
        .merge(health::routes())
        .merge(status::routes())
        .merge(metrics::routes())
}
