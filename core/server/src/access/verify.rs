//! Compares what somebody shows with what is known of them, and keeps what came of it: a wrong try is counted, a code is
//! used, and both are in the audit, in one transaction (C07, C09, C23).

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use juzhen_domain::access::enter::{Entered, Known, Proof, enter};
use juzhen_domain::access::throttle::{self, OF_ADDRESS, OF_PERSON};
use juzhen_domain::access::{Credentials, password};
use juzhen_domain::id::{PersonId, is_plain};
use juzhen_engine::Secret;
use juzhen_store::{Access, AccessChange, Asking, Audit, Put, Refused};
use serde_json::json;
use zeroize::Zeroizing;

use super::hasher::is_outdated;
use super::row;
use crate::app::App;
use crate::command::Open;
use crate::problem::{Code, Problem};

/// Nobody's password is longer in bytes, in whatever form it was typed.
const MOST_BYTES: usize = 2048;

/// What somebody shows, with their password compared already.
pub(super) struct Attempt {
    pub(super) asking: Asking,
    /// The hash that the password fits.
    pub(super) fits: Option<String>,
    /// The same password with the parameters of today, when its hash is older.
    pub(super) anew: Option<String>,
    pub(super) code: Option<Secret>,
}

/// Decides on somebody who came in, or is half in; `None` is not asked for a change.
pub(super) type Inside = dyn Fn(Entered, Credentials, &mut AccessChange) -> Result<(), Refused> + Send + Sync;

/// Compares a password under a name, whether anybody has it or not.
pub(super) async fn attempt<T>(
    app: &App,
    open: &Open<T>,
    person: &str,
    given: &Secret,
    code: Option<Secret>,
) -> Result<Attempt, Problem> {
    // What can be nobody's id is one name that nobody has.
    let person = PersonId::from(if is_plain(person) { person } else { "?" });
    let asking = Asking { person, address: open.address.clone() };
    let known = app.store().people().access(&asking).await?;
    let waits = throttle::waits(known.of_person.as_ref(), open.at)
        .max(throttle::waits(known.of_address.as_ref(), open.at));
    if let Some(wait) = waits {
        return Err(too_many(wait));
    }
    let hash = known.credentials.and_then(|credentials| credentials.password);
    let password = normal(given);
    let fits = app.access.hasher.fitting(password.clone(), hash.into_iter().collect()).await?;
    let anew = match fits.as_deref().is_some_and(is_outdated) {
        true => Some(app.access.hasher.hash(password).await?),
        false => None,
    };
    Ok(Attempt { asking, fits, anew, code })
}

/// In its normal form; what is too long is no password, and takes no more work than one.
pub(super) fn normal(given: &Secret) -> Secret {
    let text = given.expose();
    if text.len() > MOST_BYTES { Secret::new("") } else { Secret::new(password::normal(text)) }
}

/// Lets them in, or counts a wrong try. `inside` says what is written for who is in.
pub(super) async fn decide<T: Send + Sync + Clone + 'static>(
    app: &App,
    open: &Open<T>,
    attempt: Attempt,
    inside: Arc<Inside>,
) -> Result<Entered, Problem> {
    app.engine.vault().follow_key().await?;
    let came = Arc::new(Mutex::new(Entered::Wrong));
    let (slot, asking) = (Arc::clone(&came), attempt.asking.clone());
    let (shown, app_of_it, open) = (Arc::new(attempt), app.clone(), open.clone());
    let change = move |access: &Access| {
        let (entered, change) = change(&app_of_it, &open, &shown, access, inside.as_ref())?;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = entered;
        Ok(change)
    };
    app.store().people().change_access(asking, Arc::new(change)).await?;
    let entered = *came.lock().unwrap_or_else(PoisonError::into_inner);
    match entered {
        Entered::Wrong => Err(Problem::new(Code::WrongCredentials)),
        Entered::Waits(left) => Err(too_many(left)),
        Entered::NeedsCode | Entered::TooOld { .. } | Entered::In { .. } => Ok(entered),
    }
}

fn change<T>(
    app: &App,
    open: &Open<T>,
    shown: &Attempt,
    access: &Access,
    inside: &Inside,
) -> Result<(Entered, AccessChange), Refused> {
    let (person, policy) = (&shown.asking.person, app.policy());
    let seed = access.credentials.as_ref().and_then(|credentials| seed(app, credentials));
    let known = Known {
        is_active: app.active_person(person).is_some(),
        credentials: access.credentials.as_ref(),
        seed: seed.as_deref().map(Vec::as_slice),
        of_person: access.of_person.as_ref(),
        of_address: access.of_address.as_ref(),
    };
    let code = shown.code.as_ref().map(Secret::expose);
    let entered = enter(&known, &Proof { fits: shown.fits.as_deref(), code }, &policy, open.at);
    let mut change = AccessChange::default();
    match (entered, access.credentials.clone()) {
        (Entered::Waits(_), _) => {}
        (Entered::Wrong, credentials) => refused(open, shown, access, credentials, &policy, &mut change),
        (_, Some(mut credentials)) => {
            if let Some(anew) = &shown.anew {
                credentials.password = Some(anew.clone());
            }
            if let Entered::In { step } = entered {
                (credentials.last_step, credentials.used_at) = (step, open.at);
                change.of_person = Put::Remove;
            }
            inside(entered, credentials, &mut change)?;
        }
        (_, None) => {}
    }
    Ok((entered, change))
}

/// One more wrong try, under the name and from the address; who is away too long is out from now on (C16).
fn refused<T>(
    open: &Open<T>,
    shown: &Attempt,
    access: &Access,
    credentials: Option<Credentials>,
    policy: &juzhen_domain::access::Policy,
    change: &mut AccessChange,
) {
    let person = &shown.asking.person;
    let of_person = throttle::after_failure(OF_PERSON, access.of_person.as_ref(), open.at);
    let of_address = throttle::after_failure(OF_ADDRESS, access.of_address.as_ref(), open.at);
    let detail = json!({ "failures": of_person.failures, "waits_until": of_person.until });
    change.audit.push(row(open, "nobody", "session.refused", person, detail));
    (change.of_person, change.of_address) = (Put::Set(of_person), Put::Set(of_address));
    let was_let_in = |c: &Credentials| c.disabled.is_none();
    if let Some(mut unused) = credentials.filter(was_let_in)
        && let Some(out) = unused.out(policy, open.at)
    {
        change.audit.push(row(open, "daemon", "person.disabled", person, json!({ "reason": out.reason })));
        unused.disabled = Some(out);
        change.credentials = Some(unused);
        (change.end, change.end_keys) = (juzhen_store::End::All, juzhen_store::End::All);
    }
}

/// Of the second factor; what cannot be opened lets nobody in.
fn seed(app: &App, credentials: &Credentials) -> Option<Zeroizing<Vec<u8>>> {
    let sealed = credentials.seed.as_ref()?;
    match app.engine.vault().open_factor(&credentials.person, sealed) {
        Ok(seed) => Some(seed),
        Err(error) => {
            let person = &credentials.person;
            tracing::error!(%error, %person, "A second factor cannot be read: invite this person anew");
            None
        }
    }
}

pub(super) fn too_many(wait: SignedDuration) -> Problem {
    let seconds = wait.as_secs().max(1);
    Problem::because(Code::TooManyTries, format!("try again in {seconds} s"))
        .in_chinese(format!("尝试次数过多，请在 {seconds} 秒后再试"))
        .after(wait)
}

/// A row of who is in now.
pub(super) fn entered<T>(open: &Open<T>, person: &PersonId, action: &str, at: Timestamp) -> Audit {
    Audit { at, ..row(open, person.as_str(), action, person, json!({})) }
}
