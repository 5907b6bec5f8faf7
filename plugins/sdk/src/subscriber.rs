//! Events of the `tracing` crate inside an adapter, brought to the daemon's log.
//!
//! An adapter contains its own copy of `tracing`, so without this they would vanish. Spans are not forwarded: the
//! daemon knows the call, and adds it to every line itself.

use core::cell::RefCell;
use core::fmt::Debug;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Once;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::{Host, Level};

thread_local! {
    /// The calls that this thread is polling, innermost last.
    static CALLS: RefCell<Vec<(Host, u64)>> = const { RefCell::new(Vec::new()) };
}

/// A future whose events belong to one call.
pub(crate) struct InScope<F> {
    host: Host,
    scope: u64,
    inner: Pin<Box<F>>,
}

impl<F: Future> InScope<F> {
    pub(crate) fn new(host: Host, scope: u64, inner: F) -> Self {
        static ONCE: Once = Once::new();
        // Fails only when the adapter has installed a subscriber of its own, which then is what it wants.
        ONCE.call_once(|| drop(tracing::subscriber::set_global_default(Forward)));
        Self { host, scope, inner: Box::pin(inner) }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let call = (self.host.clone(), self.scope);
        CALLS.with(|calls| calls.borrow_mut().push(call));
        let _leave = Leave; // Also when the poll panics.
        self.inner.as_mut().poll(cx)
    }
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        CALLS.with(|calls| calls.borrow_mut().pop());
    }
}

struct Forward;

impl Subscriber for Forward {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true // The daemon decides what it keeps.
    }

    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let current = CALLS.with(|calls| calls.borrow().last().cloned());
        if let Some((host, scope)) = current {
            host.log_in(scope, level(*event.metadata().level()), &fields.message, fields.others);
        }
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.others.insert(field.name().to_owned(), json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.others.insert(field.name().to_owned(), json!(text));
        }
    }
}

fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace,
    }
}
