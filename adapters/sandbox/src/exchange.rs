//! One request and its answer: numbered, checked, led past the script, carried out, counted, answered.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use tracing::debug;

use crate::answer::{Ending, Manner, Reply, deliver};
use crate::effect::RequestMark;
use crate::faults::{Fault, LateAnswer, ScriptedRefusal};
use crate::late::postpone;
use crate::ledger::{Ended, Full};
use crate::script::{Plan, Seen, Twist};
use crate::serve::Peer;
use crate::strange::strange;
use crate::world::{Shared, World, now_unix_ms};

/// Answers one request. `understood` is what the platform makes of it; a request it does not understand meets no fault.
pub(crate) async fn exchange(
    shared: &Arc<Shared>,
    arrival: Arrival,
    understood: Result<Intent, Refusal>,
) -> Response {
    let ending = shared.with(|world| decide(shared, world, &arrival, understood));
    deliver(ending).await
}

/// How a platform speaks when it refuses.
pub(crate) struct Dialect {
    pub(crate) platform: &'static str,
    /// The refusal in the platform's words, for the request of this path.
    pub(crate) refuse: fn(&Refusal, path: &str) -> Reply,
    /// The usual code for a status that a script gives without one.
    pub(crate) usual_code: fn(u16) -> &'static str,
    /// The platform's own error of this number, with the status and the words that go with it.
    pub(crate) numbered: fn(i64) -> Refusal,
    /// What the platform remembers of an answer that it has given.
    pub(crate) keep: fn(&mut World, &Arrival, &Reply),
}

/// A request, read.
pub(crate) struct Arrival {
    pub(crate) dialect: &'static Dialect,
    /// Method and path pattern with its mount; the name it is counted under.
    pub(crate) route: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    /// What stands behind the `?`, as sent; empty if nothing does.
    pub(crate) query: String,
    /// Where the request comes from.
    pub(crate) peer: IpAddr,
    /// The platform's id of the account, if the request says or implies one.
    pub(crate) account: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) credential: Credential,
}

/// What `Authorization` has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A token that is good for the account.
    Token,
    /// Something else, which the act looks at.
    Other,
    /// Not looked at here: the platform has its own place for credentials, and has judged them before `exchange`.
    Judged,
}

/// What the platform understood, and how it would carry it out.
pub(crate) struct Intent {
    /// What `text_contains` looks at.
    pub(crate) words: Vec<Arc<str>>,
    pub(crate) kind: IntentKind,
    pub(crate) act: Act,
}

/// What a request is about, as far as the script tells requests apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntentKind {
    /// A post or a repost.
    Publication,
    /// The posts of an account.
    List,
    Other,
}

pub(crate) type Act = Box<dyn FnOnce(&mut World, &Call) -> Result<Reply, Refusal> + Send>;

impl Intent {
    /// Neither a publication nor a list.
    pub(crate) fn plain(
        act: impl FnOnce(&mut World, &Call) -> Result<Reply, Refusal> + Send + 'static,
    ) -> Self {
        Self { words: Vec::new(), kind: IntentKind::Other, act: Box::new(act) }
    }

    pub(crate) fn list(
        act: impl FnOnce(&mut World, &Call) -> Result<Reply, Refusal> + Send + 'static,
    ) -> Self {
        Self { kind: IntentKind::List, ..Self::plain(act) }
    }
}

/// What an act is told about its request.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) account: Option<usize>,
    pub(crate) twist: Twist,
    pub(crate) request: RequestMark,
    /// The token that came with it.
    pub(crate) bearer: String,
}

/// An error answer, before the platform's dialect puts it into words.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) id: Option<String>,
    pub(crate) retry_after_s: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), id: None, retry_after_s: None }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::new(507, "sandbox_full", full.to_string())
    }
}

impl Arrival {
    /// Reads the request whole; too large a body is the only thing that can be refused here.
    pub(crate) async fn read(
        shared: &Shared,
        dialect: &'static Dialect,
        route: &'static str,
        account: Option<String>,
        request: Request,
    ) -> (Self, Result<(), Refusal>) {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<Peer>().map_or(Ipv4Addr::LOCALHOST.into(), |peer| peer.0);
        let original = parts.extensions.get::<axum::extract::OriginalUri>().map(|uri| uri.path().to_owned());
        let (body, read) = match axum::body::to_bytes(body, shared.max_body_bytes).await {
            Ok(body) => (body, Ok(())),
            Err(_) => {
                let message = format!("a body has at most {} bytes and arrives whole", shared.max_body_bytes);
                (Bytes::new(), Err(Refusal::new(413, "too_large", message)))
            }
        };
        let path = original.unwrap_or_else(|| parts.uri.path().to_owned());
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let (method, headers) = (parts.method, parts.headers);
        let credential = Credential::Token;
        (Self { dialect, route, method, path, query, peer, account, headers, body, credential }, read)
    }

    /// The token of `Authorization: Bearer …`, if there is one that is not empty.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn decide(
    shared: &Arc<Shared>,
    world: &mut World,
    arrival: &Arrival,
    understood: Result<Intent, Refusal>,
) -> Ending {
    let sequence = world.ledger.next_sequence();
    let ending = match admit(world, arrival, understood) {
        Ok((intent, account)) => perform(shared, world, arrival, intent, account, sequence),
        Err(refusal) => Ending::plain((arrival.dialect.refuse)(&refusal, &arrival.path)),
    };
    let answered = match &ending.manner {
        Manner::Instead(other) => other,
        _ => &ending.reply,
    };
    (arrival.dialect.keep)(world, arrival, answered);
    let account =
        arrival.account.as_deref().and_then(|uid| world.ledger.find_account(arrival.dialect.platform, uid));
    world.ledger.count(arrival.route, account, ending.ended());
    debug!(
        route = arrival.route,
        account = arrival.account,
        sequence,
        status = ending.reply.status,
        "Answered"
    );
    ending
}

/// Checks the token, then what was understood; a refused request makes no account.
fn admit(
    world: &mut World,
    arrival: &Arrival,
    understood: Result<Intent, Refusal>,
) -> Result<(Intent, Option<usize>), Refusal> {
    let token = match arrival.bearer() {
        Some(token) => token,
        None if arrival.credential == Credential::Judged => "",
        None => return Err(Refusal::new(401, "token_missing", "send `Authorization: Bearer <token>`")),
    };
    if arrival.credential == Credential::Token {
        world.tokens.permits(arrival.account.as_deref(), token, now_unix_ms())?;
    }
    let intent = understood?;
    let account = match &arrival.account {
        Some(uid) => Some(world.ledger.account(arrival.dialect.platform, uid)?),
        None => None,
    };
    Ok((intent, account))
}

fn perform(
    shared: &Arc<Shared>,
    world: &mut World,
    arrival: &Arrival,
    intent: Intent,
    account: Option<usize>,
    sequence: u64,
) -> Ending {
    let Plan { answer, delay_ms, twist } = world.script.choose(&Seen {
        method: arrival.method.as_str(),
        path: &arrival.path,
        account: arrival.account.as_deref(),
        words: &intent.words,
        publishes: intent.kind == IntentKind::Publication,
        lists: intent.kind == IntentKind::List,
    });
    let idempotency_key = arrival.header("idempotency-key").map(str::to_owned);
    let request = RequestMark { idempotency_key, sequence };
    let bearer = arrival.bearer().unwrap_or_default().to_owned();
    let is_strange = twist.strange;
    let call = Call { shared: shared.clone(), account, twist, request, bearer };
    let (when, manner) = scripted(arrival, answer);
    let delay = Duration::from_millis(delay_ms);
    let done = match when {
        When::Now => (intent.act)(world, &call),
        When::Never => Ok(Reply::empty(204)),
        When::Late(ms) => postpone(shared, world, ms, intent.act, call),
    };
    let (reply, manner) = match done {
        Ok(reply) => (reply, manner),
        // A fault that says "applied" must not hide that nothing was.
        Err(refusal) => ((arrival.dialect.refuse)(&refusal, &arrival.path), Manner::Whole),
    };
    match manner {
        Manner::Instead(other) if is_strange => Ending::new(reply, Manner::Instead(strange(other)), delay),
        manner if is_strange => Ending::new(strange(reply), manner, delay),
        manner => Ending::new(reply, manner, delay),
    }
}

enum When {
    Now,
    Never,
    Late(u64),
}

/// Takes a fault apart: when the effect happens, and in which manner the answer travels.
fn scripted(arrival: &Arrival, fault: Option<Fault>) -> (When, Manner) {
    let dialect = arrival.dialect;
    let instead = |refusal: Refusal| Manner::Instead((dialect.refuse)(&refusal, &arrival.path));
    let Some(fault) = fault else { return (When::Now, Manner::Whole) };
    let when = match &fault {
        Fault::ApplyLateMs { ms, .. } | Fault::PlatformError { late_ms: Some(ms), .. } => When::Late(*ms),
        before if before.is_before_effect() => When::Never,
        _ => When::Now,
    };
    let manner = match fault {
        Fault::Status(refusal) | Fault::StatusAfterEffect(refusal) => instead(worded(dialect, refusal)),
        Fault::PlatformError { code, message, .. } => {
            let refusal = (dialect.numbered)(code);
            instead(Refusal { message: message.unwrap_or(refusal.message.clone()), ..refusal })
        }
        Fault::Hang { .. } | Fault::ApplyLateMs { answer: LateAnswer::Hang, .. } => Manner::Hang,
        Fault::ApplyLateMs { answer: LateAnswer::GatewayTimeout, .. } => {
            instead(worded(dialect, ScriptedRefusal::of(504)))
        }
        Fault::ResetAfterEffect {} | Fault::ResetBeforeEffect {} => Manner::Reset,
        Fault::ResetMidBody {} => Manner::BreakOff,
        Fault::TruncateJson {} => Manner::HalfJson,
        Fault::Html200 { .. } => Manner::Instead(Reply::maintenance_page()),
        Fault::UnknownErrcode200 { errcode, .. } => Manner::Instead(Reply::json(
            200,
            &serde_json::json!({ "errcode": errcode, "errmsg": "system notice" }),
        )),
        Fault::SlowDrip { interval_ms } => Manner::Drip(Duration::from_millis(interval_ms)),
        Fault::GzipBomb { mib } => Manner::Bomb { mib },
        Fault::Redirect302 { location } => Manner::Instead(Reply::redirect(location)),
        // They bend what happens, and leave the answer alone.
        Fault::DelayMs { .. }
        | Fault::VisibleLateMs { .. }
        | Fault::NormaliseText { .. }
        | Fault::RepeatContent {}
        | Fault::AsyncThen { .. }
        | Fault::AdminConfirms { .. }
        | Fault::IdempotencyWindowS { .. }
        | Fault::Quota { .. }
        | Fault::RemoveAfterMs { .. }
        | Fault::ClockSkewMs { .. }
        | Fault::ListPart { .. }
        | Fault::StrangeFields {}
        | Fault::ListDisorder {} => Manner::Whole,
    };
    (when, manner)
}

/// Fills in what the script left to the platform's habits.
pub(crate) fn worded(dialect: &Dialect, scripted: ScriptedRefusal) -> Refusal {
    let ScriptedRefusal { status, code, message, retry_after_s, id } = scripted;
    let code = code.unwrap_or_else(|| (dialect.usual_code)(status).to_owned());
    let usual_words =
        || code.parse().map_or("scripted by the sandbox".to_owned(), |code| (dialect.numbered)(code).message);
    let message = message.unwrap_or_else(usual_words);
    Refusal { status, code, message, id, retry_after_s: retry_after_s.or((status == 429).then_some(1)) }
}

impl Ending {
    fn ended(&self) -> Ended {
        match &self.manner {
            Manner::Hang | Manner::Reset => Ended::Unanswered,
            Manner::Instead(reply) if reply.is_refusal => Ended::Refused,
            Manner::Whole if self.reply.is_refusal => Ended::Refused,
            _ => Ended::Answered,
        }
    }
}
