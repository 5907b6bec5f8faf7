//! 适配器: what is loaded, how it is, and which accounts it serves; refused files with the reason.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use juzhen_engine::AdapterState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Caller;
use crate::problem::ProblemView;
use crate::query::NoParameters;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Every adapter, then every file of the folder that is not running.
#[utoipa::path(get, operation_id = "list_adapters", path = "/api/v1/adapters", tag = "adapters",
    responses((status = 200, body = AdapterList), (status = "4XX", body = ProblemView)))]
async fn list(State(app): State<App>, _caller: Caller, _none: NoParameters) -> Json<AdapterList> {
    let mut accounts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for account in app.engine.settings().accounts.values() {
        accounts.entry(account.adapter.clone()).or_default().push(account.id.to_string());
    }
    let adapters = app.engine.host().adapters().into_iter().map(|adapter| {
        let state = StateView::of(&adapter.state);
        let serves = state.state != "refused";
        AdapterView {
            accounts: if serves { accounts.remove(&adapter.name).unwrap_or_default() } else { Vec::new() },
            state,
            version: adapter.version,
            platform: adapter.platform,
            title: adapter.title,
            sha256: adapter.sha256,
            file: adapter
                .file
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            file_missing: adapter.file_missing,
            operations: adapter.operations,
            sandbox: adapter.isolation.map(|report| SandboxView {
                missing: report.missing(),
                active: report
                    .mechanisms
                    .into_iter()
                    .filter(|m| m.missing.is_none())
                    .map(|m| m.name)
                    .collect(),
            }),
            pid: adapter.pid,
            resident_bytes: adapter.rss,
            in_flight: adapter.in_flight,
            calls: adapter.calls,
            crashes: adapter.crashes,
            timeouts: adapter.timeouts,
            restarts: adapter.restarts,
            name: adapter.name,
        }
    });
    let adapters = adapters.collect();
    // What is left is served by no adapter that is there.
    let unserved = accounts.into_iter().map(|(name, accounts)| Unserved { name, accounts }).collect();
    Json(AdapterList { adapters, unserved })
}

/// Every file of the adapter folder in one line.
pub(crate) fn lines(app: &App) -> Vec<AdapterLine> {
    let adapters = app.engine.host().adapters().into_iter();
    let lines = adapters.map(|adapter| AdapterLine {
        state: StateView::of(&adapter.state),
        name: adapter.name,
        version: adapter.version,
    });
    lines.collect()
}

/// An adapter and whether it takes calls.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdapterLine {
    name: String,
    version: String,
    #[serde(flatten)]
    state: StateView,
}

#[derive(Debug, Serialize, ToSchema)]
struct AdapterList {
    adapters: Vec<AdapterView>,
    /// Adapters that accounts name and that are not loaded.
    unserved: Vec<Unserved>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Unserved {
    name: String,
    accounts: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AdapterView {
    name: String,
    version: String,
    platform: String,
    /// Chinese name for people.
    title: String,
    #[serde(flatten)]
    state: StateView,
    /// Accounts that it serves.
    accounts: Vec<String>,
    /// Which file it is, by content; empty when it could not be read.
    sha256: String,
    file: String,
    /// It serves from its private copy; the file itself is gone.
    file_missing: bool,
    operations: Vec<String>,
    /// Null while no process runs.
    sandbox: Option<SandboxView>,
    pid: Option<u32>,
    /// Of its process.
    resident_bytes: u64,
    in_flight: usize,
    calls: u64,
    crashes: u64,
    timeouts: u64,
    restarts: u64,
}

/// Whether it takes calls.
#[derive(Debug, Serialize, ToSchema)]
struct StateView {
    /// `serving`, `restarting`, `quarantined` or `refused`.
    state: &'static str,
    state_zh: &'static str,
    /// Why the file was refused.
    reason: Option<String>,
    /// When it is tried again.
    until: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SandboxView {
    active: Vec<String>,
    /// What this machine cannot do, with the reason.
    missing: Vec<String>,
}

impl StateView {
    fn of(state: &AdapterState) -> Self {
        let time = |millis: &i64| Timestamp::from_millisecond(*millis).ok();
        let (state, state_zh, reason, until) = match state {
            AdapterState::Serving => ("serving", "运行中", None, None),
            AdapterState::Restarting { at } => ("restarting", "重启中", None, time(at)),
            AdapterState::Quarantined { until } => ("quarantined", "已隔离", None, time(until)),
            AdapterState::Refused { reason } => ("refused", "未加载", Some(reason.clone()), None),
        };
        Self { state, state_zh, reason, until }
    }
}
