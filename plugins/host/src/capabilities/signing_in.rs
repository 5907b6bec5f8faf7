//! A call that signs an account in (`authorize`): what it captures is its own until it says whose it is, and then replaces
//! what the account had. A person who signed in as somebody else, and a sign-in that breaks off, cost the account nothing.

use std::sync::Mutex;

use juzhen_abi::message::{Authorized, HostErrorKind, operation};
use juzhen_abi::pack;
use tokio::time::Instant;

use super::Capabilities;
use super::http::{Limits, exchange};
use super::renewal::{LONGEST, nothing_left, refusal, take_out};
use super::request::Checked;
use crate::call::Call;
use crate::journal::{error, lock};
use crate::ledger_flow::chain;
use crate::outcome::Failure;
use crate::ports::{Fetched, Fetching, RecordedAnswer, Renewal, Secret, Wanted};
use crate::scope::Scope;

/// What one run of such a call has captured.
pub(crate) struct SigningIn {
    /// Whom the account is, on the platform.
    uid: String,
    held: Mutex<Option<Held>>,
}

/// New values, and the turn under which they were fetched.
struct Held {
    turn: Box<dyn Fetching>,
    fetched: Vec<Fetched>,
}

impl SigningIn {
    /// `None` for every other operation.
    pub(crate) fn of(call: &Call) -> Option<Self> {
        let signs_in = call.operation == operation::AUTHORIZE;
        signs_in.then(|| Self { uid: call.account.uid.clone(), held: Mutex::default() })
    }

    /// The values that later requests of the call are sent with.
    pub(super) fn captured(&self) -> Vec<(String, Secret)> {
        let held = lock(&self.held);
        let fetched = held.iter().flat_map(|held| &held.fetched);
        fetched.map(|one| (one.name.clone(), one.value.clone())).collect()
    }

    /// Sends a request that captures, whatever the account has already: a person wants it anew.
    pub(super) async fn transmit(
        &self,
        capabilities: &Capabilities,
        scope: &Scope,
        checked: &Checked,
        repeatable: bool,
    ) -> RecordedAnswer {
        let held = lock(&self.held).take();
        let mut held = match held {
            // A code buys a first token, and that a lasting one.
            Some(held) => held,
            None => match turn(capabilities, scope, checked).await {
                Ok(turn) => Held { turn, fetched: Vec::new() },
                Err(refused) => return refused,
            },
        };
        let mut fetched = Vec::new();
        let captures = &checked.head.capture;
        let take = |answer: &mut RecordedAnswer| fetched = take_out(scope, captures, answer);
        let limits = Limits { lasting: Some(LONGEST), ..Limits::default() };
        let answer = exchange(capabilities, scope, checked, repeatable, limits, take).await;
        if fetched.is_empty() && held.fetched.is_empty() {
            held.turn.failed(&refusal(&answer)).await;
            return answer;
        }
        held.fetched.retain(|old| fetched.iter().all(|new| new.name != old.name));
        held.fetched.extend(fetched);
        *lock(&self.held) = Some(held);
        answer
    }

    /// What the call has captured is the account's when it answers so, and nobody's otherwise.
    pub(crate) async fn concluded(&self, result: Result<Vec<u8>, Failure>) -> Result<Vec<u8>, Failure> {
        let granted = result.as_deref().is_ok_and(|bytes| self.is_granted(bytes));
        let held = lock(&self.held).take();
        match held {
            Some(Held { turn, fetched }) if granted => match turn.keep(fetched).await {
                Ok(()) => result,
                Err(cause) => Err(Failure::NotNow { reason: format!("secrets: {}", chain(&cause)) }),
            },
            Some(Held { turn, .. }) => {
                turn.failed("the sign-in came to nothing").await;
                result
            }
            // Nothing was handed out, so nobody is signed in.
            None if granted => Err(Failure::BadAnswer {
                reason: "it grants a sign-in for which nothing was captured".into(),
            }),
            None => result,
        }
    }

    pub(crate) async fn forgotten(&self, why: &str) {
        let held = lock(&self.held).take();
        if let Some(held) = held {
            held.turn.failed(why).await;
        }
    }

    fn is_granted(&self, answer: &[u8]) -> bool {
        let answer = pack::unpack::<Authorized>(answer);
        matches!(answer, Ok((Authorized::Granted { uid, .. }, _)) if uid == self.uid)
    }
}

async fn turn(
    capabilities: &Capabilities,
    scope: &Scope,
    checked: &Checked,
) -> Result<Box<dyn Fetching>, RecordedAnswer> {
    let wanted = |name: &String| Wanted { name: name.clone(), used: None, anew: true };
    let wanted: Vec<_> = checked.head.capture.iter().map(|capture| wanted(&capture.secret)).collect();
    let patience = scope.deadline.saturating_duration_since(Instant::now());
    match capabilities.ports.secrets.renew(&scope.account, &wanted, patience).await {
        Ok(Renewal::Fetch(turn)) => Ok(turn),
        Ok(Renewal::Known { .. }) => {
            let why = "somebody else has just renewed it: sign in again";
            Err(nothing_left(error(HostErrorKind::Denied, why)))
        }
        Ok(Renewal::NotNow { reason }) => {
            Err(nothing_left(error(HostErrorKind::Denied, format!("no new secret now: {reason}"))))
        }
        Err(cause) => {
            Err(nothing_left(error(HostErrorKind::Unreachable, format!("secrets: {}", chain(&cause)))))
        }
    }
}
