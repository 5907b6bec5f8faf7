//! The C boundary between the daemon and an adapter: the `repr(C)` twin of `include/juzhen_adapter.h`.
//!
//! The contract (ownership, threads, packing) is written in the header; a test compares the two. Below are only
//! layouts and constants. [`message`] has the JSON shapes that travel inside, [`pack`] how they are packed.

pub mod message;
pub mod pack;

/// The bytes `ADPTR\0v1`, read before anything else of an entry.
pub const MAGIC: u64 = 0x3176_0052_5450_4441;
/// Major version: an adapter of another one is refused.
pub const ABI_MAJOR: u16 = 1;
/// Minor version of this build: only ever adds.
pub const ABI_MINOR: u16 = 0;
/// The only codec: `u32 head length | JSON head | tail`.
pub const CODEC_JSON: u32 = 1;
/// Stands before the manifest in the file.
pub const MANIFEST_BEGIN: &[u8] = b"\0ADP1MANIFEST>>";
/// Stands after the manifest in the file.
pub const MANIFEST_END: &[u8] = b"<<ADP1END\0";
/// The exported symbol.
pub const ENTRY_SYMBOL: &str = "adp_entry_v1";

/// Not ready; the waker will be woken.
pub const PENDING: i32 = 0;
/// Ready with an answer.
pub const OK: i32 = 1;
/// Ready with an error message.
pub const ERR: i32 = 2;
/// The adapter caught a panic of its own.
pub const PANIC: i32 = 3;

/// Panics are caught inside the adapter.
pub const FLAG_UNWINDS: u32 = 1;
/// The adapter starts threads of its own.
pub const FLAG_OWN_THREADS: u32 = 2;

/// Borrowed bytes, readable until the called function returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    pub ptr: *const u8,
    pub len: usize,
}

/// Owned bytes; the receiver calls `free` once.
#[repr(C)]
pub struct Buf {
    pub ptr: *mut u8,
    pub len: usize,
    pub cap: usize,
    pub free: Option<unsafe extern "C" fn(*mut u8, usize, usize)>,
}

/// A counted waker; may outlive the future it was given to.
#[repr(C)]
pub struct Waker {
    pub vt: *const WakerVt,
}

#[repr(C)]
pub struct WakerVt {
    pub size: u32,
    pub reserved: u32,
    pub clone: unsafe extern "C" fn(*const Waker) -> *const Waker,
    pub wake: unsafe extern "C" fn(*const Waker),
    pub wake_by_ref: unsafe extern "C" fn(*const Waker),
    pub drop: unsafe extern "C" fn(*const Waker),
}

/// A future; `drop` exactly once, which cancels it when unfinished.
#[repr(C)]
pub struct Future {
    pub vt: *const FutureVt,
}

#[repr(C)]
pub struct FutureVt {
    pub size: u32,
    pub reserved: u32,
    pub poll: unsafe extern "C" fn(*mut Future, *const Waker, *mut Buf) -> i32,
    pub drop: unsafe extern "C" fn(*mut Future),
}

/// What the daemon offers an adapter.
#[repr(C)]
pub struct Host {
    pub vt: *const HostVt,
}

#[repr(C)]
pub struct HostVt {
    pub size: u32,
    pub abi_minor: u16,
    pub reserved: u16,
    pub retain: unsafe extern "C" fn(*const Host) -> *const Host,
    pub release: unsafe extern "C" fn(*const Host),
    pub call: unsafe extern "C" fn(*const Host, u64, Slice, Slice) -> *mut Future,
    pub log: unsafe extern "C" fn(*const Host, u64, u32, Slice),
    pub now_unix_ms: unsafe extern "C" fn(*const Host, u64) -> i64,
    pub random: unsafe extern "C" fn(*const Host, u64, *mut u8, usize),
    pub get_extension: unsafe extern "C" fn(*const Host, Slice) -> *const core::ffi::c_void,
}

/// One live adapter.
#[repr(C)]
pub struct Instance {
    pub vt: *const InstanceVt,
}

#[repr(C)]
pub struct InstanceVt {
    pub size: u32,
    pub reserved: u32,
    pub call: unsafe extern "C" fn(*const Instance, u64, Slice, Slice) -> *mut Future,
    pub destroy: unsafe extern "C" fn(*mut Instance),
    pub get_extension: unsafe extern "C" fn(*const Instance, Slice) -> *const core::ffi::c_void,
}

/// The exported constant.
#[repr(C)]
pub struct Entry {
    pub magic: u64,
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub flags: u32,
    pub codec: u32,
    pub manifest: Slice,
    pub build_info: Slice,
    pub create: unsafe extern "C" fn(*const Host, Slice, *mut *mut Instance, *mut Buf) -> i32,
}
