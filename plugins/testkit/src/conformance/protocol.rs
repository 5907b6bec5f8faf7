//! The messages: what an adapter does with names it does not know, with bytes that are none, with sixty-four calls at once.

use futures_util::future::{BoxFuture, join_all};
use juzhen_abi::message::{ErrorKind, operation};
use serde_json::json;

use super::bench::{Bench, Call};
use super::determinism::difference;
use super::ended::{Ended, Run, Sin};
use super::plan::{Sample, usual_body};
use super::probe;
use super::report::Finding;
use super::semantics::nothing_good;

/// Every operation of this version of the boundary.
const OPERATIONS: &[&str] = &[
    operation::CHECK,
    operation::PUBLISH,
    operation::FIND_PUBLISHED,
    operation::TRACK,
    operation::REPOST,
    operation::RETRACT,
    operation::POLL_MESSAGES,
    operation::RECEIVE,
    operation::REPLY,
    operation::MODERATE,
    operation::AUTHORIZE,
    operation::MEASURE,
];

const AT_ONCE: usize = 64;

pub(crate) fn unknown(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let strange = Sample { operation: "from_the_future".to_owned(), ..Sample::default() };
        match &bench.run(bench.call(&strange)).await.ended {
            Ended::Error(error) if is_unsupported(&error.kind) => Finding::passed("answers unsupported"),
            other => {
                Finding::failed(format!("asked for an operation that nobody knows, it {}", other.shown()))
            }
        }
    })
}

/// What the manifest lists is there, and nothing else is.
pub(crate) fn declared(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let mut wrong: Vec<String> = bench
            .manifest
            .operations
            .iter()
            .filter(|name| !OPERATIONS.contains(&name.as_str()))
            .map(|name| format!("the manifest lists {name}, which is no operation"))
            .collect();
        let mut unsure = Vec::new();
        for one in bench.rehearsed().await {
            let name = &one.sample.operation;
            match &one.run.ended {
                Ended::Error(error) if !is_unsupported(&error.kind) => {}
                // It may well be offered in another form, or with other settings.
                Ended::Error(_) if one.sample.is_made_up(&bench.plan) => unsure.push(name.as_str()),
                Ended::Error(_) => {
                    wrong.push(format!("the manifest lists {name}, and it answers unsupported"));
                }
                _ => {}
            }
        }
        for name in OPERATIONS.iter().filter(|name| !bench.manifest.offers(name)) {
            let body = Some(usual_body(name));
            let sample = Sample { operation: (*name).to_owned(), body, ..Sample::default() };
            let ended = bench.run(bench.call(&sample)).await.ended;
            let refused = matches!(&ended, Ended::Error(error) if is_unsupported(&error.kind));
            if !refused {
                wrong.push(format!("the manifest does not list {name}, and it {}", ended.shown()));
            }
        }
        if wrong.is_empty() && !unsure.is_empty() {
            return Finding::not_applicable(format!(
                "{} unsupported, as far as calls go that the kit makes up; write one for --settings",
                unsure.join(", ")
            ));
        }
        let listed = bench.manifest.operations.len();
        let others = OPERATIONS.len().saturating_sub(listed);
        Finding::of(&wrong, format!("{listed} operations as listed, {others} others unsupported"))
    })
}

/// Bytes that are no request are answered with an error, whatever they are.
pub(crate) fn malformed(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let Some(name) = bench.manifest.operations.first() else {
            return Finding::not_applicable("the manifest lists no operation");
        };
        let mut wrong = Vec::new();
        let cases = malformed_requests();
        for (what, bytes) in &cases {
            let sample = Sample { operation: name.clone(), ..Sample::default() };
            let call = Call { packed: Some(bytes.clone()), ..bench.call(&sample) };
            let ended = bench.run(call).await.ended;
            if !matches!(ended, Ended::Error(_)) {
                wrong.push(format!("{name} with {what}: it {}", ended.shown()));
            }
        }
        Finding::of(&wrong, format!("{} requests that are none, each answered with an error", cases.len()))
    })
}

fn malformed_requests() -> Vec<(&'static str, Vec<u8>)> {
    let head =
        |text: &[u8]| [&u32::try_from(text.len()).unwrap_or_default().to_le_bytes()[..], text].concat();
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let wide = format!("{{\"meta\":{}", "x".repeat(4 << 20));
    vec![
        ("no bytes", Vec::new()),
        ("half a length", vec![2, 0]),
        ("a length and nothing after it", vec![200, 0, 0, 0]),
        ("a length of 4 GiB", b"\xff\xff\xff\xff{}".to_vec()),
        ("JSON that is cut", head(b"{\"meta\":{\"uid\":\"1")),
        ("JSON that is no object", head(b"[1,2]")),
        ("bytes that are no UTF-8", head(b"{\"meta\":{\"uid\":\"\xff\xfe\"}}")),
        ("JSON a hundred thousand deep", head(&deep)),
        ("4 MiB that are no JSON", head(wide.as_bytes())),
        ("a body of another type", head(b"{\"meta\":{},\"body\":[\"not this\"]}")),
    ]
}

/// Fields that a later version adds are not seen.
pub(crate) fn unknown_fields(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let good = bench.good().await;
        let mut wrong = Vec::new();
        for one in &good {
            let call = bench.call(&one.sample);
            let mut body = call.body.clone();
            if let Some(fields) = body.as_object_mut() {
                fields.insert("from_the_future".to_owned(), json!({ "a": [1] }));
            }
            let mut meta = serde_json::to_value(&call.meta).unwrap_or_default();
            if let Some(fields) = meta.as_object_mut() {
                fields.insert("from_the_future".to_owned(), json!(7));
            }
            let request = json!({ "meta": meta, "body": body, "from_the_future": true });
            let packed = juzhen_abi::pack::pack(&request, b"and a tail").ok();
            let again = bench.run(Call { packed, ..call }).await;
            if let Some(difference) = changed(&one.run, &again) {
                wrong.push(format!("{}: {difference}", one.sample.operation));
            }
        }
        if good.is_empty() {
            return nothing_good("any operation");
        }
        Finding::of(&wrong, format!("{} operations do not see fields that they do not know", good.len()))
    })
}

/// A request with nothing in it is answered: well, or with an error, and nobody dies of it.
pub(crate) fn defaults(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let mut wrong = Vec::new();
        for name in &bench.manifest.operations {
            for request in [json!({ "meta": {} }), json!({ "meta": {}, "body": {} })] {
                let sample = Sample { operation: name.clone(), ..Sample::default() };
                let packed = juzhen_abi::pack::pack(&request, &[]).ok();
                let ended = bench.run(Call { packed, ..bench.call(&sample) }).await.ended;
                if !matches!(ended, Ended::Answer(_) | Ended::Error(_)) {
                    wrong.push(format!("{name} with {request}: it {}", ended.shown()));
                }
            }
        }
        Finding::of(
            &wrong,
            format!("{} operations without a body and without settings", bench.manifest.operations.len()),
        )
    })
}

/// A setting that the manifest calls required is asked for by its name, before anything leaves.
pub(crate) fn settings(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let required: Vec<_> = bench.manifest.settings.iter().filter(|setting| setting.required).collect();
        if required.is_empty() {
            return Finding::not_applicable("the manifest requires no setting");
        }
        let good = bench.good().await;
        let (mut wrong, mut asked) = (Vec::new(), 0);
        for setting in &required {
            for one in good.iter().filter(|one| !one.run.seen.asked.is_empty()) {
                asked += 1;
                let mut call = bench.call(&one.sample);
                call.meta.settings.remove(&setting.name);
                let run = bench.run(call).await;
                let named = matches!(&run.ended, Ended::Error(error) if error.kind == ErrorKind::Misconfigured { key: setting.name.clone() });
                if !named && !matches!(run.ended, Ended::Answer(_)) {
                    wrong.push(format!(
                        "{} without {}: it {}",
                        one.sample.operation,
                        setting.name,
                        run.ended.shown()
                    ));
                }
            }
        }
        if asked == 0 {
            return nothing_good("any operation with a request");
        }
        Finding::of(&wrong, format!("{asked} calls without {}", names(&required)))
    })
}

fn names(settings: &[&juzhen_abi::message::SettingUse]) -> String {
    settings.iter().map(|setting| setting.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Sixty-four calls of as many accounts at once, none of which sees another.
pub(crate) fn at_once(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let good = bench.good().await;
        if good.is_empty() {
            return nothing_good("any operation");
        }
        let calls = || {
            good.iter().cycle().take(AT_ONCE).enumerate().map(|(number, one)| {
                let mut call = bench.call(&one.sample);
                call.meta.account = format!("kit-{number}");
                call.meta.idempotency_key = format!("d-kit-{number}");
                bench.run(call)
            })
        };
        let mut alone = Vec::new();
        for call in calls() {
            alone.push(call.await);
        }
        let beside = join_all(calls()).await;
        let differences = alone.iter().zip(&beside).filter_map(|(alone, beside)| changed(alone, beside));
        let mut wrong: Vec<String> = differences.collect();
        wrong.extend(bench.stage.foreign());
        Finding::of(
            &wrong,
            format!("{AT_ONCE} calls of {} kinds at once, each as if it were alone", good.len()),
        )
    })
}

/// How a run differs from one that should be the same.
fn changed(first: &Run, second: &Run) -> Option<String> {
    match (&first.ended, &second.ended) {
        (Ended::Answer(one), Ended::Answer(other)) if one == other => difference(first, second),
        (_, other) => Some(format!("it {}", other.shown())),
    }
}

fn is_unsupported(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unsupported { .. })
}

pub(crate) fn well_formed(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::Malformed, "every answer could be read")
}

pub(crate) fn kinds(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::UnknownKind, "every error has a kind of this version")
}

pub(crate) fn capability_calls(bench: &Bench) -> BoxFuture<'_, Finding> {
    incidents(bench, Sin::UnreadableCall, "every call of the host could be read")
}

/// Calls of the host in the name of another call: nothing that an account may do is another's.
pub(crate) fn scopes(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "scopes")
}

pub(crate) fn instances(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "instances")
}

pub(crate) fn tables(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "tables")
}

pub(crate) fn create(bench: &Bench) -> BoxFuture<'_, Finding> {
    probe::ask(bench, "create")
}

/// What no run so far may have done. The calls of the plan are run first, if nobody has done so.
pub(crate) fn incidents<'b>(bench: &'b Bench, what: Sin, fine: &'static str) -> BoxFuture<'b, Finding> {
    Box::pin(async move {
        bench.rehearsed().await;
        Finding::of(&bench.incidents(what), fine)
    })
}
