//! From a sealed file to a live instance: link, check the entry as data, `create`.
#![allow(unsafe_code, reason = "loads a library and calls through C function tables")]

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::sync::Arc;

use juzhen_abi as abi;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::bytes;
use super::future::ForeignFuture;
use super::host::HostObject;
use super::waker::table_size;
use crate::refused::LoadRefused;

/// A linked library whose entry was found good. It stays mapped until the process ends: there is no safe moment to
/// unmap code (F83).
pub(crate) struct LinkedLibrary {
    entry: *const abi::Entry,
    pub(crate) flags: u32,
    pub(crate) build_info: String,
}

// SAFETY: the entry is a constant of a library that is never unmapped.
unsafe impl Send for LinkedLibrary {}

/// Loads the usual libraries of a tool chain while files can still be opened. One that is missing is reported by
/// the linker later, if it is needed at all.
pub(crate) fn preload(names: &[String]) {
    for name in names.iter().filter(|name| crate::elf::ALLOWED_LIBRARIES.contains(&name.as_str())) {
        // SAFETY: part of the C or Rust tool chain, by its plain name, from the system's own folders.
        if let Ok(library) = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) } {
            std::mem::forget(library);
        }
    }
}

/// Links the library behind the descriptor and checks its entry: magic, major, size, codec, manifest, in this order.
/// Runs the constructors of the library. The descriptor must stay open for good: the linker knows a library by its
/// path, and a second one under the same number would be taken for the first.
pub(crate) fn link(memory: BorrowedFd<'_>, manifest: &[u8]) -> Result<LinkedLibrary, LoadRefused> {
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    // SAFETY: running code of the adapter is the purpose; what it may do is the sandbox's matter.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|e| LoadRefused::Link(without_path(&e, &path)))?;
    // SAFETY: only the address is taken; what stands there is checked before it is believed.
    let entry = unsafe { library.get::<*const abi::Entry>(abi::ENTRY_SYMBOL.as_bytes()) }
        .map(|symbol| symbol.into_raw().cast::<abi::Entry>().cast_const());
    std::mem::forget(library);
    let entry = entry.map_err(|_| LoadRefused::MissingSymbol(abi::ENTRY_SYMBOL.to_owned()))?;
    check(entry, manifest)
}

fn check(entry: *const abi::Entry, manifest: &[u8]) -> Result<LinkedLibrary, LoadRefused> {
    if entry.is_null() || !entry.is_aligned() {
        return Err(LoadRefused::Malformed("entry: null or misaligned".into()));
    }
    // SAFETY: an exported constant of a mapped library. Each field is read only after the ones before it were good,
    // so that a shorter or foreign entry is not read beyond its magic, major and size.
    unsafe {
        let magic = (*entry).magic;
        if magic != abi::MAGIC {
            return Err(LoadRefused::WrongMagic { found: magic });
        }
        if (*entry).abi_major != abi::ABI_MAJOR {
            return Err(LoadRefused::AbiMajor((*entry).abi_major));
        }
        let (found, wanted) = ((*entry).size, table_size::<abi::Entry>());
        if found < wanted {
            return Err(LoadRefused::EntryTooSmall { found, wanted });
        }
        if (*entry).codec != abi::CODEC_JSON {
            return Err(LoadRefused::UnknownCodec((*entry).codec));
        }
        if (&raw const (*entry).create).cast::<usize>().read() == 0 {
            return Err(LoadRefused::Malformed("entry: `create` is null".into()));
        }
        let running = bytes::copy((*entry).manifest, "manifest").map_err(LoadRefused::Malformed)?;
        if running != manifest {
            return Err(LoadRefused::ManifestDiffers);
        }
        let build_info = bytes::copy((*entry).build_info, "build_info").map_err(LoadRefused::Malformed)?;
        let build_info = String::from_utf8_lossy(&build_info).chars().take(200).collect();
        Ok(LinkedLibrary { entry, flags: (*entry).flags, build_info })
    }
}

impl LinkedLibrary {
    /// Runs the adapter's `create`.
    pub(crate) fn create(
        &self,
        host: &Arc<HostObject>,
        config: &[u8],
    ) -> Result<ForeignInstance, LoadRefused> {
        let mut instance = std::ptr::null_mut();
        let mut error = bytes::empty();
        // SAFETY: checked in `check`; host, config and both out-pointers live past the call.
        let status = unsafe {
            ((*self.entry).create)(host.as_header(), bytes::lend(config), &raw mut instance, &raw mut error)
        };
        // SAFETY: as the adapter filled it.
        let error = unsafe { bytes::take(&error) };
        match status {
            abi::OK => ForeignInstance::own(instance, Arc::clone(host)),
            abi::ERR => Err(LoadRefused::CreateFailed(readable(error))),
            abi::PANIC => Err(LoadRefused::CreateFailed(format!("panicked: {}", readable(error)))),
            other => Err(LoadRefused::Malformed(format!("status {other} from `create`"))),
        }
    }
}

/// One live adapter; dropping it runs `destroy`.
pub(crate) struct ForeignInstance {
    instance: *mut abi::Instance,
    /// Outlives the instance.
    _host: Arc<HostObject>,
}

// SAFETY: the header says that `call` may be used from any thread, several at once; `destroy` runs once, alone.
unsafe impl Send for ForeignInstance {}
// SAFETY: as above.
unsafe impl Sync for ForeignInstance {}

impl ForeignInstance {
    fn own(instance: *mut abi::Instance, host: Arc<HostObject>) -> Result<Self, LoadRefused> {
        let malformed = |why: &str| Err(LoadRefused::Malformed(format!("instance: {why}")));
        if instance.is_null() || !instance.is_aligned() {
            return malformed("null or misaligned");
        }
        // SAFETY: not null, and what `create` answered with OK.
        let table = unsafe { (*instance).vt };
        if table.is_null() || !table.is_aligned() {
            return malformed("it has no table");
        }
        // SAFETY: a table begins with its size; its functions are read as numbers, so that a null is no wrong value.
        let whole = unsafe {
            (*table).size >= table_size::<abi::InstanceVt>()
                && (&raw const (*table).call).cast::<usize>().read() != 0
                && (&raw const (*table).destroy).cast::<usize>().read() != 0
        };
        if whole {
            Ok(Self { instance, _host: host })
        } else {
            malformed("its table is too small or has a null function")
        }
    }

    /// Starts an operation. Runs code of the adapter.
    pub(crate) fn call(
        self: &Arc<Self>,
        scope: u64,
        operation: &str,
        request: &[u8],
    ) -> Result<ForeignFuture, String> {
        // SAFETY: checked in `own`, alive; both slices live past the call.
        let future = unsafe {
            ((*(*self.instance).vt).call)(
                self.instance,
                scope,
                bytes::lend(operation.as_bytes()),
                bytes::lend(request),
            )
        };
        // SAFETY: the caller of `call` owns the future.
        unsafe { ForeignFuture::own(future, Arc::clone(self)) }
    }
}

impl Drop for ForeignInstance {
    fn drop(&mut self) {
        // SAFETY: once, and no future is alive, since each holds an `Arc` of this.
        unsafe { ((*(*self.instance).vt).destroy)(self.instance) };
    }
}

/// The error of `create` as a sentence: its `message` if it is what it should be, else what it is.
fn readable(error: Result<Vec<u8>, String>) -> String {
    let bytes = match error {
        Ok(bytes) => bytes,
        Err(why) => return why,
    };
    let head = abi::pack::split(&bytes).map_or(bytes.as_slice(), |(head, _)| head);
    let message = serde_json::from_slice::<serde_json::Value>(head)
        .ok()
        .and_then(|value| value.get("message").and_then(|m| m.as_str().map(str::to_owned)));
    message.unwrap_or_else(|| String::from_utf8_lossy(head).chars().take(300).collect())
}

/// The linker's message without our name for the file, which says nothing to a reader.
fn without_path(error: &libloading::Error, path: &str) -> String {
    let text = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    text.replace(&format!("{path}: "), "")
}
