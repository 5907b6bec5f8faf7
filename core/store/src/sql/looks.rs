//! What looks at accounts found, with the warning before a sign-in ends in the same transaction: however many daemons look
//! and however often they start, people are told of each end and day once (F61).

use jiff::Timestamp;
use juzhen_domain::expiry::{self, Warned};
use serde_json::json;

use super::rows::{Fields, millis};
use super::{Transaction, notices, params};
use crate::error::StoreError;
use crate::values::{AccountLook, KeepLook};

const LOOK: &str = "account, looked_at, next_at, signed_in_until, warned_until, warned_days, findings";

/// Whether people are told something.
pub(crate) fn keep(c: &Transaction<'_>, look: &KeepLook) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO account_looks
            (account, looked_at, next_at, signed_in_until, warned_until, warned_days, findings)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (account) DO UPDATE SET looked_at = excluded.looked_at, next_at = excluded.next_at,
            signed_in_until = excluded.signed_in_until, warned_until = excluded.warned_until,
            warned_days = excluded.warned_days, findings = excluded.findings";
    let KeepLook { account, at, next_at, signed_in_until: until, findings, words } = look;
    let before = of(c, account.as_str())?.and_then(|before| before.warned);
    let news = until.and_then(|until| expiry::due(until, before, *at));
    if let (Some(news), Some(until)) = (news, until) {
        let left = expiry::days_left(*until, *at);
        let draft = expiry::notice(account.as_str(), news, left, &words.when, &words.how);
        notices::add(c, &draft, &json!({ "signed_in_until": until, "days": news.days }), *at)?;
    }
    let warned = news.or(before);
    let (warned_until, warned_days) = (warned.map(|one| millis(one.until)), warned.map(|one| one.days));
    let (end, findings) = (until.map(millis), json!(findings).to_string());
    let (at, next_at) = (millis(*at), millis(*next_at));
    let values = params![account.as_str(), at, next_at, end, warned_until, warned_days, findings];
    c.execute(SQL, values)?;
    Ok(news.is_some())
}

/// By account.
pub(crate) fn list(c: &Transaction<'_>) -> Result<Vec<AccountLook>, StoreError> {
    c.collect(&format!("SELECT {LOOK} FROM account_looks ORDER BY account"), params![], read)
}

fn of(c: &Transaction<'_>, account: &str) -> Result<Option<AccountLook>, StoreError> {
    let sql = format!("SELECT {LOOK} FROM account_looks WHERE account = ?1 /*+ FOR UPDATE */");
    c.first(&sql, params![account], read)
}

fn read(f: &mut Fields<'_>) -> Result<AccountLook, StoreError> {
    let (account, at, next_at, signed_in_until) = (f.id()?, f.time()?, f.time()?, f.optional_time()?);
    let (until, days): (Option<Timestamp>, Option<u32>) = (f.optional_time()?, f.get()?);
    let warned = until.zip(days).map(|(until, days)| Warned { until, days });
    Ok(AccountLook { account, at, next_at, signed_in_until, warned, findings: f.json()? })
}
