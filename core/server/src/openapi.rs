//! The OpenAPI document, made from the handlers themselves: a route that is served is in it, and the other way round.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(document))
}

/// This document.
#[utoipa::path(get, operation_id = "openapi", path = "/api/v1/openapi.json", tag = "health", security(),
    responses((status = 200, content_type = "application/json")))]
async fn document(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.document.clone()).into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Juzhen (矩阵)",
        description = "The API of one district's matrix of official accounts. Refusals are RFC 9457 problems whose `code` \
            is the word to look at. Times are RFC 3339; ids are plain text.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "items", description = "稿件: what is said, with one text per platform"),
        (name = "deliveries", description = "发布任务: one item on one account"),
        (name = "accounts", description = "账号"),
        (name = "messages", description = "留言: what readers write"),
        (name = "callbacks", description = "回调: what platforms send by themselves"),
        (name = "adapters", description = "适配器: what speaks to the platforms"),
        (name = "access", description = "人员: signing in, invitations, keys of scripts, who stands in for whom"),
        (name = "configuration", description = "配置: the YAML files"),
        (name = "stop", description = "STOP ALL"),
        (name = "notices", description = "提醒: what people are told without asking"),
        (name = "media", description = "图片与视频"),
        (name = "audit", description = "审计"),
        (name = "health", description = "For machines that watch"),
    ),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", bearer);
    }
}
