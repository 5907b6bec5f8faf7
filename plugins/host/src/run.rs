//! One call from admission to reply: runs it on a lane, repeats it after a crash where nothing can happen twice, and
//! says what the host itself knows to have left.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use juzhen_abi::message::{AdapterError, ErrorKind, Meta, Panicked, Request};
use juzhen_abi::pack;
use tokio::time::Instant;

use crate::call::{Call, Reply};
use crate::capabilities::masks::Masks;
use crate::capabilities::{Capabilities, kv};
use crate::journal::{Journal, lock};
use crate::lane::{Identity, LaneAnswer, ScopeSeed};
use crate::ledger_flow::chain;
use crate::options::{Budgets, EgressOptions};
use crate::outcome::Failure;
use crate::scope::{Scope, random_seed};
use crate::slot::{Admitted, Slot, add_one};

/// What every call is run with.
pub(crate) struct Runner {
    pub(crate) capabilities: Arc<Capabilities>,
    pub(crate) egress: EgressOptions,
    pub(crate) budgets: Budgets,
    /// How long a request on its way may take to be heard of after its call has ended.
    pub(crate) grace: Duration,
}

/// No operation takes longer; keeps the arithmetic of deadlines in range.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A call that takes its process down twice is not tried a third time.
const MOST_CRASHES: u32 = 2;

impl Runner {
    pub(crate) async fn run(&self, slot: &Slot, call: &Call) -> Reply {
        add_one(&slot.counters.calls);
        let journal = Arc::new(Journal::default());
        let mut adapter = None;
        let result = match slot.in_flight.try_acquire() {
            Ok(_permit) => self.runs(slot, call, &journal, &mut adapter).await,
            Err(_full) => Err(Failure::Overloaded),
        };
        if result == Err(Failure::TimedOut) {
            add_one(&slot.counters.timeouts);
        }
        Reply {
            result,
            effects: journal.effects(),
            adapter,
            unrenewed: journal.renewal(),
            noticed: journal.noticed(),
        }
    }

    async fn runs(
        &self,
        slot: &Slot,
        call: &Call,
        journal: &Arc<Journal>,
        adapter: &mut Option<Identity>,
    ) -> Result<Vec<u8>, Failure> {
        let deadline = Deadline::of(call, self.capabilities.ports.clock.now_unix_ms());
        let mut crashes = 0;
        loop {
            let admitted = slot.admit(crashes > 0, deadline.instant).await?;
            *adapter = Some(admitted.entered.generation.lane.identity().clone());
            let reason = match self.one_run(admitted, call, journal, deadline, crashes).await {
                End::Answered(result) => return result,
                End::Gone(reason) => reason,
            };
            crashes += 1;
            if crashes >= MOST_CRASHES || journal.must_not_repeat() {
                return Err(Failure::Crashed { reason, times: crashes });
            }
            tracing::warn!(
                call.id,
                adapter.name = slot.name,
                effects = journal.effects().began,
                "Call {} is run again with its recorded answers",
                call.id
            );
        }
    }

    async fn one_run(
        &self,
        admitted: Admitted,
        call: &Call,
        journal: &Arc<Journal>,
        deadline: Deadline,
        crashes: u32,
    ) -> End {
        let generation = Arc::clone(&admitted.entered.generation);
        let scope = Scope::new(
            call,
            Arc::clone(&generation.manifest),
            generation.lane.identity().clone(),
            Arc::clone(journal),
            deadline.instant,
            &self.egress,
            self.budgets,
        );
        journal.start_run();
        let request = match pack::pack(&request(call, deadline, crashes), b"") {
            Ok(request) => request,
            Err(cause) => return End::bad_answer(format!("the request could not be packed: {cause}")),
        };
        let open = match generation.scopes.open(scope) {
            Ok(open) => open,
            Err(cause) => return End::bad_answer(format!("no randomness for a scope: {cause}")),
        };
        let scope = Arc::clone(&open.scope);
        self.capabilities.recorder.iter().for_each(|recorder| recorder.called(&call.operation, &request));
        let seed = ScopeSeed { now_unix_ms: journal.clock_readings(), random: random_seed(&call.id) };
        let answer = tokio::select! {
            biased;
            () = journal.halted() => None,
            answer = generation.lane.call(open.id, &call.operation, request, seed) => Some(answer),
            // Last, so that an answer in hand is not thrown away. Dropping the lane's future runs the destructors.
            () = tokio::time::sleep_until(deadline.instant) => None,
        };
        drop(open);
        let crashed = matches!(answer, Some(LaneAnswer::Gone(_)));
        if crashed {
            generation.close();
        } else if answer.is_some() {
            generation.probation.store(false, Ordering::Relaxed);
        }
        // A suspect waiting for its turn need not wait for answers on the network.
        drop(admitted);
        let left = deadline.instant.saturating_duration_since(Instant::now());
        journal.quiet(if crashed { left.max(self.grace) } else { self.grace }).await;
        let end = self.end(&scope, journal, answer).await;
        match &scope.signing_in {
            None => end,
            Some(signing_in) => match end {
                End::Answered(result) => End::Answered(signing_in.concluded(result).await),
                End::Gone(reason) => {
                    signing_in.forgotten("the adapter crashed").await;
                    End::Gone(reason)
                }
            },
        }
    }

    async fn end(&self, scope: &Scope, journal: &Journal, answer: Option<LaneAnswer>) -> End {
        // What the ledger refused, no answer of the adapter can make good.
        if let Some(failure) = journal.halt_reason() {
            return End::Answered(Err(failure));
        }
        let masks = lock(&scope.masks).clone();
        let failure = match answer {
            None => Failure::TimedOut,
            Some(LaneAnswer::Gone(reason)) => return End::Gone(reason),
            Some(LaneAnswer::Malformed(reason)) => Failure::BadAnswer { reason },
            Some(LaneAnswer::Panicked(bytes)) => panicked(&bytes, &masks),
            Some(LaneAnswer::Error(bytes)) => adapter_error(&bytes, &masks),
            Some(LaneAnswer::Ok(bytes)) => match masked_answer(&bytes, &masks) {
                Ok(bytes) => {
                    if let Err(cause) = kv::commit(&self.capabilities, scope).await {
                        // The operation itself went well; failing it now could repeat it.
                        tracing::error!(
                            call.id = scope.call,
                            error = chain(&cause),
                            "Values of call {} are lost",
                            scope.call
                        );
                    }
                    return End::Answered(Ok(bytes));
                }
                Err(reason) => Failure::BadAnswer { reason },
            },
        };
        End::Answered(Err(failure))
    }
}

/// How a run ended.
enum End {
    Answered(Result<Vec<u8>, Failure>),
    Gone(String),
}

impl End {
    fn bad_answer(reason: String) -> Self {
        Self::Answered(Err(Failure::BadAnswer { reason }))
    }
}

/// The same for every run of a call.
#[derive(Clone, Copy)]
struct Deadline {
    instant: Instant,
    unix_ms: i64,
}

impl Deadline {
    fn of(call: &Call, now_unix_ms: i64) -> Self {
        let within = call.deadline.min(LONGEST);
        let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
        Self { instant: Instant::now() + within, unix_ms: now_unix_ms.saturating_add(within_ms) }
    }
}

fn request(call: &Call, deadline: Deadline, crashes: u32) -> Request {
    let meta = Meta {
        call: call.id.clone(),
        account: call.account.id.clone(),
        uid: call.account.uid.clone(),
        idempotency_key: call.idempotency_key.clone(),
        attempt: call.attempt.saturating_add(crashes),
        deadline_unix_ms: deadline.unix_ms,
        settings: call.account.settings.clone(),
    };
    Request { meta, body: call.body.clone() }
}

fn masked_answer(bytes: &[u8], masks: &Masks) -> Result<Vec<u8>, String> {
    let (head, tail) = pack::split(bytes).map_err(|e| e.to_string())?;
    let (mut head, mut tail) = (head.to_vec(), tail.to_vec());
    masks.bytes(&mut head);
    masks.bytes(&mut tail);
    serde_json::from_slice::<serde::de::IgnoredAny>(&head)
        .map_err(|e| format!("its head is not JSON: {e}"))?;
    let length = u32::try_from(head.len()).map_err(|_| "its head is too long".to_owned())?;
    Ok([&length.to_le_bytes()[..], &head, &tail].concat())
}

fn adapter_error(bytes: &[u8], masks: &Masks) -> Failure {
    match pack::unpack::<AdapterError>(bytes) {
        Ok((said, _)) => {
            let message = masks.text(&said.message).into_owned();
            Failure::Adapter(AdapterError { kind: masked_kind(said.kind, masks), message })
        }
        Err(cause) => Failure::BadAnswer { reason: format!("its error is not one: {cause}") },
    }
}

fn masked_kind(kind: ErrorKind, masks: &Masks) -> ErrorKind {
    let hide = |text: String| masks.text(&text).into_owned();
    match kind {
        ErrorKind::Rejected { code, by } => ErrorKind::Rejected { code: code.map(hide), by },
        ErrorKind::Duplicate { remote_id } => ErrorKind::Duplicate { remote_id: remote_id.map(hide) },
        ErrorKind::Unsupported { what } => ErrorKind::Unsupported { what: hide(what) },
        ErrorKind::Misconfigured { key } => ErrorKind::Misconfigured { key: hide(key) },
        other => other,
    }
}

fn panicked(bytes: &[u8], masks: &Masks) -> Failure {
    match pack::unpack::<Panicked>(bytes) {
        Ok((said, _)) => Failure::Panicked {
            message: masks.text(&said.message).into_owned(),
            location: masks.text(&said.location).into_owned(),
        },
        Err(cause) => {
            Failure::BadAnswer { reason: format!("it panicked, and its report is not one: {cause}") }
        }
    }
}
