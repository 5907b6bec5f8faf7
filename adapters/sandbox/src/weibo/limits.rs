//! How often one may call: by account and day, by address and hour, by interface and hour.

use std::collections::HashMap;
use std::net::IpAddr;

use super::endpoint::{Counted, Endpoint};
use super::errors::error;
use super::seed::Tier;
use super::session::Session;
use crate::exchange::Refusal;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days begin in Beijing.
const BEIJING_MS: i64 = 8 * HOUR_MS;

/// Calls in windows that begin with the hour or the day, as Weibo's do.
#[derive(Default)]
pub(crate) struct Counters {
    counts: HashMap<Bucket, (i64, u64)>,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// All calls of an account in an app, a day.
    UserDay { app: String, uid: String },
    /// All calls from an address, an hour; biz ones by themselves.
    AddressHour { peer: IpAddr, biz: bool },
    /// One interface by one account, an hour.
    InterfaceHour { app: String, uid: String, path: &'static str },
}

impl Bucket {
    /// Number of the window at `now`.
    fn window(&self, now_ms: i64) -> i64 {
        match self {
            Self::UserDay { .. } => now_ms.saturating_add(BEIJING_MS).div_euclid(DAY_MS),
            _ => now_ms.div_euclid(HOUR_MS),
        }
    }
}

impl Counters {
    pub(crate) fn used(&self, bucket: &Bucket, now_ms: i64) -> u64 {
        let current = |(window, _): &&(i64, u64)| *window == bucket.window(now_ms);
        self.counts.get(bucket).filter(current).map_or(0, |(_, count)| *count)
    }

    fn add(&mut self, bucket: Bucket, now_ms: i64) {
        let count = self.used(&bucket, now_ms) + 1;
        let window = bucket.window(now_ms);
        self.counts.insert(bucket, (window, count));
    }

    /// Counts a call, or says which limit it is over; one that is over is not counted.
    pub(crate) fn admit(
        &mut self,
        session: &Session,
        endpoint: &'static Endpoint,
        peer: IpAddr,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        if endpoint.counted == Counted::Free {
            return Ok(());
        }
        let asked = asked_of(session, endpoint, peer);
        for (bucket, most, code) in &asked {
            if self.used(bucket, now_ms) >= *most {
                return Err(error(*code));
            }
        }
        for (bucket, ..) in asked {
            self.add(bucket, now_ms);
        }
        Ok(())
    }
}

/// The limits that a call meets, with the code of each.
fn asked_of(session: &Session, endpoint: &'static Endpoint, peer: IpAddr) -> Vec<(Bucket, u64, i64)> {
    let limits = session.app.limits;
    let biz = endpoint.tier == Tier::Biz;
    let by_address = if biz { limits.biz_ip_hour } else { limits.ip_hour };
    let mut asked = vec![(Bucket::AddressHour { peer, biz }, by_address, 10022)];
    if biz {
        // The documentation of the biz interfaces has no figure by account.
        return asked;
    }
    asked.push((session.user_day(), limits.user_day, 10023));
    let by_interface = match endpoint.counted {
        Counted::Publish => Some(limits.publish_hour),
        Counted::Comment => Some(limits.comment_hour),
        Counted::Read | Counted::Free => None,
    };
    if let Some(most) = by_interface {
        asked.push((session.interface_hour(endpoint.path), most, 10024));
    }
    asked
}

impl Session {
    pub(crate) fn user_day(&self) -> Bucket {
        Bucket::UserDay { app: self.app.key.clone(), uid: self.uid.clone() }
    }

    pub(crate) fn interface_hour(&self, path: &'static str) -> Bucket {
        Bucket::InterfaceHour { app: self.app.key.clone(), uid: self.uid.clone(), path }
    }
}

/// Milliseconds until the hour is over.
pub(crate) fn left_of_hour(now_ms: i64) -> i64 {
    HOUR_MS - now_ms.rem_euclid(HOUR_MS)
}
