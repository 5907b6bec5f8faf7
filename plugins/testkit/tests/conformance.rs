//! The conformance kit itself: the adapters of this repository pass it, and every sin of the hostile one fails it, by name.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt as _};
use juzhen_testkit::build;
use juzhen_testkit::conformance::{self, CHECKS, Group, Options, Plan, Report, Verdict};
use serde_json::{Value, json};

/// Each sin, and the check that catches it: one of several, the one that names it best.
const CATCHES: &[(&str, &str)] = &[
    ("five_steps", "semantics.one_commit"),
    ("crash_after_step_3_once", "lifecycle.lives"),
    ("panic_in_call", "lifecycle.panics"),
    ("panic_after_post", "lifecycle.panics"),
    ("panic_in_drop", "lifecycle.quiet"),
    ("panic_in_thread", "lifecycle.quiet"),
    ("await_forever", "lifecycle.ends"),
    ("hang_after_post", "lifecycle.ends"),
    ("busy_pending", "lifecycle.polls"),
    ("infinite_loop", "lifecycle.polls"),
    ("blocking_sleep", "lifecycle.polls"),
    ("segfault", "lifecycle.lives"),
    ("stack_overflow", "lifecycle.lives"),
    ("abort", "lifecycle.lives"),
    ("abort_after_post", "lifecycle.lives"),
    ("exit_zero", "lifecycle.lives"),
    ("leak_memory", "lifecycle.lives"),
    ("threads_1000", "semantics.answers"),
    ("fds_1000", "lifecycle.alone"),
    ("write_stdout", "lifecycle.quiet"),
    ("close_fds", "lifecycle.lives"),
    ("answer_invalid_utf8", "protocol.answers"),
    ("answer_not_json", "protocol.answers"),
    ("answer_cut", "protocol.answers"),
    ("answer_huge", "lifecycle.lives"),
    ("answer_dangling", "protocol.answers"),
    ("answer_unknown_status", "protocol.answers"),
    ("answer_unknown_kind", "protocol.kinds"),
    ("no_future", "protocol.answers"),
    ("other_scope", "protocol.scopes"),
    ("undeclared_host", "secrets.hosts"),
    ("open_socket", "lifecycle.alone"),
    ("fork", "lifecycle.alone"),
    ("read_parent_memory", "lifecycle.alone"),
    ("read_etc_passwd", "lifecycle.alone"),
    ("read_environment", "semantics.answers"),
    ("process_state", "lifecycle.process"),
    ("clock_lies", "semantics.times"),
    ("claims_refused", "semantics.honest"),
    ("posts_twice", "semantics.one_commit"),
    ("posts_again", "semantics.stops"),
    ("silence_is_refusal", "semantics.silence"),
    ("refusal_is_success", "semantics.refusals"),
    ("page_is_success", "semantics.unreadable"),
    ("key_by_attempt", "semantics.keys"),
    ("sleeps_an_hour", "semantics.deadline"),
    ("counts_calls", "determinism.same"),
    ("remembers_process", "semantics.replay"),
    ("shares_state", "protocol.at_once"),
    ("keeps_token", "secrets.canaries"),
    ("sends_other_secret", "secrets.bound"),
    ("undeclared_capability", "capabilities.requires"),
    ("refuses_long", "capabilities.text"),
    ("forgets_future", "lifecycle.cancel"),
    ("leaks_a_little", "lifecycle.memory"),
    ("answers_anything", "protocol.unknown_operation"),
    ("strict_fields", "protocol.unknown_fields"),
];

/// Where nothing listens, for the sin that connects past the host.
const NOBODY: &str = "http://127.0.0.1:9";

/// Sins of `create`, which end everything else.
const AT_THE_START: &[&str] = &["panic", "abort", "segfault", "hang", "refuse"];

#[tokio::test(flavor = "multi_thread")]
async fn each_sin_of_the_hostile_adapter_fails_the_check_that_names_it() {
    let file = build::adapter("juzhen-adapter-hostile").unwrap();
    let sins = CATCHES.iter().map(|(sin, check)| {
        let plan = json!({ "settings": { "base_url": NOBODY, "sin": sin }, "calls": [publish()] });
        (*sin, *check, plan)
    });
    let starts = AT_THE_START.iter().map(|sin| {
        let plan = json!({ "adapter": { "create_sin": sin }, "calls": [publish()] });
        (*sin, "binary.starts", plan)
    });
    // The long form asks everything each time: it has to survive all of it, and to name the same.
    let long = std::env::var_os("JUZHEN_LONG").is_some();
    let runs =
        sins.chain(starts).map(|(sin, check, plan)| {
            let file = file.clone();
            async move {
                (sin, check, run(&file, &plan, if long { &[] } else { std::slice::from_ref(&check) }).await)
            }
        });
    let all: Vec<_> = stream::iter(runs).buffer_unordered(6).collect().await;
    let missed: Vec<String> = all
        .iter()
        .filter(|(_, check, report)| !report.failed().contains(check))
        .map(|(sin, check, report)| format!("{sin} passes {check}: {:?}", report.checks))
        .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    for (sin, _, report) in &all {
        assert!(!report.ok && report.checks.iter().all(|row| !row.seen.is_empty()), "{sin}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hostile_adapter_that_behaves_passes() {
    let file = build::adapter("juzhen-adapter-hostile").unwrap();
    let report = run(&file, &json!({ "calls": [publish()] }), &[]).await;
    assert_eq!(report.failed(), [] as [&str; 0], "{:#?}", seen(&report, Verdict::Failed));
}

#[test]
fn every_sin_of_the_hostile_readme_is_in_the_table() {
    let readme = std::fs::read_to_string(root().join("adapters/hostile/README.md")).unwrap();
    let lines = readme.lines().filter(|line| line.starts_with("| `"));
    let named =
        lines.filter_map(|line| line.split('|').nth(1)).flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let named: BTreeSet<&str> = named.filter(|sin| *sin != "ok").collect();
    assert_eq!(named, CATCHES.iter().map(|(sin, _)| *sin).collect());
    let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len(), "each id once");
    assert!(CATCHES.iter().all(|(_, check)| ids.contains(check)));
    for check in CHECKS {
        assert!(check.id.starts_with(&format!("{}.", check.group.name())), "{}", check.id);
        assert!(Group::ALL.contains(&check.group) && !check.advice.is_empty());
    }
}

#[test]
fn the_page_of_the_kit_lists_every_check() {
    let page = std::fs::read_to_string(root().join("plugins/testkit/conformance.md")).unwrap();
    let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> =
        CHECKS.iter().map(|check| format!("| `{}` | {} |", check.id, check.title)).collect();
    assert_eq!(listed, expected);
}

/// What is done to the C example, line by line, and the check that sees it: those that no sin of the hostile one is for.
const BREAKS: &[(&str, &[(&str, &str)])] = &[
    ("binary.entry", &[(".flags = ADP_FLAG_UNWINDS,", ".flags = ADP_FLAG_UNWINDS | 64,")]),
    (
        "binary.exports",
        &[("static adp_slice slice(", "__attribute__((visibility(\"default\"))) adp_slice slice(")],
    ),
    ("protocol.operations", &[(r#"[\"publish\"]"#, r#"[\"publish\",\"check\"]"#)]),
    (
        "protocol.malformed",
        &[(
            "if (base.len == 0) return *why = no_address, NULL;",
            "if (base.len == 0) { (void)no_address; abort(); }",
        )],
    ),
    ("protocol.defaults", &[("return *why = no_address, NULL;", "return (void)no_address, NULL;")]),
    ("protocol.settings", &[(r#"\"kind\":\"misconfigured\",\"key\":\"base_url\""#, r#"\"kind\":\"bug\""#)]),
    ("protocol.capabilities", &[("http.send", "http.post")]),
    (
        "protocol.instances",
        &[(
            "me->host = host->vt->retain(host);",
            "static const adp_host *one; me->host = one = one ? one : host->vt->retain(host);",
        )],
    ),
    (
        "protocol.versions",
        &[("host->vt->size < sizeof(adp_host_vt)", "host->vt->size != sizeof(adp_host_vt)")],
    ),
    ("protocol.create", &[("(void)config;", "if (config.len < 6) abort();")]),
    ("lifecycle.cancel", &[("if (run->asked != NULL) run->asked->vt->drop(run->asked);", "")]),
    (
        "lifecycle.threads",
        &[
            (
                "static int32_t create(",
                "#include <pthread.h>\n#include <unistd.h>\n\
                 static void *idle(void *x) { while (x == NULL) pause(); return x; }\n\
                 static int32_t create(",
            ),
            (
                "(void)config;",
                "(void)config; pthread_t thread; (void)!pthread_create(&thread, NULL, idle, NULL);",
            ),
        ],
    ),
    (
        "semantics.network",
        &[(r#"in_doubt = {"\"kind\":\"in_doubt\""#, r#"in_doubt = {"\"kind\":\"rejected\""#)],
    ),
    (
        "lifecycle.wakers",
        &[
            (
                "static int32_t poll(",
                "static int gone; static const adp_waker *outer;\n\
                 static const adp_waker *same(const adp_waker *own) { return own; }\n\
                 static void wakes(const adp_waker *own) { (void)own; if (gone) abort(); outer->vt->wake_by_ref(outer); }\n\
                 static void drops(const adp_waker *own) { (void)own; }\n\
                 static const adp_waker_vt wakers = {sizeof(adp_waker_vt), 0, same, wakes, wakes, drops};\n\
                 static const adp_waker own = {&wakers};\n\
                 static int32_t poll(",
            ),
            (
                "run->asked->vt->poll(run->asked, waker,",
                "(outer = waker->vt->clone(waker), run->asked)->vt->poll(run->asked, &own,",
            ),
            ("free(me);", "gone = 1; free(me);"),
        ],
    ),
    (
        "capabilities.title",
        &[
            (r#"\"requires\""#, r#"\"limits\":{\"title\":5},\"requires\""#),
            (
                "if (has_items(",
                "if (string(member(body, \"title\")).len > 8) return *why = no_pictures, NULL;\n    if (has_items(",
            ),
        ],
    ),
    ("capabilities.media", &[(r#"\"requires\""#, r#"\"limits\":{\"media\":3},\"requires\""#)]),
    (
        "capabilities.media_bytes",
        &[(r#"\"requires\""#, r#"\"limits\":{\"media\":3,\"media_bytes\":99},\"requires\""#)],
    ),
];

#[test]
fn every_check_is_failed_by_something() {
    // The last two by plain numbers, in the kit's own tests.
    let others = ["binary.starts", "binary.needs", "binary.size"];
    let sins = CATCHES.iter().map(|(_, check)| *check);
    let failed: BTreeSet<&str> = sins.chain(BREAKS.iter().map(|(check, _)| *check)).chain(others).collect();
    assert_eq!(failed, CHECKS.iter().map(|check| check.id).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_break_of_the_c_example_fails_the_check_that_names_it() {
    let plan = json!({ "calls": [publish(), { "operation": "check", "answers": [{ "json": {} }] }] });
    let runs = BREAKS.iter().map(|(check, edits)| {
        let (file, plan) = (broken(check, edits), plan.clone());
        async move { (*check, run(&file, &plan, &[check]).await) }
    });
    let all: Vec<_> = stream::iter(runs).buffer_unordered(4).collect().await;
    let missed: Vec<_> = all.iter().filter(|(check, report)| !report.failed().contains(check)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

/// The C example with a few places changed, compiled.
fn broken(check: &str, edits: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken");
    std::fs::create_dir_all(&folder).unwrap();
    let example = root().join("adapters/c-example").canonicalize().unwrap();
    let mut source = std::fs::read_to_string(example.join("c_example.c")).unwrap();
    source = source.replace("json.h", &example.join("json.h").display().to_string());
    for (from, to) in edits {
        assert!(source.contains(from), "the C example has no {from}");
        source = source.replace(from, to);
    }
    let file = folder.join(format!("{}.c", check.replace('.', "_")));
    std::fs::write(&file, source).unwrap();
    build::c_adapter(&file, &folder).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapters_of_this_repository_pass() {
    let adapters = [
        ("mock", &[][..]),
        ("weibo", &["protocol.settings", "semantics.keys", "capabilities.title"]),
        ("wechat", &[]),
        ("matrix", &["capabilities.title"]),
    ];
    let runs = adapters.map(|(name, excused)| async move {
        let file = build::adapter(&format!("juzhen-adapter-{name}")).unwrap();
        let plan = Plan::read(&root().join(format!("adapters/{name}/conformance.yaml"))).unwrap();
        (name, excused, conformance::run(&file, &options(plan, &[])).await.unwrap())
    });
    for (name, excused, report) in futures_util::future::join_all(runs).await {
        assert_eq!(report.failed(), [] as [&str; 0], "{name}: {:#?}", seen(&report, Verdict::Failed));
        let reasoned = seen(&report, Verdict::NotApplicable);
        let ids: Vec<_> = reasoned.iter().map(|(check, _)| *check).collect();
        assert_eq!(ids, excused, "{name}: {reasoned:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_adapter_fails_and_nothing_else_is_asked() {
    let report = run(&root().join("Cargo.toml"), &json!({}), &["binary", "secrets"]).await;
    assert!(report.refused.as_ref().unwrap().contains("ELF"), "{report:?}");
    assert_eq!(report.failed(), ["binary.starts"]);
    let others = report.checks.iter().filter(|row| row.check != "binary.starts");
    assert!(others.into_iter().all(|row| row.result == Verdict::NotApplicable), "{report:?}");
}

#[test]
fn only_takes_groups_and_checks_and_knows_no_others() {
    let only = |name: &str| options(Plan::default(), &[name]);
    assert_eq!(only("secrets").unknown(), None);
    assert_eq!(only("secrets.hosts").unknown(), None);
    assert_eq!(only("secret").unknown(), Some("secret"));
}

fn publish() -> Value {
    json!({
        "operation": "publish",
        "body": { "text": "今日停水。" },
        "answers": [
            { "to": "POST /v1/media", "status": 201, "json": { "media_id": "m1" } },
            { "to": "POST /v1/accounts/*/posts", "status": 201, "json": { "id": "7" } },
        ],
    })
}

async fn run(file: &Path, plan: &Value, only: &[&str]) -> Report {
    let plan = serde_json::from_value(plan.clone()).unwrap();
    conformance::run(file, &options(plan, only)).await.unwrap()
}

fn options(plan: Plan, only: &[&str]) -> Options {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_conformance_child"));
    let only = only.iter().map(|name| (*name).to_owned()).collect();
    Options { program, only, ..Options::new(plan) }
}

/// The checks that ended so, with what they saw.
fn seen(report: &Report, verdict: Verdict) -> Vec<(&str, &str)> {
    let ended_so = report.checks.iter().filter(|row| row.result == verdict);
    ended_so.map(|row| (row.check, row.seen.as_str())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
