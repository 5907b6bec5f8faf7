//! Whose turn it is to fetch new secrets of an account, and what becomes of what was fetched.

use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use juzhen_domain::caps::later;
use juzhen_domain::id::AccountId;
use juzhen_domain::sign_in::Failure;
use juzhen_host::{Fetched, Fetching, PortError, Renewal, Wanted};
use juzhen_store::{HeldTurn, KeepCaptured, NewCaptured, Store, StoreError};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Contents, Tokens, caused, failed, unread};

/// A turn that nobody ends is over after this. Longer than any renewal takes (the host gives it 15 s), storing included.
const TURN: SignedDuration = SignedDuration::from_secs(40);
/// How long what was handed out is tried to be kept, when the database does not take it.
const KEEP_TRYING: Duration = Duration::from_secs(20);
/// Between two looks whether another daemon is done.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LONGEST_LOOK: Duration = Duration::from_secs(1);
/// Replaced values that are remembered: one for each time that a person signs in.
const MOST_REPLACED: usize = 16;

/// Whether it is this call's turn to ask the platform.
pub(super) async fn renew(
    tokens: &Tokens,
    account: AccountId,
    wanted: &[Wanted],
    patience: Duration,
) -> Result<Renewal, PortError> {
    let deadline = Instant::now() + patience;
    let busy = || Renewal::NotNow { reason: "another call is still renewing it".to_owned() };
    let Ok(here) = tokio::time::timeout_at(deadline, tokens.lane(&account).lock_owned()).await else {
        return Ok(busy());
    };
    // Whatever there is, a person wants it anew.
    let anew = wanted.iter().any(|wanted| wanted.anew);
    let mut pause = FIRST_LOOK;
    loop {
        if !anew && let Some(ttl) = tokens.look(&account, wanted).await? {
            return Ok(Renewal::Known { ttl });
        }
        let put_off = tokens.put_off(&account, anew).await.map_err(|error| unread(&account, error))?;
        if let Some(reason) = put_off {
            return Ok(Renewal::NotNow { reason });
        }
        let Some(turn) = tokens.take_turn(&account).await.map_err(|error| unread(&account, error))? else {
            if Instant::now() + pause >= deadline {
                return Ok(busy());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
            continue;
        };
        // Whoever had the turn may have ended it after the look.
        if !anew && let Some(ttl) = tokens.look(&account, wanted).await? {
            let gave = tokens.0.store.give_up_turn(&turn.name, &turn.holder).await;
            gave.map_err(|error| unread(&account, error))?;
            return Ok(Renewal::Known { ttl });
        }
        return Ok(Renewal::Fetch(Box::new(Turn {
            tokens: tokens.clone(),
            account,
            turn,
            anew,
            _here: here,
        })));
    }
}

impl Tokens {
    async fn look(
        &self,
        account: &AccountId,
        wanted: &[Wanted],
    ) -> Result<Option<Option<Duration>>, PortError> {
        // Somebody may have given another one, to another daemon.
        self.vault().look().await.map_err(|error| unread(account, error))?;
        let opened = self.load(account).await.map_err(|error| unread(account, error))?;
        self.known(account, wanted, &opened).await
    }

    async fn take_turn(&self, account: &AccountId) -> Result<Option<HeldTurn>, StoreError> {
        // Its lease is over: it joins anew in a moment.
        let Some(holder) = self.0.node.worker(self.0.world.monotonic()) else { return Ok(None) };
        let name = format!("token:{account}");
        let is_ours = self.0.store.take_turn(&name, &holder, TURN).await?;
        Ok(is_ours.then_some(HeldTurn { name, holder }))
    }
}

/// The turn to fetch new secrets of one account.
struct Turn {
    tokens: Tokens,
    account: AccountId,
    turn: HeldTurn,
    anew: bool,
    _here: OwnedMutexGuard<()>,
}

impl Turn {
    async fn try_to_keep(&self, fetched: &[Fetched]) -> Result<(), PortError> {
        let Self { tokens, account, .. } = self;
        let action = || format!("keep what was handed out for account {account}");
        let mut kept = self.keep_under_key(fetched).await?;
        // Somebody has changed the master key meanwhile: the same again under the new one.
        if matches!(kept, Err(StoreError::Refused(_)))
            && tokens.vault().refresh().await.map_err(|error| unread(account, error))?
        {
            kept = self.keep_under_key(fetched).await?;
        }
        match kept {
            Ok(true) => {}
            // Two were at it: what the other one fetched came later, and may have ended this one.
            Ok(false) => return Err(failed(format!("{}: the turn has passed to another daemon", action()))),
            Err(error) => return Err(caused(action(), error)),
        }
        tokens.load(account).await.map_err(|error| unread(account, error))?;
        let secrets: Vec<&str> = fetched.iter().map(|one| one.name.as_str()).collect();
        tracing::info!(account.id = %account, ?secrets, "Account {account} has new secrets");
        Ok(())
    }

    async fn keep_under_key(&self, fetched: &[Fetched]) -> Result<Result<bool, StoreError>, PortError> {
        let Self { tokens, account, turn, .. } = self;
        let (key, secrets) = tokens.sealed(account, fetched).await?;
        tokens.0.failpoints.reach("token.refresh.after_platform_before_store");
        let (account, turn, at) = (account.clone(), turn.clone(), tokens.0.world.now());
        Ok(insist(tokens.0.store.as_ref(), KeepCaptured { account, turn, secrets, key, at }).await)
    }
}

#[async_trait]
impl Fetching for Turn {
    async fn keep(self: Box<Self>, fetched: Vec<Fetched>) -> Result<(), PortError> {
        let kept = self.try_to_keep(&fetched).await;
        // It is lost; the next one need not wait for the turn to end by itself.
        if kept.is_err() {
            give_up(&self.tokens, &self.turn).await;
        }
        kept
    }

    async fn failed(self: Box<Self>, reason: &str) {
        let Self { tokens, account, turn, anew, .. } = *self;
        if anew {
            // A person has mistaken a code or an account: that says nothing of what the account has.
            give_up(&tokens, &turn).await;
            return;
        }
        tracing::warn!(account.id = %account, reason, "Account {account} could not renew its secrets");
        if let Err(error) = tokens.failed(&account, Failure::NoToken, reason, Some(turn)).await {
            let error = crate::with_causes(&error);
            tracing::error!(account.id = %account, error, "That account {account} could not sign in was not noted");
        }
    }
}

async fn give_up(tokens: &Tokens, turn: &HeldTurn) {
    if let Err(error) = tokens.0.store.give_up_turn(&turn.name, &turn.holder).await {
        tracing::warn!(error = crate::with_causes(&error), "A turn lasts until its end");
    }
}

/// What is known must not be forgotten because the database is away for a moment: a token may have cost one that was good
/// once.
async fn insist(store: &dyn Store, keep: KeepCaptured) -> Result<bool, StoreError> {
    let until = Instant::now() + KEEP_TRYING;
    let mut pause = FIRST_LOOK;
    loop {
        match store.keep_captured(keep.clone()).await {
            Err(error)
                if !matches!(error, StoreError::Closed | StoreError::Refused(_))
                    && Instant::now() + pause < until =>
            {
                tracing::error!(error = crate::with_causes(&error), "New secrets could not be kept yet");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_LOOK);
            }
            done => return done,
        }
    }
}

impl Tokens {
    /// With the name of the key.
    async fn sealed(
        &self,
        account: &AccountId,
        fetched: &[Fetched],
    ) -> Result<(String, Vec<NewCaptured>), PortError> {
        let key = self.seal().key().map_err(|error| caused(format!("seal for account {account}"), error))?;
        let opened = self.opened(account).await.map_err(|error| unread(account, error))?;
        let mut sealed = Vec::with_capacity(fetched.len());
        for Fetched { name, value, ttl } in fetched {
            let mut replaced = opened.get(name).map(|before| before.replaced.clone()).unwrap_or_default();
            if let Some(given) = self.0.given.get(account, name).await? {
                let given = self.seal().fingerprint(given.expose());
                replaced.retain(|known| *known != given);
                replaced.push(given);
                replaced.drain(..replaced.len().saturating_sub(MOST_REPLACED));
            }
            let contents = Contents { value: value.expose().to_owned(), replaced };
            let action = || format!("seal secret {name} of account {account}");
            let clear = serde_json::to_vec(&contents).map(Zeroizing::new);
            drop(Zeroizing::new(contents.value));
            let clear = clear.map_err(|error| caused(action(), error))?;
            let value = self.seal().seal(&key, account.as_str(), name, &clear);
            let ttl = ttl.and_then(|ttl| SignedDuration::try_from(ttl).ok());
            let expires_at = ttl.map(|ttl| later(self.0.world.now(), ttl));
            let sealed_value = value.map_err(|error| caused(action(), error))?;
            sealed.push(NewCaptured { name: name.clone(), sealed: sealed_value, expires_at });
        }
        Ok((key.name.clone(), sealed))
    }
}
