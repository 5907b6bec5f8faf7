//! Is an account fit to publish? What the last look found, and a new look at once.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_domain::finding::Finding;
use juzhen_domain::id::AccountId;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::command::{Command, Nothing};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::Id;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check))
}

/// Asks the platform about the account now: one line for each thing that is missing or good to know. What it answers counts
/// like any answer: one that is signed out is held, one that is let in goes on.
#[utoipa::path(post, operation_id = "check_account", path = "/api/v1/accounts/{id}/check", tag = "accounts",
    params(("id" = String, Path)), request_body = Nothing,
    responses((status = 200, body = CheckView), (status = "4XX", body = ProblemView)))]
async fn check(
    State(app): State<App>,
    id: Id,
    command: Command<Nothing>,
) -> Result<Json<CheckView>, Problem> {
    permit::require(&command.by, Act::CheckAccount)?;
    let account = AccountId::new(id.0);
    let checked = app.engine.check_account(&account).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(CheckView::of(checked.at, checked.signed_in_until, &checked.findings)))
}

/// What a look at an account found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "ok": false, "at": "2026-06-01T01:00:00Z", "signed_in_until": null, "findings": [{ "kind": "address",
    "kind_zh": "IP 白名单", "blocks": true, "text": "本机地址 203.0.113.9 不在公众号的 IP 白名单中，请管理员在公众平台添加",
    "code": "40164" }] }))]
pub(crate) struct CheckView {
    /// Nothing keeps the account from publishing.
    ok: bool,
    at: Timestamp,
    /// Null when the platform does not say.
    signed_in_until: Option<Timestamp>,
    findings: Vec<FindingView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FindingView {
    /// `sign_in`, `expiry`, `other_account`, `secret`, `permission`, `address`, `quota`, `setting`, `unreachable`, `insecure`,
    /// `clock`, `adapter` or `note`.
    kind: &'static str,
    kind_zh: &'static str,
    /// The account cannot publish because of it.
    blocks: bool,
    /// One Chinese line, with what to do.
    text: String,
    /// The platform's own code.
    code: Option<String>,
}

impl CheckView {
    pub(crate) fn of(at: Timestamp, signed_in_until: Option<Timestamp>, findings: &[Finding]) -> Self {
        let ok = !findings.iter().any(|finding| finding.blocks);
        Self { ok, at, signed_in_until, findings: findings.iter().map(FindingView::of).collect() }
    }
}

impl FindingView {
    fn of(finding: &Finding) -> Self {
        Self {
            kind: finding.kind.as_str(),
            kind_zh: finding.kind.chinese(),
            blocks: finding.blocks,
            text: finding.text.clone(),
            code: finding.code.clone(),
        }
    }
}
