//! What the mock platform does not have, each operation in its shortest form: no with a 200, comments, answers, callbacks,
//! signing in, figures. The platform is made up; `adapters/README.md` goes through this file.

#![forbid(unsafe_code)]

use juzhen_sdk::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

juzhen_sdk::export_adapter!(Conversation, "examples/conversation.json");

struct Conversation;

#[async_trait]
impl Adapter for Conversation {
    fn new(_host: Host, _config: Config) -> Result<Self> {
        Ok(Self)
    }

    async fn publish(&self, cx: Cx, post: Post) -> Result<Published> {
        let sent: Created = ask(&cx, "posts", &json!({ "text": post.text }), Effect::Mutating).await?;
        Ok(published(sent.id))
    }

    async fn poll_messages(&self, cx: Cx, poll: Poll) -> Result<Messages> {
        let wanted = json!({ "after": poll.cursor, "most": poll.most });
        let Comments { comments, next } = ask(&cx, "comments", &wanted, Effect::Safe).await?;
        let more = next.is_some();
        let mut messages: Vec<Message> = comments.into_iter().map(Comment::message).collect();
        // Not what the account wrote itself, and nothing older than is wanted.
        messages.retain(|one| one.author.uid != cx.meta.uid && one.at_unix_ms >= poll.since_unix_ms);
        messages.sort_by_key(|one| one.at_unix_ms);
        Ok(Messages { messages, cursor: next.or(poll.cursor), more, ..Messages::default() })
    }

    async fn reply(&self, cx: Cx, reply: Reply) -> Result<Replied> {
        if reply.look_only {
            return look(&cx, &reply).await;
        }
        let answer = json!({ "to": reply.to.id, "text": reply.text });
        let sent: Created = ask(&cx, "answers", &answer, Effect::Mutating).await?;
        Ok(Replied::Sent { id: Some(sent.id), at_unix_ms: None })
    }

    async fn moderate(&self, cx: Cx, moderate: Moderate) -> Result<()> {
        let path = match moderate.action {
            Moderation::Delete => "comments/delete",
            Moderation::Hide => "comments/hide",
            _ => return Err(Error::unsupported("this way of moderating")),
        };
        let _done: Value = ask(&cx, path, &json!({ "id": moderate.comment }), Effect::Mutating).await?;
        Ok(())
    }

    async fn authorize(&self, cx: Cx, step: Authorize) -> Result<Authorized> {
        match step {
            Authorize::Begin { redirect_uri, state } => {
                let page = format!("{}/sign-in", cx.setting("base_url")?);
                let app = cx.setting("app_id")?;
                let (state, back) = (segment(&state), segment(&redirect_uri));
                let url = format!("{page}?app={app}&state={state}&back={back}");
                Ok(Authorized::Browser { url })
            }
            Authorize::Code { code, redirect_uri } => redeem(&cx, &code, &redirect_uri).await,
            Authorize::Revoke => {
                let _done: Value = ask(&cx, "tokens/revoke", &json!({}), Effect::Safe).await?;
                Ok(Authorized::Revoked)
            }
        }
    }

    async fn receive(&self, cx: Cx, request: Receive) -> Result<Received> {
        let header = |wanted: &str| {
            let found = request.headers.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value.as_str())
        };
        let (at, signature) = (header("x-time"), header("x-signature"));
        let expected = cx.sign("hmac_sha256", Some("callback_token"), &[at, ".", &request.body]).await?;
        let sent_at: i64 = at.parse().unwrap_or_default();
        let is_fresh = cx.now_unix_ms().abs_diff(sent_at) <= CALLBACK_MS.unsigned_abs();
        // In a time that tells nothing of where the two differ.
        if !is_fresh || !bool::from(signature.as_bytes().ct_eq(expected.as_bytes())) {
            return Ok(Received { status: 401, ..Received::default() });
        }
        let Ok(comment) = serde_json::from_str::<Comment>(&request.body) else {
            return Ok(Received::default()); // Something that this adapter does not know yet.
        };
        let once = Once { key: signature.to_owned(), until_unix_ms: sent_at.saturating_add(CALLBACK_MS) };
        let told = vec![Told::Message { message: comment.message() }];
        Ok(Received { body: "ok".to_owned(), told, once: Some(once), ..Received::default() })
    }

    async fn measure(&self, cx: Cx, measure: Measure) -> Result<Measured> {
        let Figures { posts } = ask(&cx, "figures", &json!({ "ids": measure.posts }), Effect::Safe).await?;
        let figures = posts.into_iter().map(|one| PostFigures {
            id: one.id,
            reads: one.reads,
            ..PostFigures::default()
        });
        Ok(Measured { posts: figures.collect(), followers: None })
    }
}

const TOKEN: &str = "access_token";
/// How long a callback's signature is good.
const CALLBACK_MS: i64 = 300_000;

/// What the platform documents as a no before anything happened. Whatever else it answers may stand for anything.
const CODES: &[(i64, No)] =
    &[(1001, No::Token), (2001, No::Text), (2002, No::Account), (2003, No::Account), (3001, No::Quota)];

/// What it says no to.
enum No {
    Token,
    Text,
    Account,
    Quota,
}

impl No {
    fn error(&self, code: i64, message: String) -> Error {
        match self {
            Self::Token => Error::auth_expired(message, TOKEN),
            Self::Text => Error::rejected(message, RejectedBy::Content, &code.to_string()),
            Self::Account => Error::rejected(message, RejectedBy::Permission, &code.to_string()),
            Self::Quota => Error::quota(message, None),
        }
    }
}

/// Asks the platform, which answers 200 whatever it says, with a `code` that is 0 when it did it.
async fn ask<T: DeserializeOwned>(cx: &Cx, path: &str, body: &Value, effect: Effect) -> Result<T> {
    let url = format!("{}/{path}", cx.setting("base_url")?);
    let request = cx.http().post(&url).query_secret("access_token", TOKEN).json(body);
    let codes: Vec<i64> = CODES.iter().map(|(code, _)| *code).collect();
    let leaves_nothing = effect == Effect::Safe;
    let answer = request.effect(effect).declined("/code", &codes).send().await?;
    let Said { code, message } = answer.json()?;
    if code == 0 {
        return answer.json();
    }
    let known = CODES.iter().find(|(known, _)| *known == code);
    Err(match known {
        Some((_, no)) => no.error(code, message),
        None if leaves_nothing => Error::bug(format!("the platform says {code}: {message}")),
        None => Error::in_doubt(format!("the platform says {code}: {message}")),
    })
}

/// Buys a token for the code. The daemon keeps it; what comes here is masked.
async fn redeem(cx: &Cx, code: &str, redirect_uri: &str) -> Result<Authorized> {
    let url = format!("{}/tokens", cx.setting("base_url")?);
    let fields = [("code", code), ("secret", &secret("app_secret")), ("back", redirect_uri)];
    let request = cx.http().post(&url).form(&fields).effect(Effect::Safe);
    let answer = request.capture("/access_token", TOKEN, Some("/expires_in")).send().await?;
    let Bought { uid, expires_in } = answer.json()?;
    if uid != cx.meta.uid {
        return Err(Error::rejected(
            format!("授权的是账号 {uid}"),
            RejectedBy::Permission,
            "another_account",
        ));
    }
    let until = cx.now_unix_ms().saturating_add(expires_in.saturating_mul(1000));
    Ok(Authorized::Granted { uid, until_unix_ms: Some(until) })
}

/// Whether the answer is there already. Only the same text to the same comment is proof.
async fn look(cx: &Cx, reply: &Reply) -> Result<Replied> {
    let wanted = json!({ "to": reply.to.id });
    let Comments { comments, next } = ask(cx, "answers/list", &wanted, Effect::Safe).await?;
    let found = comments.into_iter().find(|one| one.author == cx.meta.uid && one.text == reply.text);
    Ok(match found {
        Some(one) => Replied::Sent { id: Some(one.id), at_unix_ms: Some(one.at_unix_ms) },
        None => Replied::NotSeen { complete: next.is_none() },
    })
}

#[derive(Deserialize)]
struct Said {
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct Bought {
    uid: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct Comments {
    comments: Vec<Comment>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Comment {
    id: String,
    post: Option<String>,
    author: String,
    text: String,
    at_unix_ms: i64,
}

impl Comment {
    fn message(self) -> Message {
        Message {
            kind: MessageKind::Comment,
            id: self.id,
            post: self.post,
            author: Author { uid: self.author, name: String::new() },
            text: self.text,
            at_unix_ms: self.at_unix_ms,
            ..Message::default()
        }
    }
}

#[derive(Deserialize)]
struct Figures {
    posts: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    id: String,
    reads: Option<u64>,
}
