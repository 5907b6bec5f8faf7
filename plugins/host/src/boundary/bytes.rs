//! Borrowed slices are copied at once, owned buffers are copied and given back to whoever made them.
#![allow(unsafe_code, reason = "reads memory that the other side of the boundary points to")]

use juzhen_abi::{Buf, Slice};

use super::LONGEST_MESSAGE;

/// A slice that the other side may read until the function returns that it is given to.
pub(crate) fn lend(bytes: &[u8]) -> Slice {
    Slice { ptr: bytes.as_ptr(), len: bytes.len() }
}

/// Copies a borrowed slice.
///
/// # Safety
/// Unless `ptr` is null, `len` bytes are readable there for the duration of this call.
pub(crate) unsafe fn copy(slice: Slice, what: &str) -> Result<Vec<u8>, String> {
    if slice.len == 0 {
        return Ok(Vec::new());
    }
    if slice.ptr.is_null() {
        return Err(format!("{what}: {} bytes at a null pointer", slice.len));
    }
    if slice.len > LONGEST_MESSAGE {
        return Err(format!("{what}: {} bytes is more than may cross", slice.len));
    }
    // SAFETY: not null, and the caller vouches for the length.
    Ok(unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) }.to_vec())
}

/// An empty buffer for the other side to fill.
pub(crate) fn empty() -> Buf {
    Buf { ptr: std::ptr::null_mut(), len: 0, cap: 0, free: None }
}

/// Copies what the other side put into a buffer, and lets it free its memory.
///
/// # Safety
/// The buffer is [`empty`] or as an adapter filled it: `len` bytes readable at `ptr`, `free` its own function.
pub(crate) unsafe fn take(buffer: &Buf) -> Result<Vec<u8>, String> {
    if buffer.ptr.is_null() {
        return if buffer.len == 0 {
            Ok(Vec::new())
        } else {
            Err(format!("an answer of {} bytes at a null pointer", buffer.len))
        };
    }
    let Some(free) = buffer.free else { return Err("an answer without a function to free it".into()) };
    if buffer.len > buffer.cap {
        // Nothing about such a buffer can be believed, so it is not handed back either.
        return Err(format!("an answer of {} bytes in a buffer of {}", buffer.len, buffer.cap));
    }
    // SAFETY: `ptr` is not null; the contract vouches for `len` bytes.
    let copied = unsafe { copy(Slice { ptr: buffer.ptr, len: buffer.len }, "an answer") };
    // SAFETY: called once, with the numbers that came with it; nobody reads the memory after this.
    unsafe { free(buffer.ptr, buffer.len, buffer.cap) };
    copied
}

/// Hands bytes of ours over; the other side calls `free`.
pub(crate) fn give(bytes: Vec<u8>) -> Buf {
    let mut bytes = std::mem::ManuallyDrop::new(bytes);
    Buf { ptr: bytes.as_mut_ptr(), len: bytes.len(), cap: bytes.capacity(), free: Some(free_given) }
}

unsafe extern "C" fn free_given(ptr: *mut u8, len: usize, cap: usize) {
    if !ptr.is_null() {
        // SAFETY: exactly the parts that `give` took apart; the receiver calls this once.
        drop(unsafe { Vec::from_raw_parts(ptr, len, cap) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_can_be_taken() {
        let given = give(b"answer".to_vec());
        // SAFETY: made by `give` just now.
        assert_eq!(unsafe { take(&given) }, Ok(b"answer".to_vec()));
    }

    #[test]
    fn f78_impossible_buffers_are_refused() {
        let mut wrong = empty();
        wrong.len = 8;
        // SAFETY: `take` must not follow any pointer of these.
        assert!(unsafe { take(&wrong) }.unwrap_err().contains("null pointer"));
        let mut byte = 0;
        wrong.ptr = &raw mut byte;
        // SAFETY: as above.
        assert!(unsafe { take(&wrong) }.unwrap_err().contains("without a function"));
        wrong.free = Some(free_given);
        // SAFETY: as above; `free` must not be called, it would free the stack.
        assert!(unsafe { take(&wrong) }.unwrap_err().contains("in a buffer of 0"));
        let slice = Slice { ptr: std::ptr::null(), len: 3 };
        // SAFETY: as above.
        assert!(unsafe { copy(slice, "request") }.is_err());
    }
}
