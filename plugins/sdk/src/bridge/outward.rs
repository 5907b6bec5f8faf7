//! The adapter as the daemon sees it: `create`, the instance, and the futures of its operations.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use juzhen_abi as abi;
use juzhen_abi::message::{AdapterError, Create, Panicked, Request};
use juzhen_abi::pack;
use serde::Serialize;

use super::buffer::{copy, give};
use super::entry::size_of_table;
use super::inward::Host;
use super::panics;
use super::wakers::BorrowedWaker;
use crate::adapter::dispatch;
use crate::{Adapter, Config, Cx, Error, Result};

/// `create` of the entry of `A`.
///
/// # Safety
/// As the header says: `host` is live, `config` readable for the call, `out` and `err` writable.
pub unsafe extern "C" fn create<A: Adapter>(
    host: *const abi::Host,
    config: abi::Slice,
    out: *mut *mut abi::Instance,
    err: *mut abi::Buf,
) -> i32 {
    panics::install_hook();
    // SAFETY: promised by the caller.
    let made = panics::guard(|| unsafe { make::<A>(host, config) });
    let (status, reason) = match made {
        Ok(Ok(instance)) => {
            // SAFETY: `out` is writable; the daemon owns the instance until `destroy`.
            unsafe { out.write(Box::into_raw(instance).cast()) };
            return abi::OK;
        }
        Ok(Err(error)) => (abi::ERR, packed(&AdapterError::from(error))),
        Err(panicked) => (abi::PANIC, packed(&panicked)),
    };
    // SAFETY: `err` is writable; the daemon frees what is put there.
    unsafe { err.write(give(reason)) };
    status
}

/// One live adapter. Its first field is the table, so its address is that of the C struct.
#[repr(C)]
struct Instance<A> {
    header: abi::Instance,
    host: Host,
    adapter: Arc<A>,
}

unsafe fn make<A: Adapter>(host: *const abi::Host, config: abi::Slice) -> Result<Box<Instance<A>>> {
    // SAFETY: promised by the caller of `create`.
    let host = unsafe { Host::retain(host) };
    let host = host.ok_or_else(|| Error::bug("the daemon offers less than version 1.0 of the boundary"))?;
    // SAFETY: promised by the caller of `create`.
    let config = unsafe { copy(config) };
    let (config, _) = pack::unpack::<Create>(&config).map_err(|e| Error::bug(format!("config: {e}")))?;
    let adapter = Arc::new(A::new(host.clone(), Config::new(config.settings))?);
    Ok(Box::new(Instance { header: abi::Instance { vt: &Tables::<A>::INSTANCE }, host, adapter }))
}

struct Tables<A>(PhantomData<A>);

impl<A: Adapter> Tables<A> {
    const INSTANCE: abi::InstanceVt = abi::InstanceVt {
        size: size_of_table::<abi::InstanceVt>(),
        reserved: 0,
        call: call::<A>,
        destroy: destroy::<A>,
        get_extension: no_extension,
    };
}

unsafe extern "C" fn call<A: Adapter>(
    this: *const abi::Instance,
    scope: u64,
    operation: abi::Slice,
    request: abi::Slice,
) -> *mut abi::Future {
    // SAFETY: both are readable during this call.
    let (operation, request) = unsafe { (copy(operation), copy(request)) };
    // SAFETY: `this` is the header of a live `Instance<A>`; the daemon destroys it only later.
    let instance = unsafe { &*this.cast::<Instance<A>>() };
    let (host, adapter) = (instance.host.clone(), Arc::clone(&instance.adapter));
    let run = async move {
        let operation = String::from_utf8(operation).map_err(|_| Error::bug("operation is not UTF-8"))?;
        let (request, _) =
            pack::unpack::<Request>(&request).map_err(|e| Error::bug(format!("request: {e}")))?;
        let cx = Cx::new(host, scope, request.meta.clone());
        dispatch(&*adapter, cx, &operation, request).await
    };
    #[cfg(feature = "tracing")]
    let run = crate::subscriber::InScope::new(instance.host.clone(), scope, run);
    Box::into_raw(Box::new(Running { header: abi::Future { vt: &FUTURE }, run: Some(Box::pin(run)) })).cast()
}

unsafe extern "C" fn destroy<A: Adapter>(this: *mut abi::Instance) {
    // SAFETY: made by `create` from a box of this type, and destroyed once.
    let instance = unsafe { Box::from_raw(this.cast::<Instance<A>>()) };
    _ = panics::guard(move || drop(instance));
}

unsafe extern "C" fn no_extension(_this: *const abi::Instance, _id: abi::Slice) -> *const c_void {
    core::ptr::null()
}

/// One operation under way. Its first field is the table.
#[repr(C)]
struct Running {
    header: abi::Future,
    /// Gone once it was ready or has panicked.
    run: Option<Operation>,
}

type Operation = Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send>>;

static FUTURE: abi::FutureVt =
    abi::FutureVt { size: size_of_table::<abi::FutureVt>(), reserved: 0, poll, drop: drop_running };

unsafe extern "C" fn poll(this: *mut abi::Future, waker: *const abi::Waker, out: *mut abi::Buf) -> i32 {
    // SAFETY: `this` is the header of a live `Running`, polled by one thread at a time.
    let running = unsafe { &mut *this.cast::<Running>() };
    let polled = panics::guard(|| {
        // SAFETY: the waker is live until this function returns.
        let waker = unsafe { BorrowedWaker::new(waker) };
        let Some(run) = running.run.as_mut() else {
            return Poll::Ready(Err(Error::bug("polled after it was ready")));
        };
        run.as_mut().poll(&mut Context::from_waker(&waker))
    });
    let (status, answer) = match polled {
        Ok(Poll::Pending) => return abi::PENDING,
        Ok(Poll::Ready(Ok(answer))) => (abi::OK, answer),
        Ok(Poll::Ready(Err(error))) => (abi::ERR, packed(&AdapterError::from(error))),
        Err(panicked) => (abi::PANIC, packed(&panicked)),
    };
    // SAFETY: `out` is writable; the daemon frees what is put there.
    unsafe { out.write(give(answer)) };
    status
}

unsafe extern "C" fn drop_running(this: *mut abi::Future) {
    // SAFETY: made by `call` from a box of this type, and dropped once.
    let running = unsafe { Box::from_raw(this.cast::<Running>()) };
    if let Err(Panicked { message, location }) = panics::guard(move || drop(running)) {
        // Nobody waits for this call any more, so standard error is where it can still be told.
        _ = panics::guard(|| report(&message, &location));
    }
}

#[allow(clippy::print_stderr)] // The daemon collects an adapter's standard error as its log.
fn report(message: &str, location: &str) {
    eprintln!("panic while a cancelled call was dropped: {message} at {location}");
}

/// A message of this crate's own types always packs; were it not so, an empty one still means a bug.
fn packed<T: Serialize>(head: &T) -> Vec<u8> {
    pack::pack(head, &[]).unwrap_or_default()
}
