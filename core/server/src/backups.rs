//! 备份: a checked copy of the database, made while the daemon works.

use std::error::Error;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_domain::hash::hex;
use juzhen_store::{AuditFilter, Backup, Once};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tracing::info;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::command::{Command, Nothing, replayed};
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView, chain};

/// Where backups of the embedded database go. The daemon knows its folder.
pub trait Backups: Send + Sync + 'static {
    /// Blocks until the copy is whole and checked.
    ///
    /// # Errors
    /// No room, a damaged database, a folder that cannot be written.
    fn make(&self, at: Timestamp) -> Result<Backup, Box<dyn Error + Send + Sync>>;
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(make))
}

/// Makes a backup beside the database. With an `Idempotency-Key`, a repeated request makes no second one.
#[utoipa::path(post, operation_id = "make_backup", path = "/api/v1/backups", tag = "health", request_body = Nothing,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = BackupView), (status = "4XX", body = ProblemView)))]
async fn make(State(app): State<App>, command: Command<Nothing>) -> Result<Response, Problem> {
    permit::require(&command.by, Act::BackUp)?;
    let Some(backups) = app.options.backups.clone() else {
        let detail = "the database is PostgreSQL: copy it with pg_dump";
        return Err(
            Problem::because(Code::BadState, detail).in_chinese("数据库是 PostgreSQL，请用 pg_dump 备份")
        );
    };
    // One at a time: the second of two equal requests finds what the first has made.
    let _one = app.backing_up.lock().await;
    let subject = subject(command.once.as_ref());
    if command.once.is_some()
        && let Some(made) = made_before(&app, &subject).await?
    {
        return Ok((StatusCode::CREATED, replayed(), Json(made)).into_response());
    }
    let at = command.at;
    let made = tokio::task::spawn_blocking(move || backups.make(at)).await;
    let made = match made {
        Ok(Ok(made)) => BackupView::of(&made),
        Ok(Err(failed)) => return Err(failure(failed.as_ref())),
        Err(panicked) => return Err(failure(&panicked)),
    };
    info!(file = made.file, bytes = made.bytes, "Made a backup");
    app.store().note(command.audit("backup.made", subject, json!(made))).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct BackupView {
    /// Name of the file, in `backups/` of the data folder.
    #[schema(example = "juzhen-20260601T020000.000Z.db")]
    file: String,
    bytes: u64,
    /// Number of the newest row of the audit in it.
    audit: i64,
    /// Everything until then is in it.
    newest: Option<Timestamp>,
}

impl BackupView {
    fn of(made: &Backup) -> Self {
        let name = made.file.file_name().map(|name| name.to_string_lossy().into_owned());
        Self { file: name.unwrap_or_default(), bytes: made.bytes, audit: made.audit, newest: made.newest }
    }
}

/// Shared, so that the handler can take it to a thread of its own.
pub(crate) type SharedBackups = Arc<dyn Backups>;

/// The subject of its audit row names the request, so that the audit tells whether it was done before.
fn subject(once: Option<&Once>) -> String {
    match once {
        None => "backup:database".to_owned(),
        Some(once) => {
            let digest = Sha256::digest(format!("{} {}", once.person, once.key));
            format!("backup:{}", hex(&digest))
        }
    }
}

async fn made_before(app: &App, subject: &str) -> Result<Option<BackupView>, Problem> {
    let filter = AuditFilter { subject: Some(subject.to_owned()), before: None, most: 1 };
    let row = app.store().audit(filter).await?.pop();
    Ok(row.and_then(|row| serde_json::from_value(row.audit.detail).ok()))
}

fn failure(cause: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error = chain(cause), "Could not make a backup");
    Problem::new(Code::BackupFailed)
}
