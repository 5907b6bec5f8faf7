//! What people are told goes to an address outside until it is taken, signed, and touches no delivery (F08).

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use juzhen_sandbox::{Fault, ScriptedRefusal};
use juzhen_tests::{Daemon, Stage};

use crate::district;
use crate::receiver::Receiver;

const SECRET: &str = "s3cret-of-the-hook";

/// Where nobody listens yet.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The pauses between tries add up to more than the usual patience.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done().await {
        assert!(start.elapsed() < Duration::from_secs(120), "not within two minutes: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f08_a_notice_reaches_an_address_that_was_down_and_answered_errors_once_it_takes_it() {
    let stage = Stage::start().await;
    let address = nowhere();
    let district = district(&stage, &format!("notices: {{webhook: \"http://{address}/hook?key=k3y\"}}\n"));
    std::fs::write(district.path("secrets").join("webhook"), format!("{SECRET}\n")).unwrap();
    let mut daemon = Daemon::start(&district);
    stage.fault("POST", "/W015/posts", Some(1), Fault::Status(ScriptedRefusal::of(400)));
    let id = daemon.publish("d07.xx", "平台不收", &["W015"], Duration::from_millis(200)).await;
    daemon.until(&id, &["refused"]).await;
    // Down: the delivery is as it was, and people see that the notice did not arrive.
    until("a try that fails", async || {
        let failing = daemon.get("/api/v1/notices?failing=true").await;
        failing["notices"][0]["hook"]["problem"].as_str().is_some_and(|why| why.starts_with("no answer"))
    })
    .await;
    assert_eq!(daemon.states(&id).await["W015"], "refused");
    let other = daemon.publish("d07.xx", "照常发布", &["W015"], Duration::from_millis(200)).await;
    daemon.until(&other, &["published"]).await;
    // Up again: an error and a redirect are no receipt. A killed daemon goes on where it was.
    let receiver = Receiver::at(address, |number| [500, 302].get(number).copied().unwrap_or(204));
    until("the first message", async || !receiver.got().is_empty()).await;
    daemon.kill();
    let daemon = Daemon::start(&district);
    until("it is taken", async || {
        let notices = daemon.get("/api/v1/notices?limit=1").await;
        !notices["notices"][0]["hook"]["sent_at"].is_null()
    })
    .await;
    let got = receiver.got();
    assert!(got.len() >= 3, "{got:#?}");
    let of_delivery = format!("\"{}\"", got[0].json()["id"].as_str().unwrap());
    for message in &got {
        assert!(message.is_signed_by(SECRET) && !message.is_signed_by("another"), "{message:?}");
        assert_eq!(format!("\"{}\"", message.header("x-juzhen-id")), of_delivery, "the same id each time");
        assert!(message.head.starts_with("POST /hook?key=k3y "), "{}", message.head);
        assert_eq!(message.json()["kind"], "refused");
    }
    // Once it is taken, no more.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(receiver.got().len(), got.len());
    assert_eq!(daemon.get("/api/v1/notices?failing=true").await["notices"].as_array().unwrap().len(), 0);
    // Neither the secret nor the key in the address is in the log.
    let log = daemon.log();
    assert!(!log.contains(SECRET) && !log.contains("k3y"), "{log}");
}
