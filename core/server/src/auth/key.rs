//! Keys of scripts (C18): what each scope opens is this table, and nothing else is open to a key, whoever its person is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::MatchedPath;
use axum::http::Method;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::key::{Key, Scope};
use juzhen_domain::matrix::Person;

use super::{present, token};
use crate::app::App;
use crate::problem::{Code, Problem};

/// Of what changes something, that which a key may do. Deciding, scheduling, lifting a STOP and everything about people are
/// not here, and never will be.
const CHANGES: [(&str, &str, Scope); 6] = [
    ("POST", "/api/v1/items", Scope::Submit),
    ("PUT", "/api/v1/items/{id}/content", Scope::Submit),
    ("POST", "/api/v1/items/{id}/withdraw", Scope::Submit),
    ("POST", "/api/v1/media", Scope::Submit),
    // These change nothing.
    ("POST", "/api/v1/counts", Scope::Read),
    ("POST", "/api/v1/lint", Scope::Read),
];
/// What is read under another scope than `read`, or under none.
const READS: [(&str, Option<Scope>); 5] = [
    ("/api/v1/audit", Some(Scope::Audit)),
    ("/api/v1/sessions", None),
    ("/api/v1/keys", None),
    ("/api/v1/people", None),
    ("/api/v1/configuration/sources", None),
];
/// How often its use is written down.
const OFTEN: SignedDuration = SignedDuration::from_mins(1);

/// The key that counts now, with its person.
pub(super) async fn find(app: &App, token: &str) -> Result<Option<(Key, Person)>, Problem> {
    let Some(shown) = app.store().people().key(&token::hash(token)).await? else { return Ok(None) };
    let now = app.now();
    let person = present(app, &shown.it.person, &shown).await;
    let key = shown.it;
    if key.is_good(now) && key.used_at.is_none_or(|at| now.duration_since(at) >= OFTEN) && person.is_some() {
        app.store().people().key_used(&key.token, now).await?;
    }
    Ok(person.filter(|_| key.is_good(now)).map(|person| (key, person)))
}

/// Refuses what none of its scopes opens, and what comes too often.
pub(super) fn may(parts: &Parts, app: &App, key: &Key) -> Result<(), Problem> {
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    match scope_of(&parts.method, path) {
        Some(scope) if key.scopes.contains(&scope) => {}
        Some(scope) => {
            let detail = format!("this key has no scope `{}`", scope.as_str());
            return Err(Problem::because(Code::KeyCannot, detail));
        }
        None => return Err(Problem::because(Code::KeyCannot, "no key may do this: a person has to sign in")),
    }
    match app.access.rates.take(key, app.now()) {
        None => Ok(()),
        Some(wait) => {
            let detail = format!("this key may ask {} times a minute", key.per_minute);
            Err(Problem::because(Code::TooManyRequests, detail).after(wait))
        }
    }
}

fn scope_of(method: &Method, path: &str) -> Option<Scope> {
    if [Method::GET, Method::HEAD].contains(method) {
        let other = READS.iter().find(|(prefix, _)| path.starts_with(prefix));
        return other.map_or(Some(Scope::Read), |(_, scope)| *scope);
    }
    CHANGES.iter().find(|(of, at, _)| *of == method.as_str() && *at == path).map(|(.., scope)| *scope)
}

/// How much each key may still ask, as this daemon sees it: a bucket that fills evenly.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<BTreeMap<String, (f64, Timestamp)>>);

impl Rates {
    /// Takes one; or how long to wait for it.
    fn take(&self, key: &Key, now: Timestamp) -> Option<SignedDuration> {
        let most = f64::from(key.per_minute);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = buckets.get(&key.id).copied().unwrap_or((most, now));
        let passed = now.duration_since(at).as_secs_f64().max(0.0);
        let left = (left + passed * most / 60.0).min(most);
        let missing = 1.0 - left;
        let left = if missing > 0.0 { left } else { left - 1.0 };
        buckets.insert(key.id.clone(), (left, now));
        (missing > 0.0).then(|| SignedDuration::from_secs_f64((missing * 60.0 / most).ceil()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c18_what_changes_something_is_closed_unless_the_table_opens_it() {
        let of = |method: &str, path| scope_of(&method.parse().unwrap(), path);
        assert_eq!(of("GET", "/api/v1/items/{id}"), Some(Scope::Read));
        assert_eq!(of("POST", "/api/v1/items"), Some(Scope::Submit));
        assert_eq!(of("GET", "/api/v1/audit"), Some(Scope::Audit));
        for (method, path) in [
            ("POST", "/api/v1/items/{id}/decisions"),
            ("POST", "/api/v1/items/{id}/schedule"),
            ("POST", "/api/v1/stop/lift"),
            ("POST", "/api/v1/keys"),
            ("GET", "/api/v1/keys"),
            ("DELETE", "/api/v1/items"),
            ("POST", ""),
        ] {
            assert_eq!(of(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn c18_a_key_that_asks_too_often_waits() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let key = Key {
            id: "k".into(),
            person: "d07.xx".into(),
            name: "script".into(),
            token: String::new(),
            scopes: vec![Scope::Read],
            per_minute: 3,
            created_by: "d07.xx".into(),
            created_at: at(0),
            expires_at: at(1_000_000),
            used_at: None,
        };
        let rates = Rates::default();
        let asked: Vec<_> = (0..4).map(|_| rates.take(&key, at(0)).map(|wait| wait.as_secs())).collect();
        assert_eq!(asked, [None, None, None, Some(20)]);
        assert_eq!(rates.take(&key, at(20)), None);
        assert!(rates.take(&key, at(20)).is_some());
    }
}
