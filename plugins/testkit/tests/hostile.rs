//! What an adapter can do wrong without taking its process down: the sdk contains it, on the hostile adapter's `.so`.
//! (The sins that end a process are for the tests of the host, which has a process to spare.)
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests.

use std::sync::OnceLock;

use juzhen_abi::message::{ErrorKind, Panicked};
use juzhen_testkit::{Adapter, Answer, Error, Held, Library, Outcome, Script, build};
use serde_json::{Value, json};

#[test]
fn f71_a_panic_in_a_call_or_after_the_post_is_an_answer_with_its_place_and_the_next_call_works() {
    let (adapter, script) = start();
    for (sin, requests) in [("panic_in_call", 0), ("panic_after_post", 1)] {
        script.answer(created());
        let before = script.requests().len();
        let Outcome::Panic(Panicked { message, location }) = sinful(&adapter, sin) else { panic!("{sin}") };
        assert!(message.starts_with("hostile: panic "), "{message}");
        assert!(location.contains("inside.rs:"), "{location}");
        assert_eq!(script.requests().len() - before, requests);
    }
    assert_published(&sinful(&adapter, "ok"));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn f71_a_panic_in_the_drop_of_a_cancelled_call_or_in_its_own_thread_is_contained() {
    let (adapter, script) = start();
    // Once a request of the script is left without an answer, the kit cancels whatever waits.
    script.answer(Answer::Never);
    assert_eq!(sinful(&adapter, "ok"), Outcome::Cancelled);
    assert_eq!(sinful(&adapter, "panic_in_drop"), Outcome::Cancelled);
    script.answer(created());
    assert_published(&sinful(&adapter, "panic_in_thread"));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn s07_a_panic_or_a_refusal_in_create_is_a_start_that_failed() {
    let start = |sin: &str| library().start(&Script::default(), &json!({"create_sin": sin}));
    let Err(Error::Start(outcome)) = start("panic") else { panic!("it started") };
    let Outcome::Panic(panicked) = *outcome else { panic!("{outcome:?}") };
    assert_eq!(panicked.message, "hostile: panic in create");
    let Err(Error::Start(outcome)) = start("refuse") else { panic!("it started") };
    let Outcome::Error(error) = *outcome else { panic!("{outcome:?}") };
    assert_eq!(error.kind, ErrorKind::Misconfigured { key: "create_sin".into() });
}

#[test]
fn f78_what_the_boundary_does_not_know_reads_as_broken() {
    let (adapter, _script) = start();
    for sin in ["answer_invalid_utf8", "answer_not_json", "answer_cut", "answer_unknown_status", "no_future"]
    {
        let outcome = sinful(&adapter, sin);
        assert!(matches!(outcome, Outcome::Broken(_)), "{sin}: {outcome:?}");
    }
    let Outcome::Error(error) = sinful(&adapter, "answer_unknown_kind") else { panic!("not an error") };
    assert_eq!(error.kind, ErrorKind::Bug);
    let Outcome::Answer(huge) = sinful(&adapter, "answer_huge") else { panic!("not an answer") };
    assert_eq!(huge.get("id").and_then(Value::as_str).map(str::len), Some(64 << 20));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}

#[test]
fn five_steps_are_five_requests_and_a_second_run_does_not_crash() {
    let (adapter, script) = start();
    for n in 0..4 {
        script.answer(Answer::json(201, &json!({"media_id": n.to_string()})));
    }
    script.answer(created());
    let settings = json!({"base_url": "http://m", "sin": "crash_after_step_3_once"});
    let second = json!({"uid": "d07", "attempt": 2, "settings": settings});
    assert_published(&adapter.call("publish", &second, &json!({"text": "a"})).unwrap());
    let requests = script.requests();
    assert_eq!(requests.len(), 5);
    let last: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    assert_eq!(last.get("media"), Some(&json!(["0", "1", "2", "3"])));
}

#[test]
fn a_sin_may_also_be_asked_for_by_the_text_and_an_unknown_one_is_refused() {
    let (adapter, _script) = start();
    let meta = json!({"uid": "d07", "settings": {"base_url": "http://m"}});
    let publish = |text: &str| adapter.call("publish", &meta, &json!({"text": text})).unwrap();
    assert!(matches!(publish("sin:panic_in_call and more"), Outcome::Panic(_)));
    let Outcome::Error(error) = publish("sin:unheard_of") else { panic!("not an error") };
    assert_eq!(error.kind, ErrorKind::Misconfigured { key: "sin".into() });
}

fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(&build::adapter("juzhen-adapter-hostile").unwrap()).unwrap())
}

fn start() -> (Adapter, Script) {
    let script = Script::default();
    (library().start(&script, &json!({})).unwrap(), script)
}

fn sinful(adapter: &Adapter, sin: &str) -> Outcome {
    let meta = json!({"uid": "d07", "settings": {"base_url": "http://m", "sin": sin}});
    adapter.call("publish", &meta, &json!({"text": "a"})).unwrap()
}

fn created() -> Answer {
    Answer::json(201, &json!({"id": "7"}))
}

fn assert_published(outcome: &Outcome) {
    let published = json!({"state": "published", "id": "7", "url": null, "at_unix_ms": null});
    assert_eq!(*outcome, Outcome::Answer(published));
}
