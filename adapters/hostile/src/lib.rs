//! An adapter that commits the sin it is asked for; `README.md` lists them. For tests only.
//!
//! Here: which sin, and the honest requests around it. `inside`: sins of safe Rust. `careless`: sins of those who mean well.
//! `system`: sins against the process. `raw`: sins of the C boundary, which the sdk does not let an author commit.

mod careless;
mod inside;
mod raw;
mod system;

use juzhen_sdk::message::Meta;
use juzhen_sdk::prelude::*;
use serde::Deserialize;

juzhen_sdk::export_adapter!(@export raw::create, "manifest.json", juzhen_sdk::__private::abi::FLAG_OWN_THREADS);

pub(crate) struct Hostile;

#[async_trait]
impl Adapter for Hostile {
    fn new(_host: Host, config: Config) -> Result<Self> {
        let feature = if cfg!(feature = "create_abort") {
            Some("abort")
        } else if cfg!(feature = "create_hang") {
            Some("hang")
        } else if cfg!(feature = "create_panic") {
            Some("panic")
        } else {
            None
        };
        match feature.map(str::to_owned).or(config.get("create_sin")?).as_deref() {
            None => Ok(Self),
            Some("panic") => inside::panic_now("in create"),
            Some("abort") => std::process::abort(),
            Some("segfault") => system::segfault(),
            Some("hang") => inside::infinite_loop(),
            Some("refuse") => Err(Error::misconfigured("refuses to start", "create_sin")),
            Some(other) => Err(unknown(other)),
        }
    }

    async fn check(&self, cx: Cx) -> Result<AccountInfo> {
        cx.http().get(&account_url(&cx)?).bearer(TOKEN).send().await?.json()
    }

    async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
        commit(&sin_of(&cx.meta, &post.text), &cx, &post).await
    }

    async fn find_published(&self, cx: Cx, find: Find) -> Result<Found> {
        if find.asks_for_all() {
            return Err(Error::unsupported("a list of every post"));
        }
        let request = cx.http().get(&format!("{}/posts", account_url(&cx)?)).bearer(TOKEN);
        let request = request.query("since_unix_ms", &find.since_unix_ms.to_string());
        let listed: Listed =
            request.query("until_unix_ms", &find.until_unix_ms.to_string()).send().await?.json()?;
        let text = find.post.unwrap_or_default().text;
        let matches = listed.posts.into_iter().filter(|post| post.text == text);
        Ok(Found {
            matches: matches.map(|post| FoundPost { id: post.id, ..FoundPost::default() }).collect(),
            complete: true,
        })
    }
}

/// The setting, or what follows `sin:` in the text; `ok` when there is neither.
pub(crate) fn sin_of(meta: &Meta, text: &str) -> String {
    let set = meta.settings.get("sin").and_then(Value::as_str);
    let said = text.strip_prefix("sin:").and_then(|rest| rest.split_whitespace().next());
    set.or(said).unwrap_or("ok").to_owned()
}

async fn commit(sin: &str, cx: &Cx, post: &Post) -> Result<Published> {
    match sin {
        "ok" => create(cx, post, &[]).await,
        "five_steps" => five_steps(cx, post, false).await,
        "crash_after_step_3_once" => five_steps(cx, post, true).await,
        "clock_lies" => inside::in_the_year_2100(create(cx, post, &[]).await?),
        "claims_refused" => {
            create(cx, post, &[]).await?;
            Err(Error::retryable("nothing has happened, honestly", None))
        }
        _ if careless::knows(sin) => careless::commit(sin, cx, post).await,
        _ if inside::knows(sin) => inside::commit(sin, cx, post).await,
        _ if system::knows(sin) => system::commit(sin, cx, post).await,
        _ => Err(unknown(sin)),
    }
}

/// Four uploads and the post: five requests that change something.
async fn five_steps(cx: &Cx, post: &Post, crashes: bool) -> Result<Published> {
    let mut media = Vec::new();
    for step in 1..=4 {
        let url = format!("{}/v1/media", base_url(cx)?);
        let bytes = format!("step {step} of {}", cx.meta.idempotency_key).into_bytes();
        let sent = cx.http().post(&url).bearer(TOKEN).body(bytes, "image/png").send().await?;
        media.push(sent.json::<Uploaded>()?.media_id);
        if crashes && step == 3 && cx.meta.attempt <= 1 && cx.kv().get("crashed").await?.is_none() {
            cx.kv().set("crashed", b"yes").await?;
            std::process::abort();
        }
    }
    create(cx, post, &media).await
}

/// The name of the secret that the account needs.
pub(crate) const TOKEN: &str = "access_token";

/// The honest post.
pub(crate) async fn create(cx: &Cx, post: &Post, media: &[String]) -> Result<Published> {
    let url = format!("{}/posts", account_url(cx)?);
    let body = json!({ "text": post.text, "media": media });
    let request = cx.http().post(&url).bearer(TOKEN).header("idempotency-key", &cx.meta.idempotency_key);
    let created: Created = request.json(&body).send().await?.json()?;
    Ok(published(created.id))
}

pub(crate) fn base_url(cx: &Cx) -> Result<&str> {
    Ok(cx.setting("base_url")?.trim_end_matches('/'))
}

pub(crate) fn account_url(cx: &Cx) -> Result<String> {
    Ok(format!("{}/v1/accounts/{}", base_url(cx)?, cx.meta.uid))
}

/// How a probe of the sandbox ends: what it got, or what stopped it.
pub(crate) fn verdict<T>(probed: core::result::Result<String, String>) -> Result<T> {
    let (code, message) = match probed {
        Ok(got) => ("escaped", got),
        Err(stopped) => ("contained", stopped),
    };
    Err(Error::rejected(message, RejectedBy::Policy, code))
}

fn unknown(sin: &str) -> Error {
    Error::misconfigured(format!("there is no sin {sin}"), "sin")
}

#[derive(Deserialize)]
struct Uploaded {
    media_id: String,
}

#[derive(Deserialize)]
pub(crate) struct Created {
    pub(crate) id: String,
}

#[derive(Deserialize)]
struct Listed {
    posts: Vec<Listing>,
}

#[derive(Deserialize)]
struct Listing {
    id: String,
    #[serde(default)]
    text: String,
}
