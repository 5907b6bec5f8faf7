//! Secrets that a platform hands out: asked for once, kept whatever becomes of the call, and not asked for in vain (F10, F39,
//! F61).

use std::time::Duration;

use juzhen_abi::message::{Capture, Effect, HttpRequest};
use serde_json::json;

use super::platform::{Do, Platform, answer, bytes_of};
use super::{Bench, Cx, answer_of, call, ok, script, told};
use crate::capabilities::renewal::Unrenewed;
use crate::outcome::Failure;

fn renewal(cx: &Cx) -> HttpRequest {
    let capture =
        Capture { pointer: "/access_token".into(), secret: "token".into(), ttl: Some("/expires_in".into()) };
    let (effect, capture) = (Effect::Safe, vec![capture]);
    HttpRequest { method: "POST".into(), url: cx.url("/token"), effect, capture, ..HttpRequest::default() }
}

#[tokio::test]
async fn f39_a_call_whose_secret_somebody_has_renewed_meanwhile_does_not_ask_the_platform() {
    let platform = Platform::start(|seen| match seen.path() {
        "/me?t=newer" => answer(200, "{}"),
        _ => answer(401, "{}"),
    })
    .await;
    let bench = Bench::new(script(|cx| async move {
        let (refused, _) = cx.get("/me?t={{secret:token}}").await.unwrap();
        // The test renews it here.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (_, body) = cx.http(renewal(&cx), b"").await.unwrap();
        let (again, _) = cx.get("/me?t={{secret:token}}").await.unwrap();
        ok(&json!([refused.status, String::from_utf8(body).unwrap(), again.status]))
    }));
    let secrets = bench.memory.secrets.clone();
    let somebody = async {
        while platform.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        secrets.put("d07", "token", "newer");
    };
    let (reply, ()) = tokio::join!(bench.call(call(&platform.url)), somebody);
    assert_eq!(answer_of(&reply), json!([401, r#"{"access_token":"***"}"#, 200]));
    assert!(!platform.paths().iter().any(|path| path == "/token"), "{:?}", platform.paths());
    assert_eq!(reply.unrenewed, None);
}

#[tokio::test]
async fn f10_a_renewal_that_comes_to_nothing_is_told_beside_what_the_adapter_makes_of_it() {
    let platform = Platform::start(|_| answer(401, r#"{"error":"app_secret_wrong"}"#)).await;
    let bench = Bench::new(script(|cx| async move {
        match cx.http(renewal(&cx), b"").await {
            Ok((head, _)) => ok(&json!(head.status)),
            Err(refused) => told(&refused),
        }
    }));
    let reply = bench.call(call(&platform.url)).await;
    let unrenewed = reply.unrenewed.unwrap();
    assert!(
        unrenewed.reason.contains("401") && unrenewed.reason.contains("app_secret_wrong"),
        "{unrenewed:?}"
    );
    assert!(!unrenewed.put_off);
    bench.memory.secrets.put_off(Some("app_secret_wrong"));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(reply.unrenewed, Some(Unrenewed { reason: "app_secret_wrong".into(), put_off: true }));
    assert!(format!("{:?}", reply.result).contains("Denied: no new secret now"), "{:?}", reply.result);
    assert_eq!(platform.seen().len(), 1, "it is not asked again");
}

#[tokio::test]
async fn f61_a_secret_that_comes_after_the_call_has_ended_is_kept() {
    let late = bytes_of(200, br#"{"access_token":"late","expires_in":7200}"#, "");
    let platform = Platform::start(move |_| Do::After(Duration::from_millis(700), late.clone())).await;
    let bench = Bench::new(script(|cx| async move {
        let _never = cx.http(renewal(&cx), b"").await;
        ok(&json!({}))
    }));
    let mut call = call(&platform.url);
    call.deadline = Duration::from_millis(300);
    assert_eq!(bench.call(call).await.result, Err(Failure::TimedOut));
    while bench.memory.secrets.look("d07", "token").unwrap().0 != "late" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
