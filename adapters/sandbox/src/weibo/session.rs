//! Who calls: the token of a request, its app and its account, and what the request says.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::http::header;

use super::endpoint::Endpoint;
use super::errors::{error, error_saying, invalid, missing};
use super::seed::{App, Level};
use super::state::State;
use crate::exchange::{Arrival, Refusal};
use crate::fields::Fields;

/// A good token.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) app: Arc<App>,
    pub(crate) uid: String,
}

/// A call with a good token, as far as it is read.
pub(crate) struct Asked {
    pub(crate) session: Session,
    pub(crate) fields: Fields,
    pub(crate) endpoint: &'static Endpoint,
    /// Where the call comes from.
    pub(crate) peer: IpAddr,
}

/// The token as parameter or as `Authorization: OAuth2 …`.
pub(crate) fn token_in<'a>(arrival: &'a Arrival, fields: &'a Fields) -> Option<&'a str> {
    fields.get("access_token").or_else(|| {
        let (scheme, token) = arrival.header(header::AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("oauth2").then(|| token.trim()).filter(|token| !token.is_empty())
    })
}

/// Whose call it is, or why it is nobody's.
pub(crate) fn open(
    state: &State,
    arrival: &Arrival,
    fields: &Fields,
    now_ms: i64,
) -> Result<Session, Refusal> {
    let Some(token) = token_in(arrival, fields) else {
        // A body that carries no parameters took the token with it.
        let is_lost = fields.is_lost || fields.get("source").is_some();
        return Err(if is_lost { error_saying(21301, "auth by Null spi!") } else { error(10006) });
    };
    let granted = state.token(token).ok_or_else(|| error(21332))?;
    let is_test = granted.app.level == Level::Test;
    if granted.revoked {
        return Err(error(if is_test { 21321 } else { 21332 }));
    }
    if granted.expires <= now_ms / 1_000 {
        return Err(error(21327));
    }
    if is_test && !granted.app.test_uids.contains(&granted.uid) {
        return Err(error(21321));
    }
    Ok(Session { app: granted.app.clone(), uid: granted.uid.clone() })
}

impl Asked {
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.fields.get(name).ok_or_else(|| missing(name))
    }

    /// A number, within bounds both of which are included.
    pub(crate) fn number(&self, name: &str, usual: u64, least: u64, most: u64) -> Result<u64, Refusal> {
        let Some(found) = self.fields.get(name) else { return Ok(usual) };
        let wanted = || format!("long value from {least} to {most}");
        let number = found.parse().map_err(|_| invalid(name, &wanted(), found))?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(invalid(name, &wanted(), found)) }
    }

    /// A number that is held to its bounds silently, as Weibo does with `count`.
    pub(crate) fn count(&self, usual: u64, most: u64) -> Result<usize, Refusal> {
        let count = self.number("count", usual, 1, u64::MAX)?.min(most);
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The digits of a post, a comment or a person.
    pub(crate) fn id(&self, name: &str) -> Result<u64, Refusal> {
        let found = self.required(name)?;
        found.parse().map_err(|_| invalid(name, "long", found))
    }

    /// 0 or 1; some clients write it as a word.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.fields.get(name) {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Ok(self.number(name, 0, 0, 1)? == 1),
        }
    }

    /// `rip` may be left out unless the app's seed says otherwise; one that is there is an IPv4 address.
    pub(crate) fn check_rip(&self) -> Result<(), Refusal> {
        match self.fields.get("rip") {
            None if self.session.app.demand_rip => Err(missing("rip")),
            Some(found) if found.parse::<Ipv4Addr>().is_err() => Err(invalid("rip", "ip", found)),
            _ => Ok(()),
        }
    }
}
