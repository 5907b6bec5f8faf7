//! 审计: who did what, chained by hash. Read only.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_store::{AuditFilter, AuditRow};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::permit::{self, Act};
use crate::problem::{Problem, ProblemView};
use crate::query::{Limit, Parameters};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Newest first.
#[utoipa::path(get, operation_id = "list_audit", path = "/api/v1/audit", tag = "audit", params(ListAudit),
    responses((status = 200, body = AuditList), (status = "4XX", body = ProblemView)))]
async fn list(
    State(app): State<App>,
    Caller(caller): Caller,
    Parameters(wanted): Parameters<ListAudit>,
) -> Result<Json<AuditList>, Problem> {
    permit::require(&caller, Act::ReadAudit)?;
    let limit = wanted.limit.unwrap_or_default();
    let filter = AuditFilter { subject: wanted.subject, before: wanted.before, most: limit.0 };
    let rows = app.store().audit(filter).await?;
    let next_before = limit.last_of_full(&rows).map(|row| row.number);
    Ok(Json(AuditList { rows: rows.into_iter().map(AuditView::of).collect(), next_before }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListAudit {
    /// `item:…`, `delivery:…`, `settings:…`
    #[param(value_type = Option<String>)]
    #[serde(default)]
    subject: Option<String>,
    /// Only rows with a smaller number: the `next_before` of the page before.
    #[param(value_type = Option<i64>)]
    #[serde(default, deserialize_with = "number")]
    before: Option<i64>,
    /// 1 to 200.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    #[serde(default)]
    limit: Option<Limit>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AuditList {
    rows: Vec<AuditView>,
    /// Ask for older ones with this as `before`; null on the last page.
    next_before: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AuditView {
    number: i64,
    at: Timestamp,
    /// A person's id, or `daemon`.
    actor: String,
    action: String,
    subject: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
    /// Id of the request that did it.
    request: Option<String>,
    /// Over the hash of the row before and this row.
    hash: String,
}

impl AuditView {
    fn of(row: AuditRow) -> Self {
        let AuditRow { number, audit, hash } = row;
        Self {
            number,
            at: audit.at,
            actor: audit.actor,
            action: audit.action,
            subject: audit.subject,
            detail: audit.detail,
            request: audit.request,
            hash,
        }
    }
}

fn number<'de, D: Deserializer<'de>>(source: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(source)?;
    let number = text.parse().ok().filter(|number| *number > 0);
    number.map(Some).ok_or_else(|| D::Error::custom(format!("{text:?} is not the number of a row")))
}
