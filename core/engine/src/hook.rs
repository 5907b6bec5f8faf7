//! Sends what people are told to an address outside, where the settings name one: each notice until a 2xx says that it
//! arrived, so at least once, always under the same id, and signed. Whatever becomes of it touches no delivery (I1).
//!
//! A receiver computes HMAC-SHA256 with the secret over `x-juzhen-timestamp`, a dot, and the body as it came, compares
//! it with `x-juzhen-signature`, refuses what is older than some minutes, and forgets what it has seen the id of.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::SignedDuration;
use juzhen_domain::backoff::Backoff;
use juzhen_domain::caps::later;
use juzhen_host::outlet::{self, Outlet};
use juzhen_store::{Notice, StoreError};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Engine;
use crate::service::{self, Round, Service};

/// Notices taken in one round.
const MOST: u32 = 8;
/// Who took a notice and is gone after this long did not send it. Longer than a round of those that hang.
const LEASE: SignedDuration = SignedDuration::from_secs(120);
const BACKOFF: Backoff =
    Backoff { first: SignedDuration::from_secs(5), longest: SignedDuration::from_hours(1) };
/// Between two rounds, and after one that failed: an address that is down is not asked more often.
const NEXT: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(5);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    // Made when it is needed: it reads every certificate authority of the machine.
    let outlet = OnceLock::new();
    service::run(&engine, Service::HOOK, &stop, || round(&engine, &outlet)).await;
}

async fn round(engine: &Engine, outlet: &OnceLock<Outlet>) -> Round {
    let Some(url) = engine.settings().notices.webhook.clone() else { return Round::next_in(NEXT) };
    match hand_on(engine, outlet, &url).await {
        Ok(next_in) => Round::next_in(next_in),
        Err(error) => Round::failed(&error),
    }
}

async fn hand_on(engine: &Engine, outlet: &OnceLock<Outlet>, url: &str) -> Result<Duration, StoreError> {
    let (store, now) = (engine.store(), engine.now());
    let mut failed = false;
    for notice in store.take_hooks(now, later(now, LEASE), MOST).await? {
        // The others would meet the same; they get their turn when the address answers again.
        let sent = if failed {
            Err("waits for the one before it".to_owned())
        } else {
            send(engine, outlet, url, &notice).await
        };
        let before = notice.hook.as_ref().map_or(0, |hook| hook.tries);
        match sent {
            Ok(()) => {
                info!(notice.id, "Notice sent");
                store.hook_sent(notice.number, engine.now()).await?;
            }
            Err(problem) => {
                if !failed {
                    warn!(
                        notice.id,
                        problem,
                        tries = before + 1,
                        "A notice did not arrive; it is sent again"
                    );
                }
                failed = true;
                let next_at = later(engine.now(), BACKOFF.pause(before + 1));
                store.hook_failed(notice.number, next_at, problem).await?;
            }
        }
    }
    Ok(if failed { AFTER_FAILURE } else { NEXT })
}

async fn send(engine: &Engine, outlet: &OnceLock<Outlet>, url: &str, notice: &Notice) -> Result<(), String> {
    let settings = engine.settings();
    let name = &settings.notices.secret;
    let secret = engine.tokens().own_secret(name).await.map_err(|error| crate::with_causes(&error))?;
    let secret =
        secret.ok_or_else(|| format!("there is no secret {name}; make it with `juzhen secret set`"))?;
    let body = json!({
        "id": notice.id,
        "number": notice.number,
        "kind": notice.kind,
        "subject": notice.subject,
        "text": notice.text,
        "at": notice.at,
        "detail": notice.detail,
    })
    .to_string();
    let timestamp = engine.now().as_second().to_string();
    let signed = outlet::signature(&secret, format!("{timestamp}.{body}").as_bytes());
    let headers = [
        ("x-juzhen-id", percent(&notice.id)),
        ("x-juzhen-timestamp", timestamp),
        ("x-juzhen-signature", format!("sha256={}", signed.ok_or("the secret cannot be used")?)),
    ];
    let ready = match outlet.get() {
        Some(ready) => ready,
        None => {
            let made = Outlet::new().map_err(|error| crate::with_causes(&error))?;
            outlet.get_or_init(|| made)
        }
    };
    ready.post(url, &headers, body.into_bytes()).await.map_err(|error| crate::with_causes(&error))
}

/// An id as a header can hold it: ids of platforms may be anything.
fn percent(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    id.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_fits_into_a_header() {
        assert_eq!(percent("account:W015:unknown_post:帖 1%"), "account:W015:unknown_post:%E5%B8%96%201%25");
    }
}
