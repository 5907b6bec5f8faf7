//! Effects through crashes, cancellations and refusals: nothing is sent twice, and nothing is claimed that is not known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use juzhen_abi::message::{Declined, Effect, HostErrorKind, HttpRequest};
use serde_json::json;

use super::platform::{Do, Platform, answer, bytes_of};
use super::{Bench, Cx, answer_of, call, distinct, ok, script, told};
use crate::call::{EffectPolicy, Effects};
use crate::lane::LaneAnswer;
use crate::memory::Memory;
use crate::outcome::Failure;

const CRASH: &str = "killed by signal 11";

fn crash() -> LaneAnswer {
    LaneAnswer::Gone(CRASH.to_owned())
}

async fn numbered() -> Platform {
    Platform::start(|seen| answer(200, &format!(r#"{{"of":"{}"}}"#, seen.path()))).await
}

#[tokio::test]
async fn f73_a_five_step_publish_that_crashes_after_step_three_makes_five_requests() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        for step in 1..=5 {
            let (_, body) = cx.post(&format!("/step/{step}"), "{}").await.unwrap();
            assert_eq!(body, format!(r#"{{"of":"/step/{step}"}}"#).into_bytes());
            if step == 3 && cx.run == 0 {
                return crash();
            }
        }
        ok(&json!({ "run": cx.run }))
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(answer_of(&reply)["run"], 1);
    assert_eq!(platform.paths(), ["/step/1", "/step/2", "/step/3", "/step/4", "/step/5"]);
    assert_eq!(reply.effects, Effects { began: 5, waiting: 0, unclear: 0, done: 5, declined_last: false });
}

/// An upload that is not recorded is made anew after a crash, and has another id: the post that names it is another request.
#[tokio::test]
async fn p01_f73_a_repeated_run_that_asks_for_another_post_than_the_first_sends_none() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        if let Err(refused) = cx.post(&format!("/posts?picture={}", cx.run), "{}").await {
            return told(&refused);
        }
        if cx.run == 0 { crash() } else { ok(&json!({})) }
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(reply.result, Err(Failure::ReplayMismatch));
    assert_eq!(platform.paths(), ["/posts?picture=0"]);
    assert_eq!(reply.effects, Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false });
}

#[tokio::test]
async fn f73_after_a_clear_no_or_under_the_same_key_a_repeated_run_may_ask_for_something_else() {
    for (status, effect) in [(401, Effect::Mutating), (200, Effect::Idempotent("key".into()))] {
        let platform =
            Platform::start(move |seen| answer(if seen.path() == "/0" { status } else { 200 }, "{}"));
        let platform = platform.await;
        let bench = Bench::new(script(move |cx| {
            let effect = effect.clone();
            async move {
                let (method, url) = ("POST".into(), cx.url(&format!("/{}", cx.run)));
                cx.http(HttpRequest { method, url, effect, ..HttpRequest::default() }, b"").await.unwrap();
                if cx.run == 0 { crash() } else { ok(&json!({})) }
            }
        }));
        let reply = bench.call(call(&platform.url)).await;
        assert!(reply.result.is_ok(), "{status}: {reply:?}");
        assert_eq!(platform.paths(), ["/0", "/1"]);
    }
}

#[tokio::test]
async fn steps_beside_each_other_and_equal_requests_are_repeated_by_occurrence() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        let (a, b) = tokio::join!(cx.post("/a", "{}"), cx.post("/b", "{}"));
        a.and(b).unwrap();
        cx.post("/a", "{}").await.unwrap();
        if cx.run == 0 { crash() } else { ok(&json!({})) }
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert!(reply.result.is_ok());
    assert_eq!(platform.seen().len(), 3);
    assert_eq!(distinct(platform.paths()), 2);
    assert_eq!(reply.effects.began, 3);
}

#[tokio::test]
async fn f73_a_crash_with_an_unclear_request_is_not_run_again() {
    let platform = Platform::start(|_| answer(500, "{}")).await;
    let bench = Bench::new(script(|cx| async move {
        cx.post("/posts", "{}").await.unwrap();
        crash()
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(reply.result, Err(Failure::Crashed { reason: CRASH.into(), times: 1 }));
    assert_eq!(reply.effects, Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false });
    assert_eq!(platform.seen().len(), 1);
}

#[tokio::test]
async fn f73_a_crash_waits_for_the_answer_of_a_request_on_its_way() {
    let slow = bytes_of(200, b"{}", "");
    let platform = Platform::start(move |_| Do::After(Duration::from_millis(700), slow.clone())).await;
    let bench = Bench::new(script(|cx| async move {
        if cx.run == 0 {
            let send = cx.post("/posts", "{}");
            let _dropped_with_the_process = tokio::time::timeout(Duration::from_millis(200), send).await;
            return crash();
        }
        let (head, _) = cx.post("/posts", "{}").await.unwrap();
        ok(&json!(head.status))
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(answer_of(&reply), 200);
    assert_eq!(platform.seen().len(), 1);
    assert_eq!(reply.effects, Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false });
}

#[tokio::test]
async fn f73_a_ledger_that_fails_in_the_second_run_does_not_hide_what_the_first_sent() {
    let platform = numbered().await;
    let memory = Arc::new(OnceLock::<Memory>::new());
    let seen = Arc::clone(&memory);
    let bench = Bench::new(script(move |cx| {
        let seen = Arc::clone(&seen);
        async move {
            let first = cx.post("/posts", "{}").await;
            if cx.run == 0 {
                first.unwrap();
                seen.get().unwrap().ledger.break_down(Some("busy"));
                return crash();
            }
            told(&first.unwrap_err())
        }
    }));
    assert!(memory.set(bench.memory.clone()).is_ok());
    let reply = bench.call(call(&platform.url)).await;
    assert!(matches!(reply.result, Err(Failure::NotNow { .. })), "{:?}", reply.result);
    assert_eq!(reply.effects, Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false });
}

#[tokio::test]
async fn a_call_that_crashes_twice_is_given_up() {
    let bench = Bench::new(script(|_| async { crash() }));
    let reply = bench.call(call("http://127.0.0.1:1")).await;
    assert_eq!(reply.result, Err(Failure::Crashed { reason: CRASH.into(), times: 2 }));
    assert_eq!(reply.effects, Effects::default());
}

#[tokio::test]
async fn cancel_is_not_abort() {
    let slow = bytes_of(201, b"{}", "");
    let platform = Platform::start(move |_| Do::After(Duration::from_millis(600), slow.clone())).await;
    let bench =
        Bench::new(script(|cx| async move { ok(&json!(cx.post("/posts", "{}").await.unwrap().0.status)) }));
    let cancelled =
        tokio::time::timeout(Duration::from_millis(300), bench.call(call(&platform.url))).await.is_err();
    assert!(cancelled);
    assert!(bench.memory.ledger.rows()[0].answer.is_none(), "still on its way");
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(bench.memory.ledger.rows()[0].answer.as_ref().unwrap().status, 201);
}

#[tokio::test]
async fn f72_at_the_deadline_a_request_on_its_way_counts_as_unclear() {
    let platform = Platform::start(|_| Do::Hang).await;
    let bench = Bench::new(script(|cx| async move { told(&cx.post("/posts", "{}").await.unwrap_err()) }));
    let mut call = call(&platform.url);
    call.deadline = Duration::from_millis(300);
    let reply = bench.call(call).await;
    assert_eq!(reply.effects, Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false });
    assert!(matches!(reply.result, Err(Failure::TimedOut | Failure::Adapter(_))), "{:?}", reply.result);
}

#[tokio::test]
async fn f72_the_deadline_drops_the_adapters_future() {
    struct Noted(Arc<AtomicBool>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&dropped);
    let bench = Bench::new(script(move |_| {
        let noted = Noted(Arc::clone(&noted));
        async move {
            let _held = noted;
            std::future::pending().await
        }
    }));
    let mut call = call("http://127.0.0.1:1");
    call.deadline = Duration::from_millis(100);
    assert_eq!(bench.call(call).await.result, Err(Failure::TimedOut));
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(bench.slot.counters.timeouts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_adapter_cannot_retry_what_may_have_happened() {
    let platform = Platform::start(|_| answer(502, "bad gateway")).await;
    let bench = Bench::new(script(|cx| async move {
        cx.post("/posts", r#"{"try":1}"#).await.unwrap();
        told(&cx.post("/posts", r#"{"try":2}"#).await.unwrap_err())
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert!(matches!(&reply.result, Err(Failure::Adapter(said)) if said.message.starts_with("Denied")));
    assert_eq!(platform.seen().len(), 1);
}

#[tokio::test]
async fn an_adapter_that_stops_waiting_cannot_send_it_again() {
    let platform = Platform::start(|_| Do::Hang).await;
    let bench = Bench::new(script(|cx| async move {
        let first = tokio::time::timeout(Duration::from_millis(200), cx.post("/posts", "{}")).await;
        assert!(first.is_err());
        told(&cx.post("/posts", "{}").await.unwrap_err())
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert!(matches!(&reply.result, Err(Failure::Adapter(said)) if said.message.starts_with("Denied")));
    assert_eq!(
        (platform.seen().len(), reply.effects),
        (1, Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false })
    );
}

async fn keyed(cx: &Cx) -> Result<u16, juzhen_abi::message::HostError> {
    let effect = Effect::Idempotent("clientmsgid-1".into());
    let request =
        HttpRequest { method: "POST".into(), url: cx.url("/mass"), effect, ..HttpRequest::default() };
    Ok(cx.http(request, b"{}").await?.0.status)
}

#[tokio::test]
async fn an_idempotent_request_without_an_answer_is_sent_again_with_its_key() {
    let first = AtomicBool::new(true);
    let platform =
        Platform::start(
            move |_| {
                if first.swap(false, Ordering::SeqCst) { Do::Reset } else { answer(200, "{}") }
            },
        )
        .await;
    let bench = Bench::new(script(|cx| async move {
        match keyed(&cx).await {
            Ok(status) => ok(&json!(status)),
            Err(_reset) => ok(&json!(keyed(&cx).await.unwrap())),
        }
    }));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(answer_of(&reply), 200);
    assert_eq!(reply.effects, Effects { began: 2, waiting: 0, unclear: 0, done: 1, declined_last: false });
}

/// A platform that answers everything with 200 says no in the body, and what its table does not know may have happened.
#[tokio::test]
async fn f55_f56_a_200_that_says_no_is_a_no_also_after_a_crash() {
    for (code, done) in [(45009, 0), (-1, 1), (99999, 1)] {
        let platform = Platform::start(move |_| answer(200, &format!(r#"{{"errcode":{code}}}"#))).await;
        let bench = Bench::new(script(|cx| async move {
            let declined = Declined { pointer: "/errcode".into(), codes: vec![45009] };
            let (method, url) = ("POST".into(), cx.url("/submit"));
            let request = HttpRequest { method, url, declined: Some(declined), ..HttpRequest::default() };
            cx.http(request, b"{}").await.unwrap();
            if cx.run == 0 { crash() } else { ok(&json!({})) }
        }));
        let effects = bench.call(call(&platform.url)).await.effects;
        let declined_last = done == 0;
        assert_eq!(effects, Effects { began: 1, waiting: 0, unclear: 0, done, declined_last }, "{code}");
        assert_eq!(platform.seen().len(), 1);
    }
}

#[tokio::test]
async fn after_a_daemon_crash_an_unanswered_request_stops_the_call() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        match cx.post("/posts", "{}").await {
            Ok((head, _)) => ok(&json!(head.status)),
            Err(refused) => told(&refused),
        }
    }));
    assert!(bench.call(call(&platform.url)).await.result.is_ok());
    bench.memory.ledger.forget_answers();
    let reply = bench.call(call(&platform.url)).await;
    assert!(matches!(reply.result, Err(Failure::Stopped { .. })), "{:?}", reply.result);
    assert_eq!(reply.effects, Effects { began: 1, waiting: 0, unclear: 1, done: 0, declined_last: false });
    assert_eq!(platform.seen().len(), 1);
}

#[tokio::test]
async fn the_same_call_again_gets_its_recorded_answers_and_its_randomness() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        let (_, body) = cx.post("/posts", "{}").await.unwrap();
        ok(&json!([String::from_utf8(body).unwrap(), cx.seed.random.to_vec()]))
    }));
    let first = answer_of(&bench.call(call(&platform.url)).await);
    let again = bench.call(call(&platform.url)).await;
    assert_eq!(first, answer_of(&again));
    assert_eq!(
        again.effects,
        Effects { began: 1, waiting: 0, unclear: 0, done: 1, declined_last: false },
        "a recorded answer counts"
    );
    assert_eq!(platform.seen().len(), 1);
    let mut other = call(&platform.url);
    other.id = "call-2".into();
    assert_ne!(first[1], answer_of(&bench.call(other).await)[1]);
    assert_eq!(platform.seen().len(), 2);
}

#[tokio::test]
async fn a_repeated_run_reads_the_same_times() {
    let bench = Bench::new(script(|cx| async move {
        if cx.run == 0 {
            cx.calls.clock_read(cx.scope, 17);
            cx.calls.clock_read(cx.scope, 18);
            return crash();
        }
        ok(&json!(cx.seed.now_unix_ms))
    }));
    assert_eq!(answer_of(&bench.call(call("http://127.0.0.1:1")).await), json!([17, 18]));
}

#[tokio::test]
async fn p26_stop_all_ends_a_call_whatever_its_adapter_answers() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        let _ignored = cx.post("/posts", "{}").await;
        ok(&json!({ "state": "published", "id": "1" }))
    }));
    bench.memory.ledger.stop_all(Some("STOP ALL by the office"));
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(reply.result, Err(Failure::Stopped { reason: "STOP ALL by the office".into() }));
    assert_eq!((reply.effects, platform.seen().len()), (Effects::default(), 0));
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_lets_nothing_leave_for_now() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        let _ignored = cx.post("/posts", "{}").await;
        ok(&json!({ "state": "published", "id": "1" }))
    }));
    bench.memory.ledger.break_down(Some("disk full"));
    let reply = bench.call(call(&platform.url)).await;
    let failure = reply.result.unwrap_err();
    assert!(matches!(&failure, Failure::NotNow { reason } if reason.ends_with("disk full")), "{failure:?}");
    assert!(failure.to_string().starts_with("not now: the effect ledger could not write"), "{failure}");
    assert_eq!((reply.effects, platform.seen().len()), (Effects::default(), 0));
    bench.memory.ledger.break_down(None);
    assert!(bench.call(call(&platform.url)).await.result.is_ok(), "the same call goes through later");
    assert_eq!(platform.seen().len(), 1);
}

#[tokio::test]
async fn another_request_under_the_same_call_is_a_mismatch() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        cx.post("/posts", &format!("{{\"run\":{}}}", cx.run))
            .await
            .map_or_else(|e| told(&e), |_| ok(&json!({})))
    }));
    assert!(bench.call(call(&platform.url)).await.result.is_ok());
    bench.memory.ledger.pretend_other_build();
    let reply = bench.call(call(&platform.url)).await;
    assert_eq!(reply.result, Err(Failure::ReplayMismatch));
    assert_eq!(platform.seen().len(), 1);
}

#[tokio::test]
async fn an_operation_that_may_change_nothing_cannot() {
    let platform = numbered().await;
    let bench = Bench::new(script(|cx| async move {
        let refused = cx.post("/posts", "{}").await.unwrap_err();
        assert_eq!(refused.kind, HostErrorKind::Denied);
        let request = HttpRequest {
            method: "POST".into(),
            url: cx.url("/token"),
            effect: Effect::Safe,
            ..HttpRequest::default()
        };
        ok(&json!(cx.http(request, b"{}").await.unwrap().0.status))
    }));
    let mut call = call(&platform.url);
    call.effects = EffectPolicy::Forbid;
    let reply = bench.call(call).await;
    assert_eq!(answer_of(&reply), 200);
    assert_eq!((platform.paths(), reply.effects), (vec!["/token".to_owned()], Effects::default()));
}
