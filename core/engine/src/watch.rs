//! Looks at every account's own list for posts that nobody made through this system (P27): a person posting by hand, or a
//! thief. The first look takes stock; from then on, what neither a receipt nor an open delivery explains is told, once.
//!
//! The list is read before the store is asked, so a post of ours is never strange: its delivery was `sending` on disk
//! before its request left, and is that, or later, by the time of the question. Whether a post is that delivery's, its
//! adapter says, in the words in which a doubt is looked into.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::caps::later;
use juzhen_domain::delivery::payload;
use juzhen_domain::id::AccountId;
use juzhen_domain::matrix::{Account, AccountStatus};
use juzhen_domain::notice;
use juzhen_domain::reason::Why;
use juzhen_host::message::{self, FoundPost, operation};
use juzhen_store::{Explained, Looked, SeenPost, StoreError, UnknownPost, WatchLook, WatchTurn};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::interpret::Unlisted;
use crate::service::{self, Round, Service};
use crate::{Engine, interpret, reconcile, send};

/// Accounts looked at side by side: a budget for the platforms' patience and ours.
const SIDE_BY_SIDE: usize = 4;
/// How far the first look goes back, and every look at the most.
const STOCK: SignedDuration = SignedDuration::from_hours(24);
/// Each look goes so far behind the last but one: lists show posts late and leave some out, and clocks differ.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);
const SKEW: SignedDuration = SignedDuration::from_secs(30);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let next = Mutex::default();
    service::run(&engine, Service::WATCH, &stop, || round(&engine, &next)).await;
}

/// When this daemon thinks of each account next. The store says whose turn it then is.
type Next = Mutex<BTreeMap<AccountId, Timestamp>>;

async fn round(engine: &Engine, next: &Next) -> Round {
    let settings = engine.settings();
    let every = SignedDuration::from_secs(i64::from(settings.publish.watch_seconds));
    if every.is_zero() {
        return Round::next_in(Duration::from_secs(1));
    }
    let serving = engine.serving_adapters();
    let watched = settings.accounts.values().filter(|account| {
        account.status == AccountStatus::Active
            && serving.contains(&account.adapter)
            && offers(engine, account)
    });
    let due: Vec<&Account> = watched.filter(|account| is_due(next, account, every, engine.now())).collect();
    let mut ends = Vec::new();
    for some in due.chunks(SIDE_BY_SIDE) {
        let mut looks = Vec::new();
        for account in some {
            looks.push(look(engine, account, every).boxed());
        }
        ends.extend(join_all(looks).await);
    }
    match ends.into_iter().find_map(Result::err) {
        Some(error) => Round::failed(&error),
        None => Round::next_in(Duration::from_secs(1)),
    }
}

fn offers(engine: &Engine, account: &Account) -> bool {
    engine.host().manifest(&account.adapter).is_some_and(|m| m.offers(operation::FIND_PUBLISHED))
}

/// Accounts have their looks at different times within the interval, so that no platform gets all of them at once.
fn is_due(next: &Next, account: &Account, every: SignedDuration, now: Timestamp) -> bool {
    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
    let at = next.entry(account.id.clone()).or_insert_with(|| later(now, jitter(&account.id, every)));
    // Further ahead than that, it was written by a clock that has been set back since.
    if *at > now && *at <= later(now, every) {
        return false;
    }
    *at = later(now, every);
    true
}

fn jitter(account: &AccountId, every: SignedDuration) -> SignedDuration {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    let share = i64::try_from(hasher.finish() % 1000).unwrap_or(0);
    SignedDuration::from_millis(i64::try_from(every.as_millis() / 10 * i128::from(share) / 1000).unwrap_or(0))
}

async fn look(engine: &Engine, account: &Account, every: SignedDuration) -> Result<(), StoreError> {
    let now = engine.now();
    // A little less than the interval: this daemon's own next look must not come a moment too early.
    let next_at = later(now, every - every / 10);
    let Some(turn) = engine.store().watch_turn(&account.id, now, next_at).await? else { return Ok(()) };
    let looked = match list(engine, account, &turn, now).await {
        Ok(posts) => judged(engine, account, &turn, posts, now).await?,
        Err(Unlisted::NotOffered) => Some(no_look(account, now, Why::NotOffered.as_str().to_owned())),
        Err(Unlisted::Failed(problem)) => {
            info!(account.id = %account.id, problem, "The account's list could not be read");
            Some(no_look(account, now, problem))
        }
    };
    let Some(looked) = looked else { return Ok(()) };
    let held = looked.already_there.len();
    let told = engine.store().watch_looked(looked).await?;
    if told > 0 || held > 0 {
        warn!(account.id = %account.id, told, held, "Posts on the account that this system did not make");
        engine.wakes().outbox.notify_one();
    }
    Ok(())
}

/// Every post of the account since the last look.
async fn list(
    engine: &Engine,
    account: &Account,
    turn: &WatchTurn,
    now: Timestamp,
) -> Result<Vec<FoundPost>, Unlisted> {
    let behind = OVERLAP + send::lag(engine, account);
    let looked_at = turn.looked_at.filter(|looked| *looked <= now);
    let last_but_one = looked_at.map(|last| turn.looked_before.map_or(last, |before| before.min(last)));
    let since = last_but_one.map_or(now - STOCK, |looked| (looked - behind).max(now - STOCK * 7));
    let find = message::Find {
        since_unix_ms: since.as_millisecond(),
        until_unix_ms: later(now, SKEW).as_millisecond(),
        ..message::Find::default()
    };
    Ok(interpret::listed(&ask(engine, account, &find).await)?.matches)
}

async fn ask(engine: &Engine, account: &Account, find: &message::Find) -> juzhen_host::Reply {
    let key = format!("watch-{}", account.id);
    let call = send::reading_call(engine, account, operation::FIND_PUBLISHED, send::as_json(find), key);
    engine.host().call(call).await
}

/// What is left when the store and the adapters have explained what they can; `None` when that cannot be said yet.
async fn judged(
    engine: &Engine,
    account: &Account,
    turn: &WatchTurn,
    posts: Vec<FoundPost>,
    now: Timestamp,
) -> Result<Option<WatchLook>, StoreError> {
    let seen = posts.iter().map(|post| SeenPost { id: post.id.clone(), url: post.url.clone() }).collect();
    let explained = engine.store().explain_posts(&account.id, seen).await?;
    let Some(ours) = of_open_deliveries(engine, account, &explained).await else { return Ok(None) };
    let is_strange = |post: &&FoundPost| {
        explained.unexplained.contains(&post.id)
            && !ours.contains(&post.id)
            && !explained.open.iter().any(|open| says_it(open, post))
    };
    let strange: Vec<&FoundPost> = posts.iter().filter(is_strange).collect();
    let unknown: Vec<UnknownPost> =
        strange.iter().map(|post| unknown(account, post, turn.since, now)).collect();
    let news = strange.iter().zip(&unknown).filter(|(_, unknown)| !unknown.is_stock).map(|(post, _)| *post);
    let already_there = news.flat_map(|post| said_already(&explained, post)).collect();
    Ok(Some(WatchLook { unknown, already_there, ..nothing(account, now) }))
}

/// Posts that are those of deliveries whose outcome is open. Where that cannot be asked now, nobody is alarmed now.
async fn of_open_deliveries(
    engine: &Engine,
    account: &Account,
    explained: &Explained,
) -> Option<BTreeSet<String>> {
    let reposts = engine.host().manifest(&account.adapter).is_some_and(|m| m.offers(operation::REPOST));
    let mut ours = BTreeSet::new();
    for open in &explained.open {
        let find = reconcile::find(engine, open, reconcile::began(open), reposts);
        let found = interpret::listed(&ask(engine, account, &find).await).ok()?;
        if !found.complete {
            return None;
        }
        ours.extend(found.matches.into_iter().map(|post| post.id));
    }
    Some(ours)
}

/// Whether the post says what this delivery would say: it may be missing in the list that its adapter looked through.
fn says_it(open: &Looked, post: &FoundPost) -> bool {
    let origin = open.origin.as_ref().map(|origin| &origin.platform);
    let own = payload(&open.item.content, &open.delivery.platform, origin);
    own.zip(post.text.as_ref()).is_some_and(|(own, text)| notice::says_the_same(&own.text, text))
}

fn unknown(account: &Account, post: &FoundPost, since: Option<Timestamp>, now: Timestamp) -> UnknownPost {
    let posted_at = post.at_unix_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    UnknownPost {
        account: account.id.clone(),
        id: post.id.clone(),
        url: post.url.clone(),
        excerpt: notice::excerpt(post.text.as_deref().unwrap_or_default()),
        posted_at,
        first_seen: now,
        is_stock: since.is_none_or(|since| posted_at.is_some_and(|posted| posted < since - SKEW)),
        closed: None,
    }
}

/// Deliveries that would say once more what this post says (F40), and were planned before it was made.
fn said_already(explained: &Explained, post: &FoundPost) -> Vec<(juzhen_domain::id::DeliveryId, String)> {
    let Some(text) = &post.text else { return Vec::new() };
    let says_it = |(delivery, item): &&(juzhen_domain::delivery::Delivery, juzhen_domain::item::Item)| {
        payload(&item.content, &delivery.platform, None)
            .is_some_and(|variant| notice::says_the_same(&variant.text, text))
    };
    let shown = post.url.as_ref().unwrap_or(&post.id);
    explained
        .waiting
        .iter()
        .filter(says_it)
        .map(|(delivery, _)| (delivery.id.clone(), shown.clone()))
        .collect()
}

fn no_look(account: &Account, at: Timestamp, problem: String) -> WatchLook {
    WatchLook { problem: Some(problem), ..nothing(account, at) }
}

fn nothing(account: &Account, at: Timestamp) -> WatchLook {
    WatchLook {
        account: account.id.clone(),
        at,
        problem: None,
        unknown: Vec::new(),
        already_there: Vec::new(),
    }
}
