//! Sins of authors who mean well: nothing dies of them, and what the platform and the daemon know goes apart.

use core::future::Future as _;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use juzhen_sdk::RequestBuilder;
use juzhen_sdk::prelude::*;

use crate::{Created, TOKEN, account_url, create};

const KNOWN: &[&str] = &[
    "counts_calls",
    "forgets_future",
    "keeps_token",
    "key_by_attempt",
    "leaks_a_little",
    "page_is_success",
    "posts_again",
    "posts_twice",
    "refusal_is_success",
    "refuses_long",
    "remembers_process",
    "sends_other_secret",
    "shares_state",
    "silence_is_refusal",
    "sleeps_an_hour",
    "undeclared_capability",
];

pub(crate) fn knows(sin: &str) -> bool {
    KNOWN.contains(&sin)
}

pub(crate) async fn commit(sin: &str, cx: &Cx, post: &Post) -> Result<Published> {
    match sin {
        "forgets_future" => forget_future(cx),
        "leaks_a_little" => core::mem::forget(core::hint::black_box(vec![1_u8; 4096])),
        "undeclared_capability" => cx.sleep(Duration::from_millis(1)).await?,
        "keeps_token" => keep_token(cx).await?,
        "refuses_long" if post.text.chars().count() > 100 => {
            return Err(Error::rejected("longer than it likes", RejectedBy::Content, "length"));
        }
        "posts_twice" => drop(create(cx, post, &[]).await?),
        _ => {}
    }
    match sin {
        "counts_calls" | "remembers_process" | "key_by_attempt" | "sends_other_secret" | "shares_state" => {
            changed(sin, cx, post).await
        }
        "page_is_success" => {
            let sent = request(cx)?.json(&json!({ "text": post.text })).send_any().await?;
            if (200..300).contains(&sent.status()) {
                Ok(published("unknown"))
            } else {
                Err(sent.default_error())
            }
        }
        _ => after(sin, cx, post, create(cx, post, &[]).await).await,
    }
}

/// What it makes of an error.
async fn after(sin: &str, cx: &Cx, post: &Post, sent: Result<Published>) -> Result<Published> {
    let Err(error) = sent else { return sent };
    match sin {
        "posts_again" => create(cx, post, &[]).await,
        "refusal_is_success" => Ok(published("perhaps")),
        "silence_is_refusal" => Err(Error::rejected(error.message, RejectedBy::Content, "no")),
        "sleeps_an_hour" => {
            cx.sleep(Duration::from_secs(3600)).await?;
            Err(error)
        }
        _ => Err(error),
    }
}

/// A post with something in it that is not the same another time.
async fn changed(sin: &str, cx: &Cx, post: &Post) -> Result<Published> {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    static LAST_KEY: Mutex<String> = Mutex::new(String::new());
    let key = &cx.meta.idempotency_key;
    LAST_KEY.lock().unwrap_or_else(PoisonError::into_inner).clone_from(key);
    // Where another call comes in between.
    cx.kv().get("nothing").await?;
    let value = match sin {
        "counts_calls" => CALLS.fetch_add(1, Ordering::Relaxed).to_string(),
        "remembers_process" => std::process::id().to_string(),
        "key_by_attempt" => format!("{key}-{}", cx.meta.attempt),
        "sends_other_secret" => secret("somebody_elses"),
        _ => LAST_KEY.lock().unwrap_or_else(PoisonError::into_inner).clone(),
    };
    let name = if sin == "key_by_attempt" { "idempotency-key" } else { "x-sin" };
    let sent = request(cx)?.header(name, &value).json(&json!({ "text": post.text })).send().await?;
    Ok(published(sent.json::<Created>()?.id))
}

fn request(cx: &Cx) -> Result<RequestBuilder> {
    Ok(cx.http().post(&format!("{}/posts", account_url(cx)?)).bearer(TOKEN))
}

/// Asks the host something, and never gives the question back.
fn forget_future(cx: &Cx) {
    let cx = cx.clone();
    let mut asked = Box::pin(async move { cx.kv().get("nothing").await.is_ok() });
    let polled = pin!(asked.as_mut()).poll(&mut Context::from_waker(Waker::noop()));
    if matches!(polled, Poll::Pending) {
        core::mem::forget(asked);
    }
}

/// A token that nobody captures is what the platform wrote.
async fn keep_token(cx: &Cx) -> Result<()> {
    let url = format!("{}/token", account_url(cx)?);
    let token: Value = cx.http().post(&url).bearer(TOKEN).effect(Effect::Safe).send().await?.json()?;
    let token = token.get("access_token").and_then(Value::as_str).unwrap_or_default();
    cx.kv().set("token", token.as_bytes()).await
}
