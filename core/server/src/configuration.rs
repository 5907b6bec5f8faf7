//! 配置: what runs, what is wrong with the files, and reading them again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use juzhen_engine::{Proposed, ReloadOutcome};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::command::Command;
use crate::permit::{self, Act};
use crate::problem::{Code, Problem, ProblemView};
use crate::query::NoParameters;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(sources)).routes(routes!(reload))
}

/// The running settings in figures, and how the last reload went.
#[utoipa::path(get, operation_id = "read_configuration", path = "/api/v1/configuration", tag = "configuration",
    responses((status = 200, body = ConfigurationView), (status = "4XX", body = ProblemView)))]
async fn read(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<ConfigurationView>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let status = app.engine.reload_status();
    let settings = app.engine.settings();
    Ok(Json(ConfigurationView {
        revision: status.revision.clone(),
        successful: status.successful,
        on_last_good: status.on_last_good,
        last_success_at: status.last_success_at,
        last_try_at: status.last_try_at,
        faults: match &status.faults {
            Some(report) => Some(value(&report.faults)?),
            None => None,
        },
        waiting_for_confirmation: status.waiting_for_confirmation.as_ref().map(ProposedView::of),
        restart_needed: status.restart_needed.clone(),
        units: settings.units.len(),
        people: settings.people.len(),
        accounts: settings.accounts.len(),
        columns: settings.columns.len(),
        routes: settings.routes.len(),
    }))
}

/// The text of every file that the running settings were read from. Secrets are named in them, never written.
#[utoipa::path(get, operation_id = "read_configuration_sources", path = "/api/v1/configuration/sources", tag = "configuration",
    responses((status = 200, body = SourcesView), (status = "4XX", body = ProblemView)))]
async fn sources(
    State(app): State<App>,
    Caller(caller): Caller,
    _none: NoParameters,
) -> Result<Json<SourcesView>, Problem> {
    permit::require(&caller, Act::SeeConfiguration)?;
    let settings = app.engine.settings();
    let sources = settings.sources.iter().map(|(name, text)| (name.clone(), text.to_string())).collect();
    Ok(Json(SourcesView { revision: settings.revision.to_string(), sources }))
}

/// Reads the files now and answers with what came of it: applied or unchanged, or 422 with every fault.
#[utoipa::path(post, operation_id = "reload_configuration", path = "/-/reload", tag = "configuration", request_body = NewReload,
    responses((status = 200, body = Reloaded), (status = "4XX", body = ProblemView)))]
async fn reload(State(app): State<App>, command: Command<NewReload>) -> Result<Response, Problem> {
    permit::require(&command.by, Act::Reload)?;
    let outcome = match &command.body.confirm {
        None => app.engine.reload().await,
        Some(revision) => app.engine.reload_confirmed(revision).await,
    };
    match outcome {
        ReloadOutcome::Applied { revision, changes } => {
            let detail = json!({ "confirmed": command.body.confirm.is_some(), "changes": &changes });
            app.store()
                .note(command.audit("settings.reloaded", format!("settings:{revision}"), detail))
                .await?;
            Ok(Json(Reloaded { result: "applied", revision, changes: Some(value(&changes)?) })
                .into_response())
        }
        ReloadOutcome::Unchanged { revision } => {
            Ok(Json(Reloaded { result: "unchanged", revision, changes: None }).into_response())
        }
        ReloadOutcome::Refused(report) => {
            let detail = format!("{} faults; the running settings go on", report.faults.len());
            Err(Problem::because(Code::SettingsRefused, detail).with_faults(value(&report.faults)?))
        }
        ReloadOutcome::NeedsConfirmation(Proposed { revision, reasons }) => {
            let detail = format!("to confirm, send {{\"confirm\":\"{revision}\"}}: {}", reasons.join("; "));
            Err(Problem::because(Code::SettingsDangerous, detail).with_faults(value(&reasons)?))
        }
        ReloadOutcome::NotKept { problem } => {
            error!(problem, "Could not keep the new settings");
            Err(Problem::new(Code::Internal))
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct SourcesView {
    revision: String,
    /// File, relative to the folder → text.
    sources: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReload {
    /// Revision of a large change that waits for confirmation.
    #[serde(default)]
    confirm: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Reloaded {
    /// `applied` or `unchanged`.
    result: &'static str,
    revision: String,
    /// What was added, removed and changed.
    #[schema(value_type = Option<Object>)]
    changes: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ConfigurationView {
    /// Of the running settings.
    revision: String,
    /// The files are the running settings.
    successful: bool,
    /// Started on the kept settings because the files are not good.
    on_last_good: bool,
    last_success_at: Option<Timestamp>,
    last_try_at: Timestamp,
    /// What is wrong with the files: file, line, column, message, suggestion.
    #[schema(value_type = Option<Vec<Object>>)]
    faults: Option<Value>,
    waiting_for_confirmation: Option<ProposedView>,
    /// Changed settings that only a restart applies.
    restart_needed: Vec<String>,
    units: usize,
    people: usize,
    accounts: usize,
    columns: usize,
    routes: usize,
}

/// A large change that somebody has to confirm by its revision.
#[derive(Debug, Serialize, ToSchema)]
struct ProposedView {
    revision: String,
    reasons: Vec<String>,
}

impl ProposedView {
    fn of(proposed: &Proposed) -> Self {
        Self { revision: proposed.revision.clone(), reasons: proposed.reasons.clone() }
    }
}

fn value<T: Serialize>(of: &T) -> Result<Value, Problem> {
    serde_json::to_value(of)
        .map_err(|failed| Problem::internal("write the settings' report as JSON", &failed))
}
