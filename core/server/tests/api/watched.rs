//! What machines that watch the daemon are told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Api, Request, fresh, in_seconds, log, new_item};

async fn ready(api: &Api) -> (u16, Value) {
    let answer = api.send(Request::new("GET", "/readyz")).await;
    (answer.status, answer.json())
}

async fn until_ready(api: &Api, wanted: u16) -> Value {
    let start = Instant::now();
    loop {
        let (status, body) = ready(api).await;
        if status == wanted {
            return body;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "never {wanted}: {body}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p16_ready_means_that_every_service_works() {
    let api = Api::start().await;
    assert_eq!(api.send(Request::new("GET", "/healthz")).await.json()["status"], "alive");
    let (status, body) = ready(&api).await;
    assert_eq!((status, body["ready"].as_bool()), (503, Some(false)));
    assert!(body["reasons"].as_array().unwrap().contains(&json!("service claim has not run yet")), "{body}");
    let running = api.run_engine();
    let body = until_ready(&api, 200).await;
    assert_eq!((&body["reasons"], &body["warnings"]), (&json!([]), &json!([])));
    drop(running);
    // The store is closed with the engine.
    let body = until_ready(&api, 503).await;
    assert!(body["reasons"].to_string().contains("database"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p16_a_writer_that_hangs_is_noticed_and_does_not_hang_the_answer() {
    let api = Api::with(|_| {}, "claim.before_commit=1*sleep(5000)").await;
    let _running = api.run_engine();
    until_ready(&api, 200).await;
    let item = api.submitted("通知").await;
    api.decide("off.hg", &item, json!({ "publish_at": in_seconds(0) })).await;
    let body = until_ready(&api, 503).await;
    assert!(
        body["reasons"].as_array().unwrap().contains(&json!("the database does not take writes")),
        "{body}"
    );
    assert_eq!(api.send(Request::new("GET", "/healthz")).await.status, 200);
    until_ready(&api, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_follow_what_happens() {
    let api = Api::start().await;
    api.scheduled("通知").await;
    api.submitted("另一条").await;
    api.district.write("routes.yaml", "routes: {}\n");
    api.post("sys", "/-/reload", json!({})).await;
    api.post("off.hg", "/api/v1/stop", json!({ "reason": "演练" })).await;
    let answer = api.send(Request::new("GET", "/metrics")).await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let page = answer.text();
    let revision = format!("config_revision{{revision=\"{}\"}} 1", api.engine.settings().revision);
    for line in [
        "juzhen_deliveries{state=\"due\"} 1",
        "juzhen_items{state=\"scheduled\"} 1",
        "juzhen_items{state=\"pending_office\"} 1",
        "juzhen_overdue_seconds 0",
        "juzhen_in_doubt_seconds 0",
        "juzhen_stopped 1",
        "config_last_reload_successful 0",
        &revision,
        "juzhen_adapter_calls_total{adapter=\"mock\"} 0",
        "juzhen_adapter_up{adapter=\"mock\"} 1",
        "juzhen_adapter_files_refused 0",
        "juzhen_service_working{service=\"claim\"} 0",
        "juzhen_service_last_round_timestamp_seconds{service=\"claim\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(page.contains("process_resident_memory_bytes ") && page.contains("juzhen_build_info{version="));
    // Every sample belongs to a family that was announced before it.
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(page.contains(&format!("# TYPE {name} ")), "{line}");
    }
}

/// Rules about a metric that does not exist never fire, and nobody notices.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_alert_rules_is_there() {
    let api = Api::start().await;
    let page = api.send(Request::new("GET", "/metrics")).await.text();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../daemon/deploy/alerts.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let named = |word: &&str| word.starts_with("juzhen_") || word.starts_with("config_");
    let mut seen = 0;
    for line in rules.lines().filter(|line| line.trim_start().starts_with("expr:")) {
        for metric in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(named) {
            seen += 1;
            assert!(page.contains(&format!("# TYPE {metric} ")), "{metric} is not in\n{page}");
        }
    }
    assert!(seen >= 10, "only {seen} metrics are named");
}

#[tokio::test(flavor = "multi_thread")]
async fn failpoints_tell_how_often_they_were_reached() {
    let api = Api::with(|_| {}, "approve.before_commit=note").await;
    api.scheduled("通知").await;
    let page = api.send(Request::new("GET", "/metrics")).await.text();
    assert!(
        page.contains("juzhen_failpoint_reached_total{failpoint=\"approve.before_commit\"} 1\n"),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_one_line_with_its_id_its_person_and_no_token() {
    let api = Api::start().await;
    let id = fresh("trace");
    let request = Request::new("POST", "/api/v1/items").of("d07.xx").header("X-Request-Id", &id);
    api.send(request.json(&new_item("通知"))).await;
    let odd = Request::new("GET", "/api/v1/items?token=s3cret").of("off.hg").header("X-Request-Id", "a\tb");
    let odd_id = api.send(odd).await.header("x-request-id").unwrap().to_owned();
    assert_ne!(odd_id, "a\tb");
    let lines: Vec<Value> = log::lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |id: &str| lines.iter().filter(|line| line["span"]["request.id"] == id).collect::<Vec<_>>();
    let first = of(&id);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((&first[0]["level"], &first[0]["fields"]["status"]), (&json!("INFO"), &json!(201)));
    assert_eq!(first[0]["fields"]["message"], "POST /api/v1/items answered 201");
    assert_eq!(first[0]["span"]["person"], "d07.xx");
    assert!(first[0]["fields"]["ms"].is_u64());
    let second = of(&odd_id);
    assert_eq!(second.len(), 1, "{second:?}");
    assert_eq!(second[0]["fields"]["code"], "unknown_parameter");
    let everything = log::lines().concat();
    assert!(!everything.contains("token-of") && !everything.contains("s3cret"));
}
