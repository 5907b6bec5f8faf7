//! What Prometheus reads. Everything is a look at the present state, so nothing has to be counted along the way.

use std::fmt::{Display, Write};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use juzhen_domain::state::{DeliveryState, ItemState};
use juzhen_engine::AdapterState;
use juzhen_store::Counts;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::Problem;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Metrics in the Prometheus text format.
#[utoipa::path(get, operation_id = "metrics", path = "/metrics", tag = "health", security(),
    responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let counts = app.store().counts(app.now()).await?;
    let stopped = app.store().stopped().await?.is_some();
    let paused = app.store().troubled().await?.iter().filter(|t| t.pause.is_some()).count();
    let signed_out =
        app.store().sign_ins().await?.iter().filter(|row| row.sign_in.needed_since.is_some()).count();
    let mut page = Page::default();
    work(&mut page, &counts, stopped);
    page.gauge("juzhen_accounts_paused", "Accounts on which nothing leaves until a person lifts it.", paused);
    page.gauge("juzhen_accounts_signed_out", "Accounts that somebody has to sign in on.", signed_out);
    if let Some(free) = app.engine.room().await?.free {
        page.gauge("juzhen_database_free_bytes", "What the database may still grow by.", free);
    }
    messages(&mut page, &app).await?;
    services(&mut page, &app);
    configuration(&mut page, &app);
    adapters(&mut page, &app);
    failpoints(&mut page, &app);
    process(&mut page);
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.text).into_response())
}

fn work(page: &mut Page, counts: &Counts, stopped: bool) {
    let of =
        |counted: &std::collections::BTreeMap<String, u64>, state| counted.get(state).copied().unwrap_or(0);
    page.family("juzhen_deliveries", "gauge", "Deliveries by state.");
    for state in DeliveryState::ALL {
        page.sample(
            "juzhen_deliveries",
            &[("state", state.as_str())],
            of(&counts.deliveries, state.as_str()),
        );
    }
    page.family("juzhen_items", "gauge", "Items by state.");
    for state in ItemState::ALL {
        page.sample("juzhen_items", &[("state", state.as_str())], of(&counts.items, state.as_str()));
    }
    page.gauge("juzhen_overdue_seconds", "How long the oldest due delivery is due.", counts.overdue_seconds);
    page.gauge(
        "juzhen_in_doubt_seconds",
        "How long the oldest delivery in doubt is in doubt.",
        counts.in_doubt_seconds,
    );
    page.gauge("juzhen_stopped", "1 while STOP ALL is on.", u8::from(stopped));
}

/// Says the same as `/readyz`, without a look at the database: that this page is there says that it can be read.
fn services(page: &mut Page, app: &App) {
    let health = app.engine.health();
    page.family(
        "juzhen_service_working",
        "gauge",
        "1 while the service does its work, 0 while it is silent or fails.",
    );
    for service in &health.services {
        page.sample("juzhen_service_working", &[("service", service.name)], u8::from(service.ok));
    }
    page.gauge(
        "juzhen_clock_believed",
        "0 while the wall clock jumped or cannot be: nothing is claimed or begun then.",
        u8::from(health.clock.is_none()),
    );
    page.family("juzhen_clock_jumps_total", "counter", "Jumps of the wall clock by more than 5 s.");
    page.sample("juzhen_clock_jumps_total", &[], health.clock_jumps);
    let node = app.engine.standing_among_others();
    page.gauge(
        "juzhen_joined",
        "0 while this daemon's lease among the others on its database is over: it claims nothing then.",
        u8::from(node.joined),
    );
    page.gauge(
        "juzhen_database_clock_skew_seconds",
        "The database's clock against this machine's at the last sign of life.",
        node.skew.as_secs_f64(),
    );
    let name = "juzhen_service_last_round_timestamp_seconds";
    page.family(name, "gauge", "When the service last finished a round.");
    for service in &health.services {
        let last = service.last_round_at.map_or(0, jiff::Timestamp::as_second);
        page.sample(name, &[("service", service.name)], last);
    }
}

/// What platforms send and are asked for. Unlike the rest the requests are counted along the way: nothing of them is kept.
async fn messages(page: &mut Page, app: &App) -> Result<(), Problem> {
    let (ends, new) = app.callbacks.seen.so_far();
    page.family("juzhen_callbacks_total", "counter", "Requests of platforms by how they ended.");
    for (end, count) in ends {
        page.sample("juzhen_callbacks_total", &[("end", end)], count);
    }
    page.family("juzhen_callback_messages_total", "counter", "New messages that platforms sent.");
    page.sample("juzhen_callback_messages_total", &[], new);
    let failing = app.store().intake().await?.iter().filter(|intake| intake.failures > 0).count();
    page.gauge(
        "juzhen_accounts_unread",
        "Accounts whose messages could not be read at the last try.",
        failing,
    );
    Ok(())
}

/// Only tests set any.
fn failpoints(page: &mut Page, app: &App) {
    let mut reached = app.engine.failpoints().reached().peekable();
    if reached.peek().is_none() {
        return;
    }
    page.family(
        "juzhen_failpoint_reached_total",
        "counter",
        "How often a failpoint that is set was reached.",
    );
    for (name, times) in reached {
        page.sample("juzhen_failpoint_reached_total", &[("failpoint", name)], times);
    }
}

fn configuration(page: &mut Page, app: &App) {
    let status = app.engine.reload_status();
    page.gauge(
        "config_last_reload_successful",
        "Whether the files are the running settings.",
        u8::from(status.successful),
    );
    let success = status.last_success_at.map_or(0, jiff::Timestamp::as_second);
    page.gauge("config_last_reload_success_timestamp_seconds", "When a reload last went well.", success);
    page.family("config_revision", "gauge", "Revision of the running settings.");
    page.sample("config_revision", &[("revision", &status.revision)], 1);
}

fn adapters(page: &mut Page, app: &App) {
    let (running, refused): (Vec<_>, Vec<_>) = (app.engine.host().adapters().into_iter())
        .partition(|adapter| !matches!(adapter.state, AdapterState::Refused { .. }));
    page.gauge(
        "juzhen_adapter_files_refused",
        "Files in the adapter folder that are not running.",
        refused.len(),
    );
    let mut counted = |name: &str, help: &str, counts: Vec<u64>| {
        page.family(name, "counter", help);
        for (adapter, count) in running.iter().zip(counts) {
            page.sample(name, &[("adapter", &adapter.name)], count);
        }
    };
    let each = running.iter();
    counted("juzhen_adapter_calls_total", "Calls of an adapter.", each.clone().map(|a| a.calls).collect());
    counted(
        "juzhen_adapter_crashes_total",
        "Crashes of its process.",
        each.clone().map(|a| a.crashes).collect(),
    );
    counted(
        "juzhen_adapter_timeouts_total",
        "Calls that took too long.",
        each.clone().map(|a| a.timeouts).collect(),
    );
    counted("juzhen_adapter_restarts_total", "Restarts of its process.", each.map(|a| a.restarts).collect());
    page.family("juzhen_adapter_up", "gauge", "1 while the adapter takes calls.");
    for adapter in &running {
        let serving = matches!(adapter.state, AdapterState::Serving);
        page.sample("juzhen_adapter_up", &[("adapter", &adapter.name)], u8::from(serving));
    }
    page.family("juzhen_adapter_resident_memory_bytes", "gauge", "Resident memory of the adapter's process.");
    for adapter in &running {
        page.sample("juzhen_adapter_resident_memory_bytes", &[("adapter", &adapter.name)], adapter.rss);
    }
}

fn process(page: &mut Page) {
    if let Some(bytes) = resident_bytes() {
        page.gauge("process_resident_memory_bytes", "Resident memory of the daemon.", bytes);
    }
    page.family("juzhen_build_info", "gauge", "Version of the daemon.");
    page.sample("juzhen_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
}

/// From `/proc`; none where there is no such thing.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The text format: families of samples with their labels.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
        let _ = writeln!(self.text, "{name}{{{}}} {value}", labels.join(","));
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        let _ = writeln!(self.text, "{name} {value}");
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let mut page = Page::default();
        page.sample("m", &[("a", "x\"} 1\nevil 2\\")], 3);
        assert_eq!(page.text, "m{a=\"x\\\"} 1\\nevil 2\\\\\"} 3\n");
    }

    #[test]
    fn every_state_is_there_even_when_nothing_is_in_it() {
        let mut page = Page::default();
        work(&mut page, &Counts::default(), false);
        for state in DeliveryState::ALL {
            assert!(page.text.contains(&format!("juzhen_deliveries{{state=\"{state}\"}} 0\n")), "{state}");
        }
    }

    #[test]
    fn the_daemons_own_memory_is_known() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
    }
}
