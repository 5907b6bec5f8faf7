//! The exported constant, and the manifest between its marks.

use juzhen_abi as abi;

/// The constant under `adp_entry_v1`: the C struct, and nothing besides.
#[repr(transparent)]
pub struct StaticEntry(abi::Entry);

// SAFETY: it is never written, and its pointers are to constants of the library, which is never unloaded.
unsafe impl Sync for StaticEntry {}

const BUILD_INFO: &str = concat!("juzhen-sdk ", env!("CARGO_PKG_VERSION"));

/// What `create` of an entry is.
pub type Create =
    unsafe extern "C" fn(*const abi::Host, abi::Slice, *mut *mut abi::Instance, *mut abi::Buf) -> i32;

/// The entry of an adapter whose marked manifest is `marked`.
pub const fn entry(marked: &'static [u8], flags: u32, create: Create) -> StaticEntry {
    let (_, rest) = marked.split_at(abi::MANIFEST_BEGIN.len());
    let (manifest, _) = rest.split_at(rest.len() - abi::MANIFEST_END.len());
    StaticEntry(abi::Entry {
        magic: abi::MAGIC,
        size: size_of_table::<abi::Entry>(),
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        flags,
        codec: abi::CODEC_JSON,
        manifest: abi::Slice { ptr: manifest.as_ptr(), len: manifest.len() },
        build_info: abi::Slice { ptr: BUILD_INFO.as_ptr(), len: BUILD_INFO.len() },
        create,
    })
}

/// Length of [`mark`]ed bytes.
pub const fn marked_length(manifest: &[u8]) -> usize {
    abi::MANIFEST_BEGIN.len() + manifest.len() + abi::MANIFEST_END.len()
}

/// The manifest between the marks by which the daemon finds it in the file.
#[allow(clippy::indexing_slicing)] // Evaluated by the compiler: out of bounds is a compile error.
pub const fn mark<const N: usize>(manifest: &[u8]) -> [u8; N] {
    let pieces = [abi::MANIFEST_BEGIN, manifest, abi::MANIFEST_END];
    let mut out = [0; N];
    let (mut at, mut piece) = (0, 0);
    while piece < pieces.len() {
        let mut i = 0;
        while i < pieces[piece].len() {
            out[at] = pieces[piece][i];
            at += 1;
            i += 1;
        }
        piece += 1;
    }
    out
}

/// The size a table announces.
#[allow(clippy::cast_possible_truncation)] // A table of 4 GiB does not compile anywhere.
pub(super) const fn size_of_table<T>() -> u32 {
    size_of::<T>() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_stands_between_the_marks() {
        const MANIFEST: &[u8] = b"{}";
        static MARKED: [u8; marked_length(MANIFEST)] = mark(MANIFEST);
        assert_eq!(&MARKED, b"\0ADP1MANIFEST>>{}<<ADP1END\0");
    }
}
