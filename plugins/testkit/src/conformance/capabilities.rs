//! What the manifest promises of lengths, pictures and capabilities, against what `publish` does.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use juzhen_abi::message::{ErrorKind, capability, operation};
use serde_json::{Value, json};

use super::bench::{Bench, Rehearsed};
use super::ended::{Ended, Run};
use super::report::Finding;
use super::semantics::nothing_good;

/// A character that counts as one everywhere.
const CHARACTER: &str = "汉";
/// Longer texts than this are not tried.
const LONGEST: u32 = 1_000_000;

pub(crate) fn text(bench: &Bench) -> BoxFuture<'_, Finding> {
    length(bench, "text", bench.manifest.limits.text)
}

pub(crate) fn title(bench: &Bench) -> BoxFuture<'_, Finding> {
    length(bench, "title", bench.manifest.limits.title)
}

/// As long as the limit says is not refused here; one more either is, or is left to the platform.
fn length<'b>(bench: &'b Bench, field: &'static str, limit: u32) -> BoxFuture<'b, Finding> {
    Box::pin(async move {
        if limit == 0 || limit > LONGEST {
            return Finding::not_applicable(format!("the manifest has no limit for {field}"));
        }
        let Some(good) = publish(bench).await else { return nothing_good(operation::PUBLISH) };
        let rest = if field == "text" { alone(bench, good).await } else { good.sample.body.clone() };
        let with = |count: u32| {
            let text = CHARACTER.repeat(usize::try_from(count).unwrap_or_default());
            changed(rest.clone().unwrap_or_default(), field, json!(text))
        };
        agree(bench, good, field, with(limit), with(limit + 1), &format!("{limit} characters")).await
    })
}

pub(crate) fn media(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let limit = bench.manifest.limits.media;
        let Some(good) = publish_pictures(bench).await else { return nothing_good(operation::PUBLISH) };
        let body = good.sample.body.clone().unwrap_or_default();
        let with = |count: u32| {
            let pictures = (0..count).map(|number| picture(number, 1000)).collect();
            changed(body.clone(), "media", Value::Array(pictures))
        };
        if limit == 0 {
            let run = bench.run(with_body(bench, good, with(1))).await;
            return match refused(&run) {
                Some(_) => Finding::passed("no pictures, and one is refused here"),
                None => Finding::not_applicable("the manifest has no limit for pictures"),
            };
        }
        agree(bench, good, "media", with(limit), with(limit + 1), &format!("{limit} pictures")).await
    })
}

pub(crate) fn media_bytes(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let limit = bench.manifest.limits.media_bytes;
        if limit == 0 || bench.manifest.limits.media == 0 {
            return Finding::not_applicable("the manifest has no limit for the size of a picture");
        }
        let Some(good) = publish_pictures(bench).await else { return nothing_good(operation::PUBLISH) };
        let body = good.sample.body.clone().unwrap_or_default();
        let with = |bytes: u64| changed(body.clone(), "media", json!([picture(0, bytes)]));
        agree(
            bench,
            good,
            "media_bytes",
            with(limit),
            with(limit + 1),
            &format!("a picture of {limit} bytes"),
        )
        .await
    })
}

/// What is used is asked for in `requires`, so that a daemon without it refuses the adapter at its start.
pub(crate) fn requires(bench: &Bench) -> BoxFuture<'_, Finding> {
    Box::pin(async move {
        let mut used = BTreeSet::new();
        for one in bench.rehearsed().await {
            used.extend(one.run.seen.used.iter().filter_map(|name| version_of(name)));
            used.extend(one.run.seen.asked.iter().filter_map(|asked| {
                let names = format!("{:?}", asked.head) + &String::from_utf8_lossy(&asked.body);
                names.contains("{{secret:").then_some("secret.v1")
            }));
        }
        let requires = &bench.manifest.requires;
        let missing: Vec<String> = used
            .iter()
            .filter(|name| !requires.iter().any(|required| required == *name))
            .map(|name| format!("uses {name}, and the manifest does not require it"))
            .collect();
        Finding::of(&missing, format!("uses {}", used.into_iter().collect::<Vec<_>>().join(", ")))
    })
}

/// What a manifest calls the capability of this name.
fn version_of(name: &str) -> Option<&'static str> {
    Some(match name {
        capability::HTTP_SEND => "http.v1",
        capability::CLOCK_SLEEP => "clock.v1",
        capability::KV_GET | capability::KV_SET | capability::KV_DELETE => "kv.v1",
        capability::BLOB_READ => "blob.v1",
        capability::SECRET_SIGN => "secret.sign.v1",
        capability::SECRET_DECRYPT => "secret.decrypt.v1",
        _ => return None,
    })
}

async fn agree(
    bench: &Bench,
    good: &Rehearsed,
    field: &str,
    at_limit: Value,
    over: Value,
    shown: &str,
) -> Finding {
    let fits = bench.run(with_body(bench, good, at_limit)).await;
    if let Some(why) = refused(&fits) {
        return Finding::failed(format!("limits.{field} allows {shown}, and publish refuses it: {why}"));
    }
    if !matches!(fits.ended, Ended::Answer(_)) {
        return Finding::failed(format!("{shown}: it {}", fits.ended.shown()));
    }
    match refused(&bench.run(with_body(bench, good, over)).await) {
        Some(_) => Finding::passed(format!("{shown} leave, and more is refused before anything leaves")),
        None => Finding::passed(format!("{shown} leave; more is left to the platform")),
    }
}

async fn publish(bench: &Bench) -> Option<&Rehearsed> {
    bench.good().await.into_iter().find(|one| one.sample.operation == operation::PUBLISH)
}

/// One with pictures, because the plan then says what is answered to them; else any.
async fn publish_pictures(bench: &Bench) -> Option<&Rehearsed> {
    let pictures =
        |one: &&Rehearsed| one.sample.body.as_ref().is_some_and(|body| body.get("media").is_some());
    let all = bench.good().await.into_iter().filter(|one| one.sample.operation == operation::PUBLISH);
    all.max_by_key(pictures)
}

fn with_body(bench: &Bench, good: &Rehearsed, body: Value) -> super::bench::Call {
    let mut call = bench.call(&good.sample);
    call.body = body;
    call
}

/// The reason, when it was refused before anything left.
fn refused(run: &Run) -> Option<String> {
    match &run.ended {
        Ended::Error(error)
            if run.seen.asked.is_empty()
                && matches!(error.kind, ErrorKind::Rejected { .. } | ErrorKind::Unsupported { .. }) =>
        {
            Some(error.message.clone())
        }
        _ => None,
    }
}

/// The post of the sample without whatever some platforms count to its text, where they let it go without.
async fn alone(bench: &Bench, good: &Rehearsed) -> Option<Value> {
    let whole = good.sample.body.clone()?;
    for drop in [&["link", "source", "title"][..], &["link", "source"], &["source"]] {
        let mut body = whole.clone();
        body.as_object_mut()?.retain(|name, _| !drop.contains(&name.as_str()));
        if matches!(bench.run(with_body(bench, good, body.clone())).await.ended, Ended::Answer(_)) {
            return Some(body);
        }
    }
    Some(whole)
}

fn changed(mut body: Value, field: &str, value: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
    body
}

fn picture(number: u32, bytes: u64) -> Value {
    json!({ "blob": format!("{number:064x}"), "mime": "image/png", "bytes": bytes, "alt": "图" })
}
