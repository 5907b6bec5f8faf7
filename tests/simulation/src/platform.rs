//! The simulated platforms: one ledger of everything that became public, which alone judges, and every way in which a
//! platform is known to misbehave (reliability catalogue §4.3).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use juzhen_host::RecordedAnswer;
use juzhen_host::message::{HostError, HostErrorKind};
use juzhen_host::simulated::NetworkRequest;
use serde_json::{Value, json};

use crate::book::Book;
use crate::chance::Chance;
use crate::fired::Fired;
use crate::time::Time;
use crate::trace::Trace;

/// No exchange takes longer, as in the shipped client.
const TOTAL: Duration = Duration::from_secs(30);
/// A platform that keeps keys keeps them so long.
const KEY_MEMORY: SignedDuration = SignedDuration::from_hours(24);
/// The same text within this is refused by a platform without keys.
const REPEAT_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Something that became public.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) id: String,
    pub(crate) uid: String,
    /// What the adapter says whose it is; only the judge reads it.
    pub(crate) delivery: String,
    pub(crate) text: String,
    pub(crate) origin: Option<String>,
    /// When it became public.
    pub(crate) at: Timestamp,
    /// Lists of its time that did not show it.
    pub(crate) left_out: u32,
    visible_at: Timestamp,
    removed_at: Option<Timestamp>,
}

#[derive(Default)]
struct State {
    effects: Vec<Effect>,
    /// Accepted, and not public yet: by delivery.
    coming: BTreeMap<String, u32>,
    /// (uid, key) → since when, and the answer.
    keys: BTreeMap<(String, String), (Timestamp, Value)>,
    /// Ticket → (decided at, what is said then).
    tickets: BTreeMap<String, (Timestamp, Value)>,
    /// Account → (token, the one before, when it was renewed).
    tokens: BTreeMap<String, (String, String, Timestamp)>,
    /// Delivery → when a request that could publish it came in last.
    arrivals: Vec<(String, Timestamp)>,
    numbered: u64,
    calm: bool,
}

/// All platforms of one world. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Platform {
    state: Arc<Mutex<State>>,
    time: Time,
    chance: Chance,
    fired: Fired,
    trace: Trace,
    book: Book,
    /// Of its clock.
    skew: SignedDuration,
}

struct Post {
    uid: String,
    text: String,
    origin: Option<String>,
    delivery: String,
    key: Option<String>,
    host: Host,
    arrived: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    /// No key; looks for repeated texts.
    Weibo,
    /// A key, a token that expires, decides later.
    Wechat,
    /// A key, decides at once.
    Mock,
}

impl Platform {
    pub(crate) fn new(time: Time, chance: Chance, fired: Fired, trace: Trace, book: Book) -> Self {
        let millis = i64::try_from(chance.below(50_000)).unwrap_or_default() - 25_000;
        let skew = SignedDuration::from_millis(millis);
        Self { state: Arc::default(), time, chance, fired, trace, book, skew }
    }

    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.state().effects.clone()
    }

    /// A post that did not come from here.
    pub(crate) fn post_by_hand(&self, uid: &str, platform: &str, text: &str) {
        let now = self.time.now();
        let id = format!("{platform}-{}", self.next_id());
        self.trace.note(|| format!("posted by hand: {id} on {uid}"));
        self.state().effects.push(Effect {
            id,
            uid: uid.to_owned(),
            delivery: String::new(),
            text: text.to_owned(),
            origin: None,
            at: now,
            left_out: 0,
            visible_at: now,
            removed_at: None,
        });
    }

    /// When requests that could publish something came in, by delivery.
    pub(crate) fn arrivals(&self) -> Vec<(String, Timestamp)> {
        self.state().arrivals.clone()
    }

    /// Whether something of this delivery is public, or may still become so. A delivery that was made anew after its database
    /// was put back is known by its words.
    pub(crate) fn truth(&self, delivery: &str, uid: &str, text: Option<&str>, origin: Option<&str>) -> Truth {
        let state = self.state();
        let says_it = |effect: &Effect| {
            let is_its_repost = effect.origin.is_some() && effect.origin.as_deref() == origin;
            effect.uid == uid && (is_its_repost || Some(effect.text.as_str()) == text)
        };
        match state.effects.iter().find(|e| e.delivery == delivery || says_it(e)) {
            Some(effect) => Truth::Public(effect.id.clone()),
            None if state.coming.get(delivery).is_some_and(|n| *n > 0) => Truth::Coming,
            None => Truth::Nothing,
        }
    }

    /// From now on it does what it is asked, at once.
    pub(crate) fn calm_down(&self) {
        self.state().calm = true;
    }

    /// Answers a request. Whoever asked may be gone meanwhile.
    pub(crate) async fn handle(self, request: NetworkRequest) -> RecordedAnswer {
        let within = request.timeout.min(TOTAL);
        match tokio::time::timeout(within, self.answer(&request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => no_answer("no complete answer in time"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, percent: u64, name: &str) -> bool {
        let happens = !self.state().calm && self.chance.percent(percent);
        if happens {
            self.fired.count(&format!("platform.{name}"));
        }
        happens
    }

    async fn answer(&self, request: &NetworkRequest) -> RecordedAnswer {
        if self.fault(4, "unreachable") {
            return failed(HostErrorKind::Unreachable, "connection refused");
        }
        tokio::time::sleep(self.chance.millis(5, 80)).await;
        let (host, path, query) = parts(&request.url);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.method.as_str(), path.as_str()) {
            ("POST", "/token") => self.renew(&text(&body, "uid")),
            ("POST", _) => {
                let header = |name: &str| {
                    request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
                };
                let post = Post {
                    uid: text(&body, "uid"),
                    text: text(&body, "text"),
                    origin: body.get("origin").and_then(Value::as_str).map(str::to_owned),
                    delivery: header("x-judge").unwrap_or_default(),
                    key: header("x-key"),
                    host,
                    arrived: self.time.now(),
                };
                let token = header("authorization").unwrap_or_default();
                self.create(post, &token).await
            }
            ("GET", path) if path.starts_with("/tickets/") => {
                self.track(path.trim_start_matches("/tickets/"))
            }
            _ => self.timeline(&query),
        }
    }

    /// One that hands out a new token makes the old one good for five more minutes.
    fn renew(&self, uid: &str) -> RecordedAnswer {
        let now = self.time.now();
        let mut state = self.state();
        state.numbered += 1;
        let fresh = format!("token-{uid}-{}", state.numbered);
        let before = state.tokens.get(uid).map(|t| t.0.clone()).unwrap_or_default();
        state.tokens.insert(uid.to_owned(), (fresh.clone(), before, now));
        self.fired.count("platform.token_renewed");
        said(200, &json!({ "token": fresh, "ttl": 7200 }))
    }

    fn token_is_good(&self, uid: &str, header: &str) -> bool {
        let now = self.time.now();
        let state = self.state();
        let Some((token, before, since)) = state.tokens.get(uid) else { return false };
        let age = now.duration_since(*since);
        let shown = header.trim_start_matches("Bearer ");
        (shown == token && age < SignedDuration::from_secs(7200))
            || (shown == before && age < SignedDuration::from_mins(5))
    }

    async fn create(&self, post: Post, token: &str) -> RecordedAnswer {
        self.state().arrivals.push((post.delivery.clone(), post.arrived));
        self.trace.note(|| format!("asked to publish {} on {}", post.delivery, post.uid));
        if post.host == Host::Wechat && !self.token_is_good(&post.uid, token) {
            self.fired.count("platform.token_expired");
            return said(401, &json!({ "code": 42001 }));
        }
        if let Some(answer) = self.known_key(&post).or_else(|| self.repeated(&post)) {
            return answer;
        }
        if let Some(answer) = self.refused(&post).await {
            return answer;
        }
        if self.fault(3, "slow") {
            tokio::time::sleep(self.chance.seconds(1, 20)).await;
        }
        if self.fault(5, "applied_late") {
            self.apply(&post, self.chance.seconds(0, 900));
            std::future::pending::<()>().await;
        }
        let answer = self.apply(&post, Duration::ZERO);
        tokio::time::sleep(self.chance.millis(0, 400)).await;
        // A proxy of its own has asked it twice, and hands on the second answer.
        if post.host == Host::Wechat && self.fault(2, "45066") {
            return said(429, &json!({ "code": 45066 }));
        }
        self.lose(answer).await
    }

    fn known_key(&self, post: &Post) -> Option<RecordedAnswer> {
        let key = post.key.clone()?;
        let now = self.time.now();
        let (since, answer) = self.state().keys.get(&(post.uid.clone(), key)).cloned()?;
        let age = now.duration_since(since);
        if age > KEY_MEMORY {
            return None;
        }
        if post.host == Host::Wechat && age < SignedDuration::from_secs(60) {
            self.fired.count("platform.45066");
            return Some(said(429, &json!({ "code": 45066 })));
        }
        self.fired.count("platform.45065");
        Some(said(200, &answer))
    }

    fn repeated(&self, post: &Post) -> Option<RecordedAnswer> {
        let now = self.time.now();
        let is_repeated = post.host == Host::Weibo
            && self.state().effects.iter().any(|e| {
                e.uid == post.uid
                    && e.text == post.text
                    && e.origin == post.origin
                    && now.duration_since(e.at) < REPEAT_WINDOW
            });
        // It overlooks more than it finds: nobody may lean on it.
        (is_repeated && self.chance.percent(40)).then(|| {
            self.fired.count("platform.20019");
            said(400, &json!({ "code": 20019 }))
        })
    }

    /// Nothing of it becomes public.
    async fn refused(&self, post: &Post) -> Option<RecordedAnswer> {
        let code = |status, code| Some(said(status, &json!({ "code": code })));
        if self.fault(3, "busy") {
            return code(429, if post.host == Host::Weibo { 20016 } else { 45009 });
        }
        if self.fault(1, "quota") {
            return code(403, 10023);
        }
        // It takes for a repeated text what only resembles one.
        if post.host == Host::Weibo && self.fault(2, "20019") {
            return code(400, 20019);
        }
        if self.fault(1, "refused") {
            return code(400, 20012);
        }
        if self.fault(2, "5xx_before_effect") {
            return Some(said(503, &json!({})));
        }
        if self.fault(2, "timeout_before_effect") {
            std::future::pending::<()>().await;
        }
        None
    }

    fn next_id(&self) -> String {
        let mut state = self.state();
        state.numbered += 1;
        format!("p{}", state.numbered)
    }

    /// It becomes public, now or later; gives back what the platform would say.
    fn apply(&self, post: &Post, after: Duration) -> Value {
        let now = self.time.now();
        let id = self.next_id();
        let later = now + after;
        let (answer, ticket, public_after) = if post.host == Host::Wechat {
            let (said, decided) = self.decide(&id);
            let public = said.get("id").is_some().then_some(after + decided);
            (json!({ "ticket": id }), Some((later + decided, said)), public)
        } else {
            let at = (later + self.skew).as_millisecond();
            (json!({ "id": id, "at": at }), None, Some(after))
        };
        let effect = public_after.map(|public_after| self.effect(post, id.clone(), now, public_after));
        let mut state = self.state();
        if let Some(ticket) = ticket {
            state.tickets.insert(id, ticket);
        }
        if let Some(key) = &post.key {
            state.keys.insert((post.uid.clone(), key.clone()), (now, answer.clone()));
        }
        let (Some(public_after), Some(effect)) = (public_after, effect) else { return answer };
        if public_after.is_zero() {
            self.trace.note(|| format!("public: {} of {} on {}", effect.id, effect.delivery, effect.uid));
            self.becomes_public(&mut state, effect);
            return answer;
        }
        *state.coming.entry(post.delivery.clone()).or_default() += 1;
        drop(state);
        let platform = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(public_after).await;
            platform.trace.note(|| format!("public late: {} of {}", effect.id, effect.delivery));
            let mut state = platform.state();
            if let Some(coming) = state.coming.get_mut(&effect.delivery) {
                *coming -= 1;
            }
            platform.becomes_public(&mut state, effect);
        });
        answer
    }

    fn becomes_public(&self, state: &mut State, effect: Effect) {
        if state.effects.iter().any(|other| other.delivery == effect.delivery) {
            self.trace.note(|| format!("VIOLATION duplicate: {}", effect.delivery));
            self.book.violation(format!("duplicate: {} is public once more", effect.delivery));
        }
        state.effects.push(effect);
    }

    fn effect(&self, post: &Post, id: String, now: Timestamp, public_after: Duration) -> Effect {
        let at = now + public_after;
        let lag = if self.fault(40, "visible_late") { self.chance.seconds(0, 200) } else { Duration::ZERO };
        let removed = self.fault(1, "removed_by_platform");
        let removed_at = removed.then(|| at + self.chance.seconds(60, 7200));
        if let Some(removed_at) = removed_at {
            self.trace.note(|| format!("the platform takes {id} down at {removed_at}"));
        }
        Effect {
            id,
            uid: post.uid.clone(),
            delivery: post.delivery.clone(),
            text: post.text.clone(),
            origin: post.origin.clone(),
            at,
            left_out: 0,
            visible_at: at + lag,
            removed_at,
        }
    }

    /// What an asynchronous platform will say of it, and when.
    fn decide(&self, id: &str) -> (Value, Duration) {
        let published = json!({ "id": id });
        if self.state().calm {
            return (published, Duration::from_secs(3));
        }
        if self.fault(4, "async_refused") {
            return (json!({ "refused": self.chance.between(2, 4) }), self.chance.seconds(1, 120));
        }
        if self.fault(10, "admin_confirms") {
            return (published, self.chance.seconds(60, 1800));
        }
        (published, self.chance.seconds(1, 60))
    }

    /// The answer, if it gets through.
    async fn lose(&self, answer: Value) -> RecordedAnswer {
        if self.fault(4, "timeout_after_effect") {
            std::future::pending::<()>().await;
        }
        if self.fault(4, "reset_after_effect") {
            return no_answer("connection reset");
        }
        if self.fault(3, "truncated") {
            let failure = no_answer("the answer was cut");
            return RecordedAnswer { status: 200, ..failure };
        }
        if self.fault(3, "5xx_after_effect") {
            return said(502, &json!({}));
        }
        if self.fault(2, "html") {
            return RecordedAnswer { body: b"<html>".to_vec(), ..said(200, &json!({})) };
        }
        if self.fault(2, "unknown_code") {
            return said(200, &json!({ "code": 99_999 }));
        }
        if self.fault(2, "20032") {
            return said(400, &json!({ "code": 20032 }));
        }
        said(200, &answer)
    }

    fn track(&self, ticket: &str) -> RecordedAnswer {
        if self.fault(10, "5xx_on_read") {
            return said(500, &json!({}));
        }
        let found = self.state().tickets.get(ticket).cloned();
        match found {
            Some((at, answer)) if at <= self.time.now() => said(200, &answer),
            Some(_) => said(200, &json!({ "pending": true })),
            None => said(404, &json!({ "code": 1 })),
        }
    }

    fn timeline(&self, query: &BTreeMap<String, String>) -> RecordedAnswer {
        if self.fault(10, "5xx_on_read") {
            return said(500, &json!({}));
        }
        let number = |name: &str| query.get(name).and_then(|n| n.parse().ok()).unwrap_or(0_i64);
        let (since, until, now) = (number("since"), number("until"), self.time.now());
        let uid = query.get("uid").cloned().unwrap_or_default();
        let shown = |e: &&Effect| {
            let at = (e.at + self.skew).as_millisecond();
            let gone = e.removed_at.is_some_and(|removed| removed <= now);
            e.uid == uid && e.visible_at <= now && !gone && (since..=until).contains(&at)
        };
        let mut posts: Vec<Value> = self.state().effects.iter().filter(shown).map(|e| self.seen(e)).collect();
        if posts.len() > 1 && self.fault(10, "reordered_list") {
            posts.reverse();
        }
        if !posts.is_empty() && self.fault(5, "a_post_missing_in_a_list") {
            self.leave_out(posts.pop().as_ref());
        }
        said(200, &json!({ "posts": posts }))
    }

    fn leave_out(&self, post: Option<&Value>) {
        let Some(id) = post.and_then(|post| post["id"].as_str()) else { return };
        self.trace.note(|| format!("a list leaves out {id}"));
        self.state().effects.iter_mut().filter(|e| e.id == id).for_each(|e| e.left_out += 1);
    }

    /// As the platform shows it: tidied.
    fn seen(&self, effect: &Effect) -> Value {
        let at = (effect.at + self.skew).as_millisecond();
        json!({ "id": effect.id, "at": at, "text": tidied(&effect.text), "origin": effect.origin })
    }
}

/// What became of a delivery, whoever knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Truth {
    Nothing,
    Coming,
    Public(String),
}

/// Spaces joined and commas made full-width.
pub(crate) fn tidied(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(',', "，")
}

fn text(body: &Value, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn parts(url: &str) -> (Host, String, BTreeMap<String, String>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let host = match host {
        "weibo.example" => Host::Weibo,
        "wechat.example" => Host::Wechat,
        _ => Host::Mock,
    };
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    (host, format!("/{path}"), query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn said(status: u16, body: &Value) -> RecordedAnswer {
    let body = body.to_string().into_bytes();
    RecordedAnswer { status, body, complete: true, ..RecordedAnswer::default() }
}

fn no_answer(why: &str) -> RecordedAnswer {
    failed(HostErrorKind::NoAnswer, why)
}

fn failed(kind: HostErrorKind, why: &str) -> RecordedAnswer {
    let failure = HostError { kind, message: why.to_owned() };
    RecordedAnswer { failure: Some(failure), ..RecordedAnswer::default() }
}
