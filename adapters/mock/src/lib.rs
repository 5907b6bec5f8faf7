//! Speaks to the stand-in platform `mock` of `juzhen sandbox`. New adapters begin as this one: `juzhen adapter new`.
//!
//! One method per operation, one table of refusals, and the shapes of the platform's answers at the end.

#![forbid(unsafe_code)]

use juzhen_sdk::message::Meta;
use juzhen_sdk::prelude::*;
use juzhen_sdk::{Http, RequestBuilder};
use serde::{Deserialize, Serialize};

juzhen_sdk::export_adapter!(Mock, "manifest.json");

/// Keeps nothing: whatever differs between accounts comes with each call.
struct Mock;

#[async_trait]
impl Adapter for Mock {
    fn new(_host: Host, _config: Config) -> Result<Self> {
        Ok(Self)
    }

    async fn check(&self, cx: Cx) -> Result<AccountInfo> {
        let url = account_url(&cx)?;
        signed(&cx, || Ok(platform(&cx).get(&url))).await?.json()
    }

    async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
        let mut media = Vec::new();
        for file in &post.media {
            media.push(upload(&cx, file).await?);
        }
        let Post { title, text, link, source, .. } = post;
        let body = NewPost { title, text, link, source, media };
        create(&cx, "posts", body).await
    }

    async fn repost(&self, cx: Cx, repost: Repost) -> Result<Published> {
        let Repost { origin, comment } = repost;
        let body = json!({ "origin_id": origin.id, "origin_uid": origin.uid, "comment": comment });
        create(&cx, "reposts", body).await
    }

    /// The platform may tidy what it shows, so texts are compared in the tidied form; anything else is another post. Asked
    /// for no post in particular, every post is an answer.
    async fn find_published(&self, cx: Cx, find: Find) -> Result<Found> {
        let Listed { posts, complete, .. } = list(&cx, &find).await?;
        let matches = posts.into_iter().filter(|seen| find.asks_for_all() || seen.is(&find));
        Ok(Found { matches: matches.map(Seen::found).collect(), complete })
    }

    async fn track(&self, cx: Cx, track: Track) -> Result<Tracked> {
        let url = format!("{}/v1/tickets/{}", base_url(&cx)?, track.ticket);
        let answer = signed(&cx, || Ok(platform(&cx).get(&url))).await?;
        Ok(answer.json::<Progress>()?.tracked())
    }

    async fn retract(&self, cx: Cx, retract: Retract) -> Result<()> {
        let url = format!("{}/posts/{}", account_url(&cx)?, retract.id);
        let answer = platform(&cx).delete(&url).bearer(TOKEN).send_any().await?;
        match answer.status() {
            200..=299 | 404 => Ok(()), // Gone is what was asked for.
            _ => Err(refusal(&answer).unwrap_or_else(|| answer.default_error())),
        }
    }
}

/// The secret that the settings of an account must name.
const TOKEN: &str = "access_token";
/// The one that buys a new token where tokens expire.
const APP_SECRET: &str = "app_secret";
/// A window has a few posts; a list that is longer than this many pages is left a part.
const MOST_PAGES: usize = 20;

/// Requests whose refusals are understood.
fn platform(cx: &Cx) -> Http {
    cx.http().refusals(refusal)
}

fn base_url(cx: &Cx) -> Result<&str> {
    Ok(cx.setting("base_url")?.trim_end_matches('/'))
}

fn account_url(cx: &Cx) -> Result<String> {
    Ok(format!("{}/v1/accounts/{}", base_url(cx)?, cx.meta.uid))
}

/// Sends a picture by its handle: its bytes never pass through here.
async fn upload(cx: &Cx, file: &Media) -> Result<String> {
    let url = format!("{}/v1/media", base_url(cx)?);
    let sent = signed(cx, || Ok(platform(cx).post(&url).body_blob(&file.blob, &file.mime))).await?;
    Ok(sent.json::<Uploaded>()?.media_id)
}

/// The one request that makes a post visible.
async fn create(cx: &Cx, what: &str, body: impl Serialize) -> Result<Published> {
    let url = format!("{}/{what}", account_url(cx)?);
    let sent = signed(cx, || keyed(platform(cx).post(&url).json(&body), cx)).await?;
    if sent.status() == 202 {
        return Ok(Published::Accepted { ticket: sent.json::<Ticket>()?.ticket });
    }
    let Created { id, url, created_at_unix_ms } = sent.json()?;
    Ok(Published::Published { id, url, at_unix_ms: created_at_unix_ms })
}

/// Sends a request with the account's token. When the platform says that the token is no longer good, nothing has happened:
/// a new one is fetched and the request goes out once more.
async fn signed(cx: &Cx, request: impl Fn() -> Result<RequestBuilder>) -> Result<Response> {
    let refused = match request()?.bearer(TOKEN).send().await {
        Err(refused) if matches!(refused.kind, ErrorKind::AuthExpired { .. }) => refused,
        other => return other,
    };
    match renew(cx).await {
        Ok(()) => request()?.bearer(TOKEN).send().await,
        // The account has no secret that buys a token: a person has to sign in.
        Err(no) if matches!(no.kind, ErrorKind::Misconfigured { .. }) => Err(refused),
        Err(other) => Err(other),
    }
}

/// Fetches a new token. The daemon keeps it and lets one call fetch at a time; this code never sees it.
async fn renew(cx: &Cx) -> Result<()> {
    let url = format!("{}/token", account_url(cx)?);
    let request = platform(cx).post(&url).bearer(APP_SECRET).effect(Effect::Safe);
    // A platform whose secret buys one token only hands out the next secret with it.
    let request = request.capture("/access_token", TOKEN, Some("/expires_in"));
    request.capture("/refresh_token", APP_SECRET, None).send().await.map(|_| ())
}

/// The account's own list, page by page. Pages overlap when something is posted meanwhile.
async fn list(cx: &Cx, find: &Find) -> Result<Listed> {
    let url = format!("{}/posts", account_url(cx)?);
    let mut all = Listed { complete: true, ..Listed::default() };
    for _page in 0..MOST_PAGES {
        let request = || {
            let request = platform(cx).get(&url).query("since_unix_ms", &find.since_unix_ms.to_string());
            let request = request.query("until_unix_ms", &find.until_unix_ms.to_string());
            Ok(all.next.iter().fold(request, |request, after| request.query("after", after)))
        };
        let page: Listed = signed(cx, request).await?.json()?;
        all.complete &= page.complete;
        all.posts.extend(page.posts);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    all.complete &= all.next.is_none();
    all.posts.sort_by(|a, b| {
        (a.post.created_at_unix_ms, &a.post.id).cmp(&(b.post.created_at_unix_ms, &b.post.id))
    });
    all.posts.dedup_by(|a, b| a.post.id == b.post.id);
    Ok(all)
}

/// The platform promises to apply a key once only where a window is agreed; elsewhere the key is a mere header.
fn keyed(request: RequestBuilder, cx: &Cx) -> Result<RequestBuilder> {
    let Meta { idempotency_key: key, .. } = &*cx.meta;
    let window: Option<u32> = cx.setting_as("idempotency_window_s")?;
    Ok(if window.is_some_and(|seconds| seconds > 0) {
        request.idempotency(key)
    } else {
        request.header("idempotency-key", key)
    })
}

/// The platform's own codes. What is not listed has the default meaning of its status.
fn refusal(answer: &Response) -> Option<Error> {
    let Refused { error } = answer.json().ok()?;
    let (code, message) = (error.code.as_str(), error.message);
    Some(match code {
        "bad_text" => Error::rejected(message, RejectedBy::Content, code),
        "account_frozen" => Error::rejected(message, RejectedBy::Permission, code),
        "token_expired" | "token_invalid" => Error::auth_expired(message, TOKEN),
        "app_secret_wrong" => Error::auth_expired(message, APP_SECRET),
        "repeat_content" | "key_known" => Error::duplicate(message, error.id),
        // It is out, and neither the answer nor the list knows its id yet.
        "published_sync_later" => Error::in_doubt(message),
        // Documented: the platform says this before it looks at the post, so that nothing has happened.
        "busy_before_effect" => Error::retryable(message, None),
        _ => return None,
    })
}

/// Spaces joined, punctuation made full-width, addresses shortened and emoji plain, as the platform does it.
fn tidied(text: &str) -> String {
    let shortened = |word| if str::contains(word, "://") { "http://" } else { word };
    let words: Vec<&str> = text.split_whitespace().map(shortened).collect();
    words.join(" ").chars().filter(|one| *one != '\u{fe0f}').map(full_width).collect()
}

fn full_width(one: char) -> char {
    const FULL_WIDTH: [(char, char); 7] =
        [(',', '，'), ('!', '！'), ('?', '？'), (':', '：'), (';', '；'), ('(', '（'), (')', '）')];
    FULL_WIDTH.iter().find(|(ascii, _)| *ascii == one).map_or(one, |(_, wide)| *wide)
}

#[derive(Serialize)]
struct NewPost {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    media: Vec<String>,
}

#[derive(Deserialize)]
struct Uploaded {
    media_id: String,
}

#[derive(Deserialize)]
struct Ticket {
    ticket: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
    url: Option<String>,
    created_at_unix_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Progress {
    Published(Created),
    Pending { after_ms: Option<u64> },
    Refused { reason: String },
}

impl Progress {
    fn tracked(self) -> Tracked {
        match self {
            Self::Published(Created { id, url, created_at_unix_ms }) => {
                Tracked::Published { id, url, at_unix_ms: created_at_unix_ms }
            }
            Self::Pending { after_ms } => Tracked::Pending { after_ms },
            Self::Refused { reason } => Tracked::Refused { reason },
        }
    }
}

#[derive(Default, Deserialize)]
struct Listed {
    posts: Vec<Seen>,
    /// Where the next page begins.
    next: Option<String>,
    /// The platform says so when it leaves something out.
    #[serde(default = "yes")]
    complete: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Seen {
    #[serde(flatten)]
    post: Created,
    #[serde(default)]
    text: String,
    title: Option<String>,
    origin_id: Option<String>,
}

impl Seen {
    fn is(&self, wanted: &Find) -> bool {
        let same = |seen: &str, sent: &str| tidied(seen) == tidied(sent);
        if let Some(Repost { origin, comment }) = &wanted.repost {
            return self.origin_id.as_ref() == Some(&origin.id) && same(&self.text, comment);
        }
        let title = |title: &Option<String>| title.clone().unwrap_or_default();
        wanted.post.as_ref().is_some_and(|post| {
            let plain = self.origin_id.is_none();
            plain && same(&self.text, &post.text) && same(&title(&self.title), &title(&post.title))
        })
    }

    fn found(self) -> FoundPost {
        let Created { id, url, created_at_unix_ms } = self.post;
        FoundPost { id, url, at_unix_ms: created_at_unix_ms, text: Some(self.text) }
    }
}

#[derive(Deserialize)]
struct Refused {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    #[serde(default)]
    message: String,
    id: Option<String>,
}
