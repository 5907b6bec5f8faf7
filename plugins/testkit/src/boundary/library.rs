//! A loaded `.so`, and an adapter started from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use juzhen_abi as abi;
use juzhen_abi::message::{Manifest, Meta};
use juzhen_abi::pack;
use serde_json::{Value, json};

use super::buffer::{borrow, copy, empty, take};
use super::host::{Held, SCOPE, ScriptedHost, Tables};
use super::running::{Drive, drive, outcome};
use crate::script::Script;
use crate::{Error, Outcome};

/// A loaded adapter library. Never unloaded: nobody can know when the last of its code has ended.
pub struct Library {
    entry: &'static abi::Entry,
    path: PathBuf,
    bytes: Vec<u8>,
}

// SAFETY: the entry is a constant of a library that stays loaded.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads the file and checks its entry.
    ///
    /// # Errors
    /// When the file cannot be read or loaded, or its entry is not one of an adapter of this version.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let refuse = |why: String| Error::NotAnAdapter { path: path.to_owned(), why };
        let bytes = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
        let load = |source| Error::Load { path: path.to_owned(), source };
        // SAFETY: the file is an adapter that its author wants to run here.
        let library = unsafe { libloading::Library::new(path) }.map_err(load)?;
        // SAFETY: the symbol is the entry constant by the contract of its name.
        let symbol = unsafe { library.get::<*const abi::Entry>(abi::ENTRY_SYMBOL) }.map_err(load)?;
        let entry: *const abi::Entry = *symbol;
        core::mem::forget(library);
        // SAFETY: a constant of a library that stays loaded.
        let entry: &'static abi::Entry =
            unsafe { entry.as_ref() }.ok_or_else(|| refuse("entry is null".to_owned()))?;
        let expected = (abi::MAGIC, abi::ABI_MAJOR, abi::CODEC_JSON);
        let seen = (entry.magic, entry.abi_major, entry.codec);
        if seen != expected {
            return Err(refuse(format!("magic, major version, codec are {seen:x?}, not {expected:x?}")));
        }
        Ok(Self { entry, path: path.to_owned(), bytes })
    }

    /// The manifest of the entry, which has to be the one between the marks in the file.
    ///
    /// # Errors
    /// When the file has none, another than the entry, or one that cannot be understood.
    pub fn manifest(&self) -> Result<Manifest, Error> {
        let refuse = |why: String| Error::NotAnAdapter { path: self.path.clone(), why };
        // SAFETY: the entry's slice is readable as long as the library.
        let manifest = unsafe { copy(self.entry.manifest) };
        let peeked =
            peek(&self.bytes).ok_or_else(|| refuse("no manifest between marks in the file".to_owned()))?;
        if peeked != manifest {
            return Err(refuse("the manifest in the file is another than the entry's".to_owned()));
        }
        serde_json::from_slice(&manifest).map_err(|e| refuse(format!("manifest: {e}")))
    }

    /// Whether the adapter says that it catches its own panics.
    pub fn catches_panics(&self) -> bool {
        self.entry.flags & abi::FLAG_UNWINDS != 0
    }

    /// What it says of its build.
    #[cfg(feature = "conformance")]
    pub(crate) fn flags(&self) -> u32 {
        self.entry.flags
    }

    /// Creates an adapter with its settings, on a host that follows the script.
    ///
    /// # Errors
    /// When the adapter refuses its settings.
    pub fn start(&self, script: &Script, settings: &Value) -> Result<Adapter, Error> {
        let config = pack::pack(&json!({ "settings": settings }), &[])?;
        self.start_on(ScriptedHost::new(script.clone(), Tables::Own), &config)
    }

    /// The same on a host of another minor version, with any bytes as its settings.
    ///
    /// # Errors
    /// As [`Self::start`].
    #[cfg(feature = "conformance")]
    pub(crate) fn start_beside(
        &self,
        script: &Script,
        tables: Tables,
        config: &[u8],
    ) -> Result<Adapter, Error> {
        self.start_on(ScriptedHost::new(script.clone(), tables), config)
    }

    fn start_on(&self, host: Arc<ScriptedHost>, config: &[u8]) -> Result<Adapter, Error> {
        let (mut instance, mut error) = (core::ptr::null_mut(), empty());
        // SAFETY: everything is live for the call, and both places are writable.
        let status =
            unsafe { (self.entry.create)(host.lend(), borrow(config), &raw mut instance, &raw mut error) };
        if status == abi::OK && !instance.is_null() {
            return Ok(Adapter { instance, host });
        }
        // SAFETY: a refusal has filled the buffer.
        Err(Error::Start(Box::new(outcome(status, &unsafe { take(&error) }))))
    }
}

/// A started adapter; destroyed when dropped.
pub struct Adapter {
    instance: *mut abi::Instance,
    host: Arc<ScriptedHost>,
}

// SAFETY: the header promises that an instance may be called from any thread.
unsafe impl Send for Adapter {}
// SAFETY: several at once, it says too.
unsafe impl Sync for Adapter {}

impl Adapter {
    /// Runs one operation to its end. `meta` may leave out any field of [`Meta`].
    ///
    /// # Errors
    /// When `meta` and `body` cannot be packed. What the adapter says is the [`Outcome`].
    pub fn call(&self, operation: &str, meta: &Value, body: &Value) -> Result<Outcome, Error> {
        let defaults = serde_json::to_value(Meta { attempt: 1, ..Meta::default() });
        let mut full = defaults.map_err(|e| pack::PackError::Head(e.to_string()))?;
        if let (Some(full), Some(meta)) = (full.as_object_mut(), meta.as_object()) {
            full.extend(meta.clone());
        }
        let request = pack::pack(&json!({ "meta": full, "body": body }), &[])?;
        Ok(self.call_packed(operation, &request))
    }

    /// Runs one operation with any bytes as its request.
    pub fn call_packed(&self, operation: &str, request: &[u8]) -> Outcome {
        self.call_driven(operation, request, &mut Drive::default())
    }

    /// The same, as patiently as it is told, with notes of its polls.
    pub(crate) fn call_driven(&self, operation: &str, request: &[u8], how: &mut Drive) -> Outcome {
        // SAFETY: the instance is live; the slices are readable during the call.
        let future = unsafe {
            ((*(*self.instance).vt).call)(self.instance, SCOPE, borrow(operation.as_bytes()), borrow(request))
        };
        // SAFETY: it came from this instance and goes nowhere else.
        unsafe { drive(future, self.host.script(), how) }
    }

    /// What the adapter holds of its host now.
    pub fn held(&self) -> Held {
        self.host.held()
    }

    /// Calls in the name of another scope than the operation's own.
    #[cfg(feature = "conformance")]
    pub(crate) fn foreign_scopes(&self) -> usize {
        self.host.foreign_scopes()
    }

    /// Gives up the clones of wakers that are kept since an earlier operation was cancelled.
    #[cfg(feature = "conformance")]
    pub(crate) fn drop_kept_wakers(&self) {
        self.host.drop_kept_wakers();
    }

    /// Destroys it while clones of wakers that it was given or gave are still held, then wakes and drops those.
    #[cfg(feature = "conformance")]
    pub(crate) fn stop_before_wakers(self) -> (usize, Held) {
        let host = Arc::clone(&self.host);
        drop(self);
        let woken = host.wake_what_is_kept();
        (woken, host.held())
    }

    /// Destroys it, and says what it still holds: nothing, when it is right.
    pub fn stop(self) -> Held {
        let host = Arc::clone(&self.host);
        drop(self);
        host.held()
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // SAFETY: no future of it is alive, because `call` drops them; destroyed once.
        unsafe { ((*(*self.instance).vt).destroy)(self.instance) };
    }
}

/// The manifest between its marks in the bytes of a file.
fn peek(file: &[u8]) -> Option<&[u8]> {
    let find = |haystack: &[u8], needle: &[u8]| haystack.windows(needle.len()).position(|w| w == needle);
    let begin = find(file, abi::MANIFEST_BEGIN)?.checked_add(abi::MANIFEST_BEGIN.len())?;
    let rest = file.get(begin..)?;
    rest.get(..find(rest, abi::MANIFEST_END)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_read_from_the_bytes_of_the_file() {
        assert_eq!(peek(b"ELF\0ADP1MANIFEST>>{\"a\":1}<<ADP1END\0rest"), Some(&b"{\"a\":1}"[..]));
        assert_eq!(peek(b"ELF\0ADP1MANIFEST>>{\"a\":1}"), None);
    }
}
