//! What the host borrows from the daemon, answered by the store: the effect ledger, values, blobs and the time.

use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use jiff::Timestamp;
use juzhen_domain::id::AccountId;
use juzhen_host::message::{HostError, HostErrorKind};
use juzhen_host::{
    Begun, Blob, Blobs, Clock, EffectId, EffectKind, Intent, KeyValues, Ledger, LedgerError, PortError,
    RecordedAnswer,
};
use juzhen_store::{EffectAnswer, EffectBegun, NewEffect, Store, StoreError, ValueKey};

use crate::clock::World;
use crate::failpoint::Failpoints;

/// The store, as the host sees it.
pub(crate) struct StorePorts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) world: Arc<dyn World>,
    pub(crate) failpoints: Arc<Failpoints>,
}

#[async_trait]
impl Ledger for StorePorts {
    /// The first intent of an attempt is also the `sending` mark of its delivery: one commit, in the store.
    async fn begin(&self, intent: &Intent) -> Result<Begun, LedgerError> {
        let effect = NewEffect {
            call: intent.call.clone(),
            attempt: intent.attempt,
            occurrence: intent.occurrence,
            fingerprint: intent.fingerprint.clone(),
            idempotency_key: match &intent.kind {
                EffectKind::Mutating => None,
                EffectKind::Idempotent { key } => Some(key.clone()),
            },
            method: intent.method.clone(),
            url: intent.url.clone(),
            body_sha256: intent.body_sha256.clone(),
            adapter: intent.adapter.clone(),
            adapter_sha256: intent.adapter_sha256.clone(),
            at: self.world.now(),
        };
        let begun = self.store.begin_effect(effect).await;
        let begun =
            begun.map_err(|source| failed(format!("write the intent of call {}", intent.call), source))?;
        self.failpoints.reach("send.before_connect");
        Ok(match begun {
            EffectBegun::Send(id) => Begun::Send(EffectId(id)),
            EffectBegun::Answered(answer) => Begun::Answered(recorded(answer)),
            EffectBegun::Unanswered(id) => Begun::Unanswered(EffectId(id)),
            EffectBegun::Mismatch(why) => Begun::Mismatch(why),
            EffectBegun::Refused(why) => Begun::Refused(why),
        })
    }

    /// In a store that keeps the order nobody waits for the commit: whatever the answer leads to, the next intent or how
    /// the delivery goes on, is never durable without it, and until then a crash finds the request unanswered, which is the
    /// safe side (F07).
    async fn end(&self, effect: EffectId, answer: &RecordedAnswer) -> Result<(), LedgerError> {
        self.failpoints.reach("send.after_response");
        let kept = kept(answer, self.world.now());
        let store = Arc::clone(&self.store);
        let mut ending = Box::pin(async move { store.end_effect(effect.0, kept).await });
        let waits = !self.store.is_in_order() || self.failpoints.watches("send.after_record");
        let ended = match futures_util::poll!(ending.as_mut()) {
            Poll::Ready(ended) => ended,
            Poll::Pending if waits => ending.await,
            Poll::Pending => {
                tokio::spawn(async move {
                    if let Err(error) = ending.await {
                        let error = crate::with_causes(&error);
                        tracing::error!(
                            effect.id = effect.0,
                            error,
                            "The answer of effect {} is not on disk",
                            effect.0
                        );
                    }
                });
                return Ok(());
            }
        };
        ended.map_err(|source| failed(format!("write the answer of effect {}", effect.0), source))?;
        self.failpoints.reach("send.after_record");
        Ok(())
    }
}

fn failed(action: String, source: StoreError) -> LedgerError {
    LedgerError { action, source: Box::new(source) }
}

fn kept(answer: &RecordedAnswer, at: Timestamp) -> EffectAnswer {
    EffectAnswer {
        status: answer.status,
        headers: answer.headers.clone(),
        body: answer.body.clone(),
        complete: answer.complete,
        nothing_left: answer.nothing_left(),
        at,
    }
}

fn recorded(answer: EffectAnswer) -> RecordedAnswer {
    let failure = (!answer.complete).then(|| HostError {
        kind: if answer.nothing_left { HostErrorKind::Unreachable } else { HostErrorKind::NoAnswer },
        message: "as recorded by an earlier run of this call".into(),
    });
    let EffectAnswer { status, headers, body, complete, .. } = answer;
    RecordedAnswer { status, headers, body, complete, failure, insecure: false }
}

#[async_trait]
impl KeyValues for StorePorts {
    async fn get(&self, adapter: &str, account: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let answer = self.store.value(&value_key(adapter, account, key)).await;
        answer.map_err(|e| port("read", adapter, account, key, e))
    }

    async fn set(&self, adapter: &str, account: &str, key: &str, value: &[u8]) -> Result<(), PortError> {
        let answer = self.store.set_value(&value_key(adapter, account, key), Some(value.to_vec())).await;
        answer.map_err(|e| port("keep", adapter, account, key, e))
    }

    async fn delete(&self, adapter: &str, account: &str, key: &str) -> Result<(), PortError> {
        let answer = self.store.set_value(&value_key(adapter, account, key), None).await;
        answer.map_err(|e| port("remove", adapter, account, key, e))
    }
}

fn value_key(adapter: &str, account: &str, key: &str) -> ValueKey {
    ValueKey { adapter: adapter.to_owned(), account: AccountId::new(account), key: key.to_owned() }
}

fn port(verb: &str, adapter: &str, account: &str, key: &str, source: StoreError) -> PortError {
    let action = format!("{verb} value {key} of adapter {adapter} for account {account}");
    PortError { action, source: Some(Box::new(source)) }
}

#[async_trait]
impl Blobs for StorePorts {
    async fn open(&self, handle: &str) -> Result<Option<Blob>, PortError> {
        match self.store.blob(handle).await {
            Ok(blob) => Ok(blob.map(|blob| Blob { bytes: blob.bytes.into() })),
            Err(source) => {
                let action = format!("read blob {handle}");
                Err(PortError { action, source: Some(Box::new(source)) })
            }
        }
    }
}

impl Clock for StorePorts {
    fn now_unix_ms(&self) -> i64 {
        self.world.now().as_millisecond()
    }
}
