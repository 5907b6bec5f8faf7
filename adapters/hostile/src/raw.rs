//! Sins of the C boundary itself: the sdk's instance is wrapped in one that breaks the contract on request.

#![allow(unsafe_code)] // The tables of the boundary, by hand.

use core::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use juzhen_sdk::__private::{self as sdk, abi};
use juzhen_sdk::message::{Post, Request};

use crate::{Hostile, sin_of};

/// `create` of the entry.
///
/// # Safety
/// As the header says.
pub(crate) unsafe extern "C" fn create(
    host: *const abi::Host,
    config: abi::Slice,
    out: *mut *mut abi::Instance,
    err: *mut abi::Buf,
) -> i32 {
    let mut inner = core::ptr::null_mut();
    // SAFETY: passed on as received; `inner` is writable.
    let status = unsafe { sdk::create::<Hostile>(host, config, &raw mut inner, err) };
    if status == abi::OK {
        let wrapped = Wrapped { header: abi::Instance { vt: &INSTANCE }, inner, seen: Mutex::default() };
        // SAFETY: `out` is writable; the host owns the instance until `destroy`.
        unsafe { out.write(Box::into_raw(Box::new(wrapped)).cast()) };
    }
    status
}

#[repr(C)]
struct Wrapped {
    header: abi::Instance,
    inner: *mut abi::Instance,
    /// The latest accounts and their scopes.
    seen: Mutex<Vec<(String, u64)>>,
}

static INSTANCE: abi::InstanceVt =
    abi::InstanceVt { size: size_of_table::<abi::InstanceVt>(), reserved: 0, call, destroy, get_extension };

unsafe extern "C" fn call(
    this: *const abi::Instance,
    scope: u64,
    operation: abi::Slice,
    request: abi::Slice,
) -> *mut abi::Future {
    // SAFETY: `this` is the header of a live `Wrapped`; the slices are readable during the call.
    let (wrapped, bytes) =
        unsafe { (&*this.cast::<Wrapped>(), core::slice::from_raw_parts(request.ptr, request.len)) };
    let sin = asked_for(bytes);
    let other = wrapped.scope_of_another(bytes, scope);
    let scope = if sin == "other_scope" { other } else { scope };
    // SAFETY: readable during the call, like the request.
    let name = unsafe { core::slice::from_raw_parts(operation.ptr, operation.len) };
    match answer(&sin).or_else(|| careless(&sin, name, bytes)) {
        Some(Sin::NoFuture) => core::ptr::null_mut(),
        Some(Sin::Answer(status, bytes)) => Box::into_raw(Box::new(Ready {
            header: abi::Future { vt: &FUTURE },
            status,
            answer: owned(bytes),
        }))
        .cast(),
        Some(Sin::Dangling) => {
            let nowhere = abi::Buf { ptr: 4096 as *mut u8, len: 64, cap: 64, free: None };
            let ready = Ready { header: abi::Future { vt: &FUTURE }, status: abi::OK, answer: nowhere };
            Box::into_raw(Box::new(ready)).cast()
        }
        // SAFETY: the inner instance is live until `destroy`.
        None => unsafe { ((*(*wrapped.inner).vt).call)(wrapped.inner, scope, operation, request) },
    }
}

enum Sin {
    NoFuture,
    Answer(i32, Vec<u8>),
    Dangling,
}

fn answer(sin: &str) -> Option<Sin> {
    let head = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes()[..], bytes].concat()
    };
    Some(match sin {
        "no_future" => Sin::NoFuture,
        "answer_dangling" => Sin::Dangling,
        "answer_invalid_utf8" => Sin::Answer(abi::OK, head(b"{\"state\":\"published\",\"id\":\"\xff\xfe\"}")),
        "answer_not_json" => Sin::Answer(abi::OK, head(b"published, honestly")),
        "answer_cut" => Sin::Answer(abi::OK, b"\xff\xff\xff\xff{}".to_vec()),
        "answer_unknown_status" => Sin::Answer(77, head(b"{}")),
        "answer_unknown_kind" => Sin::Answer(abi::ERR, head(b"{\"kind\":\"from_the_future\"}")),
        "answer_huge" => {
            let id = "9".repeat(64 << 20);
            Sin::Answer(abi::OK, head(format!("{{\"state\":\"published\",\"id\":\"{id}\"}}").as_bytes()))
        }
        _ => return None,
    })
}

/// Sins that are seen at names and fields of a later version only.
fn careless(sin: &str, operation: &[u8], request: &[u8]) -> Option<Sin> {
    const LATER: &[u8] = b"from_the_future";
    let later_field = || request.windows(LATER.len()).any(|window| window == LATER);
    match sin {
        "answers_anything" if operation == LATER => Some(Sin::Answer(abi::OK, b"\x02\0\0\0{}".to_vec())),
        "strict_fields" if later_field() => {
            Some(Sin::Answer(abi::ERR, b"\x0e\0\0\0{\"kind\":\"bug\"}".to_vec()))
        }
        _ => None,
    }
}

/// The sin of a publish; nothing for any other request.
fn asked_for(bytes: &[u8]) -> String {
    let Ok((Request { meta, body }, _)) = abi::pack::unpack::<Request>(bytes) else {
        return String::new();
    };
    let post: Post = serde_json::from_value(body).unwrap_or_default();
    sin_of(&meta, &post.text)
}

impl Wrapped {
    /// The scope of the latest call for another account, or a guess; remembers this one.
    fn scope_of_another(&self, bytes: &[u8], scope: u64) -> u64 {
        let account = abi::pack::unpack::<Request>(bytes).map(|(r, _)| r.meta.account).unwrap_or_default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let other =
            seen.iter().rev().find(|(name, _)| *name != account).map_or(scope ^ 1, |(_, scope)| *scope);
        seen.push((account, scope));
        if seen.len() > 64 {
            seen.remove(0);
        }
        other
    }
}

unsafe extern "C" fn destroy(this: *mut abi::Instance) {
    // SAFETY: made by `create` from a box of this type, destroyed once; the inner one with it.
    unsafe {
        let wrapped = Box::from_raw(this.cast::<Wrapped>());
        ((*(*wrapped.inner).vt).destroy)(wrapped.inner);
    }
}

unsafe extern "C" fn get_extension(_this: *const abi::Instance, _id: abi::Slice) -> *const c_void {
    core::ptr::null()
}

/// A future that is ready with whatever it was made of.
#[repr(C)]
struct Ready {
    header: abi::Future,
    status: i32,
    answer: abi::Buf,
}

static FUTURE: abi::FutureVt =
    abi::FutureVt { size: size_of_table::<abi::FutureVt>(), reserved: 0, poll, drop: drop_ready };

unsafe extern "C" fn poll(this: *mut abi::Future, _waker: *const abi::Waker, out: *mut abi::Buf) -> i32 {
    // SAFETY: `this` is the header of a live `Ready`; `out` is writable, and takes over the bytes.
    unsafe {
        let ready = &mut *this.cast::<Ready>();
        out.write(core::mem::replace(&mut ready.answer, owned(Vec::new())));
        ready.status
    }
}

unsafe extern "C" fn drop_ready(this: *mut abi::Future) {
    // SAFETY: made by `call` from a box of this type, dropped once; an answer still in it was given to nobody.
    unsafe {
        let Ready { answer, .. } = *Box::from_raw(this.cast::<Ready>());
        if let Some(free) = answer.free {
            free(answer.ptr, answer.len, answer.cap);
        }
    }
}

fn owned(bytes: Vec<u8>) -> abi::Buf {
    let mut bytes = core::mem::ManuallyDrop::new(bytes);
    abi::Buf { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free) }
}

unsafe extern "C" fn free(ptr: *mut u8, len: usize, cap: usize) {
    // SAFETY: the parts of a vector that `owned` took apart, freed once.
    drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
}

#[allow(clippy::cast_possible_truncation)] // The size of a small table.
const fn size_of_table<T>() -> u32 {
    size_of::<T>() as u32
}
