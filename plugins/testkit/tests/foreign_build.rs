//! An adapter built with other compiler settings than the daemon loads and works: nothing of Rust crosses.
#![allow(clippy::unwrap_used)] // Helpers of tests.

use std::path::Path;

use juzhen_testkit::{Answer, Held, Library, Outcome, Script, build};
use serde_json::json;

#[test]
fn an_adapter_built_small_and_with_panic_abort_works_unchanged() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
    let folder = folder.to_str().unwrap();
    let settings = ["profile.dev.opt-level=\"z\"", "profile.dev.panic=\"abort\"", "profile.dev.debug=false"];
    let mut arguments = vec!["--target-dir", folder];
    for setting in settings {
        arguments.extend(["--config", setting]);
    }
    let library = Library::load(&build::adapter_with("juzhen-adapter-mock", &arguments).unwrap()).unwrap();
    assert!(!library.catches_panics(), "an adapter that aborts says so, for the daemon to isolate it");
    assert_eq!(library.manifest().unwrap().name, "mock");

    let script = Script::default();
    let adapter = library.start(&script, &json!({})).unwrap();
    script.answer(Answer::json(202, &json!({"ticket": "t"})));
    let meta = json!({"uid": "d07", "settings": {"base_url": "http://m"}});
    let outcome = adapter.call("publish", &meta, &json!({"text": "a"})).unwrap();
    assert_eq!(outcome, Outcome::Answer(json!({"state": "accepted", "ticket": "t"})));
    assert_eq!(adapter.stop(), Held { hosts: 0, futures: 0 });
}
