//! A call that signs an account in: what it captures is the account's only when it says so (F10, C19).

use std::time::Duration;

use juzhen_abi::message::{Capture, Effect, HttpRequest};
use serde_json::{Value, json};

use super::platform::{Do, Platform, answer, bytes_of};
use super::{Bench, CANARY, answer_of, call, ok, told};
use crate::call::{Call, EffectPolicy, Noticed};
use crate::lane::LaneAnswer;
use crate::outcome::Failure;
use crate::simulated::{Cx, script};

const FRESH: &str = "fresh-canary-91c";

fn authorize(base: &str) -> Call {
    Call { operation: "authorize".into(), effects: EffectPolicy::Forbid, ..call(base) }
}

/// Buys a token, then asks with it who it is; answers with `granted` for that uid.
async fn sign_in(cx: Cx, uid: &str) -> LaneAnswer {
    let capture =
        Capture { pointer: "/access_token".into(), secret: "token".into(), ttl: Some("/expires_in".into()) };
    let buy = HttpRequest {
        method: "POST".into(),
        url: cx.url("/token"),
        effect: Effect::Safe,
        capture: vec![capture],
        ..HttpRequest::default()
    };
    let bought = cx.http(buy, b"code=1").await;
    let who = HttpRequest {
        method: "GET".into(),
        url: cx.url("/who"),
        headers: vec![("authorization".into(), "Bearer {{secret:token}}".into())],
        ..HttpRequest::default()
    };
    let who = cx.http(who, b"").await;
    if bought.is_err() || who.is_err() {
        return told(&bought.err().or(who.err()).unwrap());
    }
    ok(&json!({"state": "granted", "uid": uid}))
}

async fn platform() -> Platform {
    Platform::start(|seen| match seen.path() {
        "/token" => answer(200, &json!({"access_token": FRESH, "expires_in": 60}).to_string()),
        _ => answer(200, "{}"),
    })
    .await
}

#[tokio::test]
async fn f10_a_granted_sign_in_replaces_what_the_account_had_and_nothing_shows_it() {
    let platform = platform().await;
    let bench = Bench::new(script(|cx| sign_in(cx, "7")));
    // The account's token is good, and the platform said no a moment ago: a person wants a new one all the same.
    bench.memory.secrets.put_off(Some("busy"));
    let reply = bench.call(authorize(&platform.url)).await;
    assert_eq!(answer_of(&reply), json!({"state": "granted", "uid": "7"}));
    assert_eq!(
        bench.memory.secrets.look("d07", "token"),
        Some((FRESH.to_owned(), Some(Duration::from_secs(60))))
    );
    let who = platform.seen().into_iter().find(|seen| seen.path() == "/who").unwrap();
    assert!(who.head.contains(FRESH), "later requests of the call are sent with it");
}

#[tokio::test]
async fn c19_a_sign_in_as_somebody_else_or_one_that_breaks_off_leaves_the_account_what_it_had() {
    let platform = platform().await;
    let as_it_was = || Some((CANARY.to_owned(), None));
    let bench = Bench::new(script(|cx| sign_in(cx, "8")));
    let reply = bench.call(authorize(&platform.url)).await;
    assert_eq!(answer_of(&reply)["uid"], "8", "the daemon is told who it was");
    assert_eq!(bench.memory.secrets.look("d07", "token"), as_it_was());

    let bench = Bench::new(script(|cx| async move {
        let _granted = sign_in(cx, "7").await;
        LaneAnswer::Malformed("and then it broke".into())
    }));
    let reply = bench.call(authorize(&platform.url)).await;
    assert!(matches!(reply.result, Err(Failure::BadAnswer { .. })), "{:?}", reply.result);
    assert_eq!(bench.memory.secrets.look("d07", "token"), as_it_was());

    // Nothing was bought: nobody is signed in, whatever the adapter says.
    let bench = Bench::new(script(|_| async move { ok(&json!({"state": "granted", "uid": "7"})) }));
    let reply = bench.call(authorize(&platform.url)).await;
    assert!(matches!(reply.result, Err(Failure::BadAnswer { .. })), "{:?}", reply.result);
    assert_eq!(bench.memory.secrets.look("d07", "token"), as_it_was());
}

#[tokio::test]
async fn f61_what_a_request_shows_of_the_way_to_the_platform_is_noticed() {
    let dated = bytes_of(200, b"{}", "date: Thu, 01 Jan 2026 00:00:00 GMT\r\n");
    let platform = Platform::start(move |_| Do::Raw(dated.clone())).await;
    let ask = || {
        script(|cx: Cx| async move {
            let _any = cx.get("/").await;
            ok(&Value::Null)
        })
    };
    let bench = Bench::new(ask());
    let noticed = bench.call(call(&platform.url)).await.noticed;
    let ahead = noticed.clock_ahead_ms.unwrap();
    let now = crate::ports::Clock::now_unix_ms(&crate::memory::SystemClock);
    assert!((now - ahead - 1_767_225_600_000).abs() < 60_000, "{noticed:?}");
    assert_eq!(noticed.unreachable, None);
    let nobody = bench.call(call("http://127.0.0.1:1")).await.noticed;
    assert!(matches!(nobody, Noticed { unreachable: Some(_), clock_ahead_ms: None }), "{nobody:?}");
}
