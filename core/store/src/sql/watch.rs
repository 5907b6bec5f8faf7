//! Posts that nobody made through this system: whose turn a look is, what explains a post, and what is told of the rest
//! (P27, F40).

use jiff::Timestamp;
use juzhen_domain::id::{AccountId, DeliveryId};
use juzhen_domain::notice;
use juzhen_domain::reason::Why;
use juzhen_domain::state::DeliveryState;
use serde_json::json;

use super::rows::{self, DELIVERY, DeliveryRow, Fields, millis};
use super::{Transaction, audit, deliveries, items, notices, params};
use crate::error::StoreError;
use crate::values::{Audit, Closed, Explained, SeenPost, UnknownPost, WatchLook, WatchTurn, Watched};

/// Deliveries of one account that are asked whether a post is theirs, and that are compared with a strange one.
const MOST: u32 = 50;

/// The next look at an account is the caller's, if nobody else has taken it since it was due. One that was put off for longer
/// than the caller would was put off by a clock that ran ahead (P14).
pub(crate) fn turn(
    c: &Transaction<'_>,
    account: &AccountId,
    now: Timestamp,
    next_at: Timestamp,
) -> Result<Option<WatchTurn>, StoreError> {
    const TAKE: &str = "INSERT INTO watched (account, next_at) VALUES (?1, ?3)
         ON CONFLICT (account) DO UPDATE SET next_at = excluded.next_at
         WHERE watched.next_at <= ?2 OR watched.next_at > excluded.next_at";
    const READ: &str = "SELECT since, looked_at, looked_before FROM watched WHERE account = ?1";
    let values = params![account.as_str(), millis(now), millis(next_at)];
    if c.execute(TAKE, values)? == 0 {
        return Ok(None);
    }
    c.first(READ, params![account.as_str()], |f: &mut Fields<'_>| {
        Ok(WatchTurn {
            since: f.optional_time()?,
            looked_at: f.optional_time()?,
            looked_before: f.optional_time()?,
        })
    })
}

/// What is known of these posts: those that nothing explains yet, the deliveries that may explain them all the same, and
/// those that wait and could say the same.
pub(crate) fn explain(
    c: &Transaction<'_>,
    account: &AccountId,
    posts: &[SeenPost],
) -> Result<Explained, StoreError> {
    let mut unexplained = Vec::new();
    for post in posts {
        if !is_known(c, account, post)? {
            unexplained.push(post.id.clone());
        }
    }
    if unexplained.is_empty() {
        return Ok(Explained::default());
    }
    let open = of(
        c,
        account,
        "(state IN ('claimed', 'sending', 'accepted', 'in_doubt', 'needs_person')
          OR (resume_call IS NOT NULL AND state IN ('due', 'waiting', 'held'))) AND account = ?1",
    )?;
    let open = open.into_iter().map(|row| deliveries::looked(c, row)).collect::<Result<_, _>>()?;
    let mut waiting = Vec::new();
    for row in of(c, account, "account = ?1 AND state IN ('due', 'waiting') AND resume_call IS NULL")? {
        let item = items::require(c, &row.delivery.item)?.0;
        waiting.push((row.delivery, item));
    }
    Ok(Explained { unexplained, open, waiting })
}

fn of(c: &Transaction<'_>, account: &AccountId, condition: &str) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE {condition} ORDER BY next_at, id LIMIT ?2");
    c.collect(&sql, params![account.as_str(), MOST], rows::delivery)
}

/// A receipt, news of a lost worker, or seen before.
fn is_known(c: &Transaction<'_>, account: &AccountId, post: &SeenPost) -> Result<bool, StoreError> {
    const BY_ID: &str = "SELECT 1 FROM deliveries WHERE account = ?1 AND receipt_id = ?2
         UNION ALL SELECT 1 FROM unknown_posts WHERE account = ?1 AND platform_id = ?2
         UNION ALL SELECT 1 FROM late_news l JOIN deliveries d ON d.id = l.delivery
             WHERE l.platform_id = ?2 AND d.account = ?1";
    const BY_ADDRESS: &str =
        "SELECT 1 FROM deliveries WHERE account = ?1 AND receipt_url = ?2 AND receipt_by = 'person'";
    if c.first(BY_ID, params![account.as_str(), post.id], |_| Ok(()))?.is_some() {
        return Ok(true);
    }
    let Some(url) = &post.url else { return Ok(false) };
    Ok(c.first(BY_ADDRESS, params![account.as_str(), url], |_| Ok(()))?.is_some())
}

/// Keeps what a look came to. What is new of it is told once, whoever looked.
pub(crate) fn looked(c: &Transaction<'_>, look: &WatchLook) -> Result<u32, StoreError> {
    const DONE: &str = "UPDATE watched SET problem = ?3,
            since = CASE WHEN CAST(?3 AS TEXT) IS NULL THEN coalesce(since, ?2) ELSE since END,
            looked_before = CASE WHEN CAST(?3 AS TEXT) IS NULL THEN looked_at ELSE looked_before END,
            looked_at = CASE WHEN CAST(?3 AS TEXT) IS NULL THEN ?2 ELSE looked_at END
         WHERE account = ?1";
    const POST: &str =
        "INSERT INTO unknown_posts (account, platform_id, url, excerpt, posted_at, first_seen, is_stock)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let (account, at) = (&look.account, look.at);
    c.execute(DONE, params![account.as_str(), millis(at), look.problem])?;
    let mut told = 0;
    for UnknownPost { id, url, excerpt, posted_at, is_stock, .. } in &look.unknown {
        let posted = posted_at.map(millis);
        let values = params![account.as_str(), id, url, excerpt, posted, millis(at), i64::from(*is_stock)];
        if c.execute(POST, values)? == 0 || *is_stock {
            continue;
        }
        told += 1;
        let detail = json!({ "platform_id": id, "url": url, "excerpt": excerpt, "posted_at": posted_at });
        c.will_audit(audit::daemon(
            "account.unknown_post".into(),
            format!("account:{account}"),
            detail.clone(),
            at,
        ));
        notices::add(c, &notice::of_unknown_post(account.as_str(), id, excerpt), &detail, at)?;
    }
    for (delivery, post) in &look.already_there {
        hold(c, delivery, post, at)?;
    }
    Ok(told)
}

/// F40: a person has posted what waits here; another person says whether it is still wanted.
fn hold(c: &Transaction<'_>, id: &DeliveryId, post: &str, at: Timestamp) -> Result<(), StoreError> {
    let before = deliveries::require(c, id)?;
    if !matches!(before.delivery.state, DeliveryState::Due | DeliveryState::Waiting) {
        return Ok(());
    }
    let mut after = before.clone();
    after.delivery.state = DeliveryState::Held;
    after.delivery.reason = Some(Why::AlreadyOnAccount.because(post));
    let detail = json!({ "from": before.delivery.state.as_str(), "reason": after.delivery.reason });
    let row = audit::daemon("delivery.held".into(), format!("delivery:{id}"), detail, at);
    deliveries::save(c, &before, after, Some(&row), at)?;
    c.will_follow(&before.delivery.item, at);
    Ok(())
}

/// Those that wait for a person first, of each kind the newest first.
pub(crate) fn unknown_posts(c: &Transaction<'_>, most: u32) -> Result<Vec<UnknownPost>, StoreError> {
    let sql = format!(
        "SELECT {POST} FROM unknown_posts WHERE is_stock = 0
         ORDER BY closed_at IS NOT NULL, first_seen DESC, platform_id LIMIT ?1"
    );
    c.collect(&sql, params![most], post)
}

/// A person says what a post is about; the first word stands. `None`: there is no such post.
pub(crate) fn close(
    c: &Transaction<'_>,
    account: &AccountId,
    id: &str,
    closed: &Closed,
) -> Result<Option<UnknownPost>, StoreError> {
    const CLOSE: &str = "UPDATE unknown_posts SET closed_at = ?3, closed_by = ?4, note = ?5
         WHERE account = ?1 AND platform_id = ?2 AND is_stock = 0 AND closed_at IS NULL";
    let values = params![account.as_str(), id, millis(closed.at), closed.by.as_str(), closed.note];
    if c.execute(CLOSE, values)? > 0 {
        c.will_audit(Audit {
            actor: closed.by.to_string(),
            action: "account.unknown_post_closed".into(),
            subject: format!("account:{account}"),
            detail: json!({ "platform_id": id, "note": closed.note }),
            at: closed.at,
            request: None,
        });
    }
    let sql = format!("SELECT {POST} FROM unknown_posts WHERE account = ?1 AND platform_id = ?2");
    c.first(&sql, params![account.as_str(), id], post)
}

const POST: &str =
    "account, platform_id, url, excerpt, posted_at, first_seen, is_stock, closed_at, closed_by, note";

fn post(f: &mut Fields<'_>) -> Result<UnknownPost, StoreError> {
    let mut post = UnknownPost {
        account: f.id()?,
        id: f.get()?,
        url: f.get()?,
        excerpt: f.get()?,
        posted_at: f.optional_time()?,
        first_seen: f.time()?,
        is_stock: f.get::<i64>()? != 0,
        closed: None,
    };
    let (at, by, note): (_, Option<String>, Option<String>) = (f.optional_time()?, f.get()?, f.get()?);
    let closed = at.zip(by).zip(note);
    post.closed = closed.map(|((at, by), note)| Closed { at, by: by.as_str().into(), note });
    Ok(post)
}

pub(crate) fn watched(c: &Transaction<'_>) -> Result<Vec<Watched>, StoreError> {
    const SQL: &str = "SELECT account, since, looked_at, next_at, problem FROM watched ORDER BY account";
    c.collect(SQL, params![], |f: &mut Fields<'_>| {
        Ok(Watched {
            account: f.id()?,
            since: f.optional_time()?,
            looked_at: f.optional_time()?,
            next_at: f.time()?,
            problem: f.get()?,
        })
    })
}
