//! Bytes that cross, on this side.

use juzhen_abi as abi;

pub(super) fn borrow(bytes: &[u8]) -> abi::Slice {
    abi::Slice { ptr: bytes.as_ptr(), len: bytes.len() }
}

pub(super) fn empty() -> abi::Buf {
    abi::Buf { ptr: core::ptr::null_mut(), len: 0, cap: 0, free: None }
}

/// # Safety
/// `slice` is empty or readable for its length.
pub(super) unsafe fn copy(slice: abi::Slice) -> Vec<u8> {
    if slice.ptr.is_null() || slice.len == 0 {
        return Vec::new();
    }
    // SAFETY: promised by the caller.
    unsafe { core::slice::from_raw_parts(slice.ptr, slice.len) }.to_vec()
}

pub(super) fn give(bytes: Vec<u8>) -> abi::Buf {
    let mut bytes = core::mem::ManuallyDrop::new(bytes);
    abi::Buf { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free) }
}

/// # Safety
/// `buf` is empty or was filled by its producer, and is not used again.
pub(super) unsafe fn take(buf: &abi::Buf) -> Vec<u8> {
    // SAFETY: a filled buffer is readable for its length.
    let bytes = unsafe { copy(abi::Slice { ptr: buf.ptr, len: buf.len }) };
    if let Some(free) = buf.free {
        // SAFETY: the producer's own function with its own values, once.
        unsafe { free(buf.ptr, buf.len, buf.cap) };
    }
    bytes
}

unsafe extern "C" fn free(ptr: *mut u8, len: usize, cap: usize) {
    // SAFETY: the parts of the vector that `give` took apart, freed once.
    drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
}
