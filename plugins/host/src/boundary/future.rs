//! An adapter's future as one of ours.
#![allow(unsafe_code, reason = "polls and drops through C function tables")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use juzhen_abi as abi;

use super::bytes;
use super::entry::ForeignInstance;
use super::waker::{LentWaker, table_size};

/// How an operation ended inside the adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok(Vec<u8>),
    Error(Vec<u8>),
    Panicked(Vec<u8>),
    /// Not an answer: a null pointer, an unknown status, a length that cannot be.
    Malformed(String),
}

/// Dropping it cancels the operation. Both polling and dropping run code of the adapter.
pub(crate) struct ForeignFuture {
    /// Null once it was dropped on the other side.
    future: *mut abi::Future,
    lent: Option<Arc<LentWaker>>,
    /// An instance lives as long as one of its futures does.
    _instance: Arc<ForeignInstance>,
}

// SAFETY: the header says that a future may move between threads and is used by one at a time; `&mut` sees to that.
unsafe impl Send for ForeignFuture {}

impl ForeignFuture {
    /// Takes over a future that `call` returned.
    ///
    /// # Safety
    /// `future` is null or points to a future that nobody else owns.
    pub(crate) unsafe fn own(
        future: *mut abi::Future,
        instance: Arc<ForeignInstance>,
    ) -> Result<Self, String> {
        if future.is_null() || !future.is_aligned() {
            return Err("`call` returned a null or misaligned future".into());
        }
        // SAFETY: not null; the caller vouches for it.
        let table = unsafe { (*future).vt };
        if table.is_null() || !table.is_aligned() {
            return Err("`call` returned a future without a table".into());
        }
        // SAFETY: a table begins with its size; its functions are read as numbers, so that a null is no wrong value.
        let whole = unsafe {
            (*table).size >= table_size::<abi::FutureVt>()
                && (&raw const (*table).poll).cast::<usize>().read() != 0
                && (&raw const (*table).drop).cast::<usize>().read() != 0
        };
        if !whole {
            return Err("`call` returned a future whose table is too small or has a null function".into());
        }
        Ok(Self { future, lent: None, _instance: instance })
    }

    fn poll_once(&mut self, cx: &Context<'_>) -> Poll<Outcome> {
        let lent = match self.lent.take() {
            Some(lent) if lent.is_for(cx.waker()) => lent,
            _ => LentWaker::new(cx.waker()),
        };
        let header = self.lent.insert(lent).as_header();
        let mut out = bytes::empty();
        // SAFETY: checked in `own`, not dropped yet, and not polled after it was ready (see `poll`). The waker and
        // `out` live past the call.
        let status = unsafe { ((*(*self.future).vt).poll)(self.future, header, &raw mut out) };
        if status == abi::PENDING {
            return Poll::Pending;
        }
        // SAFETY: as the adapter filled it.
        let answer = unsafe { bytes::take(&out) };
        Poll::Ready(match (status, answer) {
            (_, Err(why)) => Outcome::Malformed(why),
            (abi::OK, Ok(answer)) => Outcome::Ok(answer),
            (abi::ERR, Ok(error)) => Outcome::Error(error),
            (abi::PANIC, Ok(panic)) => Outcome::Panicked(panic),
            (other, Ok(_)) => Outcome::Malformed(format!("poll returned the unknown status {other}")),
        })
    }

    fn drop_once(&mut self) {
        let future = std::mem::replace(&mut self.future, std::ptr::null_mut());
        if !future.is_null() {
            // SAFETY: owned, checked in `own`, dropped once because the pointer is now null.
            unsafe { ((*(*future).vt).drop)(future) };
        }
    }
}

impl Future for ForeignFuture {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if self.future.is_null() {
            return Poll::Ready(Outcome::Malformed("polled after it was ready".into()));
        }
        let polled = self.poll_once(cx);
        if polled.is_ready() {
            self.drop_once();
        }
        polled
    }
}

impl Drop for ForeignFuture {
    fn drop(&mut self) {
        self.drop_once();
    }
}
