//! One call cannot reach into another: scopes, budgets, values, and suspects that run alone.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use juzhen_abi::message::HostErrorKind;
use serde_json::json;

use super::platform::{Do, Platform, answer};
use super::{Bench, answer_of, call, ok, script};
use crate::journal::lock;
use crate::lane::LaneAnswer;
use crate::options::{Budgets, EgressOptions};
use crate::outcome::Failure;

#[tokio::test]
async fn an_invented_or_ended_scope_is_denied() {
    let earlier = Arc::new(AtomicU64::new(0));
    let noted = Arc::clone(&earlier);
    let bench = Bench::new(script(move |mut cx| {
        let ended = noted.swap(cx.scope, Ordering::SeqCst);
        async move {
            for scope in [0, 1, ended] {
                cx.scope = scope;
                let refused = cx.host("kv.get", &json!({ "key": "k" }), b"").await.unwrap_err();
                assert_eq!(refused.kind, HostErrorKind::Denied);
            }
            ok(&json!({}))
        }
    }));
    for _ in 0..2 {
        assert!(bench.call(call("http://127.0.0.1:1")).await.result.is_ok());
    }
}

#[tokio::test]
async fn capability_calls_of_one_operation_are_counted() {
    let budgets = Budgets { host_calls: 3, ..Budgets::default() };
    let bench = Bench::with(
        script(|cx| async move {
            let mut denied = 0;
            for _ in 0..5 {
                let answer = cx.host("kv.get", &json!({ "key": "k" }), b"").await;
                denied += u32::from(answer.is_err_and(|e| e.kind == HostErrorKind::Denied));
            }
            ok(&json!(denied))
        }),
        EgressOptions::default(),
        budgets,
    );
    assert_eq!(answer_of(&bench.call(call("http://127.0.0.1:1")).await), 2);
}

#[tokio::test]
async fn values_are_written_when_the_operation_goes_well_and_only_then() {
    let bench = Bench::new(script(|cx| async move {
        let key = json!({ "key": "cursor" });
        let (head, before) = cx.host("kv.get", &key, b"").await.unwrap();
        cx.host("kv.set", &key, &[before.as_slice(), b"x"].concat()).await.unwrap();
        let (_, within) = cx.host("kv.get", &key, b"").await.unwrap();
        assert_eq!(within.len(), before.len() + 1);
        if cx.run == 0 {
            return LaneAnswer::Gone("killed".into());
        }
        ok(&json!([head["found"], before]))
    }));
    assert_eq!(answer_of(&bench.call(call("http://127.0.0.1:1")).await), json!([false, []]));
    assert_eq!(answer_of(&bench.call(call("http://127.0.0.1:1")).await), json!([true, b"x"]));
    let mut other = call("http://127.0.0.1:1");
    other.account.id = "d08".into();
    assert_eq!(answer_of(&bench.call(other).await), json!([false, []]), "per account");
}

#[tokio::test]
async fn f78_what_is_not_an_answer_is_called_that() {
    let answers = [
        LaneAnswer::Ok(b"\xff\xff\xff\xff".to_vec()),
        LaneAnswer::Ok(b"\x03\0\0\0{\"a".to_vec()),
        LaneAnswer::Error(b"".to_vec()),
        LaneAnswer::Panicked(b"\x01\0\0\0{".to_vec()),
        LaneAnswer::Malformed("two answers".into()),
    ];
    for answer in answers {
        let bench = Bench::new(script(move |_| {
            let answer = answer.clone();
            async move { answer }
        }));
        let reply = bench.call(call("http://127.0.0.1:1")).await;
        assert!(matches!(reply.result, Err(Failure::BadAnswer { .. })), "{:?}", reply.result);
    }
}

#[tokio::test]
async fn too_many_calls_at_a_time_are_overloaded() {
    let budgets = Budgets { in_flight: 2, ..Budgets::default() };
    let slow = script(|_| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        ok(&json!({}))
    });
    let bench = Bench::with(slow, EgressOptions::default(), budgets);
    let replies =
        futures_util::future::join_all((0..3).map(|_| bench.call(call("http://127.0.0.1:1")))).await;
    let overloaded = replies.iter().filter(|reply| reply.result == Err(Failure::Overloaded)).count();
    assert_eq!((overloaded, replies.iter().filter(|reply| reply.result.is_ok()).count()), (1, 2));
}

/// All calls of the first wave crash together; only `poison` crashes again. Alone, each finds itself without company.
#[tokio::test]
async fn f73_after_a_crash_the_survivors_run_one_at_a_time() {
    let inside = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let first = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    let (within, peak) = (Arc::clone(&inside), Arc::clone(&most));
    let bench = Bench::new(script(move |cx| {
        let (inside, most, first) = (Arc::clone(&within), Arc::clone(&peak), Arc::clone(&first));
        async move {
            let name = cx.request.meta.call.clone();
            if lock(&first).insert(name.clone()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                return LaneAnswer::Gone("killed".into());
            }
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            if name == "poison" { LaneAnswer::Gone("killed".into()) } else { ok(&json!({})) }
        }
    }));
    let calls = ["a", "b", "poison", "c", "d"].map(|name| {
        let mut call = call("http://127.0.0.1:1");
        call.id = name.into();
        bench.call(call)
    });
    let replies = futures_util::future::join_all(calls).await;
    let results: Vec<_> = replies.iter().map(|reply| reply.result.is_ok()).collect();
    assert_eq!(results, [true, true, false, true, true]);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn when_the_operation_ends_its_safe_requests_end_too() {
    let platform = Platform::start(|seen| match seen.path() {
        "/slow" => Do::Hang,
        _ => answer(200, "{}"),
    })
    .await;
    let ended = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&ended);
    let bench = Bench::new(script(move |cx| {
        let noted = Arc::clone(&noted);
        async move {
            // As a thread of the adapter's own would.
            tokio::spawn(async move {
                let refused = cx.get("/slow").await.unwrap_err();
                *lock(&noted) = Some(refused.kind);
            });
            tokio::time::sleep(Duration::from_millis(200)).await;
            ok(&json!({}))
        }
    }));
    assert!(bench.call(call(&platform.url)).await.result.is_ok());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(*lock(&ended), Some(HostErrorKind::Cancelled));
}
