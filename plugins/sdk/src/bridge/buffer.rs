//! Bytes that cross: borrowed ones are copied, owned ones are freed by whoever made them.

use juzhen_abi as abi;

/// The borrowed form of `bytes`, readable as long as they are.
pub(super) fn borrow(bytes: &[u8]) -> abi::Slice {
    abi::Slice { ptr: bytes.as_ptr(), len: bytes.len() }
}

/// Copies what the other side lends for the duration of a call.
///
/// # Safety
/// `slice` is readable for its length, or empty.
pub(super) unsafe fn copy(slice: abi::Slice) -> Vec<u8> {
    if slice.ptr.is_null() || slice.len == 0 {
        return Vec::new();
    }
    // SAFETY: promised by the caller.
    unsafe { core::slice::from_raw_parts(slice.ptr, slice.len) }.to_vec()
}

/// Gives `bytes` away; the receiver calls `free` once.
pub(super) fn give(bytes: Vec<u8>) -> abi::Buf {
    let mut bytes = core::mem::ManuallyDrop::new(bytes);
    abi::Buf { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free) }
}

/// An empty buffer, for the other side to fill.
pub(super) fn empty() -> abi::Buf {
    abi::Buf { ptr: core::ptr::null_mut(), len: 0, cap: 0, free: None }
}

/// Takes the bytes out of a buffer of the other side and frees it.
///
/// # Safety
/// `buf` was filled by its producer and is not used again.
pub(super) unsafe fn take(buf: &abi::Buf) -> Vec<u8> {
    // SAFETY: a filled buffer is readable for its length.
    let bytes = unsafe { copy(abi::Slice { ptr: buf.ptr, len: buf.len }) };
    if let Some(free) = buf.free {
        // SAFETY: the producer's own `free`, with the producer's own values, once.
        unsafe { free(buf.ptr, buf.len, buf.cap) };
    }
    bytes
}

unsafe extern "C" fn free(ptr: *mut u8, len: usize, cap: usize) {
    // SAFETY: these are the parts of the vector that `give` took apart, and the receiver calls this once.
    drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_given_away_come_back_and_are_freed_by_their_producer() {
        let buf = give(b"abc".to_vec());
        // SAFETY: filled just above and not used again.
        assert_eq!(unsafe { take(&buf) }, b"abc");
        // SAFETY: an empty buffer has nothing to read or free.
        assert_eq!(unsafe { take(&empty()) }, b"");
    }
}
